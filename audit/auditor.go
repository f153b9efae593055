package audit

import (
	"context"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// DefaultParallel is how many accounts are read side by side. Each has its own
// credential and thereby its own limit of requests.
const DefaultParallel = 32

// Auditor audits accounts. Its zero value works.
type Auditor struct {
	Policy  Policy
	Require []string // rules that must have been checked for a complete report

	// Selected says that the accounts are not all that the policy is about, so
	// that a suppression which matches nothing is no news.
	Selected bool

	Parallel int              // accounts at once; 0: DefaultParallel
	Now      func() time.Time // nil: time.Now
	// Progress is called after each account, one call at a time; nil: nobody asks.
	Progress func(done, total int)
}

// Run audits the accounts. It always returns a report: what could not be read is
// in it. The only error is that of [Policy.Validate], before anything was read.
// The deadline of ctx limits how long throttling is waited out; accounts that it
// cuts off are reported as such.
func (a *Auditor) Run(ctx context.Context, accounts []Account) (*Report, error) {
	if err := a.Policy.Validate(a.Require); err != nil {
		return nil, err
	}
	now := time.Now
	if a.Now != nil {
		now = a.Now
	}
	parallel := a.Parallel
	if parallel <= 0 {
		parallel = DefaultParallel
	}
	rules := a.rules()
	started := now().UTC()
	parts := make([]examined, len(accounts))
	var progress sync.Mutex
	done := 0
	var group errgroup.Group
	group.SetLimit(parallel)
	for i := range accounts {
		group.Go(func() error {
			parts[i] = a.examine(ctx, accounts[i], rules, started)
			progress.Lock()
			defer progress.Unlock()
			if done++; a.Progress != nil {
				a.Progress(done, len(accounts))
			}
			return nil
		})
	}
	_ = group.Wait() // no account returns an error: what went wrong is in its part
	return a.assemble(accounts, parts, rules, started), nil
}

// rules are those that the policy leaves and gives something to compare with.
func (a *Auditor) rules() []Rule {
	return slices.DeleteFunc(Rules(), func(r Rule) bool {
		return slices.Contains(a.Policy.Disable, r.ID) || (r.applies != nil && !r.applies(&a.Policy))
	})
}

// examined is one account after its rules were run.
type examined struct {
	report   AccountReport
	verdicts []*verdict
}

// examine gathers an account's facts, runs the rules, and lets the facts go:
// of many accounts only the findings are kept.
func (a *Auditor) examine(ctx context.Context, account Account, rules []Rule, now time.Time) examined {
	g := gatherer{account: account, policy: &a.Policy, facts: Facts{
		Account: account.Name, AccountID: account.ID, Now: now, Credential: account.Credential,
	}}
	g.gather(ctx, a.needed(rules))
	part := examined{report: AccountReport{
		Name: account.Name, ID: account.ID, Host: account.Host, Plan: g.plan, Errors: g.errors,
		Counts: g.counts(), Tokens: g.active(),
	}}
	for _, r := range rules {
		part.verdicts = append(part.verdicts, r.evaluate(&g.facts, &a.Policy))
	}
	if part.report.Errors == nil {
		part.report.Errors = []string{}
	}
	return part
}

// needed tells which facts the rules look at.
func (a *Auditor) needed(rules []Rule) map[need]bool {
	needed := map[need]bool{needGrants: len(a.Policy.MaxAgeOf) > 0}
	for _, r := range rules {
		for _, n := range r.needs {
			needed[n] = true
		}
	}
	return needed
}
