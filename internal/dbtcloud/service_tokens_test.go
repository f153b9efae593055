package dbtcloud

import (
	"context"
	"encoding/json"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"
)

// sent checks the one request that a transport saw.
func sent(t *testing.T, f *fake, method, path, body string) {
	t.Helper()
	if f.count() != 1 {
		t.Fatalf("%d requests were sent, want 1", f.count())
	}
	r := f.seen[0]
	if r.Method != method || r.URL.RequestURI() != path {
		t.Errorf("sent %s %s, want %s %s", r.Method, r.URL.RequestURI(), method, path)
	}
	if body == "" && f.bodies[0] != "" || body != "" && !sameJSON(t, f.bodies[0], body) {
		t.Errorf("sent %s, want %s", f.bodies[0], body)
	}
	for name, want := range map[string]string{
		"Authorization": "Token " + testToken, "Accept": "application/json", "Content-Type": "application/json", "User-Agent": "tokenwarden",
	} {
		if got := r.Header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

func sameJSON(t *testing.T, a, b string) bool {
	t.Helper()
	var x, y any
	if err := json.Unmarshal([]byte(a), &x); err != nil {
		t.Errorf("not JSON: %s", a)
	}
	if err := json.Unmarshal([]byte(b), &y); err != nil {
		t.Fatal(err)
	}
	return reflect.DeepEqual(x, y)
}

func project(id int64) *int64 { return &id }

func TestServiceTokenToleratesStrangeFields(t *testing.T) {
	for in, want := range map[string]ServiceToken{
		`{"id": 7}`:                                {ID: 7},
		`{"id": "7", "account_id": "1"}`:           {ID: 7, AccountID: 1},
		`{"id": 7, "state": "2", "name": null}`:    {ID: 7, State: Deleted},
		`{"id": 7, "name": 12, "uid": "abc"}`:      {ID: 7, Name: "12", UID: "abc"},
		`{"id": 7, "state": "dead"}`:               {ID: 7, Unread: []string{"state"}},
		`{"id": 7, "state": 1.5}`:                  {ID: 7, Unread: []string{"state"}},
		`{"id": 7, "account_id": "", "name": []}`:  {ID: 7, Unread: []string{"name"}},
		`{"id": 7, "metadata_only": null}`:         {ID: 7},
		`{"id": 7, "metadata_only": true}`:         {ID: 7, MetadataOnly: true},
		`{"id": 7, "webhooks_only": "true"}`:       {ID: 7, WebhooksOnly: true},
		`{"id": 7, "webhooks_only": 1}`:            {ID: 7, WebhooksOnly: true},
		`{"id": 7, "webhooks_only": ""}`:           {ID: 7},
		`{"id": 7, "metadata_only": {"a": 1}}`:     {ID: 7, Unread: []string{"metadata_only"}},
		`{"id": 7, "metadata_only": "maybe"}`:      {ID: 7, Unread: []string{"metadata_only"}},
		`{"id": 7, "last_used": ""}`:               {ID: 7, LastUsed: Timestamp{Presence: Unreadable}},
		`{"id": 7, "last_used": null}`:             {ID: 7, LastUsed: Timestamp{Presence: Null}},
		`{"id": 7, "created_at": [1]}`:             {ID: 7, CreatedAt: Timestamp{Presence: Unreadable, Raw: "[1]"}},
		`{"id": 7, "expires_at": {}, "owner": []}`: {ID: 7},
		`{"id": 7, "permission_grants": null}`:     {ID: 7},
		`{"id": 7, "permission_grants": []}`:       {ID: 7, HasGrants: true, Grants: []Grant{}},
		`{"id": 7, "permission_grants": "none"}`:   {ID: 7, Unread: []string{"permission_grants"}},
		`{"id": 7, "permission_grants": [{}]}`:     {ID: 7, Unread: []string{"permission_grants"}},
		`{"id": 7, "permission_grants": [{"permission_set": "owner"}]}`: {ID: 7, HasGrants: true,
			Grants: []Grant{{PermissionSet: "owner", AllProjects: true}}},
		`{"id": 7, "service_token_permissions": [{"id": 1, "permission_set": "new_set", "project_id": 9, "all_projects": false, "state": 2}]}`: {
			ID: 7, HasGrants: true, Grants: []Grant{{ID: 1, PermissionSet: "new_set", ProjectID: project(9), State: Deleted}}},
		`{"id": 7, "service_token_permissions": [], "permission_grants": [{"permission_set": "owner"}]}`: {ID: 7, HasGrants: true,
			Grants: []Grant{{PermissionSet: "owner", AllProjects: true}}},
		`{"id": 7, "semantic_layer_credentials": null}`: {ID: 7},
		`{"id": 7, "semantic_layer_credentials": []}`:   {ID: 7, HasSemanticLayer: true, SemanticLayer: []SemanticLayerCredential{}},
		`{"id": 7, "semantic_layer_credentials": [5, "6", {"id": 7, "project_id": 8}, {"id": "9"}, "x", null]}`: {ID: 7, HasSemanticLayer: true,
			SemanticLayer: []SemanticLayerCredential{{ID: 5}, {ID: 6}, {ID: 7, ProjectID: 8}, {ID: 9}, {}, {}}},
		`{"id": 7, "semantic_layer_credentials": {"id": 1}}`: {ID: 7, Unread: []string{"semantic_layer_credentials"}},
	} {
		var got ServiceToken
		if err := json.Unmarshal([]byte(in), &got); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s\n got %+v, %v\nwant %+v", in, got, err, want)
		}
	}
}

func TestReadServiceToken(t *testing.T) {
	transport := answers(ok(`{"id": 777, "state": 2, "name": "Airflow prod"}`))
	token, date, err := newTestClient(t, transport).ServiceToken(context.Background(), 777)
	if err != nil || token.State != Deleted || token.Name != "Airflow prod" || !date.Equal(serverTime) {
		t.Errorf("%+v, %v, %v", token, date, err)
	}
	sent(t, transport, http.MethodGet, "/api/v3/accounts/12345/service-tokens/777/", "")

	for _, data := range []string{`null`, `[]`, `{}`, `{"id": 778, "state": 1}`, `[{"id": 777}]`} {
		if _, _, err := newTestClient(t, answers(ok(data))).ServiceToken(context.Background(), 777); KindOf(err) != KindMalformed {
			t.Errorf("%s: %v", data, err)
		}
	}
	noDate := answers(response(404, `{}`), response(200, `{"data": {"id": 777}}`, "Date", ""))
	c := newTestClient(t, noDate)
	if _, date, err := c.ServiceToken(context.Background(), 777); KindOf(err) != KindNotFound || !date.Equal(serverTime) {
		t.Errorf("%v, %v", date, err)
	}
	if _, date, err := c.ServiceToken(context.Background(), 777); err != nil || !date.IsZero() {
		t.Errorf("%v, %v", date, err)
	}
}

func TestCreateServiceToken(t *testing.T) {
	transport := answers(response(201, recorded(t, "service_token_create_response.json")))
	created, date, err := newTestClient(t, transport).CreateServiceToken(context.Background(), NewServiceToken{
		Name: "Airflow <prod>",
		Grants: []Grant{
			{ID: 5, AccountID: 12345, ServiceTokenID: 777, State: Active, PermissionSet: "semantic_layer_only", ProjectID: project(71), WritableEnvironmentCategories: json.RawMessage(`[]`)},
			{PermissionSet: "brand_new_set", AllProjects: true, WritableEnvironmentCategories: json.RawMessage(`["all"]`)},
			{PermissionSet: "job_admin", AllProjects: true},
		},
	})
	if err != nil || !date.Equal(serverTime) {
		t.Fatal(date, err)
	}
	sent(t, transport, http.MethodPost, "/api/v3/accounts/12345/service-tokens/", `{"name": "Airflow <prod>", "permission_grants": [
		{"permission_set": "semantic_layer_only", "project_id": 71, "writable_environment_categories": []},
		{"permission_set": "brand_new_set", "writable_environment_categories": ["all"]},
		{"permission_set": "job_admin"}]}`)
	if created.ID != 901 || created.Name != "Airflow prod" || created.Value.Reveal() != "dbtc_EXAMPLE0000000000000000000000000000000000000000000" {
		t.Errorf("%+v", created)
	}
	if !created.CreatedAt.Time.Equal(time.Date(2025, 10, 6, 5, 55, 54, 587854000, time.UTC)) || created.LastUsed.Presence != Null {
		t.Errorf("%+v, %+v", created.CreatedAt, created.LastUsed)
	}
	if len(created.Grants) != 2 || created.Grants[0].ID != 1001 || string(created.Grants[0].WritableEnvironmentCategories) != "[]" || len(created.Unread) != 0 {
		t.Errorf("%+v, unread %q", created.Grants, created.Unread)
	}
}

func TestCreateSendsTheBooleansOnlyWhenSet(t *testing.T) {
	for want, n := range map[string]NewServiceToken{
		`{"name": "a", "permission_grants": []}`:                        {Name: "a"},
		`{"name": "a", "permission_grants": [], "metadata_only": true}`: {Name: "a", MetadataOnly: true},
		`{"name": "a", "permission_grants": [], "webhooks_only": true}`: {Name: "a", WebhooksOnly: true},
	} {
		transport := answers(response(201, recorded(t, "service_token_create_response.json")))
		if _, _, err := newTestClient(t, transport).CreateServiceToken(context.Background(), n); err != nil {
			t.Error(err)
		}
		sent(t, transport, http.MethodPost, "/api/v3/accounts/12345/service-tokens/", want)
	}
}

func TestCreateWithoutValueMayHaveHappened(t *testing.T) {
	for _, data := range []string{
		`null`, `{}`, `[]`, `{"id": 901}`, `{"id": 901, "token_string": null}`, `{"id": 901, "token_string": ""}`, `{"id": 901, "token_string": {}}`,
		`{"token_string": "hunter2"}`, `{"id": 901, "token_string": "hunter2\n"}`, `{"id": 901, "token_string": "hunter2 hunter2"}`,
	} {
		created, _, err := newTestClient(t, answers(ok(data))).CreateServiceToken(context.Background(), NewServiceToken{Name: "a"})
		if KindOf(err) != KindMalformed || !MayHaveHappened(err) || !created.Value.Empty() {
			t.Errorf("%s: %v", data, err)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("the error has the value: %v", err)
		}
	}
	_, _, err := newTestClient(t, answers(response(204, ``))).CreateServiceToken(context.Background(), NewServiceToken{Name: "a"})
	if KindOf(err) != KindMalformed || !MayHaveHappened(err) {
		t.Errorf("204: %v", err)
	}
}

func TestRenameServiceToken(t *testing.T) {
	for _, reply := range []*http.Response{ok(`{"id": 901}`), response(200, `{}`), response(204, ``)} {
		transport := answers(reply)
		if err := newTestClient(t, transport).RenameServiceToken(context.Background(), 901, "Airflow prod"); err != nil {
			t.Error(err)
		}
		sent(t, transport, http.MethodPut, "/api/v3/accounts/12345/service-tokens/901/", `{"name": "Airflow prod"}`)
	}
}

func TestDeleteServiceToken(t *testing.T) {
	for _, reply := range []*http.Response{
		response(204, ``), response(200, recorded(t, "project_delete_response.json")), response(202, `<html>`), response(200, `{"data": {"id`),
	} {
		transport := answers(reply)
		if err := newTestClient(t, transport).DeleteServiceToken(context.Background(), 777); err != nil {
			t.Error(err)
		}
		sent(t, transport, http.MethodDelete, "/api/v3/accounts/12345/service-tokens/777/", "")
	}
}

func FuzzServiceToken(f *testing.F) {
	for _, s := range []string{
		`{"id": 7}`, `{"id": "7", "state": "1", "last_used": ""}`, `null`, `[]`, `{"id":1,"permission_grants":[{"permission_set":"a"}]}`,
		`{"id":1,"semantic_layer_credentials":[1,{"id":2},null]}`, `{"id":1,"metadata_only":"\u0031"}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		var token ServiceToken
		if err := json.Unmarshal(in, &token); err != nil {
			return
		}
		if token.ID <= 0 && strings.TrimSpace(string(in)) != "null" {
			t.Fatalf("%s was taken without an id", in)
		}
	})
}
