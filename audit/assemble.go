package audit

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// maxNamed is how many resources a coverage line names.
const maxNamed = 3

// assemble puts the accounts' parts together: suppressions first, because what
// could not be judged and is accepted no longer lowers the coverage.
func (a *Auditor) assemble(accounts []Account, parts []examined, rules []Rule, now time.Time) *Report {
	report := &Report{
		SchemaVersion: SchemaVersion, GeneratedAt: now.Truncate(time.Second), Complete: len(accounts) > 0,
		Accounts: []AccountReport{}, Findings: []Finding{}, Suppressed: []Finding{}, Undetermined: []Finding{},
		Notices: []string{}, Policy: a.applied(),
	}
	filter := newFilter(a.Policy.Suppress, now)
	for i := range parts {
		part := &parts[i]
		for j, v := range part.verdicts {
			v.comesFrom(i)
			findings, accepted := filter.split(accounts[i].Name, v.findings)
			unclear, acknowledged := filter.split(accounts[i].Name, v.unclear)
			report.Findings = append(report.Findings, findings...)
			report.Undetermined = append(report.Undetermined, unclear...)
			report.Suppressed = append(append(report.Suppressed, accepted...), acknowledged...)
			sight := v.sight
			for _, o := range []Outcome{Failed, NotVisible} {
				sight = sight.worse(unjudged(unclear, o))
			}
			part.report.Coverage = append(part.report.Coverage, Coverage{
				Check: rules[j].ID, Outcome: sight.Outcome, Detail: sight.Detail,
			})
		}
		a.settle(&part.report, rules)
		report.Complete = report.Complete && part.report.Status == StatusComplete
		report.Accounts = append(report.Accounts, part.report)
	}
	report.Notices = append(report.Notices, filter.notices(func(rule string) bool {
		return !a.Selected && report.checked(rule)
	})...)
	sortFindings(report.Findings)
	sortFindings(report.Suppressed)
	sortFindings(report.Undetermined)
	report.summarise()
	return report
}

// unjudged is what the resources that a rule could not judge make of its
// coverage: checked, when there are none with this outcome.
func unjudged(unclear []Finding, o Outcome) Sight {
	count, named := 0, ""
	for i := range unclear {
		if f := &unclear[i]; f.outcome == o {
			if count++; count <= maxNamed {
				named += fmt.Sprintf("; %s %d %s: %s", f.Resource.Type, f.Resource.ID, Quote(f.Resource.Name), f.Message)
			}
		}
	}
	if count == 0 {
		return Sight{Outcome: Checked}
	}
	if count > maxNamed {
		named += "; …"
	}
	return Sight{Outcome: o, Detail: fmt.Sprintf("could not tell for %d%s", count, named)}
}

// settle gives the account its status, by the rules that must have been checked.
func (a *Auditor) settle(account *AccountReport, rules []Rule) {
	must, got := 0, 0
	for i, c := range account.Coverage {
		if !rules[i].Mission && !slices.Contains(a.Require, rules[i].ID) {
			continue
		}
		must++
		if c.Outcome == Checked {
			got++
			continue
		}
		told := slices.ContainsFunc(account.Errors, func(e string) bool { return strings.Contains(c.Detail, e) })
		if !told {
			account.Errors = append(account.Errors, fmt.Sprintf("%s: %s: %s", c.Check, c.Outcome, c.Detail))
		}
	}
	switch {
	case got == must && (must > 0 || len(account.Errors) == 0): // the policy may leave no rule that must
		account.Status = StatusComplete
	case got == 0 && account.Counts == Counts{}:
		account.Status = StatusFailed
	default:
		account.Status = StatusPartial
	}
}

func (a *Auditor) applied() Applied {
	day := 24 * time.Hour
	return Applied{
		MaxAgeDays: int(a.Policy.MaxAge / day), UnusedForDays: int(a.Policy.unusedFor() / day),
		Disabled: append([]string{}, a.Policy.Disable...), Required: append([]string{}, a.Require...),
	}
}

// sortFindings orders by what to look at first, and then so that two runs over
// the same accounts give the same order.
func sortFindings(findings []Finding) {
	slices.SortStableFunc(findings, func(a, b Finding) int {
		return cmp.Or(
			cmp.Compare(b.Severity, a.Severity), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.AccountID, b.AccountID),
			cmp.Compare(a.Resource.Type, b.Resource.Type), cmp.Compare(a.Resource.ID, b.Resource.ID),
			cmp.Compare(a.Fingerprint, b.Fingerprint),
		)
	})
}
