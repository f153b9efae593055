package dbtcloud

import (
	"context"
	"net/http"
	"reflect"
	"testing"
	"time"
)

func TestMappings(t *testing.T) {
	transport := answers(ok(`[{"id": 3264, "account_id": 12345, "project_id": 71, "semantic_layer_credentials_id": 2092, "service_token_id": 777, "state": 1,
		"semantic_layer_credentials": {"id": 2092}, "service_token": {"id": 777, "token_string": null}}]`), ok(`[]`))
	got, err := newTestClient(t, transport).Mappings(context.Background(), 71)
	want := []Mapping{{ID: 3264, AccountID: 12345, ProjectID: 71, CredentialID: 2092, ServiceTokenID: 777, State: Active}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	if got := transport.seen[0].URL.RequestURI(); got != "/api/v3/accounts/12345/semantic-layer-credential-to-service-token-mapping/?limit=100&offset=0&project_id=71" {
		t.Error(got)
	}
	for _, data := range []string{`[{"id": 1}]`, `[{"id": 1, "project_id": 71, "semantic_layer_credentials_id": 2, "service_token_id": null}]`} {
		if _, err := newTestClient(t, answers(ok(data))).Mappings(context.Background(), 71); KindOf(err) != KindMalformed {
			t.Errorf("%s: %v", data, err)
		}
	}
}

func TestCreateMapping(t *testing.T) {
	const path = "/api/v3/accounts/12345/semantic-layer-credential-to-service-token-mapping/"
	transport := answers(response(201, `{"data": {"id": 3264}}`))
	old := Mapping{ID: 3264, AccountID: 1, ProjectID: 71, CredentialID: 2092, ServiceTokenID: 901, State: Deleted}
	if err := newTestClient(t, transport).CreateMapping(context.Background(), old); err != nil {
		t.Error(err)
	}
	sent(t, transport, http.MethodPost, path,
		`{"account_id": 12345, "project_id": 71, "semantic_layer_credentials_id": 2092, "service_token_id": 901, "state": 1}`)
}

func TestUsers(t *testing.T) {
	transport := answers(ok(`[
		{"id": 1, "email": "a@example.com", "first_name": "A", "last_name": "B", "is_active": true, "state": 1,
		 "last_login": "2026-01-01T00:00:00Z", "apitoken_last_used": "2026-02-01 00:00:00.5+00:00"},
		{"id": 2, "is_active": null, "apitoken_last_used": null},
		{"id": "3", "email": null, "is_active": 0, "state": 2, "apitoken_last_used": ""}]`), ok(`[]`))
	var users []User
	pass, err := newTestClient(t, transport).Users(context.Background(), func(u User) error { users = append(users, u); return nil })
	if err != nil || len(users) != 3 || pass.Read != 3 {
		t.Fatalf("%+v, %+v, %v", users, pass, err)
	}
	if u := users[0]; u.Email != "a@example.com" || u.IsActive == nil || !*u.IsActive || !u.APITokenLastUsed.Time.Equal(time.Date(2026, 2, 1, 0, 0, 0, 5e8, time.UTC)) {
		t.Errorf("%+v", u)
	}
	if u := users[1]; u.IsActive != nil || u.APITokenLastUsed.Presence != Null || u.LastLogin.Presence != Absent || u.State != 0 {
		t.Errorf("%+v", u)
	}
	if u := users[2]; u.ID != 3 || u.IsActive == nil || *u.IsActive || u.APITokenLastUsed.Presence != Unreadable || u.State != Deleted {
		t.Errorf("%+v", u)
	}
	if got := transport.seen[0].URL.RequestURI(); got != "/api/v3/accounts/12345/users/?limit=100&offset=0" {
		t.Error(got)
	}
}

func TestPersonalAccessTokens(t *testing.T) {
	transport := answers(ok(`[{"id": 4, "user_id": 9, "name": "laptop", "state": 1, "type": 2, "created_at": "2026-01-01T00:00:00Z", "last_used": null}]`), ok(`[]`))
	got, err := newTestClient(t, transport).PersonalAccessTokens(context.Background(), 9)
	if err != nil || len(got) != 1 || got[0].Type != 2 || got[0].UserID != 9 || got[0].Name != "laptop" || !got[0].CreatedAt.Known() {
		t.Errorf("%+v, %v", got, err)
	}
	if got := transport.seen[0].URL.RequestURI(); got != "/api/v3/accounts/12345/users/9/account-apikeys/?limit=100&offset=0" {
		t.Error(got)
	}
}

func TestAccounts(t *testing.T) {
	transport := answers(response(200, recorded(t, "account_list_response.json")))
	got, err := newTestClient(t, transport).Accounts(context.Background())
	want := []Account{{ID: 1, Name: "Jaffle Shop", State: Active, Plan: "team"}}
	if err != nil || !reflect.DeepEqual(got, want) || transport.count() != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	if got := transport.seen[0].URL.RequestURI(); got != "/api/v3/accounts/?limit=100&offset=0" {
		t.Error(got)
	}
}

func TestAuthenticate(t *testing.T) {
	for name, tc := range map[string]struct {
		reply *http.Response
		kind  Kind
	}{
		"accounts":         {response(200, recorded(t, "account_list_response.json")), 0},
		"no permission":    {response(404, recorded(t, "error_404_no_permission.json")), 0},
		"forbidden":        {response(403, `{"status": {"user_message": "No."}}`), 0},
		"bad request":      {response(400, recorded(t, "error_400_invalid.json")), 0},
		"unauthorized":     {response(401, recorded(t, "error_401_invalid_token.json")), KindUnauthorized},
		"bare 401":         {response(401, ``), KindUnauthorized},
		"IP restricted":    {response(403, recorded(t, "error_403_ip_restricted.json")), KindIPRestricted},
		"a proxy's 403":    {response(403, `<html>`), KindForbidden},
		"server":           {response(500, `{}`), KindServer},
		"HTML":             {response(200, `<html>`), KindMalformed},
		"contradictory":    {response(200, `{"status": {"code": 404}}`), KindNotFound},
		"redirected":       {response(301, ``, "Location", "https://other.dbt.com/"), KindRedirect},
		"unpaid, 200 code": {response(200, `{"status": {"code": 401, "is_success": false}}`), KindUnauthorized},
	} {
		transport := answers(tc.reply)
		date, err := newTestClient(t, transport, impatient).Authenticate(context.Background())
		if KindOf(err) != tc.kind || (err == nil) != (tc.kind == 0) || !date.Equal(serverTime) {
			t.Errorf("%s: %v at %v", name, err, date)
		}
		// What is neither yes nor no has to come three times.
		if thrice := tc.kind == 0 && tc.reply.StatusCode != 200; (transport.count() == 3) != thrice || transport.count() > 3 {
			t.Errorf("%s: %d requests", name, transport.count())
		}
	}
}

func TestAuthenticateDoesNotTakeStrayRefusalsForYes(t *testing.T) {
	for strays := range 3 {
		var replies []*http.Response
		for range strays {
			replies = append(replies, response(404, recorded(t, "error_404_no_permission.json")))
		}
		transport := answers(append(replies, response(401, recorded(t, "error_401_invalid_token.json")))...)
		if _, err := newTestClient(t, transport).Authenticate(context.Background()); KindOf(err) != KindUnauthorized {
			t.Errorf("after %d stray refusals: %v", strays, err)
		}
		if r := transport.seen[0]; r.Method != http.MethodGet || r.URL.RequestURI() != "/api/v3/accounts/" {
			t.Errorf("%s %s", r.Method, r.URL)
		}
	}
}

func TestAuthenticateWithoutACredential(t *testing.T) {
	transport := answers(response(200, noAccounts))
	if _, err := newTestService(t, transport).As(zeroValue).Authenticate(context.Background()); KindOf(err) != KindInvalid || transport.count() != 0 {
		t.Errorf("%v after %d requests", err, transport.count())
	}
}

func TestProjects(t *testing.T) {
	transport := &fake{answer: pages{n: 101}.answer}
	n := 0
	pass, err := newTestClient(t, transport).Projects(context.Background(), func(p Project) error { n++; return nil })
	if err != nil || n != 101 || !pass.Stable || transport.seen[1].URL.RequestURI() != "/api/v3/accounts/12345/projects/?limit=100&offset=100" {
		t.Errorf("%d, %+v, %v", n, pass, err)
	}
}

func TestIPRules(t *testing.T) {
	// The recorded reply is to a PUT; a list has the same items.
	one, err := readEnvelope([]byte(recorded(t, "ip_restriction_update_response.json")))
	if err != nil {
		t.Fatal(err)
	}
	transport := answers(ok(`[`+string(one.data)+`]`), ok(`[]`))
	rules, err := newTestClient(t, transport).IPRules(context.Background())
	if err != nil || len(rules) != 1 {
		t.Fatalf("%+v, %v", rules, err)
	}
	r := rules[0]
	if r.ID != 739 || r.Type != 1 || r.RuleSetEnabled == nil || *r.RuleSetEnabled || r.EnabledForServiceTokens == nil || !*r.EnabledForServiceTokens || len(r.CIDRs) != 3 {
		t.Errorf("%+v", r)
	}
	if c := r.CIDRs[1]; c.ID != 4523 || c.CIDR != "52.45.144.63" || c.CIDRIPv6 != "::ffff:52.45.144.63/128" || c.State != Active || !c.Enabled {
		t.Errorf("%+v", c)
	}
	if got := transport.seen[0].URL.RequestURI(); got != "/api/v3/accounts/12345/ip-restrictions/?limit=100&offset=0" {
		t.Error(got)
	}
	if _, err := newTestClient(t, answers(ok(`[{"id": 1, "cidrs": "all"}]`))).IPRules(context.Background()); KindOf(err) != KindMalformed {
		t.Error(err)
	}
}

// A range is switched off only if it says so, and a rule that does not say
// whether it is enforced is neither on nor off.
func TestIPRuleThatDoesNotSay(t *testing.T) {
	rules, err := newTestClient(t, answers(ok(`[{"id": 1, "type": 1, "cidrs": [{"cidr": "0.0.0.0/0"}, {"cidr": "::/0", "enabled": false}]}]`), ok(`[]`))).IPRules(context.Background())
	if err != nil || rules[0].RuleSetEnabled != nil || !rules[0].CIDRs[0].Enabled || rules[0].CIDRs[1].Enabled {
		t.Errorf("%+v, %v", rules, err)
	}
}

// The small lists must come whole as well: a part of the IP rules, the SCIM
// tokens or somebody's tokens is no answer.
func TestSmallListsAreReadToTheirEnd(t *testing.T) {
	ctx := context.Background()
	for name, read := range map[string]func(*Client) error{
		"IP rules":               func(c *Client) error { _, err := c.IPRules(ctx); return err },
		"SCIM tokens":            func(c *Client) error { _, err := c.SCIMTokens(ctx); return err },
		"personal access tokens": func(c *Client) error { _, err := c.PersonalAccessTokens(ctx, 9); return err },
	} {
		short := &fake{answer: pages{n: 3, claim: 5}.answer}
		if err := read(newTestClient(t, short)); KindOf(err) != KindMalformed {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSCIMTokens(t *testing.T) {
	transport := answers(ok(`[{"id": 3, "name": "okta", "created_at": "2022-01-01 00:00:00+00:00", "last_used": null}]`), ok(`[]`))
	got, err := newTestClient(t, transport).SCIMTokens(context.Background())
	if err != nil || len(got) != 1 || got[0].Name != "okta" || !got[0].CreatedAt.Known() || got[0].LastUsed.Presence != Null {
		t.Errorf("%+v, %v", got, err)
	}
	if got := transport.seen[0].URL.RequestURI(); got != "/api/v3/accounts/12345/scim-config/tokens/?limit=100&offset=0" {
		t.Error(got)
	}
}

// No audit needs the audit log. Its reply is the longest list that was recorded,
// and is read like every other one.
func TestRecordedListIsRead(t *testing.T) {
	type event struct {
		ID        int64     `json:"id"`
		State     State     `json:"state"`
		LoggedAt  Timestamp `json:"logged_at"`
		CreatedAt Timestamp `json:"created_at"`
	}
	transport := answers(response(200, recorded(t, "audit_log_get_response.json")), ok(`[]`))
	client := newTestClient(t, transport)
	n := 0
	list := listing[event]{op: "listing events", path: client.accountPath("audit-logs/"), id: func(e event) int64 { return e.ID }}
	pass, err := each(context.Background(), client, list, func(e event) error {
		n++
		if e.State != Active || !e.LoggedAt.Known() || !e.CreatedAt.Known() {
			t.Errorf("%+v", e)
		}
		return nil
	})
	if err != nil || n == 0 || pass.Read != n {
		t.Errorf("%d events, %+v, %v", n, pass, err)
	}
}
