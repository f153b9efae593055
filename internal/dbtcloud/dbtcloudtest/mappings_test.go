package dbtcloudtest

import (
	"fmt"
	"testing"
)

// Provider: GET ?project_id=P, POST, DELETE {id}/ with a body in the reply.
func TestMappings(t *testing.T) {
	s, _ := newSim(t)
	admin := s.AdminToken()
	id, _ := s.AddToken(SeedToken{Name: "sl"})
	body := func(project, credential int64) string {
		return fmt.Sprintf(`{"id":null,"account_id":1,"project_id":%d,"semantic_layer_credentials_id":%d,"service_token_id":%d,"state":1}`, project, credential, id)
	}
	want(t, send(t, s, admin, "GET", mappingsList, nil), 400)
	g := send(t, s, admin, "POST", mappingsList, body(5, 50))
	want(t, g, 201)
	made := as[mapping](t, g)
	if made.ID == 0 || made.ProjectID != 5 || made.CredentialID != 50 || made.ServiceTokenID != id || made.State != 1 {
		t.Errorf("%+v", made)
	}
	want(t, send(t, s, admin, "POST", mappingsList, body(6, 50)), 201)
	if list := as[[]mapping](t, send(t, s, admin, "GET", mappingsList+"?project_id=5", nil)); len(list) != 1 || list[0] != made {
		t.Errorf("%+v", list)
	}
	// Docs: at most one credential per token and project.
	want(t, send(t, s, admin, "POST", mappingsList, body(5, 51)), 400)

	g = send(t, s, admin, "DELETE", fmt.Sprintf("%s%d/", mappingsList, made.ID), nil)
	want(t, g, 200)
	if as[mapping](t, g).State != deleted {
		t.Errorf("%s", g.body)
	}
	want(t, send(t, s, admin, "DELETE", fmt.Sprintf("%s%d/", mappingsList, made.ID), nil), 404)
	if list := as[[]mapping](t, send(t, s, admin, "GET", mappingsList+"?project_id=5", nil)); len(list) != 0 {
		t.Errorf("%+v", list)
	}
	want(t, send(t, s, admin, "POST", mappingsList, body(5, 51)), 201)

	snapshot, _ := s.Token(id)
	if len(snapshot.Mappings) != 3 || len(snapshot.ActiveMappings()) != 2 {
		t.Errorf("%+v", snapshot.Mappings)
	}
	s.SetMappings(id, SeedMapping{ProjectID: 9, CredentialID: 90})
	if snapshot, _ = s.Token(id); len(snapshot.Mappings) != 1 || snapshot.Mappings[0].ID == 0 {
		t.Errorf("%+v", snapshot.Mappings)
	}
}

func TestMappingsRefuseNonsense(t *testing.T) {
	s, _ := newSim(t)
	gone, _ := s.AddToken(SeedToken{Name: "gone", State: deleted})
	for _, body := range []string{
		`x`,
		`{}`,
		`{"project_id":5,"semantic_layer_credentials_id":50,"service_token_id":999999}`,
		fmt.Sprintf(`{"project_id":5,"semantic_layer_credentials_id":50,"service_token_id":%d}`, gone),
		fmt.Sprintf(`{"project_id":5,"service_token_id":%d}`, gone),
		fmt.Sprintf(`{"account_id":2,"project_id":5,"semantic_layer_credentials_id":50,"service_token_id":%d}`, gone),
	} {
		want(t, send(t, s, s.AdminToken(), "POST", mappingsList, body), 400)
	}
	_, viewer := s.AddToken(SeedToken{Name: "v", Grants: []SeedGrant{{PermissionSet: "account_viewer"}}})
	want(t, send(t, s, viewer, "GET", mappingsList+"?project_id=5", nil), 200)
	want(t, send(t, s, viewer, "POST", mappingsList, `{}`), 404)
}
