package vaulttest

import (
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
)

// rule is one thing that package vaultkv relies on.
type rule struct {
	name   string
	source string // where it is written down
	test   func(*testing.T, Admin)
}

const (
	api    = "developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2"
	docs   = "developer.hashicorp.com/vault/docs/secrets/kv/kv-v2"
	plugin = "source of vault-plugin-secrets-kv v0.15.0 and v0.25.0: "
	core   = "source of vault v1.14.0: "
)

// Rules holds a server to what package vaultkv relies on, this package's as
// well as a real one. open returns the operator of a fresh server that has KV
// version 2 at secret/.
func Rules(t *testing.T, open func(t *testing.T) Admin) {
	for _, group := range [][]rule{dataRules, metadataRules, serverRules} {
		for _, r := range group {
			t.Run(r.name, func(t *testing.T) {
				if r.source == "" {
					t.Error("the rule has no source")
				}
				r.test(t, open(t))
			})
		}
	}
}

func put(fields map[string]any, cas ...int) map[string]any {
	body := map[string]any{"data": fields}
	if len(cas) > 0 {
		body["options"] = map[string]any{"cas": cas[0]}
	}
	return body
}

// write stores one field and returns the version's number.
func write(t *testing.T, a Admin, path, value string, cas ...int) int {
	t.Helper()
	return number(a.Must(t, "PUT", "secret/data/"+path, put(map[string]any{"token": value}, cas...))["version"])
}

func number(v any) int {
	f, _ := v.(float64)
	return int(f)
}

func (r Reply) inner(name string) map[string]any {
	inner, _ := r.Data[name].(map[string]any)
	return inner
}

// expect checks the status and that Vault's words contain text.
func (r Reply) expect(t *testing.T, status int, text string) {
	t.Helper()
	if r.Status != status || !strings.Contains(r.Errors, text) {
		t.Errorf("status %d %q, want %d with %q", r.Status, r.Errors, status, text)
	}
}

var dataRules = []rule{
	{"a write without cas is allowed unless cas is required", api + "#create-update-secret", func(t *testing.T, a Admin) {
		write(t, a, "x", "one")
		if n := write(t, a, "x", "two"); n != 2 {
			t.Errorf("version %d, want 2", n)
		}
		a.Must(t, "PUT", "secret/metadata/x", map[string]any{"cas_required": true})
		a.Do(t, "PUT", "secret/data/x", put(map[string]any{"token": "three"})).expect(t, 400, "check-and-set parameter required for this call")
		write(t, a, "x", "three", 2)
		a.Must(t, "PUT", "secret/config", map[string]any{"cas_required": true})
		a.Do(t, "PUT", "secret/data/new", put(map[string]any{"token": "one"})).expect(t, 400, "check-and-set parameter required for this call")
		write(t, a, "new", "one", 0)
	}},
	{"cas is the current version, 0 before the first", api + "#create-update-secret", func(t *testing.T, a Admin) {
		a.Do(t, "PUT", "secret/data/x", put(map[string]any{"token": "one"}, 1)).expect(t, 400, "did not match the current version")
		write(t, a, "x", "one", 0)
		a.Do(t, "PUT", "secret/data/x", put(map[string]any{"token": "two"}, 0)).expect(t, 400, "did not match the current version")
		if n := write(t, a, "x", "two", 1); n != 2 {
			t.Errorf("version %d, want 2", n)
		}
		a.Do(t, "PUT", "secret/data/x", put(map[string]any{"token": "three"}, 1)).expect(t, 400, "did not match the current version")
	}},
	{"a write replaces all fields", api + "#create-update-secret", func(t *testing.T, a Admin) {
		a.Must(t, "PUT", "secret/data/x", put(map[string]any{"a": "1", "b": "2"}))
		a.Must(t, "PUT", "secret/data/x", put(map[string]any{"a": "3"}))
		if got := a.Do(t, "GET", "secret/data/x", nil).inner("data"); !reflect.DeepEqual(got, map[string]any{"a": "3"}) {
			t.Errorf("read %v", got)
		}
	}},
	{"every kept version can be read by its number", api + "#read-secret-version", func(t *testing.T, a Admin) {
		write(t, a, "x", "one")
		write(t, a, "x", "two")
		for version, want := range map[string]string{"": "two", "?version=0": "two", "?version=1": "one", "?version=2": "two"} {
			reply := a.Do(t, "GET", "secret/data/x"+version, nil)
			if got := reply.inner("data")["token"]; got != want {
				t.Errorf("data/x%s reads %v, want %s", version, got, want)
			}
			if created, _ := reply.inner("metadata")["created_time"].(string); created == "" {
				t.Error("created_time is missing")
			}
		}
		a.Do(t, "GET", "secret/data/x?version=3", nil).expect(t, 404, "")
	}},
	{"what is missing is a 404 without data", api + "#read-secret-version", func(t *testing.T, a Admin) {
		for _, path := range []string{"secret/data/x", "secret/metadata/x"} {
			reply := a.Do(t, "GET", path, nil)
			if reply.expect(t, 404, ""); reply.Data != nil {
				t.Errorf("%s has data %v", path, reply.Data)
			}
		}
	}},
	{"a deleted version is a 404 with its number and counts for cas", api + "#delete-latest-version-of-secret; " + plugin + "validateCheckAndSetOption", func(t *testing.T, a Admin) {
		write(t, a, "x", "one")
		a.Must(t, "DELETE", "secret/data/x", nil)
		gone(t, a, 1, false)
		a.Do(t, "PUT", "secret/data/x", put(map[string]any{"token": "two"}, 0)).expect(t, 400, "did not match the current version")
		write(t, a, "x", "two", 1)
		a.Must(t, "POST", "secret/undelete/x", map[string]any{"versions": []int{1}})
		if got := a.Do(t, "GET", "secret/data/x?version=1", nil).inner("data")["token"]; got != "one" {
			t.Errorf("undeleted version reads %v", got)
		}
	}},
	{"a destroyed version is a 404 with its number and counts for cas", api + "#destroy-secret-versions", func(t *testing.T, a Admin) {
		write(t, a, "x", "one")
		a.Must(t, "PUT", "secret/destroy/x", map[string]any{"versions": []int{1}})
		gone(t, a, 1, true)
		a.Must(t, "POST", "secret/undelete/x", map[string]any{"versions": []int{1}})
		gone(t, a, 1, true)
		write(t, a, "x", "two", 1)
	}},
	{"the oldest versions are dropped, ten are kept", docs + "#setup; api-docs: max_versions", func(t *testing.T, a Admin) {
		for i := range 11 {
			write(t, a, "x", fmt.Sprint(i))
		}
		a.Do(t, "GET", "secret/data/x?version=1", nil).expect(t, 404, "")
		if got := a.Do(t, "GET", "secret/data/x?version=2", nil).inner("data")["token"]; got != "1" {
			t.Errorf("version 2 reads %v", got)
		}
	}},
	{"max_versions is the larger of the mount's and the secret's", plugin + "KeyMetadata.AddVersion", func(t *testing.T, a Admin) {
		a.Must(t, "PUT", "secret/config", map[string]any{"max_versions": 1})
		for i := range 3 {
			write(t, a, "one", fmt.Sprint(i))
		}
		a.Do(t, "GET", "secret/data/one?version=2", nil).expect(t, 404, "")
		a.Must(t, "PUT", "secret/metadata/two", map[string]any{"max_versions": 2})
		for i := range 3 {
			write(t, a, "two", fmt.Sprint(i))
		}
		a.Do(t, "GET", "secret/data/two?version=2", nil).expect(t, 200, "")
		a.Do(t, "GET", "secret/data/two?version=1", nil).expect(t, 404, "")
	}},
	{"versions begin at 1 again after the metadata was deleted", api + "#delete-metadata-and-all-versions", func(t *testing.T, a Admin) {
		first := write(t, a, "x", "one")
		before := a.Do(t, "GET", "secret/data/x", nil).inner("metadata")["created_time"]
		a.Must(t, "DELETE", "secret/metadata/x", nil)
		a.Do(t, "GET", "secret/data/x", nil).expect(t, 404, "")
		if again := write(t, a, "x", "other", 0); again != first {
			t.Errorf("version %d, want %d", again, first)
		}
		if after := a.Do(t, "GET", "secret/data/x", nil).inner("metadata")["created_time"]; after == before {
			t.Error("the same created_time")
		}
	}},
	{"numbers are handed out as 64 bit floats", plugin + "pathDataRead (json.Unmarshal)", func(t *testing.T, a Admin) {
		a.Must(t, "PUT", "secret/data/x", put(map[string]any{"n": 9007199254740993, "small": 42, "deep": map[string]any{"list": []any{1.5, nil, true}}}))
		got := a.Do(t, "GET", "secret/data/x", nil).inner("data")
		want := map[string]any{"n": float64(9007199254740992), "small": 42.0, "deep": map[string]any{"list": []any{1.5, nil, true}}}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("read %v, want %v", got, want)
		}
	}},
}

// gone checks what a read of a deleted or destroyed version tells.
func gone(t *testing.T, a Admin, version int, destroyed bool) {
	t.Helper()
	reply := a.Do(t, "GET", "secret/data/x", nil)
	meta := reply.inner("metadata")
	if reply.Status != http.StatusNotFound || reply.Data["data"] != nil || number(meta["version"]) != version || meta["destroyed"] != destroyed {
		t.Errorf("status %d, data %v", reply.Status, reply.Data)
	}
	if when, _ := meta["deletion_time"].(string); destroyed == (when != "") {
		t.Errorf("destroyed %v, deletion_time %q", destroyed, when)
	}
}
