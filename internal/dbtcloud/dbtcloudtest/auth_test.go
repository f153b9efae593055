package dbtcloudtest

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Recorded: error_401_invalid_token.json, for whatever is no live token.
func TestUnauthorized(t *testing.T) {
	s, _ := newSim(t)
	gone, value := s.AddToken(SeedToken{Name: "gone", Grants: []SeedGrant{{PermissionSet: "owner"}}})
	want(t, send(t, s, value, "GET", tokensPath, nil), 200)
	s.Delete(gone)
	for name, v := range map[string]string{"unknown": "dbtc_nobody", "absent": "", "deleted": value} {
		g := send(t, s, v, "GET", tokensPath, nil)
		if g.code != 401 || g.message != "Invalid token." || string(g.data) != "null" {
			t.Errorf("%s: %d %s", name, g.code, g.body)
		}
		if s.Authenticates(v) {
			t.Errorf("%s: Authenticates says yes", name)
		}
	}
}

// Spec: Bearer and Token are equivalent; the header is nothing else.
func TestSchemes(t *testing.T) {
	s, _ := newSim(t)
	for header, code := range map[string]int{
		"Token " + s.AdminToken():  200,
		"Bearer " + s.AdminToken(): 200,
		"Basic " + s.AdminToken():  401,
		s.AdminToken():             401,
		"Token ":                   401,
	} {
		r, err := http.NewRequestWithContext(t.Context(), "GET", "http://sim"+tokensPath, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", header)
		reply, err := s.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		if g, err := readReply(t, reply); err != nil || g.code != code {
			t.Errorf("%s…: %d, want %d", header[:5], g.code, code)
		}
	}
}

// Recorded: a missing permission is a 404. Docs: account_viewer and
// security_admin may read, account_admin and owner may do everything.
func TestPermissionSets(t *testing.T) {
	s, _ := newSim(t)
	target, _ := s.AddToken(SeedToken{Name: "target"})
	for set, codes := range map[string][2]int{
		"account_admin":  {200, 200},
		"owner":          {200, 200},
		"account_viewer": {200, 404},
		"security_admin": {200, 404},
		"admin":          {404, 404},
		"job_runner":     {404, 404},
		"brand_new_set":  {404, 404},
	} {
		_, value := s.AddToken(SeedToken{Name: set, Grants: []SeedGrant{{PermissionSet: set}}})
		g := send(t, s, value, "GET", tokensPath, nil)
		if g.code != codes[0] || g.code == 404 && !strings.Contains(g.message, "proper permissions") {
			t.Errorf("%s reads: %d %s", set, g.code, g.message)
		}
		if g := send(t, s, value, "PUT", tokenPath(target), `{"name":"target"}`); g.code != codes[1] {
			t.Errorf("%s writes: %d", set, g.code)
		}
		want(t, send(t, s, value, "GET", "/api/v3/accounts/", nil), 200)
	}
	_, dead := s.AddToken(SeedToken{Name: "dead row", Grants: []SeedGrant{{PermissionSet: "account_admin", State: deleted}}})
	want(t, send(t, s, dead, "GET", tokensPath, nil), 404)
	_, boolean := s.AddToken(SeedToken{Name: "boolean", MetadataOnly: true})
	want(t, send(t, s, boolean, "GET", tokensPath, nil), 404)
}

func TestOtherAccountsAreNotFound(t *testing.T) {
	s, _ := newSim(t)
	seed := Seed{Accounts: []SeedAccount{
		{ID: 7, Name: "ours", ServiceTokens: []SeedToken{{ID: 70, Name: "a", Value: "seven", Grants: []SeedGrant{{PermissionSet: "owner"}}}}},
		{ID: 8, Name: "theirs", ServiceTokens: []SeedToken{{ID: 80, Name: "b", Value: "eight", Grants: []SeedGrant{{PermissionSet: "owner"}}}}},
	}}
	if err := s.Load(seed); err != nil {
		t.Fatal(err)
	}
	want(t, send(t, s, "seven", "GET", "/api/v3/accounts/7/service-tokens/", nil), 200)
	want(t, send(t, s, "seven", "GET", "/api/v3/accounts/8/service-tokens/", nil), 404)
	want(t, send(t, s, "seven", "GET", "/api/v3/accounts/9/service-tokens/", nil), 404)
	want(t, send(t, s, "seven", "GET", "/api/v3/accounts/7/service-tokens/80/", nil), 404)
	want(t, send(t, s, "seven", "DELETE", "/api/v3/accounts/7/service-tokens/80/", nil), 404)
	if n := len(as[[]fields](t, send(t, s, "seven", "GET", "/api/v3/accounts/", nil))); n != 1 {
		t.Errorf("sees %d accounts", n)
	}
}

// Recorded: error_401_unpaid.json.
func TestUnpaidAccount(t *testing.T) {
	s, _ := newSim(t)
	s.SetUnpaid(1, true)
	g := send(t, s, s.AdminToken(), "GET", "/api/v3/accounts/", nil)
	if g.code != 401 || g.message != "The API is not accessible to unpaid accounts." {
		t.Errorf("%d %s", g.code, g.message)
	}
	if s.Authenticates(s.AdminToken()) {
		t.Error("Authenticates says yes")
	}
	s.SetUnpaid(1, false)
	want(t, send(t, s, s.AdminToken(), "GET", "/api/v3/accounts/", nil), 200)
}

// Docs: error_403_ip_restricted.json; provider: /v2/accounts/ is 200 without the account.
func TestIPDenied(t *testing.T) {
	s, _ := newSim(t)
	admin := s.AdminToken()
	id, _ := s.TokenByValue(admin)
	s.DenyByIP(id, true)
	g := send(t, s, admin, "GET", tokensPath, nil)
	want(t, g, 403)
	if denied := as[fields](t, g)["account_access_denied"]; string(denied) != "true" || g.message != "Forbidden: Access denied" {
		t.Errorf("%s", g.body)
	}
	want(t, send(t, s, admin, "GET", "/api/v2/accounts/1/", nil), 403)
	g = send(t, s, admin, "GET", "/api/v2/accounts/", nil)
	want(t, g, 200)
	if n := len(as[[]fields](t, g)); n != 0 {
		t.Errorf("%d accounts are listed", n)
	}
	s.DenyByIP(id, false)
	want(t, send(t, s, admin, "GET", tokensPath, nil), 200)
}

func people(t *testing.T, s *Sim) {
	t.Helper()
	err := s.Load(Seed{Accounts: []SeedAccount{
		{ID: 1, Name: "one", Users: []SeedUser{
			{ID: 21, Email: "admin@x", PermissionSets: []string{"account_admin"}, APIKey: "old-key", PersonalAccessTokens: []SeedPAT{
				{ID: 31, Name: "p", Value: "dbtu_admin"}, {ID: 32, Name: "q", Value: "dbtu_dead", State: deleted},
			}},
			{ID: 22, Email: "gone@x", IsActive: new(false), PermissionSets: []string{"owner"}, PersonalAccessTokens: []SeedPAT{{ID: 33, Name: "r", Value: "dbtu_gone"}}},
			{ID: 23, Email: "member@x", PersonalAccessTokens: []SeedPAT{{ID: 34, Name: "s", Value: "dbtu_member", Type: 1}}},
		}},
		{ID: 2, Name: "two", Users: []SeedUser{{ID: 21, Email: "admin@x"}}},
	}})
	if err != nil {
		t.Fatal(err)
	}
}

// Docs: a personal access token cannot create service tokens, 400; it sees only
// its own account.
func TestPersonalAccessTokenAsCredential(t *testing.T) {
	s, _ := newSim(t)
	people(t, s)
	want(t, send(t, s, "dbtu_admin", "GET", tokensPath, nil), 200)
	want(t, send(t, s, "dbtu_admin", "POST", tokensPath, `{"name":"x"}`), 400)
	want(t, send(t, s, "dbtu_member", "POST", tokensPath, `{"name":"x"}`), 404)
	want(t, send(t, s, "dbtu_member", "GET", tokensPath, nil), 404)
	for _, dead := range []string{"dbtu_dead", "dbtu_gone"} {
		want(t, send(t, s, dead, "GET", "/api/v3/accounts/", nil), 401)
	}
	if n := len(as[[]fields](t, send(t, s, "dbtu_admin", "GET", "/api/v3/accounts/", nil))); n != 1 {
		t.Errorf("sees %d accounts", n)
	}
	if id, isActive := s.TokenByValue("dbtu_admin"); id != 0 || isActive {
		t.Errorf("it passes for service token %d", id)
	}
}

// Docs: a key that sees more than one account is user-scoped. Spec:
// apitoken_last_used is the sign of its use.
func TestOldAPIKey(t *testing.T) {
	s, _ := newSim(t)
	people(t, s)
	const users = "/api/v3/accounts/1/users/"
	before := as[[]fields](t, send(t, s, "dbtu_admin", "GET", users, nil))
	if string(before[0]["apitoken_last_used"]) != "null" {
		t.Errorf("before: %s", before[0]["apitoken_last_used"])
	}
	if n := len(as[[]fields](t, send(t, s, "old-key", "GET", "/api/v3/accounts/", nil))); n != 2 {
		t.Errorf("sees %d accounts", n)
	}
	want(t, send(t, s, "old-key", "POST", tokensPath, `{"name":"x"}`), 400)
	after := as[[]fields](t, send(t, s, "dbtu_admin", "GET", users, nil))
	if !strings.HasPrefix(string(after[0]["apitoken_last_used"]), `"2026-11-23`) {
		t.Errorf("after: %s", after[0]["apitoken_last_used"])
	}
}

// Docs: the limit is per account, with a cooldown of five minutes, and no
// Retry-After is promised.
func TestRateLimit(t *testing.T) {
	s, c := newSim(t, func(o *Options) { o.RatePerMinute = 5 })
	_, viewer := s.AddToken(SeedToken{Name: "v", Grants: []SeedGrant{{PermissionSet: "account_viewer"}}})
	get := func(value string) got { return send(t, s, value, "GET", tokensPath, nil) }
	for range 5 {
		want(t, get(s.AdminToken()), 200)
	}
	g := get(viewer) // the account's limit is everybody's
	want(t, g, 429)
	if g.header.Get("Retry-After") != "" {
		t.Error("Retry-After was not asked for")
	}
	c.advance(time.Minute)
	want(t, get(viewer), 200)

	s, c = newSim(t, func(o *Options) {
		o.RatePerMinute, o.RatePerCredential, o.Cooldown, o.RetryAfter = 2, true, 5*time.Minute, 300*time.Second
	})
	_, viewer = s.AddToken(SeedToken{Name: "v", Grants: []SeedGrant{{PermissionSet: "account_viewer"}}})
	want(t, get(viewer), 200)
	want(t, get(viewer), 200)
	g = get(viewer)
	if g.code != 429 || g.header.Get("Retry-After") != "300" {
		t.Errorf("%d with Retry-After %q", g.code, g.header.Get("Retry-After"))
	}
	want(t, get(s.AdminToken()), 200) // another credential
	c.advance(4 * time.Minute)
	want(t, get(viewer), 429)
	c.advance(time.Minute)
	want(t, get(viewer), 200)
}

// A throttled create has not happened here; StatusAfter with 429 is one that has.
func TestThrottledCreateHasNoEffect(t *testing.T) {
	s, _ := newSim(t, func(o *Options) { o.RatePerMinute = 1 })
	want(t, send(t, s, s.AdminToken(), "GET", tokensPath, nil), 200)
	want(t, send(t, s, s.AdminToken(), "POST", tokensPath, `{"name":"x"}`), 429)
	if n := len(s.ActiveByName("x")); n != 0 {
		t.Errorf("%d were created", n)
	}
}

// Unknown: how soon a new value works and a deleted one stops.
func TestValuesTakeEffectLater(t *testing.T) {
	s, c := newSim(t, func(o *Options) { o.TokensTakeEffectAfter, o.DeletesTakeEffectAfter = 8*time.Second, 3*time.Second })
	g := send(t, s, s.AdminToken(), "POST", tokensPath, `{"name":"new","permission_grants":[{"permission_set":"owner"}]}`)
	want(t, g, 201)
	made := as[struct {
		ID    int64  `json:"id"`
		Value string `json:"token_string"`
	}](t, g)
	for _, step := range []struct {
		after time.Duration
		code  int
	}{{0, 401}, {7 * time.Second, 401}, {time.Second, 200}} {
		c.advance(step.after)
		want(t, send(t, s, made.Value, "GET", tokensPath, nil), step.code)
		if s.Authenticates(made.Value) != (step.code == 200) {
			t.Errorf("after %v Authenticates says otherwise", step.after)
		}
	}
	want(t, send(t, s, s.AdminToken(), "DELETE", fmt.Sprintf("%s%d/", tokensPath, made.ID), nil), 204)
	want(t, send(t, s, made.Value, "GET", tokensPath, nil), 200)
	c.advance(3 * time.Second)
	want(t, send(t, s, made.Value, "GET", tokensPath, nil), 401)
}
