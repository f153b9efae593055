package dbtcloudtest

import (
	"fmt"
	"net/http"
	"testing"
)

// An outside checker sees the state on both sides of each effect.
func TestObserve(t *testing.T) {
	s, _ := newSim(t)
	id, value := s.AddToken(SeedToken{Name: "old", Grants: []SeedGrant{{PermissionSet: "account_admin"}}})
	var seen []string
	s.Observe(func(e Event) {
		_, isActive := e.View.TokenByValue(value)
		one, _ := e.View.Token(id)
		seen = append(seen, fmt.Sprint(e.Phase, e.Request.Operation, e.Request.TokenID, e.Request.Status, isActive, one.State, len(e.View.ActiveByName("old"))))
	})
	s.Plan(Rule{Operation: "list-tokens", Fault: TimeoutBefore})
	_, _ = try(t, s, value, "GET", tokensPath, nil) // no effect, no event
	want(t, send(t, s, value, "DELETE", tokenPath(id), nil), 204)
	want(t, send(t, s, "nobody", "GET", tokenPath(id), nil), 401)
	expected := []string{
		fmt.Sprint(Before, "delete-token", id, 0, true, 1, 1),
		fmt.Sprint(After, "delete-token", id, 204, false, 2, 0),
		fmt.Sprint(Before, "get-token", int64(0), 0, false, 2, 0),
		fmt.Sprint(After, "get-token", int64(0), 401, false, 2, 0),
	}
	if fmt.Sprint(seen) != fmt.Sprint(expected) {
		t.Errorf("seen %v\nwant %v", seen, expected)
	}
}

func TestLog(t *testing.T) {
	s, c := newSim(t)
	admin := s.AdminToken()
	id, _ := s.TokenByValue(admin)
	send(t, s, admin, "GET", tokensPath+"?state=1", nil)
	send(t, s, "nobody", "GET", "/elsewhere", nil)
	expected := []Request{
		{At: c.t, Operation: "list-tokens", Method: "GET", Path: tokensPath, Query: "state=1", TokenID: id, Effect: true, Status: 200},
		{At: c.t, Operation: "unknown", Method: "GET", Path: "/elsewhere", Effect: true, Status: 404},
	}
	if got := s.Requests(); fmt.Sprint(got) != fmt.Sprint(expected) {
		t.Errorf("%+v\nwant %+v", got, expected)
	}
	s.ForgetRequests()
	if len(s.Requests()) != 0 {
		t.Error("not forgotten")
	}
}

func TestLogIsBounded(t *testing.T) {
	s, _ := newSim(t)
	for range maxLog + 10 {
		s.record(&Request{})
	}
	if n := len(s.Requests()); n != maxLog/2+10 {
		t.Errorf("%d lines", n)
	}
}

func TestOperations(t *testing.T) {
	s, _ := newSim(t)
	for request, name := range map[string]string{
		"GET /api/v2/accounts/":                                     "accounts",
		"GET /api/v3/accounts/12/":                                  "account",
		"POST /api/v3/accounts/12/service-tokens/":                  "create-token",
		"GET /api/v3/accounts/12/service-tokens/?state=1":           "list-tokens",
		"GET /api/v3/accounts/12/service-tokens/7/":                 "get-token",
		"PUT /api/v3/accounts/12/service-tokens/7/":                 "rename-token",
		"POST /api/v3/accounts/12/service-tokens/7/":                "update-token",
		"DELETE /api/v3/accounts/12/service-tokens/7/":              "delete-token",
		"GET /api/v3/accounts/12/service-tokens/7/permissions/":     "get-permissions",
		"POST /api/v3/accounts/12/service-tokens/7/permissions/":    "post-permissions",
		"GET /api/v3/accounts/12/" + mappingsPath + "?project_id=1": "get-mappings",
		"POST /api/v3/accounts/12/" + mappingsPath:                  "post-mapping",
		"DELETE /api/v3/accounts/12/" + mappingsPath + "3/":         "delete-mapping",
		"GET /api/v3/accounts/12/users/":                            "users",
		"GET /api/v3/accounts/12/users/5/account-apikeys/":          "list-pats",
		"GET /api/v3/accounts/12/ip-restrictions/":                  "list-ip-rules",
		"GET /api/v3/accounts/12/scim-config/tokens/":               "scim-tokens",
		"GET /api/v3/accounts/12/service-tokens":                    "unknown",
		"GET /v3/accounts/":                                         "unknown",
	} {
		var method, path string
		if _, err := fmt.Sscan(request, &method, &path); err != nil {
			t.Fatal(err)
		}
		r, err := http.NewRequestWithContext(t.Context(), method, "http://x"+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Operation(r); got != name {
			t.Errorf("%s is %q, want %q", request, got, name)
		}
	}
}
