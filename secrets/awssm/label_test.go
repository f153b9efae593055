package awssm_test

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/tokenwarden/tokenwarden/secrets"
	"github.com/tokenwarden/tokenwarden/secrets/awssm/awstest"
)

func fingerprint(n int) secrets.Fingerprint { return secrets.Fingerprint(fmt.Sprintf("%016x", n)) }

func label(n int) secrets.Label { return secrets.Label{TokenID: int64(n) + 1, AccountID: 1} }

// A secret that AWS did not find for a moment gets the label before the value all
// the same, and nothing is written while it cannot be had.
func TestLabelOfASecretThatWasNotFound(t *testing.T) {
	isolate(t)
	server := &awstest.Server{}
	store, at := client(server), ref("x", "token")
	server.Set("x", `{"token":"old"}`)
	seen, set := read(t, store, at), secrets.Labels{fingerprint(1): label(1)}
	described, tagged := 0, 0
	server.Before = func(c awstest.Call) *awstest.Fault {
		switch c.Action {
		case "DescribeSecret":
			if described++; described == 1 {
				return &awstest.Fault{Status: 400, Code: "ResourceNotFoundException"}
			}
		case "TagResource":
			if tagged++; tagged == 1 {
				return &awstest.Fault{Status: 500, Code: "InternalServiceError"}
			}
		}
		return nil
	}
	if err := store.Label(t.Context(), at, set, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := write(t, store, at, token, "k", seen.Version); !errors.Is(err, secrets.ErrUnavailable) || server.Versions("x") != 1 {
		t.Fatalf("a value was written whose label could not be: %v", err)
	}
	must(t)(write(t, store, at, token, "k", seen.Version))
	if got := read(t, store, at).Labels; !maps.Equal(got, set) {
		t.Errorf("labels %v", got)
	}
}

// A proxy's page in the place of the answer is no label that was written.
func TestAPageIsNoLabel(t *testing.T) {
	isolate(t)
	server := &awstest.Server{}
	server.Set("x", "old")
	server.Before = func(c awstest.Call) *awstest.Fault {
		if c.Action == "TagResource" || c.Action == "UntagResource" {
			return &awstest.Fault{Status: 200, Body: "<html>"}
		}
		return nil
	}
	err := client(server).Label(t.Context(), ref("x", ""), secrets.Labels{fingerprint(1): label(1)}, nil)
	if !errors.Is(err, secrets.ErrUnavailable) {
		t.Errorf("%v", err)
	}
	server.SetTag("x", fingerprint(2).Key(), label(2).Encode())
	err = client(server).Label(t.Context(), ref("x", ""), nil, []secrets.Fingerprint{fingerprint(2)})
	if !errors.Is(err, secrets.ErrUnavailable) {
		t.Errorf("%v", err)
	}
}

// Tags are created together with the secret, so that there is no instant at
// which the value is there and its label is not.
func TestLabelsComeWithTheSecret(t *testing.T) {
	isolate(t)
	server := &awstest.Server{}
	var changes []awstest.Change
	server.Observe = func(c awstest.Change) { changes = append(changes, c) }
	store, at := client(server), ref("x", "token")
	set := secrets.Labels{fingerprint(1): label(1), fingerprint(2): label(2)}
	if err := store.Label(t.Context(), at, set, nil); err != nil {
		t.Fatal(err)
	}
	if err := store.Label(t.Context(), at, secrets.Labels{fingerprint(3): label(3)}, []secrets.Fingerprint{fingerprint(2)}); err != nil {
		t.Fatal(err)
	}
	want := secrets.Labels{fingerprint(1): label(1), fingerprint(3): label(3)}
	if got := read(t, store, at); !maps.Equal(got.Labels, want) || len(changes) != 0 {
		t.Errorf("labels %v, %d changes", got.Labels, len(changes))
	}
	must(t)(write(t, store, at, token, "k", ""))
	if len(changes) == 0 || changes[0].Action != "CreateSecret" || len(changes[0].Tags) != 2 {
		t.Errorf("created as %+v", changes)
	}
	if got := read(t, client(server), at).Labels; !maps.Equal(got, want) {
		t.Errorf("another process sees %v", got)
	}
	// They waited for that one secret, and are not attached to its successor.
	server.Delete("x")
	must(t)(write(t, store, at, token, "k2", ""))
	if got := read(t, store, at).Labels; len(got) != 0 {
		t.Errorf("the next secret has %v", got)
	}
}

// Somebody makes the secret, without a value, after the labels began to wait.
func TestLabelsWaitThroughACreationByHand(t *testing.T) {
	isolate(t)
	server := &awstest.Server{}
	store, at := client(server), ref("x", "token")
	set := secrets.Labels{fingerprint(1): label(1)}
	if err := store.Label(t.Context(), at, set, nil); err != nil {
		t.Fatal(err)
	}
	server.Create("x")
	labelled := false
	server.Observe = func(c awstest.Change) {
		if labelled = labelled || len(c.Tags) == 1; c.Current != "" && !labelled {
			t.Error("the value was there before its label")
		}
	}
	must(t)(write(t, store, at, token, "k", ""))
	if got := read(t, store, at).Labels; !maps.Equal(got, set) {
		t.Errorf("labels %v", got)
	}
}

func TestNoRoomForLabels(t *testing.T) {
	isolate(t)
	server := &awstest.Server{}
	store, at := client(server), ref("x", "token")
	set := secrets.Labels{}
	for n := range 51 {
		set[fingerprint(n)] = label(n)
	}
	if err := store.Label(t.Context(), at, set, nil); !errors.Is(err, secrets.ErrTooManyLabels) {
		t.Errorf("51 that would wait: %v", err)
	}
	server.Set("x", "{}")
	server.SetTag("x", "aws:cloudformation:stack-id", "not counted")
	server.SetTag("x", "owner", "counted")
	delete(set, fingerprint(50))
	if err := store.Label(t.Context(), at, set, nil); !errors.Is(err, secrets.ErrTooManyLabels) {
		t.Errorf("50 beside somebody else's: %v", err)
	}
	if n := server.Seen()["TagResource"]; n != 0 {
		t.Errorf("%d requests for what cannot be", n)
	}
	delete(set, fingerprint(49))
	if err := store.Label(t.Context(), at, set, nil); err != nil {
		t.Fatal(err)
	}
	if err := store.Label(t.Context(), at, secrets.Labels{fingerprint(0): label(7)}, nil); err != nil {
		t.Errorf("replacing one: %v", err)
	}
	if err := store.Label(t.Context(), at, secrets.Labels{fingerprint(50): label(50)}, nil); !errors.Is(err, secrets.ErrTooManyLabels) {
		t.Errorf("one more: %v", err)
	}
	if err := store.Label(t.Context(), at, secrets.Labels{fingerprint(50): label(50)}, []secrets.Fingerprint{fingerprint(0)}); err != nil {
		t.Errorf("one for another: %v", err)
	}
	if tags := server.Tags("x"); len(tags) != 51 || tags["owner"] != "counted" {
		t.Errorf("%d tags", len(tags))
	}
}

// A rotation that could be begun and not ended for want of room is not begun.
func TestCheckWantsRoom(t *testing.T) {
	isolate(t)
	server := &awstest.Server{}
	store, at := client(server), ref("x", "token")
	server.Set("x", "{}")
	server.SetTag("x", "aws:cloudformation:stack-id", "not counted")
	for n := range 50 - secrets.SpareLabels {
		server.SetTag("x", fmt.Sprint("theirs ", n), "")
	}
	if err := store.Check(t.Context(), at); err != nil {
		t.Error(err)
	}
	server.SetTag("x", "one more", "")
	if err := store.Check(t.Context(), at); !errors.Is(err, secrets.ErrTooManyLabels) || !strings.Contains(err.Error(), "the secret has 48") {
		t.Error(err)
	}
}

// The room is used up between the look and the request.
func TestRoomIsTakenMeanwhile(t *testing.T) {
	isolate(t)
	server := &awstest.Server{}
	server.Set("x", "{}")
	server.Before = func(c awstest.Call) *awstest.Fault {
		if c.Action == "TagResource" {
			for n := range 50 {
				server.SetTag("x", fmt.Sprint("theirs ", n), "")
			}
		}
		return nil
	}
	err := client(server).Label(t.Context(), ref("x", ""), secrets.Labels{fingerprint(1): label(1)}, nil)
	if !errors.Is(err, secrets.ErrTooManyLabels) {
		t.Error(err)
	}
}

// An entry that is not one of ours, or cannot be read, is no label.
func TestForeignTags(t *testing.T) {
	isolate(t)
	server := &awstest.Server{}
	server.Set("x", "{}")
	server.SetTag("x", fingerprint(1).Key(), "rubbish")
	server.SetTag("x", "tokenwarden-note", label(1).Encode())
	server.SetTag("x", fingerprint(2).Key(), label(2).Encode())
	if got := read(t, client(server), ref("x", "")).Labels; !maps.Equal(got, secrets.Labels{fingerprint(2): label(2)}) {
		t.Errorf("labels %v", got)
	}
}

// What is both set and dropped is set, and at no instant missing.
func TestSetBeatsDrop(t *testing.T) {
	isolate(t)
	server := &awstest.Server{}
	server.Set("x", "{}")
	store, at, fp := client(server), ref("x", ""), fingerprint(1)
	if err := store.Label(t.Context(), at, secrets.Labels{fp: label(1)}, nil); err != nil {
		t.Fatal(err)
	}
	server.Observe = func(c awstest.Change) {
		if c.Tags[fp.Key()] == "" {
			t.Error("the label was gone")
		}
	}
	if err := store.Label(t.Context(), at, secrets.Labels{fp: label(2)}, []secrets.Fingerprint{fp}); err != nil {
		t.Fatal(err)
	}
	if got := read(t, store, at).Labels; got[fp] != label(2) {
		t.Errorf("labels %v", got)
	}
}
