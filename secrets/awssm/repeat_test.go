package awssm_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/tokenwarden/tokenwarden/secrets"
	"github.com/tokenwarden/tokenwarden/secrets/awssm/awstest"
)

// A repeated write is the same write, whatever became of the first: no answer
// before or after any of its requests, and from another process too.
func TestRepeatedWrite(t *testing.T) {
	isolate(t)
	for _, action := range []string{"CreateSecret", "PutSecretValue", "UpdateSecretVersionStage"} {
		for _, before := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, before the effect: %v", action, before), func(t *testing.T) { repeat(t, action, before) })
		}
	}
}

func repeat(t *testing.T, action string, before bool) {
	server, at, versions := &awstest.Server{}, ref("x", "token"), 1
	if action != "CreateSecret" {
		server.Set("x", `{"token":"old"}`)
		versions = 2
	}
	seen := read(t, client(server), at)
	reached := false
	hook := func(c awstest.Call) *awstest.Fault {
		if c.Action == action && c.N == 1 {
			reached = true
			return &awstest.Fault{Reset: true}
		}
		return nil
	}
	if before {
		server.Before = hook
	} else {
		server.After = hook
	}
	_, err := write(t, client(server), at, token, "k", seen.Version)
	if !errors.Is(err, secrets.ErrUnavailable) || !reached {
		t.Errorf("%v, reached: %v", err, reached)
	}
	first := must(t)(write(t, client(server), at, token, "k", seen.Version))
	again := must(t)(write(t, client(server), at, token, "k", seen.Version))
	if first != again || first == seen.Version || read(t, client(server), at).Version != first {
		t.Errorf("versions %q, %q, then %q", seen.Version, first, again)
	}
	if n := server.Versions("x"); n != versions {
		t.Errorf("%d versions, want %d", n, versions)
	}
	// The same key for another value never takes the first one's place.
	if _, err := write(t, client(server), at, "another", "k", seen.Version); !errors.Is(err, secrets.ErrConflict) {
		t.Errorf("another value by the same key: %v", err)
	}
	if got := server.Value("x", "AWSCURRENT"); got != `{"token":"`+token+`"}` {
		t.Errorf("holds %s", got)
	}
}

// A write is never sent twice by itself, a read is.
func TestOnlyReadsAreRepeated(t *testing.T) {
	isolate(t)
	server := &awstest.Server{}
	server.Set("x", "old")
	store, at := client(server), ref("x", "")
	seen := read(t, store, at)
	server.Before = func(c awstest.Call) *awstest.Fault {
		if c.Action == "PutSecretValue" {
			return &awstest.Fault{Status: 500, Code: "InternalServiceError"}
		}
		return nil
	}
	if _, err := write(t, store, at, token, "k", seen.Version); !errors.Is(err, secrets.ErrUnavailable) {
		t.Error(err)
	}
	if n := server.Seen()["PutSecretValue"]; n != 1 {
		t.Errorf("PutSecretValue was sent %d times", n)
	}
}

// The same key on the version that the first write made is a new write: nothing
// that was decided on the version before may follow it.
func TestKeyOnANewVersion(t *testing.T) {
	isolate(t)
	server := &awstest.Server{}
	store, at := client(server), ref("x", "token")
	one := must(t)(write(t, store, at, token, "k", ""))
	two := must(t)(write(t, store, at, token, "k", one))
	if one == two {
		t.Error("writing the same value again made no new version")
	}
	if _, err := write(t, store, at, token, "other", one); !errors.Is(err, secrets.ErrConflict) {
		t.Errorf("a write from before: %v", err)
	}
	a := must(t)(write(t, store, at, token, "", two))
	b := must(t)(write(t, store, at, token, "", a))
	if a == b {
		t.Error("two writes without a key are the same")
	}
}
