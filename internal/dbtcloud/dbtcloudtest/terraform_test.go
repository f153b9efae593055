package dbtcloudtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// provider sends what dbt-labs/dbtcloud sends for a project and a service
// token, header for header, and keeps of the replies what it keeps.
type provider struct {
	t     *testing.T
	url   string // the provider's host_url: it ends in /api
	token string
}

func (p provider) do(method, path, body string) json.RawMessage {
	p.t.Helper()
	r, err := http.NewRequestWithContext(p.t.Context(), method, p.url+path, bytes.NewReader([]byte(body)))
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header.Add("Accept", "application/json")
	r.Header.Add("Content-Type", "application/json")
	r.Header.Add("Authorization", "Token "+p.token)
	r.Header.Set("User-Agent", "terraform-provider-dbtcloud/1.12.5")
	reply, err := http.DefaultClient.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	g, err := readReply(p.t, reply)
	if err != nil {
		p.t.Fatal(err)
	}
	if g.code < 200 || g.code > 299 {
		p.t.Fatalf("%s %s: the provider gives up on %d: %s", method, path, g.code, g.body)
	}
	return g.data
}

func decode[T any](t *testing.T, data json.RawMessage) (v T) {
	t.Helper()
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatalf("the provider cannot read %s: %v", data, err)
	}
	return v
}

// The structs that the provider reads into: ids are pointers, dates strings,
// and nothing is tolerated that these fields do not take.
type (
	tfAccount struct {
		ID        int    `json:"id"`
		Name      string `json:"name"`
		CreatedAt string `json:"created_at"`
		Plan      string `json:"plan"`
		Locked    bool   `json:"locked"`
	}
	tfProject struct {
		ID                     *int    `json:"id"`
		Name                   string  `json:"name"`
		Description            string  `json:"description"`
		DBTProjectSubdirectory *string `json:"dbt_project_subdirectory"`
		State                  int     `json:"state"`
		AccountID              int     `json:"account_id"`
	}
	tfToken struct {
		ID          *int    `json:"id"`
		AccountID   int     `json:"account_id"`
		UID         string  `json:"uid"`
		Name        string  `json:"name"`
		TokenString *string `json:"token_string"`
		State       int     `json:"state"`
	}
	tfPermission struct {
		ID             *int     `json:"id"`
		ServiceTokenID int      `json:"service_token_id"`
		ProjectID      int      `json:"project_id"`
		AllProjects    bool     `json:"all_projects"`
		State          int      `json:"state"`
		Set            string   `json:"permission_set"`
		Categories     []string `json:"writable_environment_categories"`
	}
)

// TestTerraformProvider replays a whole life, over real HTTP: apply (project,
// token, permissions), plan (refresh), a renamed project, and destroy.
func TestTerraformProvider(t *testing.T) {
	s, _ := newSim(t)
	server := httptest.NewServer(s)
	defer server.Close()
	p := provider{t, server.URL + "/api", s.AdminToken()}

	// configure: the account must be in the list, or the provider refuses.
	accounts := decode[[]tfAccount](t, p.do("GET", "/v2/accounts/", ""))
	if len(accounts) != 1 || accounts[0].ID != 1 {
		t.Fatalf("accounts %+v", accounts)
	}

	// apply
	project := decode[tfProject](t, p.do("POST", "/v3/accounts/1/projects/",
		`{"id":null,"name":"tf","description":"","dbt_project_subdirectory":"","connection_id":null,"repository_id":null,"state":1,"account_id":1,"type":0}`))
	if project.ID == nil || project.Name != "tf" || project.DBTProjectSubdirectory != nil {
		t.Fatalf("project %+v", project)
	}
	token := decode[tfToken](t, p.do("POST", "/v3/accounts/1/service-tokens/", `{"id":null,"account_id":1,"uid":"","name":"tf token","state":1}`))
	if token.ID == nil || token.TokenString == nil || token.UID == "" {
		t.Fatalf("token %+v", token)
	}
	tokenPath := fmt.Sprintf("/v3/accounts/1/service-tokens/%d/", *token.ID)
	sent := fmt.Sprintf(`[{"account_id":1,"service_token_id":%d,"project_id":%d,"all_projects":false,"permission_set":"git_admin","writable_environment_categories":["development"]},`+
		`{"account_id":1,"service_token_id":%d,"all_projects":true,"permission_set":"job_admin"}]`, *token.ID, *project.ID, *token.ID)
	if rows := decode[[]tfPermission](t, p.do("POST", tokenPath+"permissions/", sent)); len(rows) != 2 {
		t.Fatalf("rows %+v", rows)
	}

	// plan
	projectPath := fmt.Sprintf("/v3/accounts/1/projects/%d/", *project.ID)
	if again := decode[tfProject](t, p.do("GET", projectPath, "")); again.Name != "tf" || again.Description != "" || again.DBTProjectSubdirectory != nil {
		t.Errorf("project %+v", again)
	}
	if again := decode[tfToken](t, p.do("GET", tokenPath, "")); again.State != 1 || again.UID != token.UID || again.TokenString != nil {
		t.Errorf("token %+v", again)
	}
	for range 2 { // it reads them twice
		rows := decode[[]tfPermission](t, p.do("GET", tokenPath+"permissions/", ""))
		if len(rows) != 2 || rows[0].ProjectID != *project.ID || rows[0].AllProjects || strings.Join(rows[0].Categories, "") != "development" ||
			!rows[1].AllProjects || rows[1].ProjectID != 0 {
			t.Errorf("rows %+v", rows)
		}
	}

	// data sources
	if all := decode[[]tfProject](t, p.do("GET", `/v3/accounts/1/projects/?limit=100&order_by=name&include_related=["repository","connection"]`, "")); len(all) != 1 {
		t.Errorf("projects %+v", all)
	}
	if tokens := decode[[]tfToken](t, p.do("GET", "/v3/accounts/1/service-tokens/?state=1", "")); len(tokens) != 2 {
		t.Errorf("tokens %+v", tokens)
	}
	p.do("GET", "/v2/accounts/1/users/", "")

	// a change: the whole object goes back by POST
	changed := decode[tfProject](t, p.do("POST", projectPath,
		fmt.Sprintf(`{"id":%d,"name":"tf 2","description":"d","dbt_project_subdirectory":null,"state":1,"account_id":1}`, *project.ID)))
	if changed.Name != "tf 2" || changed.Description != "d" {
		t.Errorf("project %+v", changed)
	}

	// a mapping, whose DELETE must answer with a body
	m := decode[mapping](t, p.do("POST", "/v3/accounts/1/"+mappingsPath,
		fmt.Sprintf(`{"id":null,"account_id":1,"project_id":%d,"semantic_layer_credentials_id":9,"service_token_id":%d,"state":1}`, *project.ID, *token.ID)))
	if data := p.do("DELETE", fmt.Sprintf("/v3/accounts/1/%s%d/", mappingsPath, m.ID), ""); data == nil {
		t.Error("the provider cannot read an empty reply here")
	}

	// destroy: the token by DELETE, the project by state 2
	p.do("DELETE", tokenPath, "")
	if gone := decode[tfToken](t, p.do("GET", tokenPath, "")); gone.State != 2 {
		t.Errorf("token %+v", gone)
	}
	p.do("GET", projectPath, "")
	if gone := decode[tfProject](t, p.do("POST", projectPath, fmt.Sprintf(`{"id":%d,"name":"tf 2","state":2,"account_id":1}`, *project.ID))); gone.State != 2 {
		t.Errorf("project %+v", gone)
	}
}

// Recorded: project_delete_response.json, 200 with state 2.
func TestProjects(t *testing.T) {
	s, _ := newSim(t)
	const path = "/api/v3/accounts/1/projects/"
	for _, name := range []string{"beta", "alpha", "alphabet"} {
		want(t, send(t, s, s.AdminToken(), "POST", path, map[string]any{"name": name, "connection_id": 3, "dbt_project_subdirectory": "models"}), 201)
	}
	list := as[[]project](t, send(t, s, s.AdminToken(), "GET", path+"?order_by=name&name__icontains=ALPHA", nil))
	if len(list) != 2 || list[0].Name != "alpha" || *list[0].ConnectionID != 3 || *list[0].DBTProjectSubdirectory != "models" {
		t.Fatalf("%+v", list)
	}
	one := fmt.Sprintf("%s%d/", path, list[0].ID)
	g := send(t, s, s.AdminToken(), "DELETE", one, nil)
	if g.code != 200 || as[project](t, g).State != deleted {
		t.Errorf("%d %s", g.code, g.body)
	}
	want(t, send(t, s, s.AdminToken(), "GET", one, nil), 200)
	want(t, send(t, s, s.AdminToken(), "DELETE", one, nil), 404)
	want(t, send(t, s, s.AdminToken(), "POST", one, `{"name":"x"}`), 404)
	want(t, send(t, s, s.AdminToken(), "GET", path+"1/", nil), 404)
	want(t, send(t, s, s.AdminToken(), "POST", path, `{"name":""}`), 400)
	if n := send(t, s, s.AdminToken(), "GET", path+"?state=1", nil).extra.Pagination.Total; n != 2 {
		t.Errorf("%d active", n)
	}
}
