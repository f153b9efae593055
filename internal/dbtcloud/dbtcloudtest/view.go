package dbtcloudtest

import (
	"slices"
	"time"
)

// Token is what the simulator knows of a service token, which is more than the
// API shows. It is a copy.
type Token struct {
	SeedToken // every row and mapping, deleted ones included; LastUsed as replies show it now
	AccountID int64
	Used      time.Time // when it was really used last; zero: never since it was loaded or created
	Uses      int       // requests that it authenticated
}

// Active reports whether the token is not deleted.
func (t Token) Active() bool { return t.State == active }

// ActiveGrants returns the rows that are not deleted.
func (t Token) ActiveGrants() []SeedGrant {
	return slices.DeleteFunc(slices.Clone(t.Grants), func(g SeedGrant) bool { return g.State != active })
}

// ActiveMappings returns the mappings that are not deleted.
func (t Token) ActiveMappings() []SeedMapping {
	return slices.DeleteFunc(slices.Clone(t.Mappings), func(m SeedMapping) bool { return m.State != active })
}

// View looks at the state without a request. The one in an Event is valid
// during the observer's call; Sim has the same methods for everybody else.
type View struct{ s *Sim }

// Token returns a service token by id, deleted ones included.
func (v View) Token(id int64) (Token, bool) {
	t := v.s.world.tokens[id]
	if t == nil {
		return Token{}, false
	}
	return v.copy(t), true
}

// Tokens returns all service tokens of all accounts, deleted ones included.
func (v View) Tokens() []Token {
	return v.where(func(*token) bool { return true })
}

// ActiveByName returns the active tokens of that very name.
func (v View) ActiveByName(name string) []Token {
	return v.where(func(t *token) bool { return t.state == active && t.name == name })
}

// TokenByValue tells which service token a value belongs to, and whether that
// is active. The id is 0 for any other value.
func (v View) TokenByValue(value string) (id int64, isActive bool) {
	c := v.s.world.credentials[value]
	if c == nil || c.token == nil {
		return 0, false
	}
	return c.token.id, c.token.state == active
}

// Authenticates tells whether a request with the value would be answered other
// than with 401 now, without making one.
func (v View) Authenticates(value string) bool {
	c := v.s.world.credentials[value]
	return c != nil && c.alive(v.s.now(), &v.s.opts) && (c.account == nil || !c.account.unpaid)
}

// ValueOf returns a service token's value, also of a deleted one; "" if there
// is no such token.
func (v View) ValueOf(id int64) string {
	if t := v.s.world.tokens[id]; t != nil {
		return t.value
	}
	return ""
}

// AdminToken returns the value of the first account's first service token that
// is active and may do everything; "" when there is none any more.
func (v View) AdminToken() string {
	for _, t := range v.s.world.accounts[0].tokens {
		if t.state == active && t.access() == full {
			return t.value
		}
	}
	return ""
}

// AccountID returns the id of the first account.
func (v View) AccountID() int64 { return v.s.world.accounts[0].id }

func (v View) where(keep func(*token) bool) []Token {
	var out []Token
	for _, a := range v.s.world.accounts {
		for _, t := range a.tokens {
			if keep(t) {
				out = append(out, v.copy(t))
			}
		}
	}
	return out
}

func (v View) copy(t *token) Token {
	out := Token{
		SeedToken: SeedToken{
			ID: t.id, UID: t.uid, Name: t.name, Value: t.value, State: t.state,
			CreatedAt: t.createdAt, UpdatedAt: t.updatedAt, LastUsed: t.usage.date(v.s.now(), &v.s.opts, t.id),
			MetadataOnly: t.metadataOnly, WebhooksOnly: t.webhooksOnly, Omit: slices.Clone(t.omit), IPDenied: t.cred.ipDenied,
		},
		AccountID: t.account.id, Used: t.usage.last, Uses: t.usage.count,
	}
	for _, r := range t.rows {
		out.Grants = append(out.Grants, SeedGrant{
			ID: r.ID, PermissionSet: r.PermissionSet, ProjectID: r.ProjectID, AllProjects: new(r.AllProjects), State: r.State,
			WritableEnvironmentCategories: slices.Clone(r.Categories),
		})
	}
	for _, m := range t.account.mappings {
		if m.ServiceTokenID == t.id {
			out.Mappings = append(out.Mappings, SeedMapping{ID: m.ID, ProjectID: m.ProjectID, CredentialID: m.CredentialID, State: m.State})
		}
	}
	return out
}

func look[T any](s *Sim, f func(View) T) T {
	s.lock()
	defer s.mu.Unlock()
	return f(View{s})
}

// Token is View.Token.
func (s *Sim) Token(id int64) (Token, bool) {
	s.lock()
	defer s.mu.Unlock()
	return View{s}.Token(id)
}

// Tokens is View.Tokens.
func (s *Sim) Tokens() []Token { return look(s, View.Tokens) }

// ActiveByName is View.ActiveByName.
func (s *Sim) ActiveByName(name string) []Token {
	return look(s, func(v View) []Token { return v.ActiveByName(name) })
}

// TokenByValue is View.TokenByValue.
func (s *Sim) TokenByValue(value string) (id int64, isActive bool) {
	s.lock()
	defer s.mu.Unlock()
	return View{s}.TokenByValue(value)
}

// Authenticates is View.Authenticates.
func (s *Sim) Authenticates(value string) bool {
	return look(s, func(v View) bool { return v.Authenticates(value) })
}

// ValueOf is View.ValueOf.
func (s *Sim) ValueOf(id int64) string {
	return look(s, func(v View) string { return v.ValueOf(id) })
}

// AdminToken is View.AdminToken.
func (s *Sim) AdminToken() string { return look(s, View.AdminToken) }

// AccountID is View.AccountID.
func (s *Sim) AccountID() int64 { return look(s, View.AccountID) }
