package audit_test

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/tokenwarden/tokenwarden/audit"
	"github.com/tokenwarden/tokenwarden/internal/dbtcloud/dbtcloudtest"
)

const kindToken = audit.ResourceServiceToken

// plantAges plants tokens on each side of the vendor's date, of the policy's
// maximum age and of its window of use.
func (e *estate) plantAges() {
	last := audit.LegacyBefore().Add(-time.Nanosecond)
	old := time.Date(2018, time.January, 1, 0, 0, 0, 0, time.UTC)
	legacy := []time.Time{last, last.Add(-day + time.Second), old}
	young := []time.Time{audit.LegacyBefore(), audit.LegacyBefore().Add(time.Nanosecond)}
	for range e.some() {
		legacy = append(legacy, old.Add(e.within(0, last.Sub(old))))
		young = append(young, audit.LegacyBefore().Add(e.within(0, 400*day)))
	}
	created := func(t time.Time) int64 {
		return e.token(func(s *dbtcloudtest.SeedToken) { s.CreatedAt = e.date(t) })
	}
	for _, t := range legacy {
		id := created(t)
		e.expect(kindToken, id, "high", "service-token-legacy")
		e.expect(kindToken, id, "low", "service-token-old")
	}
	for _, t := range young {
		e.expect(kindToken, created(t), "low", "service-token-old")
	}
	for _, age := range []time.Duration{365*day + 1, e.within(365*day+1, 500*day)} {
		e.expect(kindToken, created(now.Add(-age)), "low", "service-token-old")
	}
	for _, age := range []time.Duration{365 * day, e.within(300*day, 365*day)} {
		created(now.Add(-age))
	}
	admin := func(age time.Duration) int64 {
		id := e.token(func(s *dbtcloudtest.SeedToken) {
			s.CreatedAt, s.Grants = e.before(age), append(s.Grants, e.grant("account_admin"))
		})
		e.expect(kindToken, id, "low", "service-token-overprivileged")
		return id
	}
	e.expect(kindToken, admin(200*day+time.Nanosecond), "low", "service-token-old")
	admin(200 * day)
}

func (e *estate) plantUse() {
	plant := func(created time.Duration, used json.RawMessage) int64 {
		return e.token(func(s *dbtcloudtest.SeedToken) { s.CreatedAt, s.LastUsed = e.before(created), used })
	}
	null := json.RawMessage("null")
	for range e.some() {
		for _, id := range []int64{
			plant(e.within(90*day, 300*day), null),
			plant(300*day, e.before(e.within(90*day, 290*day))),
		} {
			e.expect(kindToken, id, "low", "service-token-unused")
		}
		plant(e.within(day, 90*day), null)
		plant(300*day, e.before(e.within(0, 90*day)))
	}
	e.expect(kindToken, plant(90*day, null), "low", "service-token-unused")
	e.expect(kindToken, plant(91*day, e.before(90*day)), "low", "service-token-unused")
	plant(90*day-time.Nanosecond, null)
	plant(91*day, e.before(90*day-time.Nanosecond))
}

func (e *estate) plantGrants() {
	project, gone, dead := e.id(), e.id(), e.id()
	e.account.Projects = append(e.account.Projects,
		dbtcloudtest.SeedProject{ID: project, Name: "live"}, dbtcloudtest.SeedProject{ID: dead, Name: "dead", State: 2})
	plant := func(grants ...dbtcloudtest.SeedGrant) int64 {
		return e.token(func(s *dbtcloudtest.SeedToken) { s.Grants = grants })
	}
	deleted := e.grant("account_admin")
	deleted.State = 2
	for _, set := range []string{"account_admin", "owner", "security_admin", "admin"} {
		e.expect(kindToken, plant(e.grant("job_viewer"), e.grant(set)), "low", "service-token-overprivileged")
	}
	e.expect(kindToken, plant(e.grant("quantum_admin")), "medium", "service-token-overprivileged")
	plant(e.grant("admin", project))
	plant(e.grant("job_admin"), deleted)
	plant(e.grant("account_viewer"), e.grant("project_creator"))

	e.expect(kindToken, plant(), "low", "service-token-no-permissions")
	e.expect(kindToken, plant(deleted), "low", "service-token-no-permissions")
	for range e.some() {
		flag := e.token(func(s *dbtcloudtest.SeedToken) {
			s.Grants, s.MetadataOnly, s.WebhooksOnly = nil, e.IntN(2) == 0, true
		})
		e.expect(kindToken, flag, "low", "service-token-deprecated-flag")
		plant(e.grant("metadata_only"), e.grant("webhooks_only"))

		e.expect(kindToken, plant(e.grant("developer", project), e.grant("developer", []int64{gone, dead}[e.IntN(2)])), "low", "service-token-dead-project")
		row := e.grant("developer", gone)
		row.State = 2
		plant(e.grant("developer", project), row)
	}
}

func (e *estate) plantNames() {
	named := func(name string) int64 {
		return e.token(func(s *dbtcloudtest.SeedToken) { s.Name = name })
	}
	for i := range e.some() {
		name := fmt.Sprintf("twin %d", i)
		for range 2 + e.IntN(2) {
			e.expect(kindToken, named(name), "low", "service-token-duplicate-name")
		}
		named(fmt.Sprintf("Twin %d", i))
		named(name + " ")
	}
}

func (e *estate) plantRotations() {
	replacement := func(name string, age time.Duration, until time.Time) int64 {
		id := e.token(func(s *dbtcloudtest.SeedToken) { s.Name, s.CreatedAt = name, e.before(age) })
		e.destinations[len(e.destinations)-1].Until = until
		return id
	}
	flying := func(old int64) string {
		return fmt.Sprintf("pipeline [x] [replaces %d%s]", old, []string{"", " a1B2"}[e.IntN(2)])
	}
	for range e.some() {
		old := func() int64 { return e.token(nil) }
		for _, id := range []int64{
			replacement(flying(old()), 80*day, now.Add(-36*time.Hour-time.Second)), // past its overlap
			replacement(flying(old()), 61*time.Hour, time.Time{}),                  // no overlap in its label
			replacement(flying(e.id()), 61*time.Hour, time.Time{}),                 // the old one is gone, the name stayed
		} {
			e.expect(kindToken, id, "medium", "rotation-unfinished")
		}
		replacement(flying(old()), 80*day, now.Add(-36*time.Hour))
		replacement(flying(old()), 80*day, now.Add(e.within(0, 20*day)))
		replacement(flying(old()), 60*time.Hour, time.Time{})

		orphan := replacement(flying(old()), time.Hour+time.Second, time.Time{})
		e.withdraw(orphan)
		e.expect(kindToken, orphan, "medium", "rotation-unfinished")
		e.expect(kindToken, orphan, "info", "service-token-unmanaged")
		fresh := replacement(flying(old()), time.Hour, time.Time{})
		e.withdraw(fresh)
		e.expect(kindToken, fresh, "info", "service-token-unmanaged")
		replacement(fmt.Sprintf("pipeline [replaces %d too many]", e.id()), 80*day, time.Time{})
	}
}

func (e *estate) plantDestinations() {
	for range e.some() {
		alone := e.token(nil)
		e.withdraw(alone)
		e.expect(kindToken, alone, "info", "service-token-unmanaged")

		elsewhere := e.token(nil)
		e.withdraw(elsewhere)
		e.destinations = append(e.destinations, audit.Destination{For: elsewhere, Elsewhere: true})

		nowhere := e.token(nil)
		e.withdraw(nowhere)
		e.destinations = append(e.destinations, audit.Destination{Ref: fmt.Sprintf("vault://secret/dbt/%d#token", nowhere), For: nowhere, ByTemplate: true, Empty: true})
		e.expect(kindToken, nowhere, "info", "service-token-unmanaged")

		gone, entry := e.id(), e.token(nil)
		e.destinations = append(e.destinations,
			audit.Destination{Ref: fmt.Sprintf("vault://secret/dbt/%d-second#token", entry), For: entry, TokenID: gone},
			audit.Destination{Ref: fmt.Sprintf("vault://secret/dbt/%d-third#token", entry), For: entry, Empty: true})
		e.expect(kindToken, gone, "high", "stored-value-dead")
	}
}
