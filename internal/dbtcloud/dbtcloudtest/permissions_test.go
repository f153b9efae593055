package dbtcloudtest

import (
	"fmt"
	"testing"
)

// Spec, recorded: rows have states of their own and come in pages; tokens with
// 150 rows exist.
func TestPermissionRows(t *testing.T) {
	s, _ := newSim(t)
	var grants []SeedGrant
	for i := range 165 {
		g := SeedGrant{PermissionSet: "job_viewer", ProjectID: new(int64(i + 1))}
		if i%10 == 0 {
			g.State = deleted
		}
		grants = append(grants, g)
	}
	id, _ := s.AddToken(SeedToken{Name: "wide", Grants: grants})
	states := map[string]int{}
	for _, offset := range []int{0, 100} {
		g := send(t, s, s.AdminToken(), "GET", fmt.Sprintf("%spermissions/?limit=100&offset=%d", tokenPath(id), offset), nil)
		if g.extra.Pagination.Total != 165 {
			t.Fatalf("total %d", g.extra.Pagination.Total)
		}
		for _, row := range as[[]fields](t, g) {
			states[string(row["state"])]++
			for _, field := range []string{"id", "account_id", "service_token_id", "project_id", "all_projects", "permission_set"} {
				if row[field] == nil {
					t.Fatalf("a row has no %s", field)
				}
			}
		}
	}
	if states["1"] != 148 || states["2"] != 17 {
		t.Errorf("states %v", states)
	}
	if g := send(t, s, s.AdminToken(), "GET", tokenPath(id)+"permissions/?state=1", nil); g.extra.Pagination.Total != 148 {
		t.Errorf("?state=1: %d", g.extra.Pagination.Total)
	}
	want(t, send(t, s, s.AdminToken(), "GET", tokenPath(424242)+"permissions/", nil), 404)
}

// Recorded: "Service token permissions cannot be updated after assigment."
func TestPermissionsAreWrittenOnce(t *testing.T) {
	s, _ := newSim(t)
	id, _ := s.AddToken(SeedToken{Name: "bare"})
	path := tokenPath(id) + "permissions/"
	rows := fmt.Sprintf(`[{"account_id":1,"service_token_id":%d,"project_id":7,"all_projects":false,"permission_set":"developer","writable_environment_categories":["staging"]}]`, id)
	want(t, send(t, s, s.AdminToken(), "POST", path, `[]`), 200) // sets nothing, and leaves it open
	want(t, send(t, s, s.AdminToken(), "POST", path, `[{"permission_set":"a","service_token_id":3}]`), 400)
	want(t, send(t, s, s.AdminToken(), "POST", path, `{"permission_set":"a"}`), 400)
	g := send(t, s, s.AdminToken(), "POST", path, rows)
	want(t, g, 200)
	if list := as[[]fields](t, g); len(list) != 1 || string(list[0]["writable_environment_categories"]) != `["staging"]` || string(list[0]["project_id"]) != "7" {
		t.Errorf("%s", g.body)
	}
	g = send(t, s, s.AdminToken(), "POST", path, rows)
	if g.code != 400 || g.message != "Service token permissions cannot be updated after assigment. Please create a new service token." {
		t.Errorf("the second time: %d %s", g.code, g.message)
	}
	if after, _ := s.Token(id); len(after.Grants) != 1 {
		t.Errorf("%d rows", len(after.Grants))
	}
}

func TestGrantsAtCreateCountAsWritten(t *testing.T) {
	s, _ := newSim(t)
	want(t, send(t, s, s.AdminToken(), "POST", tokensPath, `{"name":"t","permission_grants":[{"permission_set":"analyst"}]}`), 201)
	id := s.ActiveByName("t")[0].ID
	want(t, send(t, s, s.AdminToken(), "POST", tokenPath(id)+"permissions/", `[{"permission_set":"analyst"}]`), 400)
}

// Unknown: an installation may ignore what a create sends.
func TestIgnoredAtCreate(t *testing.T) {
	s, _ := newSim(t, func(o *Options) { o.IgnoreGrantsAtCreate, o.IgnoreFlagsAtCreate = true, true })
	want(t, send(t, s, s.AdminToken(), "POST", tokensPath, `{"name":"t","metadata_only":true,"webhooks_only":true,"permission_grants":[{"permission_set":"analyst"}]}`), 201)
	made := s.ActiveByName("t")[0]
	if len(made.Grants) != 0 || made.MetadataOnly || made.WebhooksOnly {
		t.Errorf("%+v", made)
	}
	want(t, send(t, s, s.AdminToken(), "POST", tokenPath(made.ID)+"permissions/", `[{"permission_set":"analyst"}]`), 200)
}

// Recorded, provider: [], null, absent and a list differ; the provider's
// documentation says that not setting it is the same as "all".
func TestEnvironmentCategoriesComeBackRaw(t *testing.T) {
	for _, sent := range []string{``, `null`, `[]`, `["all"]`, `["development","other"]`} {
		s, _ := newSim(t)
		grant := `{"permission_set":"developer"`
		if sent != "" {
			grant += `,"writable_environment_categories":` + sent
		}
		want(t, send(t, s, s.AdminToken(), "POST", tokensPath, `{"name":"t","permission_grants":[`+grant+`}]}`), 201)
		path := tokenPath(s.ActiveByName("t")[0].ID) + "permissions/"
		row := as[[]fields](t, send(t, s, s.AdminToken(), "GET", path, nil))[0]
		if got := string(row["writable_environment_categories"]); got != sent {
			t.Errorf("sent %q, came back %q", sent, got)
		}
	}
	s, _ := newSim(t, func(o *Options) { o.DefaultCategories = []byte(`["all"]`) })
	want(t, send(t, s, s.AdminToken(), "POST", tokensPath, `{"name":"t","permission_grants":[{"permission_set":"developer"}]}`), 201)
	if got := s.ActiveByName("t")[0].Grants[0].WritableEnvironmentCategories; string(got) != `["all"]` {
		t.Errorf("the default: %s", got)
	}
}

// Unknown: whether a grant on a project that is gone is taken.
func TestGrantsOnDeadProjects(t *testing.T) {
	s, _ := newSim(t)
	create := func(project int64) got {
		return send(t, s, s.AdminToken(), "POST", tokensPath, fmt.Sprintf(`{"name":"t","permission_grants":[{"permission_set":"a","project_id":%d}]}`, project))
	}
	want(t, create(12345), 201)
	s.Configure(func(o *Options) { o.RejectUnknownProjects = true })
	want(t, create(12345), 400)
	made := as[struct {
		ID int64 `json:"id"`
	}](t, send(t, s, s.AdminToken(), "POST", "/api/v3/accounts/1/projects/", `{"name":"p"}`))
	want(t, create(made.ID), 201)
	want(t, send(t, s, s.AdminToken(), "DELETE", fmt.Sprintf("/api/v3/accounts/1/projects/%d/", made.ID), nil), 200)
	want(t, create(made.ID), 400)
}

// A test's way to change what the API writes once.
func TestSetGrants(t *testing.T) {
	s, _ := newSim(t)
	id, value := s.AddToken(SeedToken{Name: "t", Grants: []SeedGrant{{PermissionSet: "owner"}}})
	want(t, send(t, s, value, "GET", tokensPath, nil), 200)
	s.SetGrants(id, SeedGrant{PermissionSet: "analyst", ProjectID: new(int64(5))}, SeedGrant{PermissionSet: "owner", State: deleted})
	want(t, send(t, s, value, "GET", tokensPath, nil), 404)
	after, _ := s.Token(id)
	if len(after.Grants) != 2 || after.Grants[0].ID == 0 || after.Grants[0].ID == after.Grants[1].ID || len(after.ActiveGrants()) != 1 || *after.Grants[0].AllProjects {
		t.Errorf("%+v", after.Grants)
	}
}
