package vaulttest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Admin is an operator at a Vault server, this package's or a real one: it
// speaks the HTTP API itself, so that what it sets up owes nothing to the client
// under test.
type Admin struct {
	Address   string // "http://127.0.0.1:8200"
	Namespace string
	Token     string
	Transport http.RoundTripper // nil: http.DefaultTransport
}

// Reply is what came back.
type Reply struct {
	Status int
	Data   map[string]any // "data", or "auth" where a token was issued
	Errors string
	Body   []byte
}

// Do makes a request; path is without /v1/. It fails the test only if there is
// no answer.
func (a Admin) Do(t *testing.T, method, path string, body map[string]any) Reply {
	t.Helper()
	payload := []byte(nil)
	if body != nil {
		payload, _ = json.Marshal(body)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, a.Address+"/v1/"+path, bytes.NewReader(payload))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Vault-Token", a.Token)
	req.Header.Set("X-Vault-Request", "true")
	if method == http.MethodPatch {
		req.Header.Set("Content-Type", "application/merge-patch+json")
	}
	if a.Namespace != "" {
		req.Header.Set("X-Vault-Namespace", a.Namespace)
	}
	resp, err := (&http.Client{Transport: a.Transport, Timeout: 30 * time.Second}).Do(req)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	var answer struct {
		Data   map[string]any
		Auth   map[string]any
		Errors []string
	}
	if len(text) > 0 {
		if err := json.Unmarshal(text, &answer); err != nil {
			t.Fatalf("%s %s answers %d with %q", method, path, resp.StatusCode, text)
		}
	}
	if answer.Auth != nil {
		answer.Data = answer.Auth
	}
	return Reply{resp.StatusCode, answer.Data, strings.Join(answer.Errors, "; "), text}
}

// Must is Do for a request that must succeed. It returns the data.
func (a Admin) Must(t *testing.T, method, path string, body map[string]any) map[string]any {
	t.Helper()
	reply := a.Do(t, method, path, body)
	if reply.Status >= 300 {
		t.Fatalf("%s %s: status %d: %s", method, path, reply.Status, reply.Errors)
	}
	return reply.Data
}

// Mount mounts a KV engine of version "1" or "2".
func (a Admin) Mount(t *testing.T, path, version string) {
	t.Helper()
	a.Must(t, "POST", "sys/mounts/"+path, map[string]any{"type": "kv", "options": map[string]any{"version": version}})
	// A real server upgrades a new mount to version 2 in the background, and
	// refuses requests to it meanwhile.
	for i := 0; version == "2" && a.Do(t, "GET", path+"/config", nil).Status != http.StatusOK; i++ {
		if i > 200 {
			t.Fatalf("the mount %s does not come up", path)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// Policy writes a policy in HCL.
func (a Admin) Policy(t *testing.T, name, hcl string) {
	t.Helper()
	a.Must(t, "PUT", "sys/policies/acl/"+name, map[string]any{"policy": hcl})
}

// With returns an operator with a new token of these policies.
func (a Admin) With(t *testing.T, policies ...string) Admin {
	t.Helper()
	a.Token = a.NewToken(t, map[string]any{"policies": policies})
	return a
}

// NewToken creates a token.
func (a Admin) NewToken(t *testing.T, settings map[string]any) string {
	t.Helper()
	return fmt.Sprint(a.Must(t, "POST", "auth/token/create", settings)["client_token"])
}

// AppRole makes a role, of an approle login that it mounts at path if there is
// none, and returns its credentials.
func (a Admin) AppRole(t *testing.T, path, role string, settings map[string]any) (roleID, secretID string) {
	t.Helper()
	below := "auth/" + path + "/role/" + role
	if reply := a.Do(t, "POST", below, settings); reply.Status >= 300 {
		a.Must(t, "POST", "sys/auth/"+path, map[string]any{"type": "approle"})
		a.Must(t, "POST", below, settings)
	}
	roleID = fmt.Sprint(a.Must(t, "GET", below+"/role-id", nil)["role_id"])
	secretID = fmt.Sprint(a.Must(t, "POST", below+"/secret-id", map[string]any{})["secret_id"])
	return roleID, secretID
}
