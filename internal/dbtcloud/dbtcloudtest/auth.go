package dbtcloudtest

import (
	"slices"
	"strings"
	"time"
)

// credential is what a token string stands for: a service token, a personal
// access token (with its user), or an old user API key (a user alone).
type credential struct {
	account *account // nil: an API key, which sees every account of its user
	token   *token
	pat     *personalToken
	user    *user

	ipDenied bool // 403, and missing from the list of accounts
	lost     bool // everything it asks is 404, see LostPermission
	bucket   bucket
}

// access is what a credential may do beyond listing its accounts.
type access int

const (
	none access = iota
	read
	full
)

// accessOf grades permission sets (docs: auditing needs account_viewer or
// security_admin, rotating account_admin; owner is its older name).
func accessOf(sets []string) access {
	level := none
	for _, set := range sets {
		switch set {
		case "account_admin", "owner":
			return full
		case "account_viewer", "security_admin":
			level = read
		}
	}
	return level
}

func (t *token) access() access {
	var sets []string
	for _, r := range t.rows {
		if r.State == active {
			sets = append(sets, r.PermissionSet)
		}
	}
	return accessOf(sets)
}

func (c *credential) access() access {
	if c.token != nil {
		return c.token.access()
	}
	return accessOf(c.user.seed.PermissionSets)
}

// alive reports whether the service accepts the credential at now.
func (c *credential) alive(now time.Time, o *Options) bool {
	switch {
	case c.token != nil:
		if c.token.state != active {
			return now.Before(c.token.deletedAt.Add(o.DeletesTakeEffectAfter))
		}
		return !now.Before(c.token.validFrom)
	case c.pat != nil:
		return c.pat.seed.State == active && c.user.active()
	}
	return c.user.active()
}

// stranger reports whether the credential is a token with nothing but permission
// sets that this API does not let in.
func (c *credential) stranger(o *Options) bool {
	if c.token == nil || len(o.StrangersToAdminAPI) == 0 {
		return false
	}
	return !slices.ContainsFunc(c.token.rows, func(r row) bool {
		return r.State == active && !slices.Contains(o.StrangersToAdminAPI, r.PermissionSet)
	})
}

// usage is what a request with the credential moves.
func (c *credential) usage() *usage {
	switch {
	case c.token != nil:
		return &c.token.usage
	case c.pat != nil:
		return &c.pat.usage
	}
	return &c.user.keyUsage
}

// valueOf takes the token string out of an Authorization header; "Token" and
// "Bearer" are equivalent (spec).
func valueOf(header string) string {
	scheme, value, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Token") && !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(value)
}

// gate decides whether c may go on to its handler; the reply says why not.
func (s *Sim) gate(c *call) (refusal reply, refused bool) {
	if c.cred == nil || !c.cred.alive(c.now, &s.opts) || c.cred.stranger(&s.opts) {
		return unauthorized("Invalid token."), true // recorded
	}
	if c.cred.account != nil && c.cred.account.unpaid {
		return unauthorized("The API is not accessible to unpaid accounts."), true // recorded
	}
	c.cred.usage().use(c.now, &s.opts)
	if s.throttled(c) {
		return tooManyRequests(s.opts.RetryAfter), true
	}
	if c.cred.lost {
		return notFound(), true
	}
	if c.route.need == none { // the list of accounts leaves out what is denied (provider)
		return reply{}, false
	}
	c.account = s.world.account(c.ids[0])
	if c.account == nil || !c.cred.sees(c.account) {
		return notFound(), true
	}
	if c.cred.ipDenied {
		return accessDenied(c.account.id), true
	}
	if c.cred.access() < c.route.need {
		return notFound(), true // recorded: a missing permission is a 404
	}
	return reply{}, false
}

func (c *credential) sees(a *account) bool {
	if c.account != nil {
		return c.account == a
	}
	return a.user(c.user.seed.ID) != nil
}

// bucket counts requests against Options.RatePerMinute.
type bucket struct {
	start, until time.Time
	count        int
}

func (s *Sim) throttled(c *call) bool {
	if s.opts.RatePerMinute <= 0 {
		return false
	}
	b := &c.cred.bucket
	if !s.opts.RatePerCredential && c.cred.account != nil {
		b = &c.cred.account.bucket
	}
	if b.start.After(c.now) {
		*b = bucket{} // the clock was put back
	}
	if c.now.Before(b.until) {
		return true
	}
	if c.now.Sub(b.start) >= time.Minute {
		b.start, b.count = c.now, 0
	}
	if b.count++; b.count <= s.opts.RatePerMinute {
		return false
	}
	b.until = c.now.Add(s.opts.Cooldown)
	return true
}
