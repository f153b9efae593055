package audit

import (
	"fmt"
	"slices"
)

// Rule is one thing worth knowing, declared once: the command that lists rules,
// their documentation and the reports are made from it.
type Rule struct {
	ID       string
	Title    string
	Severity Severity // what a finding usually has; the highest one where it varies
	Why      string   // why it matters
	Fix      string   // how to fix it
	Near     string   // what is close to it and not flagged: where the threshold lies

	Permission string // a permission set that sees what the rule needs
	Plan       string // the plan whose accounts have it; empty: any with an API
	// Mission marks the rules that make a report incomplete, and the exit code
	// 2, when they could not see.
	Mission bool

	needs []need
	// perItem: what the rule says of one item holds whatever else is in its
	// list, so it runs on a list that was read in part. Other rules conclude
	// from what is not there, and need all of it.
	perItem bool
	// applies tells whether the policy gives the rule something to compare with;
	// nil: it needs nothing.
	applies func(*Policy) bool
	check   func(*Facts, *Policy, *verdict)
}

// Rules returns all rules, in the order in which they are documented. A new
// slice each time: it is the caller's.
func Rules() []Rule {
	return slices.Concat(ageRules(), userRules(), unusedRules(), grantRules(), nameRules(), destinationRules(),
		personalRules(), scimRules(), ipRules(), auditorRules())
}

// need is a kind of fact.
type need int

const (
	needTokens need = iota
	needUsers
	needGrants
	needProjects
	needIPRules
	needSCIMTokens
	needPersonalTokens
	needDestinations
	needOwn
)

// sight tells how much was seen of a kind of fact.
func (f *Facts) sight(n need) Sight {
	switch n {
	case needTokens:
		return f.Tokens.Sight
	case needUsers:
		return f.Users.Sight
	case needGrants:
		return f.Grants
	case needProjects:
		return f.Projects.Sight
	case needIPRules:
		return f.Rules.Sight
	case needSCIMTokens:
		return f.SCIMTokens.Sight
	case needPersonalTokens:
		return f.PersonalTokens.Sight
	case needDestinations:
		return f.Destinations.Sight
	case needOwn:
		return f.Own
	}
	return Sight{}
}

// evaluate runs the rule on what one account showed.
func (r Rule) evaluate(f *Facts, p *Policy) *verdict {
	v := &verdict{rule: r, account: f.AccountID, sight: Sight{Outcome: Checked}}
	for _, n := range r.needs {
		v.sight = v.sight.worse(f.sight(n))
	}
	if v.sight.Whole() || r.perItem {
		r.check(f, p, v)
	}
	if v.sight.Outcome == NotVisible && r.Permission != "" {
		v.sight.Detail = fmt.Sprintf("%s (needs %s)", v.sight.Detail, r.Permission)
	}
	return v
}

// verdict is what a rule came to in one account.
type verdict struct {
	rule     Rule
	account  int64
	sight    Sight
	findings []Finding
	unclear  []Finding // resources it could not judge; why is the message
}

// flag records a finding about a resource.
func (v *verdict) flag(r Resource, s Severity, message, fix string, evidence ...Fact) {
	v.flagPart(r, "", s, message, fix, evidence...)
}

// flagPart is flag for one of several findings about the same resource.
func (v *verdict) flagPart(r Resource, part string, s Severity, message, fix string, evidence ...Fact) {
	v.findings = append(v.findings, Finding{
		Rule: v.rule.ID, Severity: s, AccountID: v.account, Resource: r, Message: message,
		Evidence: evidence, Remediation: fix, Fingerprint: fingerprint(v.rule.ID, v.account, r, part),
	})
}

// comesFrom notes which account the verdict is about.
func (v *verdict) comesFrom(account int) {
	for _, list := range [][]Finding{v.findings, v.unclear} {
		for i := range list {
			list[i].from = account
		}
	}
}

// cannotTell records a resource that the rule could not judge. Its fingerprint
// is not that of a finding: who accepts an unreadable date has not accepted what
// it may turn out to say.
func (v *verdict) cannotTell(r Resource, o Outcome, reason string) {
	v.unclear = append(v.unclear, Finding{
		Rule: v.rule.ID, Severity: v.rule.Severity, AccountID: v.account, Resource: r, Message: reason,
		Remediation: "Look at it in dbt Cloud; accept it in the policy, by name or fingerprint, if it cannot be cleared.",
		Fingerprint: fingerprint(v.rule.ID, v.account, r, "could not tell"), outcome: o,
	})
}
