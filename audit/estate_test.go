package audit_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/tokenwarden/tokenwarden/audit"
	"github.com/tokenwarden/tokenwarden/internal/dbtcloud"
	"github.com/tokenwarden/tokenwarden/internal/dbtcloud/dbtcloudtest"
	"github.com/tokenwarden/tokenwarden/secrets"
)

const day = 24 * time.Hour

// estate is a labelled population of one account: what is in it, and what an
// audit under estatePolicy must find, no more and no less.
type estate struct {
	*rand.Rand
	account      dbtcloudtest.SeedAccount
	destinations []audit.Destination
	own          int64             // the token that the audit uses
	want         map[string]string // "rule type id" → severity
	lastID       int64
}

// estatePolicy limits the age of everything, and more for administrators.
func estatePolicy() audit.Policy {
	return audit.Policy{
		MaxAge: 365 * day, MaxAgeOf: map[string]time.Duration{"account_admin": 200 * day}, UnusedFor: 90 * day, Lookups: -1,
	}
}

func newEstate(seed uint64, accountID int64) *estate {
	return &estate{
		Rand:    rand.New(rand.NewPCG(seed, uint64(accountID))),
		account: dbtcloudtest.SeedAccount{ID: accountID, Name: fmt.Sprintf("estate %d", accountID), Plan: "enterprise"},
		want:    make(map[string]string), lastID: accountID * 100_000,
	}
}

// id is the next free one; gaps are as random as in life.
func (e *estate) id() int64 {
	e.lastID += 1 + e.Int64N(9)
	return e.lastID
}

// some is how many of a kind to plant.
func (e *estate) some() int { return 3 + e.IntN(4) }

// within is a random duration of at least low and less than high.
func (e *estate) within(low, high time.Duration) time.Duration {
	return low + time.Duration(e.Int64N(int64(high-low)))
}

// before is a date that long before now, in one of the API's forms.
func (e *estate) before(d time.Duration) json.RawMessage { return e.date(now.Add(-d)) }

func (e *estate) date(t time.Time) json.RawMessage {
	layouts := []string{
		"2006-01-02T15:04:05.999999999Z07:00", "2006-01-02 15:04:05.999999999-07:00",
		"2006-01-02T15:04:05.000000000Z", "2006-01-02 15:04:05.999999999Z",
	}
	b, _ := json.Marshal(t.UTC().Format(layouts[e.IntN(len(layouts))]))
	return b
}

// expect notes what must be found.
func (e *estate) expect(kind string, id int64, severity string, rules ...string) {
	for _, rule := range rules {
		e.want[fmt.Sprintf("%s %s %d", rule, kind, id)] = severity
	}
}

// token plants a token that is fine: young, used today, with one small
// permission, and held in its destination. change makes it less so.
func (e *estate) token(change func(*dbtcloudtest.SeedToken)) int64 {
	id := e.id()
	t := dbtcloudtest.SeedToken{
		ID: id, Name: fmt.Sprintf("pipeline %d", id), CreatedAt: e.before(e.within(3*day, 80*day)),
		LastUsed: e.before(e.within(time.Minute, 20*day)), Grants: []dbtcloudtest.SeedGrant{e.grant("job_runner")},
	}
	if change != nil {
		change(&t)
	}
	e.account.ServiceTokens = append(e.account.ServiceTokens, t)
	e.destinations = append(e.destinations, audit.Destination{Ref: fmt.Sprintf("vault://secret/dbt/%d#token", id), For: id, TokenID: id})
	return id
}

// grant is a row on all projects, or on the one given.
func (e *estate) grant(set string, project ...int64) dbtcloudtest.SeedGrant {
	g := dbtcloudtest.SeedGrant{PermissionSet: set}
	if len(project) > 0 {
		g.ProjectID = &project[0]
	}
	return g
}

// withdraw takes back the destinations of a token.
func (e *estate) withdraw(id int64) {
	e.destinations = slices.DeleteFunc(e.destinations, func(d audit.Destination) bool { return d.For == id })
}

// Locate implements audit.Locator.
func (e *estate) Locate(context.Context, []audit.TokenName) ([]audit.Destination, error) {
	return e.destinations, nil
}

// newSim serves the estates' accounts.
func newSim(t testing.TB, o dbtcloudtest.Options, estates ...*estate) *dbtcloudtest.Sim {
	t.Helper()
	o.Now = func() time.Time { return now }
	sim := dbtcloudtest.New(o)
	var seed dbtcloudtest.Seed
	for _, e := range estates {
		seed.Accounts = append(seed.Accounts, e.account)
	}
	if err := sim.Load(seed); err != nil {
		t.Fatal(err)
	}
	return sim
}

// client reads an account of the simulator with one of its tokens.
func client(t testing.TB, sim *dbtcloudtest.Sim, accountID, tokenID int64) *dbtcloud.Client {
	t.Helper()
	service, err := dbtcloud.New(dbtcloud.Config{
		Host: "https://ab123.us1.dbt.com", AccountID: accountID, Transport: sim, PerMinute: 5000, Burst: 5000,
		Sleep: func(context.Context, time.Duration) error { return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	return service.As(secrets.NewValue(sim.ValueOf(tokenID)))
}

// audited is the estate as an account to audit, through the real client.
func (e *estate) audited(t testing.TB, sim *dbtcloudtest.Sim) audit.Account {
	return audit.Account{
		Name: e.account.Name, ID: e.account.ID, Host: "https://ab123.us1.dbt.com", Credential: audit.ServiceTokenCredential,
		Source: client(t, sim, e.account.ID, e.own), Locator: e,
		Own: func(s dbtcloud.ServiceToken) bool { return s.ID == e.own },
	}
}

// What is found is what was planted, both ways, whatever the seed and whether
// or not the list shows the grants.
func TestEstate(t *testing.T) {
	for seed := range uint64(2) {
		for _, bare := range []bool{false, true} {
			t.Run(fmt.Sprintf("seed %d, items without grants: %v", seed, bare), func(t *testing.T) {
				estates := plantEstates(seed)
				sim := newSim(t, dbtcloudtest.Options{ItemsWithoutGrants: bare}, estates...)
				var accounts []audit.Account
				want := make(map[string]string)
				for _, e := range estates {
					accounts = append(accounts, e.audited(t, sim))
					for key, severity := range e.want {
						want[key] = severity
					}
				}
				r := run(t, audit.Auditor{Policy: estatePolicy()}, accounts...)
				got := make(map[string]string)
				for _, f := range r.Findings {
					key := fmt.Sprintf("%s %s %d", f.Rule, f.Resource.Type, f.Resource.ID)
					if _, twice := got[key]; twice {
						t.Errorf("found twice: %s", key)
					}
					got[key] = f.Severity.String()
				}
				compare(t, got, want)
				if !r.Complete || r.Summary.Coverage != 100 || len(r.Undetermined) != 0 {
					t.Errorf("complete %v, coverage %d%%, undetermined %v", r.Complete, r.Summary.Coverage, r.Undetermined)
				}
				everyRuleHasPositives(t, want)
			})
		}
	}
}

func compare(t *testing.T, got, want map[string]string) {
	t.Helper()
	for key, severity := range want {
		if got[key] != severity {
			t.Errorf("planted and not found: %s (%s), got %q", key, severity, got[key])
		}
	}
	for key := range got {
		if _, ok := want[key]; !ok {
			t.Errorf("found and not planted: %s", key)
		}
	}
}

func everyRuleHasPositives(t *testing.T, want map[string]string) {
	t.Helper()
	planted := make(map[string]bool)
	for key := range want {
		var rule string
		_, _ = fmt.Sscan(key, &rule)
		planted[rule] = true
	}
	for _, r := range audit.Rules() {
		if !planted[r.ID] {
			t.Errorf("nothing was planted for %s", r.ID)
		}
	}
}
