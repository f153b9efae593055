package vaulttest

import (
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
)

// raw sends a body as it is and returns the status.
func raw(t *testing.T, a Admin, method, path, body, kind string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, a.Address+"/v1/"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Vault-Token", a.Token)
	req.Header.Set("Content-Type", kind)
	resp, err := (&http.Client{Transport: a.Transport}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}

var serverRules = []rule{
	{"a mount is found by a path in it", core + "pathInternalUIMountRead", func(t *testing.T, a Admin) {
		a.Mount(t, "team/kv", "2")
		a.Mount(t, "old", "1")
		for path, want := range map[string][2]string{
			"secret/x": {"secret/", "2"}, "secret": {"secret/", "2"}, "team/kv/a/b": {"team/kv/", "2"}, "old/x": {"old/", "1"},
		} {
			reply := a.Do(t, "GET", "sys/internal/ui/mounts/"+path, nil)
			options := reply.inner("options")
			if reply.Data["path"] != want[0] || reply.Data["type"] != "kv" || options["version"] != want[1] {
				t.Errorf("%s: status %d, %v", path, reply.Status, reply.Data)
			}
		}
		a.Do(t, "GET", "sys/internal/ui/mounts/team/other", nil).expect(t, 403, "preflight capability check returned 403")
	}},
	{"a mount is shown to whoever may do anything in it", core + "hasMountAccess", func(t *testing.T, a Admin) {
		a.Policy(t, "reader", `path "secret/data/dbt/*" { capabilities = ["read"] }`)
		reader, stranger := a.With(t, "reader"), a.With(t, "default")
		reader.Must(t, "GET", "sys/internal/ui/mounts/secret/elsewhere", nil)
		stranger.Do(t, "GET", "sys/internal/ui/mounts/secret/x", nil).expect(t, 403, "preflight")
		stranger.Token = "hvs.unknown"
		stranger.Do(t, "GET", "sys/internal/ui/mounts/secret/x", nil).expect(t, 403, "permission denied")
	}},
	{"no mount lies in another", "developer.hashicorp.com/vault/api-docs/system/mounts#enable-secrets-engine", func(t *testing.T, a Admin) {
		reply := a.Do(t, "POST", "sys/mounts/secret/inner", map[string]any{"type": "kv"})
		reply.expect(t, 400, "path is already in use at secret/")
	}},
	{"version 1 keeps one value and takes any write", "developer.hashicorp.com/vault/api-docs/secret/kv/kv-v1", func(t *testing.T, a Admin) {
		a.Mount(t, "old", "1")
		a.Do(t, "GET", "old/data/x", nil).expect(t, 404, "")
		a.Must(t, "PUT", "old/data/x", put(map[string]any{"token": "one"}, 7))
		if got := a.Do(t, "GET", "old/data/x", nil).inner("options")["cas"]; number(got) != 7 {
			t.Errorf("options were not stored as data: %v", got)
		}
	}},
	{"policies decide by operation", "developer.hashicorp.com/vault/docs/concepts/policies#capabilities", func(t *testing.T, a Admin) {
		a.Policy(t, "creator", `path "secret/data/*" { capabilities = ["create"] }`)
		a.Policy(t, "updater", `path "secret/data/*" { capabilities = ["update"] }`)
		a.Policy(t, "patcher", `path "secret/metadata/*" { capabilities = ["patch"] }`)
		creator, updater, patcher := a.With(t, "creator"), a.With(t, "updater"), a.With(t, "patcher")
		body := put(map[string]any{"token": "one"})
		updater.Do(t, "PUT", "secret/data/x", body).expect(t, 403, "permission denied")
		creator.Must(t, "PUT", "secret/data/x", body)
		creator.Do(t, "PUT", "secret/data/x", body).expect(t, 403, "permission denied")
		creator.Do(t, "GET", "secret/data/x", nil).expect(t, 403, "permission denied")
		updater.Must(t, "PUT", "secret/data/x", body)
		updater.Do(t, "PATCH", "secret/metadata/x", labels(map[string]any{"a": "1"})).expect(t, 403, "permission denied")
		patcher.Must(t, "PATCH", "secret/metadata/x", labels(map[string]any{"a": "1"}))
		patcher.Do(t, "PATCH", "secret/metadata/missing", labels(map[string]any{"a": "1"})).expect(t, 404, "")
	}},
	{"metadata alone makes the first value an update", plugin + "dataExistenceCheck", func(t *testing.T, a Admin) {
		a.Policy(t, "creator", `path "secret/data/*" { capabilities = ["create"] }`)
		a.Must(t, "PUT", "secret/metadata/x", map[string]any{"delete_version_after": "0s"})
		a.With(t, "creator").Do(t, "PUT", "secret/data/x", put(map[string]any{"token": "one"})).expect(t, 403, "permission denied")
	}},
	{"the most specific path wins, deny beats all", "developer.hashicorp.com/vault/docs/concepts/policies#priority-matching", func(t *testing.T, a Admin) {
		a.Policy(t, "wide", `path "secret/*" { capabilities = ["read"] } path "secret/data/dbt/*" { capabilities = ["update", "create"] }`)
		a.Policy(t, "wide2", `path "secret/data/dbt/*" { capabilities = ["read"] } path "secret/data/dbt/closed" { capabilities = ["deny"] }`)
		user := a.With(t, "wide", "wide2")
		got := user.Must(t, "PUT", "sys/capabilities-self", map[string]any{"paths": []string{"secret/data/dbt/x", "secret/data/y", "secret/data/dbt/closed", "other"}})
		for path, want := range map[string][]any{
			"secret/data/dbt/x": {"create", "read", "update"}, "secret/data/y": {"read"}, "secret/data/dbt/closed": {"deny"}, "other": {"deny"},
		} {
			if !reflect.DeepEqual(got[path], want) {
				t.Errorf("%s: %v, want %v", path, got[path], want)
			}
		}
		root := a.Must(t, "PUT", "sys/capabilities-self", map[string]any{"paths": []string{"secret/data/x", "other"}})
		if want := []any{"root"}; !reflect.DeepEqual(root["other"], want) {
			t.Errorf("root: %v", root)
		}
	}},
	{"a token that ended is refused like one without rights", "developer.hashicorp.com/vault/docs/concepts/tokens", func(t *testing.T, a Admin) {
		user := a.With(t, "default")
		user.Must(t, "GET", "auth/token/lookup-self", nil)
		a.Must(t, "POST", "auth/token/revoke", map[string]any{"token": user.Token})
		user.Do(t, "GET", "secret/data/x", nil).expect(t, 403, "permission denied")
		user.Do(t, "GET", "auth/token/lookup-self", nil).expect(t, 403, "permission denied")
	}},
	{"a lease can be renewed up to its maximum", "developer.hashicorp.com/vault/docs/concepts/tokens#token-time-to-live-periodic-tokens-and-explicit-max-ttls", func(t *testing.T, a Admin) {
		user := a
		user.Token = a.NewToken(t, map[string]any{"policies": []string{"default"}, "ttl": "60s", "explicit_max_ttl": "90s"})
		if ttl := number(user.Must(t, "GET", "auth/token/lookup-self", nil)["ttl"]); ttl < 50 || ttl > 60 {
			t.Errorf("ttl %d", ttl)
		}
		if got := number(user.Must(t, "PUT", "auth/token/renew-self", map[string]any{"increment": 3600})["lease_duration"]); got < 80 || got > 90 {
			t.Errorf("renewed for %d seconds, want at most 90", got)
		}
		user.Token = a.NewToken(t, map[string]any{"policies": []string{"default"}, "ttl": "60s", "renewable": false})
		user.Do(t, "PUT", "auth/token/renew-self", map[string]any{}).expect(t, 400, "lease is not renewable")
	}},
	{"AppRole gives a token for role id and secret id", "developer.hashicorp.com/vault/api-docs/auth/approle#login-with-approle", func(t *testing.T, a Admin) {
		a.Policy(t, "reader", `path "secret/data/*" { capabilities = ["read"] }`)
		roleID, secretID := a.AppRole(t, "approle", "cron", map[string]any{"token_policies": []string{"reader"}, "token_ttl": "60s", "secret_id_num_uses": 1})
		login := map[string]any{"role_id": roleID, "secret_id": "wrong"}
		nobody := a
		nobody.Token = ""
		// 400, but 500 in v1.13.0 to v1.14.0, which forgot to say whose fault it is.
		if reply := nobody.Do(t, "PUT", "auth/approle/login", login); reply.Status < 400 || !strings.Contains(reply.Errors, "invalid") {
			t.Errorf("a wrong secret id is answered with %d %q", reply.Status, reply.Errors)
		}
		login["secret_id"] = secretID
		got := nobody.Must(t, "PUT", "auth/approle/login", login)
		if number(got["lease_duration"]) != 60 || got["renewable"] != true {
			t.Errorf("lease_duration %v, renewable %v", got["lease_duration"], got["renewable"])
		}
		user := a
		user.Token = fmt.Sprint(got["client_token"])
		user.Do(t, "GET", "secret/data/x", nil).expect(t, 404, "")
		if reply := nobody.Do(t, "PUT", "auth/approle/login", login); reply.Status < 400 || !strings.Contains(reply.Errors, "invalid") {
			t.Errorf("a used up secret id is answered with %d", reply.Status)
		}
	}},
	{"a path in no mount is a 404 in words", core + "Router.routeCommon", func(t *testing.T, a Admin) {
		a.Do(t, "GET", "nowhere/data/x", nil).expect(t, 404, "no handler for route")
	}},
}
