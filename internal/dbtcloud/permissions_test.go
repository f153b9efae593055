package dbtcloud

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"testing"
)

func TestGrantIsReadAltogether(t *testing.T) {
	for in, want := range map[string]Grant{
		`{"permission_set": "owner"}`:                                                {PermissionSet: "owner", AllProjects: true},
		`{"permission_set": "owner", "project_id": null}`:                            {PermissionSet: "owner", AllProjects: true},
		`{"permission_set": "owner", "project_id": 5}`:                               {PermissionSet: "owner", ProjectID: project(5)},
		`{"permission_set": "owner", "project_id": "5", "all_projects": null}`:       {PermissionSet: "owner", ProjectID: project(5)},
		`{"permission_set": "owner", "project_id": null, "all_projects": false}`:     {PermissionSet: "owner"},
		`{"permission_set": "owner", "project_id": 5, "all_projects": true}`:         {PermissionSet: "owner", ProjectID: project(5), AllProjects: true},
		`{"permission_set": "not known to us", "state": 2, "id": 9}`:                 {ID: 9, PermissionSet: "not known to us", AllProjects: true, State: Deleted},
		`{"permission_set": "a", "writable_environment_categories": null}`:           {PermissionSet: "a", AllProjects: true},
		`{"permission_set": "a", "writable_environment_categories": []}`:             {PermissionSet: "a", AllProjects: true, WritableEnvironmentCategories: json.RawMessage(`[]`)},
		`{"permission_set": "a", "writable_environment_categories": ["all"]}`:        {PermissionSet: "a", AllProjects: true, WritableEnvironmentCategories: json.RawMessage(`["all"]`)},
		`{"permission_set": "a", "writable_environment_categories": {"new": "way"}}`: {PermissionSet: "a", AllProjects: true, WritableEnvironmentCategories: json.RawMessage(`{"new": "way"}`)},
	} {
		var got Grant
		if err := json.Unmarshal([]byte(in), &got); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s\n got %+v, %v\nwant %+v", in, got, err, want)
		}
	}
	for _, in := range []string{
		`{}`, `null`, `[]`, `{"permission_set": null}`, `{"permission_set": ""}`, `{"permission_set": {}}`,
		`{"permission_set": "a", "project_id": "all"}`, `{"permission_set": "a", "project_id": [1]}`,
		`{"permission_set": "a", "state": "gone"}`, `{"permission_set": "a", "all_projects": "some"}`,
	} {
		var got Grant
		if err := json.Unmarshal([]byte(in), &got); err == nil {
			t.Errorf("%s was taken as %+v", in, got)
		}
	}
}

func grantRow(id int) string {
	return fmt.Sprintf(`{"id": %d, "permission_set": "job_admin", "project_id": %d, "all_projects": false, "state": %d}`, id, id, 1+id%2)
}

func TestPermissionsReadsAllPagesAndStates(t *testing.T) {
	transport := &fake{answer: pages{n: 165, item: grantRow}.answer}
	grants, err := newTestClient(t, transport).Permissions(context.Background(), 777)
	if err != nil || len(grants) != 165 || transport.count() != 2 {
		t.Fatalf("%d rows, %d requests, %v", len(grants), transport.count(), err)
	}
	if got := transport.seen[0].URL.RequestURI(); got != "/api/v3/accounts/12345/service-tokens/777/permissions/?limit=100&offset=0" {
		t.Error(got)
	}
	dead := 0
	for _, g := range grants {
		if g.State == Deleted {
			dead++
		}
	}
	if dead != 83 {
		t.Errorf("%d dead rows", dead)
	}
}

func TestPermissionsAreNeverShort(t *testing.T) {
	short := pages{n: 165, hideBeyond: 100, item: grantRow}
	transport := &fake{answer: short.answer}
	grants, err := newTestClient(t, transport).Permissions(context.Background(), 777)
	if KindOf(err) != KindMalformed || grants != nil || transport.count() != 2*maxPasses {
		t.Errorf("%d rows, %v, %d requests", len(grants), err, transport.count())
	}

	whole := pages{n: 165, item: grantRow}
	once := &fake{answer: func(n int, r *http.Request) (*http.Response, error) {
		if n <= 2 {
			return short.answer(n, r)
		}
		return whole.answer(n, r)
	}}
	grants, err = newTestClient(t, once).Permissions(context.Background(), 777)
	if err != nil || len(grants) != 165 {
		t.Errorf("%d rows, %v", len(grants), err)
	}

	broken := answers(ok(`[{"id": 1, "permission_set": "owner"}, {"id": 2}]`))
	if grants, err := newTestClient(t, broken).Permissions(context.Background(), 777); KindOf(err) != KindMalformed || grants != nil {
		t.Errorf("%+v, %v", grants, err)
	}
}

func TestSetPermissions(t *testing.T) {
	transport := answers(ok(`[]`))
	err := newTestClient(t, transport).SetPermissions(context.Background(), 901, []Grant{
		{ID: 5, ServiceTokenID: 777, PermissionSet: "developer", ProjectID: project(71), State: Active, WritableEnvironmentCategories: json.RawMessage(`["staging"]`)},
		{PermissionSet: "owner", AllProjects: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	sent(t, transport, http.MethodPost, "/api/v3/accounts/12345/service-tokens/901/permissions/", `[
		{"account_id": 12345, "service_token_id": 901, "project_id": 71, "all_projects": false, "permission_set": "developer",
		 "writable_environment_categories": ["staging"]},
		{"account_id": 12345, "service_token_id": 901, "all_projects": true, "permission_set": "owner"}]`)
}
