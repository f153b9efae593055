package dbtcloudtest

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

func lastUsed(t *testing.T, s *Sim, id int64) string {
	t.Helper()
	return string(as[fields](t, send(t, s, s.AdminToken(), "GET", tokenPath(id), nil))["last_used"])
}

// Spec: POST {name, permission_grants}; the reply alone carries token_string.
func TestCreate(t *testing.T) {
	s, _ := newSim(t)
	admin := s.AdminToken()
	body := `{"name":"new","metadata_only":true,"permission_grants":[
		{"permission_set":"job_admin","project_id":501,"writable_environment_categories":["all"]},
		{"permission_set":"brand_new_set","project_id":null},
		{"permission_set":"analyst","writable_environment_categories":[]}]}`
	g := send(t, s, admin, "POST", tokensPath, body)
	want(t, g, 201)
	made := as[struct {
		ID           int64             `json:"id"`
		Value        string            `json:"token_string"`
		Name         string            `json:"name"`
		State        int               `json:"state"`
		LastUsed     *string           `json:"last_used"`
		MetadataOnly bool              `json:"metadata_only"`
		Grants       []json.RawMessage `json:"permission_grants"`
	}](t, g)
	if made.Name != "new" || made.State != 1 || made.LastUsed != nil || !made.MetadataOnly || len(made.Grants) != 3 {
		t.Errorf("%s", g.body)
	}
	if s.ValueOf(made.ID) != made.Value || !s.Authenticates(made.Value) {
		t.Error("the value does not work")
	}
	if text := send(t, s, admin, "GET", tokenPath(made.ID), nil).body; strings.Contains(text, "token_string") || strings.Contains(text, made.Value) {
		t.Error("a GET shows the value again")
	}
	snapshot, _ := s.Token(made.ID)
	rows := snapshot.Grants
	if len(rows) != 3 || *rows[0].ProjectID != 501 || *rows[0].AllProjects || string(rows[0].WritableEnvironmentCategories) != `["all"]` ||
		!*rows[1].AllProjects || rows[1].PermissionSet != "brand_new_set" || rows[1].WritableEnvironmentCategories != nil ||
		string(rows[2].WritableEnvironmentCategories) != `[]` {
		t.Errorf("rows %+v", rows)
	}
}

// Recorded: error_400_invalid.json names the field.
func TestCreateRefusesNonsense(t *testing.T) {
	s, _ := newSim(t)
	for body, field := range map[string]string{
		`{}`:                                 "name",
		`{"name":"  "}`:                      "name",
		`{"name":"x","account_id":2}`:        "account_id",
		`[]`:                                 "non_field_errors",
		`{"name":`:                           "non_field_errors",
		`{"name":"x","permission_grants":4}`: "non_field_errors",
		`{"name":"x","permission_grants":[{"project_id":3}]}`:                                                            "permission_set",
		`{"name":"x","permission_grants":[{"permission_set":"a","all_projects":false}]}`:                                 "project_id",
		`{"name":"x","permission_grants":[{"permission_set":"a","account_id":9}]}`:                                       "account_id",
		`{"name":"x","permission_grants":[{"permission_set":"a","writable_environment_categories":["everything"]}]}`:     "writable_environment_categories",
		`{"name":"x","permission_grants":[{"permission_set":"a","writable_environment_categories":"all"}]}`:              "writable_environment_categories",
		`{"name":"x","permission_grants":[{"permission_set":"ok"},{"permission_set":"","writable_environment_cat":[]}]}`: "permission_set",
	} {
		g := send(t, s, s.AdminToken(), "POST", tokensPath, body)
		if g.code != 400 || as[map[string]string](t, g)[field] == "" {
			t.Errorf("%s: %d %s, want 400 about %s", body, g.code, g.body, field)
		}
	}
	if n := len(s.Tokens()); n != 1 {
		t.Errorf("%d tokens after nothing but refusals", n)
	}
}

// Provider: deleted tokens answer GET 200 with state 2, and are in the list.
func TestDeletionIsSoft(t *testing.T) {
	s, _ := newSim(t)
	id, value := s.AddToken(SeedToken{Name: "old", Grants: []SeedGrant{{PermissionSet: "owner"}}})
	admin := s.AdminToken()
	g := send(t, s, admin, "DELETE", tokenPath(id), nil)
	if g.code != 204 || g.body != "" {
		t.Fatalf("%d %q, want 204 and no body (spec)", g.code, g.body)
	}
	item := as[fields](t, send(t, s, admin, "GET", tokenPath(id), nil))
	if string(item["state"]) != "2" || string(item["name"]) != `"old"` {
		t.Errorf("%s", item)
	}
	want(t, send(t, s, value, "GET", "/api/v3/accounts/", nil), 401)
	want(t, send(t, s, admin, "DELETE", tokenPath(id), nil), 404)
	want(t, send(t, s, admin, "PUT", tokenPath(id), `{"name":"x"}`), 404)
	want(t, send(t, s, admin, "POST", tokenPath(id)+"permissions/", `[]`), 404)
	for query, n := range map[string]int{"": 2, "?state=1": 1, "?state=2": 1} {
		if list := as[[]fields](t, send(t, s, admin, "GET", tokensPath+query, nil)); len(list) != n {
			t.Errorf("%q lists %d", query, len(list))
		}
	}
	if got, isActive := s.TokenByValue(value); got != id || isActive {
		t.Errorf("TokenByValue: %d, %v", got, isActive)
	}
}

// A token may delete itself; its value is dead for the very next request.
func TestDeletingItself(t *testing.T) {
	s, _ := newSim(t)
	admin := s.AdminToken()
	id, _ := s.TokenByValue(admin)
	want(t, send(t, s, admin, "DELETE", tokenPath(id), nil), 204)
	want(t, send(t, s, admin, "GET", tokenPath(id), nil), 401)
	if s.AdminToken() != "" {
		t.Error("there still is an admin token")
	}
}

// Spec: PUT changes the name only.
func TestRename(t *testing.T) {
	s, _ := newSim(t)
	id, _ := s.AddToken(SeedToken{Name: "a", MetadataOnly: true, Grants: []SeedGrant{{PermissionSet: "analyst"}}})
	g := send(t, s, s.AdminToken(), "PUT", tokenPath(id), `{"name":"b","state":2,"metadata_only":false,"permission_grants":[]}`)
	want(t, g, 200)
	after, _ := s.Token(id)
	if after.Name != "b" || after.State != 1 || !after.MetadataOnly || len(after.Grants) != 1 {
		t.Errorf("%+v", after)
	}
	want(t, send(t, s, s.AdminToken(), "PUT", tokenPath(id), `{}`), 400)
	want(t, send(t, s, s.AdminToken(), "PUT", tokenPath(999999), `{"name":"b"}`), 404)
}

// Provider: its update is a POST with the state as well.
func TestUpdateByPost(t *testing.T) {
	s, _ := newSim(t)
	id, _ := s.AddToken(SeedToken{Name: "a"})
	want(t, send(t, s, s.AdminToken(), "POST", tokenPath(id), `{"id":1,"account_id":1,"uid":"u","name":"b","state":1}`), 200)
	if after, _ := s.Token(id); after.Name != "b" || !after.Active() {
		t.Errorf("%+v", after)
	}
	want(t, send(t, s, s.AdminToken(), "POST", tokenPath(id), `{"account_id":1,"name":"b","state":2}`), 200)
	if after, _ := s.Token(id); after.Active() {
		t.Error("state 2 did not delete it")
	}
}

// Unknown: names need not be unique, as far as is known.
func TestNames(t *testing.T) {
	s, _ := newSim(t)
	create := func(name string) got {
		return send(t, s, s.AdminToken(), "POST", tokensPath, map[string]string{"name": name})
	}
	want(t, create("same"), 201)
	want(t, create("same"), 201)
	if n := len(s.ActiveByName("same")); n != 2 {
		t.Errorf("%d", n)
	}
	s.Configure(func(o *Options) { o.UniqueNames = true })
	want(t, create("same"), 400)
	want(t, create("other"), 201)
	other := s.ActiveByName("other")[0]
	want(t, send(t, s, s.AdminToken(), "PUT", tokenPath(other.ID), `{"name":"same"}`), 400)
	want(t, send(t, s, s.AdminToken(), "PUT", tokenPath(other.ID), `{"name":"other"}`), 200) // its own name
	s.Delete(other.ID)
	want(t, create("other"), 201) // a deleted one's name is free

	s.Configure(func(o *Options) { o.MaxNameLength = 4 })
	if got := string(as[fields](t, create("Zürich prod"))["name"]); got != `"Züri"` {
		t.Errorf("cut to %s", got)
	}
}

// last_used moves with every request but a 401, and with nobody else's.
func TestLastUsedMoves(t *testing.T) {
	s, c := newSim(t)
	id, value := s.AddToken(SeedToken{ID: 3000, Name: "job", Grants: []SeedGrant{{PermissionSet: "job_runner"}}})
	if got := lastUsed(t, s, id); got != "null" {
		t.Fatalf("never used, and says %s", got)
	}
	for _, step := range []struct {
		path, moved string
	}{
		{"/api/v3/accounts/", `"2026-11-23 02:16:04.123456+00:00"`},
		{tokensPath, `"2026-11-23 02:17:04.123456+00:00"`}, // a 404
	} {
		c.advance(time.Minute)
		send(t, s, value, "GET", step.path, nil)
		c.advance(time.Second)
		if got := lastUsed(t, s, id); got != step.moved {
			t.Errorf("after %s: %s, want %s", step.path, got, step.moved)
		}
		c.advance(-time.Second)
	}
	s.Delete(id)
	c.advance(time.Minute)
	want(t, send(t, s, value, "GET", tokensPath, nil), 401)
	if got := lastUsed(t, s, id); got != `"2026-11-23 02:17:04.123456+00:00"` {
		t.Errorf("a 401 moved it to %s", got)
	}
	after, _ := s.Token(id)
	if after.Uses != 2 {
		t.Errorf("%d uses", after.Uses)
	}
}

// A token that reads itself sees the request it reads with.
func TestLastUsedOfTheRequestItself(t *testing.T) {
	s, c := newSim(t)
	id, _ := s.TokenByValue(s.AdminToken())
	first := lastUsed(t, s, id)
	c.advance(1500 * time.Millisecond)
	if second := lastUsed(t, s, id); first == "null" || first == second {
		t.Errorf("%s, then %s", first, second)
	}
}

// Unknown: how much last_used lags, how coarse it is, how often it is written.
func TestLastUsedLagStepAndEvery(t *testing.T) {
	s, c := newSim(t, func(o *Options) { o.LastUsedLag = time.Minute })
	id, _ := s.AddToken(SeedToken{ID: 3000, Name: "job"})
	s.Use(id)
	c.advance(30 * time.Second)
	s.Use(id)
	if got := lastUsed(t, s, id); got != "null" {
		t.Errorf("it shows before the lag: %s", got)
	}
	c.advance(30 * time.Second)
	if got := lastUsed(t, s, id); got != `"2026-11-23 02:15:04.123456+00:00"` {
		t.Errorf("the first use: %s", got)
	}
	c.advance(30 * time.Second)
	if got := lastUsed(t, s, id); got != `"2026-11-23 02:15:34.123456+00:00"` {
		t.Errorf("the second use: %s", got)
	}

	s, _ = newSim(t, func(o *Options) { o.LastUsedStep = time.Hour })
	id, _ = s.AddToken(SeedToken{ID: 3000, Name: "job"})
	s.Use(id)
	if got := lastUsed(t, s, id); got != `"2026-11-23 02:00:00+00:00"` {
		t.Errorf("by the hour: %s", got)
	}

	s, c = newSim(t, func(o *Options) { o.LastUsedEvery = time.Minute })
	id, _ = s.AddToken(SeedToken{ID: 3000, Name: "job"})
	s.Use(id)
	c.advance(59 * time.Second)
	s.Use(id)
	if got := lastUsed(t, s, id); got != `"2026-11-23 02:15:04.123456+00:00"` {
		t.Errorf("too soon: %s", got)
	}
	c.advance(time.Second)
	s.Use(id)
	if got := lastUsed(t, s, id); got != `"2026-11-23 02:16:04.123456+00:00"` {
		t.Errorf("after a minute: %s", got)
	}
}

// Spec: permission_grants, last_used and semantic_layer_credentials are optional.
func TestWhatItemsCarry(t *testing.T) {
	s, _ := newSim(t)
	id, _ := s.AddToken(SeedToken{
		Name: "t", Grants: []SeedGrant{{PermissionSet: "analyst"}, {PermissionSet: "admin", State: deleted}},
		Mappings: []SeedMapping{{ProjectID: 5, CredentialID: 50}, {ProjectID: 6, CredentialID: 60, State: deleted}},
	})
	item := func() fields {
		one := as[fields](t, send(t, s, s.AdminToken(), "GET", tokenPath(id), nil))
		listed := as[[]fields](t, send(t, s, s.AdminToken(), "GET", tokensPath, nil))[1]
		if fmt.Sprint(one) != fmt.Sprint(listed) {
			t.Errorf("the item is %s alone and %s in the list", one, listed)
		}
		return one
	}
	whole := item()
	if text := string(whole["permission_grants"]); !strings.Contains(text, "analyst") || strings.Contains(text, "admin") {
		t.Errorf("grants %s", text)
	}
	if text := string(whole["semantic_layer_credentials"]); text != `[{"id":50,"project_id":5}]` {
		t.Errorf("semantic layer %s", text)
	}
	s.Configure(func(o *Options) { o.SemanticLayerIDsOnly = true })
	if text := string(item()["semantic_layer_credentials"]); text != `[{"id":50}]` {
		t.Errorf("semantic layer %s", text)
	}
	s.Configure(func(o *Options) {
		o.ItemsWithoutGrants, o.ItemsWithoutLastUsed, o.ItemsWithoutSemanticLayer = true, true, true
	})
	for _, field := range []string{"permission_grants", "last_used", "semantic_layer_credentials"} {
		if _, there := item()[field]; there {
			t.Errorf("%s is there", field)
		}
	}
}

// Recorded of sibling resources: 200 with the object. Unknown: whether a GET on
// a deleted token is a 404 somewhere.
func TestOtherWaysToDelete(t *testing.T) {
	s, _ := newSim(t, func(o *Options) { o.DeleteReplies200, o.HideDeleted404 = true, true })
	id, _ := s.AddToken(SeedToken{Name: "t"})
	g := send(t, s, s.AdminToken(), "DELETE", tokenPath(id), nil)
	want(t, g, 200)
	if state := string(as[fields](t, g)["state"]); state != "2" {
		t.Errorf("state %s", state)
	}
	want(t, send(t, s, s.AdminToken(), "GET", tokenPath(id), nil), 404)
	want(t, send(t, s, s.AdminToken(), "GET", tokenPath(id)+"permissions/", nil), 404)
}

// Unknown: how fresh lists are.
func TestStaleLists(t *testing.T) {
	s, c := newSim(t, func(o *Options) { o.StaleLists = 5 * time.Second })
	admin := s.AdminToken()
	names := func() string {
		var names []string
		for _, item := range as[[]fields](t, send(t, s, admin, "GET", tokensPath+"?state=1", nil)) {
			names = append(names, strings.Trim(string(item["name"]), `"`))
		}
		return strings.Join(names, ",")
	}
	want(t, send(t, s, admin, "POST", tokensPath, `{"name":"a"}`), 201)
	id := s.ActiveByName("a")[0].ID
	want(t, send(t, s, admin, "GET", tokenPath(id), nil), 200) // by id it is there
	steps := []struct {
		do    func()
		names string
	}{
		{func() {}, "simulator admin"},
		{func() { c.advance(5 * time.Second) }, "simulator admin,a"},
		{func() { s.Rename(id, "b") }, "simulator admin,a"},
		{func() { c.advance(5 * time.Second) }, "simulator admin,b"},
		{func() { s.Delete(id) }, "simulator admin,b"},
		{func() { c.advance(5 * time.Second) }, "simulator admin"},
	}
	for i, step := range steps {
		step.do()
		if got := names(); got != step.names {
			t.Errorf("step %d: %s, want %s", i, got, step.names)
		}
	}
}
