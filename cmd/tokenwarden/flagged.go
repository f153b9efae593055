package main

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/tokenwarden/tokenwarden/audit"
	"github.com/tokenwarden/tokenwarden/internal/config"
	"github.com/tokenwarden/tokenwarden/internal/dbtcloud"
	"github.com/tokenwarden/tokenwarden/rotate"
)

// flaggedRules are the rules whose findings a rotation clears.
func flaggedRules() []string { return []string{"service-token-legacy", "service-token-old"} }

// selection is what `rotate --flagged` found to be done.
type selection struct {
	flagged  []*flaggedToken // all that may be rotated, in the order in which they should be: see choose
	leftOut  []leftOut       // flagged tokens that it does not take
	failures []error         // accounts and destinations that could not be read
}

// flagged says which tokens of the selected accounts bulk may rotate: those that
// an audit flags for their age and whose destinations are known to hold their
// value. It reads, and changes nothing; of an account whose audit could not see
// what it needs it takes no token at all.
func (a *app) flagged(ctx context.Context, cfg config.Config) (selection, error) {
	var s selection
	all, assignments, failures, err := a.assigned(ctx, cfg)
	if err != nil {
		return s, err
	}
	s.failures = failures
	ctx, cancel := context.WithTimeoutCause(ctx, a.timeout(), errTimeout)
	defer cancel()
	for _, c := range all {
		if !a.selected(c.Name) {
			continue
		}
		k := known{account: c, assignments: ofAccount(assignments, c)}
		if k.findings, k.accepted, err = a.ageFindings(ctx, cfg, c); err != nil {
			s.failures = append(s.failures, err)
			continue
		}
		k.held = a.heldOf(ctx, k)
		chosen, left := k.choose()
		s.flagged, s.leftOut = append(s.flagged, chosen...), append(s.leftOut, left...)
		for _, l := range left {
			if l.err != nil {
				s.failures = append(s.failures, l.err)
			}
		}
	}
	slices.SortStableFunc(s.flagged, compareTurns)
	return s, nil
}

func ofAccount(assignments []config.Assignment, c *account) []config.Assignment {
	return slices.DeleteFunc(slices.Clone(assignments), func(s config.Assignment) bool { return s.Account.Name != c.Name })
}

// ageFindings audits one account for the age of its service tokens and nothing
// else. What the policy accepts is told apart; an audit that could not see what
// it needs is an error.
func (a *app) ageFindings(ctx context.Context, cfg config.Config, c *account) (findings, accepted []audit.Finding, err error) {
	policy := policyOf(cfg.Audit)
	for _, r := range audit.Rules() {
		if !slices.Contains(flaggedRules(), r.ID) && !slices.Contains(policy.Disable, r.ID) {
			policy.Disable = append(slices.Clone(policy.Disable), r.ID)
		}
	}
	auditor := audit.Auditor{Policy: policy, Now: a.env.now}
	report, err := auditor.Run(ctx, []audit.Account{{
		Name: c.Name, ID: c.ID, Host: c.Host, Source: ageSource{c.client(), c.survey}, Credential: kindOf(c),
	}})
	if err != nil {
		return nil, nil, &exit{code: exitMisused, err: err}
	}
	for _, check := range report.Accounts[0].Coverage {
		if check.Outcome != audit.Checked {
			return nil, nil, fmt.Errorf("account %s: nothing of it is rotated, because %s could not be checked: %s: %s", c.label(), check.Check, check.Outcome, check.Detail)
		}
	}
	return report.Findings, report.Suppressed, nil
}

// ageSource is an account for an audit of its tokens' age: they were listed just
// now, and no rule that is left looks at users.
type ageSource struct {
	*dbtcloud.Client
	survey *rotate.Survey
}

// ServiceTokens implements audit.Population.
func (s ageSource) ServiceTokens(ctx context.Context, visit func(dbtcloud.ServiceToken) error) (dbtcloud.Pass, error) {
	if !s.survey.Stable { // a second look may be whole
		return s.Client.ServiceTokens(ctx, visit)
	}
	for _, id := range slices.Sorted(maps.Keys(s.survey.Tokens)) {
		if err := visit(s.survey.Tokens[id]); err != nil {
			return dbtcloud.Pass{}, err
		}
	}
	read := len(s.survey.Tokens)
	return dbtcloud.Pass{Read: read, Total: read, Stable: true, Date: s.survey.Date}, nil
}

// Users implements audit.Population.
func (s ageSource) Users(context.Context, func(dbtcloud.User) error) (dbtcloud.Pass, error) {
	return dbtcloud.Pass{Stable: true}, nil
}

// heldOf looks at the destinations of the flagged tokens, by place.
func (a *app) heldOf(ctx context.Context, k known) map[string]held {
	found := map[string]held{}
	for _, f := range k.findings {
		s := k.assignment(f.Resource.ID)
		if s == nil || s.Entry.Never {
			continue
		}
		for _, h := range a.lookAll(ctx, k.account.ID, s.Destinations) {
			found[h.ref.Place()] = h
		}
	}
	return found
}
