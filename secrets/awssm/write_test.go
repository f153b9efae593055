package awssm_test

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/tokenwarden/tokenwarden/secrets"
	"github.com/tokenwarden/tokenwarden/secrets/awssm"
	"github.com/tokenwarden/tokenwarden/secrets/awssm/awstest"
)

// edit is what a person with an editor would do to a JSON object.
func edit(text, key, value string) string {
	object := map[string]any{}
	_ = json.Unmarshal([]byte(text), &object)
	object[key] = value
	out, _ := json.Marshal(object)
	return string(out)
}

func pick(text, key string) string {
	if key == "" {
		return text
	}
	object := map[string]string{}
	_ = json.Unmarshal([]byte(text), &object)
	return object[key]
}

func read(t *testing.T, s *awssm.Store, at secrets.Ref) secrets.Content {
	t.Helper()
	c, err := s.Read(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func write(t *testing.T, s *awssm.Store, at secrets.Ref, value, key string, expect secrets.Version) (secrets.Version, error) {
	t.Helper()
	v, err := s.Write(t.Context(), at, secrets.Write{Value: secrets.NewValue(value), Key: key, Expect: expect})
	if err != nil && strings.Contains(err.Error(), token) {
		t.Errorf("the error contains the value: %v", err)
	}
	return v, err
}

func must(t *testing.T) func(secrets.Version, error) secrets.Version {
	return func(v secrets.Version, err error) secrets.Version {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func TestWriteLeavesEverythingElse(t *testing.T) {
	isolate(t)
	server := &awstest.Server{}
	const before = "{ \"user\" : \"x\",\n  \"token\":\"old\", \"n\": 12345678901234567890.10, \"é\":\"\\u00e9<\" }\n"
	server.Set("shared", before)
	server.SetTag("shared", "owner", "data-platform")
	server.Alter("shared", func(p *awstest.Properties) {
		p.Description, p.KmsKeyID, p.ResourcePolicy = "theirs", "alias/theirs", "{}"
	})
	properties := server.Properties("shared")
	store, at := client(server), ref("shared", "token")
	old := read(t, store, at)
	id := must(t)(write(t, store, at, token, "k", old.Version))

	if got, want := server.Value("shared", "AWSCURRENT"), strings.Replace(before, `"old"`, `"`+token+`"`, 1); got != want {
		t.Errorf("holds %s\nwant  %s", got, want)
	}
	if got := server.Value("shared", "AWSPREVIOUS"); got != before {
		t.Errorf("AWSPREVIOUS is %q", got)
	}
	want := map[string][]string{string(id): {"AWSCURRENT"}, string(old.Version): {"AWSPREVIOUS"}}
	if got := server.Stages("shared"); !maps.EqualFunc(got, want, slices.Equal) {
		t.Errorf("staging labels %v, want %v", got, want)
	}
	if tags := server.Tags("shared"); len(tags) != 1 || tags["owner"] != "data-platform" {
		t.Errorf("tags %v", tags)
	}
	after := server.Properties("shared")
	if after.Description != properties.Description || after.KmsKeyID != properties.KmsKeyID || after.ResourcePolicy != properties.ResourcePolicy {
		t.Errorf("%+v became %+v", properties, after)
	}
}

// Nobody sees the new value before the old one is checked: PutSecretValue alone
// changes nothing that is read.
func TestCurrentMovesOnlyByCheckAndSet(t *testing.T) {
	isolate(t)
	var history []string
	server := &awstest.Server{}
	server.Set("x", "old")
	server.Observe = func(c awstest.Change) { history = append(history, c.Action+" "+c.Current) }
	store, at := client(server), ref("x", "")
	must(t)(write(t, store, at, token, "k", read(t, store, at).Version))
	want := []string{"PutSecretValue old", "UpdateSecretVersionStage " + token, "UpdateSecretVersionStage " + token}
	if !slices.Equal(history, want) {
		t.Errorf("saw %q, want %q", history, want)
	}
}

// The write is built from the version that it was decided on. Whoever writes in
// between, at whatever point, wins, and nothing of the loser's is current.
func TestSomebodyWritesInBetween(t *testing.T) {
	isolate(t)
	for _, action := range []string{"GetSecretValue", "PutSecretValue", "UpdateSecretVersionStage"} {
		t.Run(action, func(t *testing.T) {
			server := &awstest.Server{}
			server.Set("x", `{"token":"old","other":"1"}`)
			store, at := client(server), ref("x", "token")
			seen := read(t, store, at)
			before := server.Seen()[action]
			reached := false
			server.Before = func(c awstest.Call) *awstest.Fault {
				if c.Action == action && c.N == before+1 {
					reached = true
					server.Set("x", `{"token":"theirs","other":"2"}`)
				}
				return nil
			}
			if _, err := write(t, store, at, token, "k", seen.Version); !errors.Is(err, secrets.ErrConflict) {
				t.Errorf("%v, want a conflict", err)
			}
			if got := server.Value("x", "AWSCURRENT"); got != `{"token":"theirs","other":"2"}` || !reached {
				t.Errorf("holds %s, reached: %v", got, reached)
			}
			if got := server.Value("x", "AWSPENDING"); got != "" {
				t.Error("the loser's version still has AWSPENDING")
			}
		})
	}
}

func TestSecretWithoutAVersion(t *testing.T) {
	isolate(t)
	server := &awstest.Server{}
	server.Create("empty")
	store, at := client(server), ref("empty", "token")
	fp := secrets.NewValue(token).Fingerprint(1)
	label := secrets.Label{TokenID: 1, AccountID: 1}
	if err := store.Label(t.Context(), at, secrets.Labels{fp: label}, nil); err != nil {
		t.Fatal(err)
	}
	c := read(t, store, at)
	if !c.Value.Empty() || c.Version != "" || c.Labels[fp] != label {
		t.Fatalf("reads as version %q with %v", c.Version, c.Labels)
	}
	if err := store.Check(t.Context(), at); err != nil {
		t.Error(err)
	}
	if server.Versions("empty") != 0 {
		t.Fatal("the check made a version")
	}
	// AWSCURRENT came with the version. What AWS says to a move from a version to
	// itself is not documented, so none is asked for.
	server.Before = func(c awstest.Call) *awstest.Fault {
		if c.Stage == "AWSCURRENT" && c.Action == "UpdateSecretVersionStage" {
			t.Error("AWSCURRENT was moved")
		}
		return nil
	}
	id := must(t)(write(t, store, at, token, "k", ""))
	if got := server.Stages("empty"); len(got) != 1 || !slices.Equal(got[string(id)], []string{"AWSCURRENT"}) {
		t.Errorf("staging labels %v", got)
	}
	if again := must(t)(write(t, client(server), at, token, "k", "")); again != id {
		t.Errorf("repeated: version %q, then %q", id, again)
	}
	if _, err := write(t, store, at, "another", "k2", ""); !errors.Is(err, secrets.ErrConflict) {
		t.Errorf("a second first write: %v", err)
	}
}

// Versions that lost AWSCURRENT to deletion by hand are no version to expect.
func TestDeletedAndMadeAgain(t *testing.T) {
	isolate(t)
	server := &awstest.Server{}
	store, at := client(server), ref("x", "token")
	old := must(t)(write(t, store, at, token, "k", ""))
	server.Delete("x")
	if _, err := write(t, store, at, token, "k2", old); !errors.Is(err, secrets.ErrConflict) {
		t.Errorf("the secret is gone: %v", err)
	}
	server.Set("x", `{"token":"theirs"}`)
	if _, err := write(t, store, at, token, "k2", old); !errors.Is(err, secrets.ErrConflict) {
		t.Errorf("the secret is another one: %v", err)
	}
}

func TestWriteRefuses(t *testing.T) {
	isolate(t)
	for name, c := range map[string]struct {
		held  string
		at    secrets.Ref
		value string
		want  error
		words string
	}{
		"too long":        {"{}", ref("x", "token"), strings.Repeat(token, 65536/len(token)+1), secrets.ErrRefused, "65536"},
		"no UTF-8":        {"{}", ref("x", "token"), token + "\xff", secrets.ErrRefused, "UTF-8"},
		"no object":       {"just text", ref("x", "token"), token, secrets.ErrRefused, "no JSON object"},
		"key twice":       {`{"token":"a","token":"b"}`, ref("x", "token"), token, secrets.ErrRefused, "more than once"},
		"key is a number": {`{"token":1}`, ref("x", "token"), token, secrets.ErrRefused, "no text"},
	} {
		t.Run(name, func(t *testing.T) {
			server := &awstest.Server{}
			server.Set("x", c.held)
			store := client(server)
			seen := read(t, store, ref("x", ""))
			_, err := write(t, store, c.at, c.value, "k", seen.Version)
			if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.words) {
				t.Errorf("%v, want %q", err, c.words)
			}
			if server.Value("x", "AWSCURRENT") != c.held || server.Versions("x") != 1 {
				t.Error("something was changed")
			}
		})
	}
}

func TestQuotaOfVersions(t *testing.T) {
	isolate(t)
	server := &awstest.Server{MaxVersions: 1}
	server.Set("x", "old")
	store, at := client(server), ref("x", "")
	_, err := write(t, store, at, token, "k", read(t, store, at).Version)
	if !errors.Is(err, secrets.ErrRefused) || errors.Is(err, secrets.ErrConflict) || !strings.Contains(err.Error(), "quota") {
		t.Error(err)
	}
}

// A write that cannot win is given up before it leaves a version behind.
func TestStaleWriteLeavesNothing(t *testing.T) {
	isolate(t)
	server := &awstest.Server{}
	server.Set("x", "old")
	store, at := client(server), ref("x", "")
	seen := read(t, store, at)
	server.Set("x", "theirs")
	if _, err := write(t, store, at, token, "k", seen.Version); !errors.Is(err, secrets.ErrConflict) {
		t.Error(err)
	}
	if n := server.Seen()["PutSecretValue"]; n != 0 {
		t.Errorf("PutSecretValue was sent %d times", n)
	}
}

// The first write into a secret that AWS rotates is refused, though AWS would
// take it.
func TestFirstWriteIsRefused(t *testing.T) {
	isolate(t)
	server := &awstest.Server{}
	server.Create("x")
	server.Alter("x", func(p *awstest.Properties) { p.RotationEnabled = true })
	if _, err := write(t, client(server), ref("x", ""), token, "k", ""); !errors.Is(err, secrets.ErrRefused) || server.Versions("x") != 0 {
		t.Errorf("%v, %d versions", err, server.Versions("x"))
	}
}

// A secret that is created while it is being read is read once more; one that
// has no readable version although it is described with one is an error.
func TestCreatedWhileReading(t *testing.T) {
	isolate(t)
	server := &awstest.Server{}
	server.Before = func(c awstest.Call) *awstest.Fault {
		if c.Action == "DescribeSecret" && c.N == 1 {
			server.Set("x", token)
		}
		return nil
	}
	if c := read(t, client(server), ref("x", "")); c.Value.Reveal() != token || c.Version == "" {
		t.Errorf("read version %q", c.Version)
	}
	server.Before = func(c awstest.Call) *awstest.Fault {
		if c.Action == "GetSecretValue" {
			return &awstest.Fault{Status: 400, Code: "ResourceNotFoundException"}
		}
		return nil
	}
	if _, err := client(server).Read(t.Context(), ref("x", "")); !errors.Is(err, secrets.ErrUnavailable) {
		t.Error(err)
	}
}
