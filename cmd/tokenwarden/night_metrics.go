package main

import (
	"github.com/tokenwarden/tokenwarden/audit"
	"github.com/tokenwarden/tokenwarden/internal/metrics"
)

// metrics are what the night found and did, in numbers.
func (n *night) metrics() metrics.Run {
	now := n.env.now()
	run := metrics.Run{
		Version: version(), Finished: now, Duration: now.Sub(n.budget.begun),
		ExitCode: int(n.code), Success: n.code <= exitFound,
	}
	for _, part := range n.report.Split() {
		from := &part.Accounts[0]
		account := metrics.Account{
			Name: from.Name, ID: from.ID, Findings: countFindings(part), Checks: map[string]int{}, Rotations: map[string]int{},
		}
		for _, c := range from.Coverage {
			account.Checks[string(c.Outcome)]++
		}
		for _, t := range from.Tokens {
			if !t.Created.IsZero() {
				account.Tokens = append(account.Tokens, metrics.Token{ID: t.ID, Name: t.Name, Age: now.Sub(t.Created)})
			}
		}
		for _, r := range n.rotating.results {
			if r.Account == from.Name {
				account.Rotations[string(r.Status)]++
			}
		}
		if s := n.services[from.Name]; s != nil {
			account.Requests = s.Requests()
		}
		run.Accounts = append(run.Accounts, account)
	}
	return run
}

// countFindings counts by rule and severity. A rule that found nothing counts 0
// under the severity that its findings usually have.
func countFindings(r *audit.Report) []metrics.Findings {
	type kind struct {
		rule     string
		severity audit.Severity
	}
	found := map[kind]int{}
	for i := range r.Findings {
		found[kind{r.Findings[i].Rule, r.Findings[i].Severity}]++
	}
	for _, rule := range audit.Rules() {
		found[kind{rule.ID, rule.Severity}] += 0
	}
	var all []metrics.Findings
	for k, n := range found {
		all = append(all, metrics.Findings{Rule: k.rule, Severity: k.severity.String(), Count: n})
	}
	return all
}
