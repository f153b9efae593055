package vaulttest

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
)

// custom returns a secret's custom metadata, and its current version.
func custom(t *testing.T, a Admin, path string) (map[string]any, int) {
	t.Helper()
	reply := a.Do(t, "GET", "secret/metadata/"+path, nil)
	if reply.Status != 200 {
		t.Fatalf("reading the metadata: status %d %s", reply.Status, reply.Errors)
	}
	return reply.inner("custom_metadata"), number(reply.Data["current_version"])
}

func labels(entries map[string]any) map[string]any {
	return map[string]any{"custom_metadata": entries}
}

var metadataRules = []rule{
	{"a patch merges custom metadata, null removes a key", api + "#patch-metadata (JSON merge patch, RFC 7396)", func(t *testing.T, a Admin) {
		write(t, a, "x", "one")
		a.Must(t, "PUT", "secret/metadata/x", labels(map[string]any{"owner": "data", "a": "1", "b": "2"}))
		a.Must(t, "PATCH", "secret/metadata/x", labels(map[string]any{"a": nil, "b": "3", "c": "4", "never": nil}))
		got, version := custom(t, a, "x")
		if want := map[string]any{"owner": "data", "b": "3", "c": "4"}; !reflect.DeepEqual(got, want) || version != 1 {
			t.Errorf("%v at version %d, want %v at 1", got, version, want)
		}
	}},
	{"a patch leaves the other settings alone", api + "#patch-metadata", func(t *testing.T, a Admin) {
		a.Must(t, "PUT", "secret/metadata/x", map[string]any{"max_versions": 5, "cas_required": true, "delete_version_after": "1h"})
		a.Must(t, "PATCH", "secret/metadata/x", labels(map[string]any{"a": "1"}))
		got := a.Do(t, "GET", "secret/metadata/x", nil).Data
		if number(got["max_versions"]) != 5 || got["cas_required"] != true || got["delete_version_after"] != "1h0m0s" {
			t.Errorf("settings are %v", got)
		}
	}},
	{"a patch creates nothing and says so without a body", plugin + "pathMetadataPatch", func(t *testing.T, a Admin) {
		reply := a.Do(t, "PATCH", "secret/metadata/x", labels(map[string]any{"a": "1"}))
		if reply.expect(t, 404, ""); len(reply.Body) != 0 {
			t.Errorf("the body is %q", reply.Body)
		}
		a.Do(t, "GET", "secret/metadata/x", nil).expect(t, 404, "")
	}},
	{"a write of metadata creates a secret without a version", api + "#create-update-metadata", func(t *testing.T, a Admin) {
		a.Must(t, "PUT", "secret/metadata/x", map[string]any{"delete_version_after": "0s"})
		a.Must(t, "PATCH", "secret/metadata/x", labels(map[string]any{"a": "1"}))
		if got, version := custom(t, a, "x"); version != 0 || got["a"] != "1" {
			t.Errorf("%v at version %d", got, version)
		}
		reply := a.Do(t, "GET", "secret/data/x", nil)
		if reply.expect(t, 404, ""); reply.Data != nil {
			t.Errorf("there is data: %v", reply.Data)
		}
		if n := write(t, a, "x", "one", 0); n != 1 {
			t.Errorf("the first version is %d", n)
		}
		if got, _ := custom(t, a, "x"); got["a"] != "1" {
			t.Errorf("after the first write: %v", got)
		}
	}},
	{"a write of metadata with nothing in it does nothing", plugin + "pathMetadataWrite (fast path)", func(t *testing.T, a Admin) {
		a.Must(t, "PUT", "secret/metadata/x", map[string]any{})
		a.Do(t, "GET", "secret/metadata/x", nil).expect(t, 404, "")
	}},
	{"a write of metadata replaces custom metadata only if it has some", api + "#create-update-metadata", func(t *testing.T, a Admin) {
		a.Must(t, "PUT", "secret/metadata/x", labels(map[string]any{"a": "1"}))
		a.Must(t, "PUT", "secret/metadata/x", map[string]any{"delete_version_after": "0s"})
		if got, _ := custom(t, a, "x"); got["a"] != "1" {
			t.Errorf("custom metadata is %v", got)
		}
		a.Must(t, "PUT", "secret/metadata/x", labels(map[string]any{"b": "2"}))
		if got, _ := custom(t, a, "x"); !reflect.DeepEqual(got, map[string]any{"b": "2"}) {
			t.Errorf("custom metadata is %v", got)
		}
	}},
	{"custom metadata comes with the data, for every version", api + "#read-secret-version", func(t *testing.T, a Admin) {
		write(t, a, "x", "one")
		write(t, a, "x", "two")
		a.Must(t, "PATCH", "secret/metadata/x", labels(map[string]any{"a": "1"}))
		for _, version := range []string{"", "?version=1"} {
			meta := a.Do(t, "GET", "secret/data/x"+version, nil).inner("metadata")
			if got, _ := meta["custom_metadata"].(map[string]any); got["a"] != "1" {
				t.Errorf("data/x%s has custom metadata %v", version, got)
			}
		}
		a.Must(t, "DELETE", "secret/data/x", nil)
		if got, _ := a.Do(t, "GET", "secret/data/x", nil).inner("metadata")["custom_metadata"].(map[string]any); got["a"] != "1" {
			t.Errorf("a deleted version has custom metadata %v", got)
		}
	}},
	{"keys and values of custom metadata have limits", api + "#create-update-metadata (custom_metadata)", func(t *testing.T, a Admin) {
		write(t, a, "x", "one")
		const refused = "custom_metadata validation failed"
		for name, entries := range map[string]map[string]any{
			"long key":   {strings.Repeat("k", 129): "v"},
			"long value": {"k": strings.Repeat("v", 513)},
			"no value":   {"k": ""},
			"controls":   {"k": "a\x01b"},
		} {
			a.Do(t, "PATCH", "secret/metadata/x", labels(entries)).expect(t, 400, refused)
			if got, _ := custom(t, a, "x"); len(got) != 0 {
				t.Errorf("%s: custom metadata is %v", name, got)
			}
		}
		a.Must(t, "PATCH", "secret/metadata/x", labels(map[string]any{strings.Repeat("k", 128): strings.Repeat("v", 512)}))
		many := map[string]any{}
		for i := range 65 {
			many[fmt.Sprint("k", i)] = "v"
		}
		a.Do(t, "PATCH", "secret/metadata/x", labels(many)).expect(t, 400, "must contain at most 64 keys")
	}},
	{"the limit of 64 keys is for what one patch sends", plugin + "pathMetadataPatch (validates the patch alone)", func(t *testing.T, a Admin) {
		write(t, a, "x", "one")
		for i := range 66 {
			a.Must(t, "PATCH", "secret/metadata/x", labels(map[string]any{fmt.Sprint("k", i): "v"}))
		}
		if got, _ := custom(t, a, "x"); len(got) != 66 {
			t.Errorf("%d keys, want 66", len(got))
		}
	}},
	{"a patch must say that it is a merge patch", api + "#patch-metadata (Content-Type)", func(t *testing.T, a Admin) {
		write(t, a, "x", "one")
		got := raw(t, a, "PATCH", "secret/metadata/x", `{"custom_metadata":{"a":"1"}}`, "application/json")
		if got != 415 {
			t.Errorf("status %d, want 415", got)
		}
	}},
	{"delete_version_after gives each new version its time of deletion", docs + "; " + plugin + "deletionTime", func(t *testing.T, a Admin) {
		a.Must(t, "PUT", "secret/metadata/x", map[string]any{"delete_version_after": "1h"})
		a.Must(t, "PUT", "secret/config", map[string]any{"delete_version_after": "2h"})
		write(t, a, "x", "one")
		reply := a.Do(t, "GET", "secret/data/x", nil)
		if when, _ := reply.inner("metadata")["deletion_time"].(string); reply.Status != 200 || when == "" {
			t.Errorf("status %d, deletion_time %q", reply.Status, when)
		}
		a.Must(t, "PUT", "secret/config", map[string]any{"delete_version_after": "-1s"})
		write(t, a, "x", "two")
		if when := a.Do(t, "GET", "secret/data/x", nil).inner("metadata")["deletion_time"]; when != "" {
			t.Errorf("switched off for the mount: deletion_time %v", when)
		}
		if got := a.Do(t, "GET", "secret/config", nil).Data["delete_version_after"]; got != "-1s" {
			t.Errorf("the mount's setting reads %v", got)
		}
	}},
}
