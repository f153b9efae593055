// Package vaulttest plays a HashiCorp Vault server for tests: KV version 2 (and
// 1, so far as to be told apart), tokens and leases, policies, the logins that
// package vaultkv has, namespaces, sealing. It keeps the rules of Rules, which
// the same package holds real servers to. Storage, audit, listing, templated
// policies and everything else is left out and answers "no handler".
package vaulttest

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"
)

// Server is a Vault server in memory. It is an http.Handler, to be served over
// loopback to several processes, and an http.RoundTripper, to be called without
// a socket. Make it with New.
type Server struct {
	// Observe, if set, hears of every change to a KV secret at the instant that it
	// is made, before anybody can see it, and of all that the path holds then. The
	// server is locked: it must not be called from there.
	Observe func(Secret)
	// Now is the clock of leases and deletions; nil: time.Now.
	Now func() time.Time

	mu       sync.Mutex
	root     string
	mounts   map[string]*mount // by namespace and path, "team/secret"
	logins   map[string]*login // by namespace and path, "team/approle"
	policies map[string]policy // by namespace and name
	tokens   map[string]*token
	sealed   bool
	standby  *string
}

// New returns an unsealed server with KV version 2 at secret/, as a server in
// development mode has.
func New() *Server {
	s := &Server{
		root:     "hvs." + rand.Text(),
		mounts:   map[string]*mount{},
		logins:   map[string]*login{},
		policies: map[string]policy{},
		tokens:   map[string]*token{},
	}
	s.tokens[s.root] = &token{policies: []string{"root"}}
	s.mounts["secret"] = &mount{kind: "kv", version: "2", secrets: map[string]*secret{}}
	s.mounts["identity"] = &mount{kind: "identity"}
	return s
}

// Admin returns a client with the root token.
func (s *Server) Admin() Admin {
	return Admin{Address: "http://vault.test", Token: s.root, Transport: s}
}

// Seal seals the server or unseals it. Its state stays, as on disk.
func (s *Server) Seal(sealed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sealed = sealed
}

// StandBy makes the server a standby that does not forward requests and names
// active as the active server's address, or, if that is empty, knows of none.
func (s *Server) StandBy(active string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.standby = &active
}

// RoundTrip implements http.RoundTripper.
func (s *Server) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	if req.Body == nil {
		req = req.Clone(req.Context())
		req.Body = http.NoBody
	}
	defer req.Body.Close()
	recorder := httptest.NewRecorder()
	s.ServeHTTP(recorder, req)
	resp := recorder.Result()
	resp.Request = req
	return resp, nil
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	c := &call{
		Server:    s,
		path:      strings.TrimPrefix(req.URL.Path, "/v1/"),
		namespace: strings.Trim(req.Header.Get("X-Vault-Namespace"), "/"),
		secret:    req.Header.Get("X-Vault-Token"),
		query:     req.URL.Query(),
		op:        map[string]string{"GET": "read", "PUT": "update", "POST": "update", "PATCH": "patch", "DELETE": "delete"}[req.Method],
	}
	if req.Method == http.MethodPatch && !strings.HasPrefix(req.Header.Get("Content-Type"), "application/merge-patch+json") {
		fail(http.StatusUnsupportedMediaType, "PATCH requires Content-Type of application/merge-patch+json, provided "+req.Header.Get("Content-Type")).write(w)
		return
	}
	if c.op == "update" || c.op == "patch" {
		decoder := json.NewDecoder(req.Body)
		decoder.UseNumber()
		if err := decoder.Decode(&c.body); err != nil && req.ContentLength != 0 {
			fail(http.StatusBadRequest, "failed to parse JSON input").write(w)
			return
		}
	}
	s.mu.Lock()
	a := c.serve()
	s.mu.Unlock()
	if a.location != "" {
		w.Header().Set("Location", a.location+req.URL.RequestURI())
	}
	a.write(w)
}

func (s *Server) now() time.Time {
	if s.Now != nil {
		return s.Now()
	}
	return time.Now()
}

// answer is what a request is answered with.
type answer struct {
	status   int
	location string
	data     map[string]any
	auth     map[string]any
	errors   []string
	warnings []string
	bare     bool // no body
}

func ok(data map[string]any) answer { return answer{status: http.StatusOK, data: data} }

func none() answer { return answer{status: http.StatusNoContent} }

func notFound() answer { return answer{status: http.StatusNotFound, errors: []string{}} }

// notFoundBare is how Vault says that there is nothing to patch.
func notFoundBare() answer { return answer{status: http.StatusNotFound, bare: true} }

func fail(status int, errors ...string) answer {
	return answer{status: status, errors: append([]string{}, errors...)}
}

func (a answer) write(w http.ResponseWriter) {
	w.Header().Set("Cache-Control", "no-store")
	if a.status == http.StatusNoContent || a.location != "" {
		w.WriteHeader(a.status)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(a.status)
	if a.bare {
		return
	}
	if a.errors != nil {
		_ = json.NewEncoder(w).Encode(map[string]any{"errors": a.errors})
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]any{
		"request_id": rand.Text(), "lease_id": "", "renewable": false, "lease_duration": 0,
		"data": a.data, "auth": a.auth, "warnings": a.warnings, "wrap_info": nil,
	})
}
