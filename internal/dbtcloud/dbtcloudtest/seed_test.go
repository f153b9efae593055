package dbtcloudtest

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"
)

const seedText = `{"accounts": [{
  "id": 12345, "name": "Jaffle Shop",
  "service_tokens": [
    {"id": 777, "name": "Airflow prod", "value": "plain-40-hex", "created_at": "2021-09-06 07:41:12.146234+00:00", "last_used": "2026-11-01T00:00:00Z",
     "grants": [{"permission_set": "job_admin", "project_id": 501, "writable_environment_categories": []},
                {"permission_set": "admin", "state": 2}],
     "mappings": [{"project_id": 501, "semantic_layer_credentials_id": 9}]},
    {"id": 778, "name": "odd dates", "created_at": null, "updated_at": "", "last_used": "yesterday"},
    {"id": 779, "name": "no dates", "metadata_only": true, "omit": ["created_at", "last_used", "permission_grants"]},
    {"name": "gone", "state": 2},
    {"name": "boss", "value": "the-boss", "grants": [{"permission_set": "account_admin"}]}
  ],
  "projects": [{"id": 501, "name": "p"}],
  "users": [{"email": "a@x", "is_active": false, "apitoken_last_used": "2026-01-01 00:00:00+00:00"}],
  "ip_rules": [{"name": "r", "type": 2, "enabled_for_service_tokens": false, "cidrs": [{"cidr": "10.0.0.0/8"}]}]
}]}`

func TestReadAndLoadSeed(t *testing.T) {
	seed, err := ReadSeed(strings.NewReader(seedText))
	if err != nil {
		t.Fatal(err)
	}
	s, _ := newSim(t)
	if err := s.Load(seed); err != nil {
		t.Fatal(err)
	}
	if s.AccountID() != 12345 || s.AdminToken() != "the-boss" || len(s.Tokens()) != 5 {
		t.Errorf("account %d, %d tokens", s.AccountID(), len(s.Tokens()))
	}
	const list = "/api/v3/accounts/12345/service-tokens/"
	items := map[string]fields{}
	for _, item := range as[[]fields](t, send(t, s, "the-boss", "GET", list, nil)) {
		items[strings.Trim(string(item["name"]), `"`)] = item
	}
	for _, planted := range []struct{ name, field, raw string }{
		{"Airflow prod", "created_at", `"2021-09-06 07:41:12.146234+00:00"`},
		{"Airflow prod", "last_used", `"2026-11-01T00:00:00Z"`},
		{"odd dates", "created_at", `null`},
		{"odd dates", "updated_at", `""`},
		{"odd dates", "last_used", `"yesterday"`},
		{"no dates", "created_at", ``},
		{"no dates", "last_used", ``},
		{"no dates", "permission_grants", ``},
		{"no dates", "metadata_only", `true`},
		{"gone", "state", `2`},
		{"gone", "last_used", `null`},
	} {
		if got := string(items[planted.name][planted.field]); got != planted.raw {
			t.Errorf("%s: %s is %s, want %s", planted.name, planted.field, got, planted.raw)
		}
	}
	first, _ := s.Token(777)
	if len(first.Grants) != 2 || len(first.ActiveGrants()) != 1 || string(first.Grants[0].WritableEnvironmentCategories) != "[]" || len(first.Mappings) != 1 {
		t.Errorf("%+v", first)
	}
	if _, ok := s.Token(778); !ok || !s.Authenticates("plain-40-hex") {
		t.Error("ids or values are not those of the seed")
	}
	rules := as[[]ipRule](t, send(t, s, "the-boss", "GET", "/api/v3/accounts/12345/ip-restrictions/", nil))
	if len(rules) != 1 || rules[0].EnabledForServiceTokens || rules[0].CIDRs[0].CIDRIPv6 != "::ffff:10.0.0.0/104" {
		t.Errorf("%+v", rules)
	}
}

func TestReadSeedSaysWhatIsWrongAndWhere(t *testing.T) {
	for text, message := range map[string]string{
		"{\n\"accounts\": [,]}": "line 2: invalid character",
		"{\"accounts\": [\n{\"id\": 1, \"service_tokens\": [{},\n{\"nmae\": \"secret-value\"}]}]}":                                    "line 3: accounts[0].service_tokens[1].nmae: unknown field",
		"{\"accounts\": [{\"id\":\n\"one\"}]}":                                                                                        "line 2: accounts.id cannot be a string",
		"{\"accounts\": [{\"id\": 1, \"users\": [{\"email\": \"x\", \"personal_access_tokens\": [{\"valeu\": \"secret-value\"}]}]}]}": "accounts[0].users[0].personal_access_tokens[0].valeu: unknown field",
		"{\"accounts\": [{\"id\": 1,\n\"id\": 2}]}":                                                                                   "line 2: accounts[0].id: stands there twice",
		"{\"Accounts\": []}": "Accounts: unknown field",
		"":                   "line 1: unexpected end",
		"{} {}":              "line 1: invalid character",
	} {
		_, err := ReadSeed(strings.NewReader(text))
		if err == nil || !strings.Contains(err.Error(), message) {
			t.Errorf("%s: %v, want %q", text, err, message)
		}
		if err != nil && strings.Contains(err.Error(), "secret-value") {
			t.Errorf("the error quotes the file: %v", err)
		}
	}
	if _, err := ReadSeed(strings.NewReader(`{"accounts":[{"id":1,"name":"n","users":null,"service_tokens":[{"name":"x","last_used":{"a":1}}]}]}`)); err != nil {
		t.Errorf("raw values and null are none of its business: %v", err)
	}
}

func TestLoadRefusesAndLeavesThingsAlone(t *testing.T) {
	token := func(change func(*SeedToken)) Seed {
		st := SeedToken{ID: 5, Name: "t"}
		change(&st)
		return Seed{Accounts: []SeedAccount{{ID: 3, ServiceTokens: []SeedToken{{ID: 4, Name: "first", Value: "v"}, st}}}}
	}
	for message, seed := range map[string]Seed{
		"no account":                     {},
		"account 0: id must be positive": {Accounts: []SeedAccount{{}}},
		"another account has the id 3":   {Accounts: []SeedAccount{{ID: 3}, {ID: 3}}},
		`service token 2 ("t"): another`: token(func(t *SeedToken) { t.ID = 4 }),
		"its value belongs to another":   token(func(t *SeedToken) { t.Value = "v" }),
		"it has no name":                 token(func(t *SeedToken) { t.Name = "" }),
		"id is negative":                 token(func(t *SeedToken) { t.ID = -1 }),
		"state must be positive":         token(func(t *SeedToken) { t.State = -2 }),
		"neither a string nor null":      token(func(t *SeedToken) { t.LastUsed = json.RawMessage(`[1]`) }),
		"grant 1 has no permission_set":  token(func(t *SeedToken) { t.Grants = []SeedGrant{{}} }),
		"grant 1: writable_environment": token(func(t *SeedToken) {
			t.Grants = []SeedGrant{{PermissionSet: "a", WritableEnvironmentCategories: raw("all")}}
		}),
		"mapping 1 needs project_id":         token(func(t *SeedToken) { t.Mappings = []SeedMapping{{ProjectID: 3}} }),
		`IP rule 1 ("r"): cidr 1: not an`:    {Accounts: []SeedAccount{{ID: 3, IPRules: []SeedIPRule{{Name: "r", CIDRs: []SeedCIDR{{CIDR: "x"}}}}}}},
		`user 2 ("b"): another user`:         {Accounts: []SeedAccount{{ID: 3, Users: []SeedUser{{ID: 9, Email: "a"}, {ID: 9, Email: "b"}}}}},
		`SCIM token 1 ("s"): a date`:         {Accounts: []SeedAccount{{ID: 3, SCIMTokens: []SeedSCIMToken{{Name: "s", CreatedAt: json.RawMessage(`{}`)}}}}},
		`personal access token 1: its value`: {Accounts: []SeedAccount{{ID: 3, Users: []SeedUser{{ID: 9, Email: "a", APIKey: "k", PersonalAccessTokens: []SeedPAT{{Value: "k"}}}}}}},
	} {
		s, _ := newSim(t)
		before := s.AdminToken()
		err := s.Load(seed)
		if err == nil || !strings.Contains(err.Error(), message) {
			t.Errorf("%v, want %q", err, message)
		}
		if s.AdminToken() != before || s.AccountID() != 1 {
			t.Errorf("%s: the old population is gone", message)
		}
	}
}

func TestSeedWithoutAdminGetsOne(t *testing.T) {
	s, _ := newSim(t)
	if err := s.Load(Seed{Accounts: []SeedAccount{{ID: 3, ServiceTokens: []SeedToken{{ID: 4, Name: "t"}}}}}); err != nil {
		t.Fatal(err)
	}
	tokens := s.Tokens()
	if len(tokens) != 2 || tokens[1].Name != "simulator admin" || tokens[1].ID <= 4 || s.AdminToken() != tokens[1].Value {
		t.Errorf("%+v", tokens)
	}
}

// What is generated must not run into what was planted.
func TestGeneratedIDsStayClear(t *testing.T) {
	s, _ := newSim(t)
	if err := s.Load(Seed{Accounts: []SeedAccount{{ID: 3, ServiceTokens: []SeedToken{{Name: "first"}, {ID: 500_000, Name: "t"}}}}}); err != nil {
		t.Fatal(err)
	}
	id, _ := s.AddToken(SeedToken{Name: "later"})
	if id <= 500_000 {
		t.Errorf("id %d", id)
	}
	s.AddToken(SeedToken{ID: 7, Name: "low"})
	tokens := s.Tokens()
	for i := range tokens[1:] {
		if tokens[i].ID >= tokens[i+1].ID {
			t.Errorf("tokens are out of order: %d, %d", tokens[i].ID, tokens[i+1].ID)
		}
	}
}

func TestWrongUseOfTheTestInterfacePanics(t *testing.T) {
	s, _ := newSim(t)
	for name, f := range map[string]func(){
		"delete":  func() { s.Delete(4) },
		"unpaid":  func() { s.SetUnpaid(4, true) },
		"no name": func() { s.AddToken(SeedToken{}) },
		"taken":   func() { s.AddToken(SeedToken{ID: s.Tokens()[0].ID, Name: "x"}) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: nothing happened", name)
				}
			}()
			f()
		}()
	}
	s.Tokens() // not left locked
}

func TestDemoSeed(t *testing.T) {
	now := time.Date(2026, 11, 23, 2, 0, 0, 0, time.UTC)
	seed := DemoSeed(now)
	if !reflect.DeepEqual(seed, DemoSeed(now)) {
		t.Error("it is not the same twice")
	}
	text, err := json.Marshal(seed)
	if err != nil {
		t.Fatal(err)
	}
	again, err := ReadSeed(strings.NewReader(string(text)))
	if err != nil || !reflect.DeepEqual(seed, again) {
		t.Errorf("it does not survive JSON: %v", err)
	}
	s, _ := newSim(t)
	if err := s.Load(seed); err != nil {
		t.Fatal(err)
	}
	states, sets := map[int]int{}, 0
	for _, token := range s.Tokens() {
		states[token.State]++
		sets += len(token.Mappings)
	}
	if states[active] != 11 || states[deleted] != 3 || sets != 1 {
		t.Errorf("%v, %d mappings", states, sets)
	}
	if id, _ := s.TokenByValue(s.AdminToken()); id != 114 {
		t.Errorf("the admin is token %d", id)
	}
	users := as[[]fields](t, send(t, s, s.AdminToken(), "GET", "/api/v3/accounts/1/users/", nil))
	recent := 0
	for _, u := range users {
		if strings.HasPrefix(string(u["apitoken_last_used"]), `"2026-1`) {
			recent++
		}
	}
	if len(users) != 9 || recent != 2 {
		t.Errorf("%d users, %d with a key in use", len(users), recent)
	}
	legacy := 0
	for _, token := range s.Tokens() {
		if token.Active() && string(token.CreatedAt)[1:11] <= "2023-07-18" {
			legacy++
		}
	}
	if legacy != 5 {
		t.Errorf("%d legacy tokens", legacy)
	}
}
