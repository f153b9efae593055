package dbtcloudtest

import (
	"encoding/json"
	"strings"
	"testing"
)

// Spec: apitoken_last_used is in both lists, and not in v3's single user.
func TestUsers(t *testing.T) {
	s, _ := newSim(t)
	err := s.Load(Seed{Accounts: []SeedAccount{{ID: 1, Name: "one", Users: []SeedUser{
		{ID: 21, Email: "a@x", FirstName: "Ada", LastName: "L", APITokenLastUsed: raw("2026-11-01 10:00:00+00:00")},
		{ID: 22, Email: "b@x", IsActive: new(false), Omit: []string{"is_active", "last_login"}},
		{ID: 23, Email: "c@x", State: deleted, LastLogin: json.RawMessage(`""`)},
	}}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, version := range []string{"v2", "v3"} {
		users := as[[]fields](t, send(t, s, s.AdminToken(), "GET", "/api/"+version+"/accounts/1/users/", nil))
		if len(users) != 3 || string(users[0]["apitoken_last_used"]) != `"2026-11-01 10:00:00+00:00"` || string(users[1]["apitoken_last_used"]) != "null" {
			t.Errorf("%s: %v", version, users)
		}
		if _, there := users[1]["is_active"]; there || string(users[2]["last_login"]) != `""` {
			t.Errorf("%s: what was planted is not there: %s", version, users)
		}
		one := as[fields](t, send(t, s, s.AdminToken(), "GET", "/api/"+version+"/accounts/1/users/21/", nil))
		if _, there := one["apitoken_last_used"]; there != (version == "v2") {
			t.Errorf("%s: single user has the field: %v", version, there)
		}
		if string(one["fullname"]) != `"Ada L"` || string(one["is_active"]) != "true" {
			t.Errorf("%s: %s", version, one)
		}
	}
	want(t, send(t, s, s.AdminToken(), "GET", "/api/v3/accounts/1/users/99/", nil), 404)
}

// Spec: users/{u}/account-apikeys/. Unknown: whether an administrator may list
// another user's.
func TestPersonalAccessTokenLists(t *testing.T) {
	s, _ := newSim(t)
	people(t, s)
	list := func(value, user string) got {
		return send(t, s, value, "GET", "/api/v3/accounts/1/users/"+user+"/account-apikeys/", nil)
	}
	g := list(s.AdminToken(), "21")
	want(t, g, 200)
	if strings.Contains(g.body, "dbtu_") {
		t.Error("a value is shown")
	}
	tokens := as[[]fields](t, g)
	if len(tokens) != 2 || string(tokens[0]["type"]) != "2" || string(tokens[0]["last_used"]) != "null" || string(tokens[1]["state"]) != "2" {
		t.Errorf("%v", tokens)
	}
	want(t, send(t, s, "dbtu_admin", "GET", tokensPath, nil), 200)
	one := as[fields](t, send(t, s, s.AdminToken(), "GET", "/api/v3/accounts/1/users/21/account-apikeys/31/", nil))
	if string(one["last_used"]) == "null" {
		t.Error("its use does not show")
	}
	want(t, send(t, s, s.AdminToken(), "GET", "/api/v3/accounts/1/users/21/account-apikeys/34/", nil), 404)
	want(t, list(s.AdminToken(), "99"), 404)

	s.Configure(func(o *Options) { o.RefusePATLists = true })
	want(t, list(s.AdminToken(), "21"), 404)
	want(t, list("dbtu_admin", "21"), 200)
	want(t, list("dbtu_admin", "23"), 404)
	want(t, send(t, s, s.AdminToken(), "GET", "/api/v3/accounts/1/users/21/account-apikeys/31/", nil), 404)
}

// Spec: SCIM tokens have id, name, created_at, last_used. Docs: audit logs are
// on the Enterprise plan only.
func TestSCIMTokensAndAuditLogs(t *testing.T) {
	s, _ := newSim(t)
	seed := Seed{Accounts: []SeedAccount{{
		ID: 1, Name: "one",
		SCIMTokens: []SeedSCIMToken{{ID: 5, Name: "okta"}},
		AuditLogs:  []json.RawMessage{json.RawMessage(`{"event_type":"service_token.created","id":1}`)},
	}}}
	if err := s.Load(seed); err != nil {
		t.Fatal(err)
	}
	if seed.Accounts[0].SCIMTokens[0].CreatedAt != nil {
		t.Error("Load wrote into the caller's seed")
	}
	list := as[[]fields](t, send(t, s, s.AdminToken(), "GET", "/api/v3/accounts/1/scim-config/tokens/", nil))
	if len(list) != 1 || string(list[0]["last_used"]) != "null" || list[0]["created_at"] == nil {
		t.Errorf("%v", list)
	}
	want(t, send(t, s, s.AdminToken(), "GET", "/api/v3/accounts/1/scim-config/tokens/5/", nil), 200)
	want(t, send(t, s, s.AdminToken(), "GET", "/api/v3/accounts/1/scim-config/tokens/6/", nil), 404)
	g := send(t, s, s.AdminToken(), "GET", "/api/v3/accounts/1/audit-logs/", nil)
	if logs := as[[]fields](t, g); len(logs) != 1 || string(logs[0]["event_type"]) != `"service_token.created"` {
		t.Errorf("%s", g.body)
	}
	seed.Accounts[0].Plan = "team"
	if err := s.Load(seed); err != nil {
		t.Fatal(err)
	}
	want(t, send(t, s, s.AdminToken(), "GET", "/api/v3/accounts/1/audit-logs/", nil), 404)
}
