package dbtcloudtest

import (
	"fmt"
	"slices"
)

// What follows changes the state without a request, as other people's clicks
// and pipelines do. Each panics on an id that does not exist, and on a seed that
// Load would refuse: a test that goes on after that tests something else.

// AddToken adds a service token to the first account.
func (s *Sim) AddToken(seed SeedToken) (id int64, value string) {
	s.lock()
	defer s.mu.Unlock()
	l := loader{sim: s, world: s.world, now: s.now(), ids: map[string]bool{}}
	a := s.world.accounts[0]
	if s.world.tokens[seed.ID] != nil {
		panic(fmt.Sprintf("dbtcloudtest: adding a token: id %d is taken", seed.ID))
	}
	s.world.lastID = max(s.world.lastID, seed.ID)
	t, err := l.token(a, seed)
	if err != nil {
		panic(fmt.Sprintf("dbtcloudtest: adding the token %q: %v", seed.Name, err))
	}
	t.versions[0].from = l.now
	slices.SortFunc(a.tokens, func(t, u *token) int { return int(t.id - u.id) })
	return t.id, t.value
}

// Delete deletes a token, as an administrator would.
func (s *Sim) Delete(id int64) {
	s.withToken(id, func(t *token) { t.change(s.now(), t.name, deleted) })
}

// Rename gives a token another name.
func (s *Sim) Rename(id int64, name string) {
	s.withToken(id, func(t *token) { t.change(s.now(), name, t.state) })
}

// SetGrants replaces a token's permission rows, which the API itself refuses.
func (s *Sim) SetGrants(id int64, grants ...SeedGrant) {
	s.withToken(id, func(t *token) {
		t.rows = nil
		for _, g := range grants {
			if g.ID == 0 {
				g.ID = s.world.nextID()
			}
			if g.State == 0 {
				g.State = active
			}
			t.rows = append(t.rows, newRow(t, g))
		}
	})
}

// SetMappings replaces a token's semantic layer mappings.
func (s *Sim) SetMappings(id int64, mappings ...SeedMapping) {
	s.withToken(id, func(t *token) {
		t.account.mappings = slices.DeleteFunc(t.account.mappings, func(m *mapping) bool { return m.ServiceTokenID == id })
		for _, m := range mappings {
			added := &mapping{
				ID: m.ID, AccountID: t.account.id, ProjectID: m.ProjectID, CredentialID: m.CredentialID, ServiceTokenID: id, State: m.State,
			}
			if added.ID == 0 {
				added.ID = s.world.nextID()
			}
			if added.State == 0 {
				added.State = active
			}
			t.account.mappings = append(t.account.mappings, added)
		}
	})
}

// Use is a request that somebody else made with the token's value.
func (s *Sim) Use(id int64) {
	s.withToken(id, func(t *token) { t.usage.use(s.now(), &s.opts) })
}

// DenyByIP has the IP restrictions keep a token out, or let it in again.
func (s *Sim) DenyByIP(id int64, denied bool) {
	s.withToken(id, func(t *token) { t.cred.ipDenied = denied })
}

// Restore gives back what LostPermission took from a token.
func (s *Sim) Restore(id int64) {
	s.withToken(id, func(t *token) { t.cred.lost = false })
}

// SetUnpaid makes an account one whose API is closed, or opens it again.
func (s *Sim) SetUnpaid(accountID int64, unpaid bool) {
	s.lock()
	defer s.mu.Unlock()
	a := s.world.account(accountID)
	if a == nil {
		panic(fmt.Sprintf("dbtcloudtest: there is no account %d", accountID))
	}
	a.unpaid = unpaid
}

func (s *Sim) withToken(id int64, f func(*token)) {
	s.lock()
	defer s.mu.Unlock()
	t := s.world.tokens[id]
	if t == nil {
		panic(fmt.Sprintf("dbtcloudtest: there is no service token %d", id))
	}
	f(t)
}
