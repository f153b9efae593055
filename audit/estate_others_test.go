package audit_test

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/tokenwarden/tokenwarden/audit"
	"github.com/tokenwarden/tokenwarden/internal/dbtcloud/dbtcloudtest"
)

// plantEstates plants three accounts that differ in what an account has once:
// its IP restrictions, and the token that the audit itself uses.
func plantEstates(seed uint64) []*estate {
	guarded, open, off := newEstate(seed, 1), newEstate(seed, 2), newEstate(seed, 3)
	guarded.account.IPRulesOn, open.account.IPRulesOn = true, true
	for _, e := range []*estate{guarded, open, off} {
		e.plantAges()
		e.plantUse()
		e.plantGrants()
		e.plantNames()
		e.plantRotations()
		e.plantDestinations()
		e.plantUsers()
		e.plantSCIM()
		e.plantIPRules(e != open)
	}
	open.expect(audit.ResourceAccount, open.account.ID, "medium", "ip-restrictions-not-for-service-tokens")
	off.expect(audit.ResourceAccount, off.account.ID, "low", "ip-restrictions-off")

	own := func(e *estate, set string, age time.Duration) {
		e.own = e.token(func(s *dbtcloudtest.SeedToken) {
			s.CreatedAt, s.Grants = e.before(age), []dbtcloudtest.SeedGrant{e.grant(set), e.grant("job_viewer")}
		})
	}
	own(guarded, "account_viewer", 10*day)
	own(open, "account_admin", 10*day)
	open.expect(kindToken, open.own, "low", "service-token-overprivileged", "auditor-overprivileged")
	own(off, "account_viewer", 1800*day)
	off.expect(kindToken, off.own, "high", "service-token-legacy", "auditor-token-legacy")
	off.expect(kindToken, off.own, "low", "service-token-old")
	return []*estate{guarded, open, off}
}

func (e *estate) plantUsers() {
	null := json.RawMessage("null")
	user := func(used json.RawMessage, change func(*dbtcloudtest.SeedUser)) int64 {
		id := e.id()
		u := dbtcloudtest.SeedUser{ID: id, Email: fmt.Sprintf("user%d@example.com", id), APITokenLastUsed: used}
		if change != nil {
			change(&u)
		}
		e.account.Users = append(e.account.Users, u)
		return id
	}
	for range e.some() {
		e.expect(audit.ResourceUser, user(e.before(e.within(0, 90*day)), nil), "high", "user-api-key-in-use")
		e.expect(audit.ResourceUser, user(e.before(e.within(90*day+1, 3000*day)), nil), "info", "user-api-key-in-use")
		user(null, nil)
		user(e.before(day), func(u *dbtcloudtest.SeedUser) { u.State = 2 })
	}
	inactive := false
	user(null, func(u *dbtcloudtest.SeedUser) {
		e.plantPersonal(u, false)
	})
	user(null, func(u *dbtcloudtest.SeedUser) {
		u.IsActive = &inactive
		e.plantPersonal(u, true)
	})
	user(null, func(u *dbtcloudtest.SeedUser) {
		u.State = 2
		e.plantPersonal(u, true)
	})
}

// plantPersonal plants personal access tokens on each side of each threshold.
func (e *estate) plantPersonal(u *dbtcloudtest.SeedUser, ownerGone bool) {
	const kind = audit.ResourcePersonalToken
	plant := func(created time.Duration, used json.RawMessage) int64 {
		id := e.id()
		u.PersonalAccessTokens = append(u.PersonalAccessTokens, dbtcloudtest.SeedPAT{
			ID: id, Name: fmt.Sprintf("laptop %d", id), CreatedAt: e.before(created), LastUsed: used,
		})
		if ownerGone {
			e.expect(kind, id, "medium", "personal-access-token-of-inactive-user")
		}
		return id
	}
	recent := func() json.RawMessage { return e.before(e.within(0, 80*day)) }
	for range e.some() {
		e.expect(kind, plant(e.within(365*day+1, 900*day), recent()), "low", "personal-access-token-old")
		plant(e.within(100*day, 365*day), recent())
		e.expect(kind, plant(e.within(90*day, 300*day), json.RawMessage("null")), "low", "personal-access-token-unused")
		e.expect(kind, plant(300*day, e.before(e.within(90*day, 290*day))), "low", "personal-access-token-unused")
		plant(e.within(0, 90*day), json.RawMessage("null"))
	}
	dead := plant(900*day, json.RawMessage("null"))
	u.PersonalAccessTokens[len(u.PersonalAccessTokens)-1].State = 2
	delete(e.want, fmt.Sprintf("personal-access-token-of-inactive-user %s %d", kind, dead))
}

func (e *estate) plantSCIM() {
	const kind = audit.ResourceSCIMToken
	plant := func(created, used time.Duration) int64 {
		id := e.id()
		e.account.SCIMTokens = append(e.account.SCIMTokens, dbtcloudtest.SeedSCIMToken{
			ID: id, Name: "okta", CreatedAt: e.before(created), LastUsed: e.before(used),
		})
		return id
	}
	e.expect(kind, plant(365*day+1, day), "low", "scim-token-old")
	plant(365*day, day)
	e.expect(kind, plant(200*day, 90*day), "low", "scim-token-unused")
	plant(200*day, 90*day-1)
}

func (e *estate) plantIPRules(forServiceTokens bool) {
	const kind = audit.ResourceIPRule
	const allow, deny = 1, 2
	plant := func(kind int, name string, ranges ...string) int64 {
		id := e.id()
		r := dbtcloudtest.SeedIPRule{ID: id, Name: name, Type: kind, EnabledForServiceTokens: &forServiceTokens}
		for _, cidr := range ranges {
			r.CIDRs = append(r.CIDRs, dbtcloudtest.SeedCIDR{CIDR: cidr})
		}
		e.account.IPRules = append(e.account.IPRules, r)
		return id
	}
	off := false
	plant(deny, "nobody", "203.0.113.0/24", "192.0.2.0/28")
	plant(allow, "halves", "0.0.0.0/1", "8000::/1")

	plant(allow, "offices", "198.51.100.0/24", "2001:db8:1::/48")
	for _, ranges := range [][]string{{"198.51.100.7"}, {"198.51.100.128/25", "2001:db8:1:2::/64"}, {"198.51.100.0/24"}} {
		e.expect(kind, plant(allow, "inside", ranges...), "low", "ip-rule-shadowed")
	}
	plant(allow, "half inside", "198.51.100.0/25", "198.18.0.0/16")
	plant(allow, "an exception to a denial", "203.0.113.9/32")
	e.expect(kind, plant(deny, "denied twice", "192.0.2.4/30"), "low", "ip-rule-shadowed")
	plant(deny, "an exception to an allowance", "198.51.100.64/26")
	plant(allow, "an exception to that exception", "198.51.100.65/32")

	e.expect(kind, plant(allow, "bare network", "2001:db8:9::"), "low", "ip-rule-one-host", "ip-rule-shadowed") // by ::/0 below
	e.expect(kind, plant(allow, "bare v4 network", "129.7.7.0"), "low", "ip-rule-one-host")
	e.expect(kind, plant(allow, "Anywhere!", "129.7.8.9", "2001:db8:8::1"), "low", "ip-rule-one-host")
	plant(allow, "a host", "129.7.9.9")
	plant(allow, "Anywhere /32", "129.7.9.0/32")

	e.expect(kind, plant(allow, "v6", "2001:db8:7::/48", "::/0"), "medium", "ip-rule-allows-all")
	plant(allow, "switched off", "129.8.0.0/16", "0.0.0.0/0")
	last := &e.account.IPRules[len(e.account.IPRules)-1]
	last.CIDRs[1].Enabled = &off
}
