package dbtcloudtest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// Load replaces the population, keeping plan, observers and log. On an error,
// which names the place, everything stays as it was.
func (s *Sim) Load(seed Seed) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := loader{
		sim: s, now: s.now(), ids: map[string]bool{},
		world: &world{tokens: map[int64]*token{}, credentials: map[string]*credential{}, lastID: 1000},
	}
	l.world.lastID = max(l.world.lastID, highestID(seed))
	if len(seed.Accounts) == 0 {
		return fmt.Errorf("loading a seed: it has no account")
	}
	for _, a := range seed.Accounts {
		if err := l.account(a); err != nil {
			return fmt.Errorf("loading a seed: account %d: %w", a.ID, err)
		}
	}
	s.world, s.late = l.world, nil
	return nil
}

type loader struct {
	sim   *Sim
	world *world
	now   time.Time
	ids   map[string]bool // "kind id"
}

func (l *loader) account(seed SeedAccount) error {
	if seed.ID <= 0 {
		return fmt.Errorf("id must be positive")
	}
	if err := l.claim("account", &seed.ID); err != nil {
		return err
	}
	a := &account{
		id: seed.ID, name: seed.Name, plan: cmp.Or(seed.Plan, "enterprise"), unpaid: seed.Unpaid,
		created: l.now, ipOn: seed.IPRulesOn, scim: slices.Clone(seed.SCIMTokens),
	}
	for _, entry := range seed.AuditLogs {
		a.audit = append(a.audit, entry)
	}
	for i := range a.scim {
		t := &a.scim[i]
		if err := cmp.Or(l.claim("SCIM token", &t.ID), dates(&t.CreatedAt, &t.LastUsed)); err != nil {
			return fmt.Errorf("SCIM token %d (%q): %w", i+1, t.Name, err)
		}
		orNow(&t.CreatedAt, l.now, t.ID)
		orNull(&t.LastUsed)
	}
	if err := l.people(a, seed); err != nil {
		return err
	}
	for i, t := range seed.ServiceTokens {
		if _, err := l.token(a, t); err != nil {
			return fmt.Errorf("service token %d (%q): %w", i+1, t.Name, err)
		}
	}
	if !slices.ContainsFunc(a.tokens, func(t *token) bool { return t.state == active && t.access() == full }) {
		admin := SeedToken{Name: "simulator admin", Grants: []SeedGrant{{PermissionSet: "account_admin"}}}
		if _, err := l.token(a, admin); err != nil {
			return err
		}
	}
	slices.SortFunc(a.tokens, func(t, u *token) int { return int(t.id - u.id) })
	l.world.accounts = append(l.world.accounts, a)
	return nil
}

func (l *loader) people(a *account, seed SeedAccount) error {
	for i, p := range seed.Projects {
		if err := cmp.Or(l.settle("project", &p.ID, &p.State), dates(&p.CreatedAt)); err != nil {
			return fmt.Errorf("project %d (%q): %w", i+1, p.Name, err)
		}
		orNow(&p.CreatedAt, l.now, p.ID)
		a.projects = append(a.projects, &project{
			ID: p.ID, AccountID: a.id, Name: p.Name, Description: p.Description, State: p.State,
			CreatedAt: p.CreatedAt, UpdatedAt: p.CreatedAt,
		})
	}
	for i, r := range seed.IPRules {
		if err := l.ipRule(a, r); err != nil {
			return fmt.Errorf("IP rule %d (%q): %w", i+1, r.Name, err)
		}
	}
	for i, u := range seed.Users {
		if err := l.user(a, u); err != nil {
			return fmt.Errorf("user %d (%q): %w", i+1, u.Email, err)
		}
	}
	return nil
}

func (l *loader) token(a *account, seed SeedToken) (*token, error) {
	if seed.Name == "" {
		return nil, fmt.Errorf("it has no name")
	}
	if err := l.settle("service token", &seed.ID, &seed.State); err != nil {
		return nil, err
	}
	if err := dates(&seed.CreatedAt, &seed.UpdatedAt, &seed.LastUsed); err != nil {
		return nil, err
	}
	orNow(&seed.CreatedAt, l.now, seed.ID)
	orNull(&seed.LastUsed)
	t := &token{
		id: seed.ID, account: a, uid: seed.UID, name: seed.Name, state: seed.State,
		createdAt: seed.CreatedAt, updatedAt: seed.UpdatedAt, usage: usage{shown: seed.LastUsed},
		metadataOnly: seed.MetadataOnly, webhooksOnly: seed.WebhooksOnly, omit: seed.Omit,
		versions: []version{{name: seed.Name, state: seed.State}},
	}
	if t.updatedAt == nil {
		t.updatedAt = t.createdAt
	}
	for i, g := range seed.Grants {
		if g.PermissionSet == "" {
			return nil, fmt.Errorf("grant %d has no permission_set", i+1)
		}
		if err := l.settle("grant", &g.ID, &g.State); err != nil {
			return nil, fmt.Errorf("grant %d: %w", i+1, err)
		}
		if _, err := categories(g.WritableEnvironmentCategories); err != nil {
			return nil, fmt.Errorf("grant %d: %w", i+1, err)
		}
		t.rows = append(t.rows, newRow(t, g))
	}
	for i, m := range seed.Mappings {
		if m.ProjectID <= 0 || m.CredentialID <= 0 {
			return nil, fmt.Errorf("mapping %d needs project_id and semantic_layer_credentials_id", i+1)
		}
		if err := l.settle("mapping", &m.ID, &m.State); err != nil {
			return nil, fmt.Errorf("mapping %d: %w", i+1, err)
		}
		a.mappings = append(a.mappings, &mapping{
			ID: m.ID, AccountID: a.id, ProjectID: m.ProjectID, CredentialID: m.CredentialID, ServiceTokenID: t.id, State: m.State,
		})
	}
	c := &credential{account: a, token: t, ipDenied: seed.IPDenied}
	if err := l.credential(&seed.Value, "dbtc_", c); err != nil {
		return nil, err
	}
	t.cred, t.value = c, seed.Value
	if t.uid == "" {
		t.uid = uidOf(seed.Value)
	}
	l.world.tokens[t.id] = t
	a.tokens = append(a.tokens, t)
	return t, nil
}

func (l *loader) user(a *account, seed SeedUser) error {
	// The same person may be a member of several accounts, hence of this one.
	kind := fmt.Sprintf("user of account %d", a.id)
	if err := l.settle(kind, &seed.ID, &seed.State); err != nil {
		return err
	}
	if err := dates(&seed.CreatedAt, &seed.LastLogin, &seed.APITokenLastUsed); err != nil {
		return err
	}
	orNow(&seed.CreatedAt, l.now, seed.ID)
	orNull(&seed.LastLogin)
	orNull(&seed.APITokenLastUsed)
	u := &user{seed: seed, keyUsage: usage{shown: seed.APITokenLastUsed}}
	if seed.APIKey != "" {
		if err := l.credential(&seed.APIKey, "", &credential{user: u}); err != nil {
			return err
		}
	}
	for i, p := range seed.PersonalAccessTokens {
		if err := l.settle("personal access token", &p.ID, &p.State); err != nil {
			return fmt.Errorf("personal access token %d: %w", i+1, err)
		}
		if err := dates(&p.CreatedAt, &p.LastUsed); err != nil {
			return fmt.Errorf("personal access token %d: %w", i+1, err)
		}
		p.Type = cmp.Or(p.Type, 2)
		orNow(&p.CreatedAt, l.now, p.ID)
		orNull(&p.LastUsed)
		t := &personalToken{usage: usage{shown: p.LastUsed}}
		if err := l.credential(&p.Value, "dbtu_", &credential{account: a, user: u, pat: t}); err != nil {
			return fmt.Errorf("personal access token %d: %w", i+1, err)
		}
		t.seed = p
		u.tokens = append(u.tokens, t)
	}
	a.users = append(a.users, u)
	return nil
}

func (l *loader) ipRule(a *account, seed SeedIPRule) error {
	if err := l.settle("IP rule", &seed.ID, &seed.State); err != nil {
		return err
	}
	on := seed.EnabledForServiceTokens == nil || *seed.EnabledForServiceTokens
	rule := newIPRule(a, seed.ID, l.now)
	rule.Name, rule.Type, rule.State, rule.Description, rule.EnabledForServiceTokens = seed.Name, seed.Type, seed.State, seed.Description, on
	for i, c := range seed.CIDRs {
		if err := l.settle("cidr", &c.ID, &c.State); err != nil {
			return fmt.Errorf("cidr %d: %w", i+1, err)
		}
		if c.CIDRIPv6 == "" {
			mapped, err := asIPv6(c.CIDR)
			if err != nil {
				return fmt.Errorf("cidr %d: %w", i+1, err)
			}
			c.CIDRIPv6 = mapped
		}
		added := newCIDR(rule, c.ID, l.now)
		added.CIDR, added.CIDRIPv6, added.State, added.Enabled = c.CIDR, c.CIDRIPv6, c.State, c.Enabled == nil || *c.Enabled
		rule.CIDRs = append(rule.CIDRs, added)
	}
	a.ipRules = append(a.ipRules, rule)
	return nil
}

// credential registers c under value, which is made where it is empty.
func (l *loader) credential(value *string, prefix string, c *credential) error {
	if *value == "" {
		made, err := l.sim.newValue(prefix)
		if err != nil {
			return err
		}
		*value = made
	}
	if l.world.credentials[*value] != nil {
		return fmt.Errorf("its value belongs to another credential")
	}
	l.world.credentials[*value] = c
	return nil
}

// settle fills in id and state.
func (l *loader) settle(kind string, id *int64, state *int) error {
	*state = cmp.Or(*state, active)
	if *state < 1 {
		return fmt.Errorf("its state must be positive")
	}
	return l.claim(kind, id)
}

func (l *loader) claim(kind string, id *int64) error {
	if *id < 0 {
		return fmt.Errorf("its id is negative")
	}
	if *id == 0 {
		*id = l.world.nextID()
	}
	key := fmt.Sprint(kind, *id)
	if l.ids[key] {
		return fmt.Errorf("another %s has the id %d", kind, *id)
	}
	l.ids[key] = true
	return nil
}

// dates refuses what cannot stand in a reply as one field's value.
func dates(raw ...*json.RawMessage) error {
	for _, r := range raw {
		if *r != nil && (!json.Valid(*r) || (*r)[0] == '{' || (*r)[0] == '[') {
			return fmt.Errorf("a date is neither a string nor null")
		}
	}
	return nil
}

func orNow(raw *json.RawMessage, now time.Time, variant int64) {
	if *raw == nil {
		*raw = writeDate(now, variant)
	}
}

func orNull(raw *json.RawMessage) {
	if *raw == nil {
		*raw = json.RawMessage("null")
	}
}

// highestID keeps generated ids above planted ones.
func highestID(seed Seed) (highest int64) {
	for _, a := range seed.Accounts {
		for _, t := range a.ServiceTokens {
			highest = max(highest, t.ID)
			for _, g := range t.Grants {
				highest = max(highest, g.ID)
			}
			for _, m := range t.Mappings {
				highest = max(highest, m.ID)
			}
		}
		for _, p := range a.Projects {
			highest = max(highest, p.ID)
		}
		for _, u := range a.Users {
			highest = max(highest, u.ID)
			for _, p := range u.PersonalAccessTokens {
				highest = max(highest, p.ID)
			}
		}
		for _, t := range a.SCIMTokens {
			highest = max(highest, t.ID)
		}
		for _, r := range a.IPRules {
			highest = max(highest, r.ID)
			for _, c := range r.CIDRs {
				highest = max(highest, c.ID)
			}
		}
	}
	return highest
}
