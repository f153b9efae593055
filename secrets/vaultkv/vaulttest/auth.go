package vaulttest

import (
	"crypto/rand"
	"net/http"
	"strings"
	"time"
)

// token is a Vault token. Its zero expiry is never.
type token struct {
	namespace string
	login     string // the mounted login that gave it
	policies  []string
	ttl       time.Duration // as granted at first
	expires   time.Time
	oldest    time.Time // no renewal reaches beyond this; zero: no such limit
	renewable bool
}

// login is one mounted way to log in.
type login struct {
	path      string
	kind      string
	namespace string
	roles     map[string]*role
}

// role is what one may log in to.
type role struct {
	id          string // approle
	credentials map[string]int
	policies    []string
	ttl, max    time.Duration
	uses        int // of a secret id; 0: any number
}

// find returns the token if it is known and has not ended.
func (s *Server) find(secret string) *token {
	t := s.tokens[secret]
	if t == nil || !t.expires.IsZero() && !t.expires.After(s.now()) {
		delete(s.tokens, secret)
		return nil
	}
	return t
}

// issue makes a token and the "auth" part of an answer.
func (s *Server) issue(t *token) answer {
	secret := "hvs." + rand.Text()
	if t.ttl > 0 {
		t.expires = s.now().Add(t.ttl)
	}
	s.tokens[secret] = t
	return answer{status: http.StatusOK, auth: describe(secret, t, t.ttl)}
}

func describe(secret string, t *token, lease time.Duration) map[string]any {
	return map[string]any{
		"client_token": secret, "accessor": "accessor", "policies": t.policies, "token_policies": t.policies,
		"lease_duration": int(lease / time.Second), "renewable": t.renewable, "token_type": "service",
	}
}

func (c *call) serveToken(path string) answer {
	switch path + " " + c.op {
	case "lookup-self read":
		data := map[string]any{"ttl": 0, "renewable": c.token.renewable, "policies": c.token.policies, "expire_time": nil}
		if !c.token.expires.IsZero() {
			data["ttl"] = int(c.token.expires.Sub(c.now()) / time.Second)
			data["expire_time"] = stamp(c.token.expires)
		}
		return ok(data)
	case "renew-self update":
		return c.renew()
	case "revoke-self update":
		delete(c.tokens, c.secret)
		return none()
	case "revoke update":
		delete(c.tokens, text(c.body["token"]))
		return none()
	case "create update":
		t := &token{namespace: c.namespace, renewable: true, ttl: 768 * time.Hour, policies: list(c.body["policies"])}
		if len(t.policies) == 0 {
			t.policies, t.ttl = c.token.policies, 0
		} else if c.body["no_default_policy"] != true {
			t.policies = append(t.policies, "default")
		}
		if ttl, given := duration(c.body["ttl"]); given {
			t.ttl = ttl
		}
		if limit, given := duration(c.body["explicit_max_ttl"]); given {
			t.oldest = c.now().Add(limit)
		}
		if renewable, given := c.body["renewable"].(bool); given {
			t.renewable = renewable
		}
		return c.issue(t)
	}
	return fail(http.StatusMethodNotAllowed, "unsupported operation")
}

func (c *call) renew() answer {
	t := c.token
	if !t.renewable || t.expires.IsZero() {
		return fail(http.StatusBadRequest, "lease is not renewable")
	}
	lease := t.ttl
	if increment, given := duration(c.body["increment"]); given && increment > 0 {
		lease = increment
	}
	if left := t.oldest.Sub(c.now()); !t.oldest.IsZero() && lease > left {
		lease = left
	}
	t.expires = c.now().Add(lease)
	return answer{status: http.StatusOK, auth: describe(c.secret, t, lease)}
}

// serveLogin answers what lies below auth/MOUNT/.
func (c *call) serveLogin(l *login, path string) answer {
	if path == "login" && c.op == "update" {
		return c.logIn(l)
	}
	parts := strings.Split(path, "/")
	if l.kind != "approle" || parts[0] != "role" || len(parts) < 2 || c.token == nil || !c.may(c.token, c.op, c.path) {
		return fail(http.StatusForbidden, "permission denied")
	}
	r := l.roles[parts[1]]
	switch {
	case len(parts) == 2 && c.op == "update":
		if r == nil {
			r = &role{id: rand.Text(), credentials: map[string]int{}, ttl: 768 * time.Hour}
		}
		r.policies = append(list(c.body["token_policies"]), "default")
		if ttl, given := duration(c.body["token_ttl"]); given {
			r.ttl = ttl
		}
		r.max, _ = duration(c.body["token_max_ttl"])
		uses, _ := duration(c.body["secret_id_num_uses"])
		r.uses = int(uses / time.Second)
		l.roles[parts[1]] = r
		return none()
	case r == nil:
		return notFound()
	case parts[2] == "role-id" && c.op == "read":
		return ok(map[string]any{"role_id": r.id})
	case parts[2] == "secret-id" && c.op == "update":
		secret := rand.Text()
		r.credentials[secret] = r.uses
		return ok(map[string]any{"secret_id": secret, "secret_id_num_uses": r.uses})
	}
	return fail(http.StatusMethodNotAllowed, "unsupported operation")
}

// logIn checks the credential. A secret id with a number of uses is gone after
// the last.
func (c *call) logIn(l *login) answer {
	name, credential := text(c.body["role"]), text(c.body["jwt"])
	switch l.kind {
	case "approle":
		credential = text(c.body["secret_id"])
		for n, r := range l.roles {
			if r.id == text(c.body["role_id"]) {
				name = n
			}
		}
	case "aws":
		credential = text(c.body["iam_request_headers"])
	}
	r := l.roles[name]
	if r == nil {
		return fail(http.StatusBadRequest, "invalid role or secret ID")
	}
	if _, known := r.credentials[credential]; !known && !(l.kind == "aws" && credential != "") {
		return fail(http.StatusBadRequest, "invalid role or secret ID")
	}
	if uses := r.credentials[credential]; uses == 1 {
		delete(r.credentials, credential)
	} else if uses > 1 {
		r.credentials[credential]--
	}
	t := &token{namespace: l.namespace, login: l.path, policies: r.policies, ttl: r.ttl, renewable: true}
	if r.max > 0 {
		t.oldest = c.now().Add(r.max)
	}
	return c.issue(t)
}

// Trust lets whoever shows the JWT log in to a role of a mounted jwt or
// kubernetes login ("jwt", or "team/jwt" in a namespace). Signatures are not
// checked: to this server a JWT is a password.
func (s *Server) Trust(mount, name, jwt string, policies ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.logins[mount].roles[name] = &role{
		credentials: map[string]int{jwt: 0},
		policies:    append(policies, "default"),
		ttl:         768 * time.Hour,
	}
}

func list(v any) []string {
	if s, is := v.(string); is && s != "" {
		return strings.Split(s, ",")
	}
	items, _ := v.([]any)
	var all []string
	for _, item := range items {
		all = append(all, text(item))
	}
	return all
}
