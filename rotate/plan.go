package rotate

import "fmt"

// plan fills in what a dry run shows: what would be copied, and where to.
func (u *run) plan(nextStep string) {
	p := &Plan{
		Permissions:  u.s.old.permissions.Lines(),
		NextStep:     nextStep,
		Overlap:      u.overlapLength().String(),
		Quiet:        u.s.policy.Quiet.String(),
		Destinations: []string{},
	}
	if u.s.policy.Now {
		p.Quiet = "0s"
	}
	if used := u.s.old.token.LastUsed; used.Known() {
		p.LastUsed = &used.Time
	}
	if p.Permissions == nil {
		p.Permissions = []string{}
	}
	for _, d := range u.s.destinations {
		p.Destinations = append(p.Destinations, fmt.Sprintf("%s: %s", d.ref, u.holding(d)))
	}
	u.result.Plan = p
}

// holding says in words whose value a destination holds.
func (u *run) holding(d destination) string {
	switch d.owner {
	case empty:
		return "empty, so this is a first write"
	case ofOld:
		return "holds the token's value"
	case ofReplacement:
		return fmt.Sprintf("holds the value of replacement %d", d.label.TokenID)
	case ofDead:
		return fmt.Sprintf("holds the value of replacement %d, which is deleted", d.label.TokenID)
	case ofAnotherToken:
		return fmt.Sprintf("holds the value of token %d", d.label.TokenID)
	case unknown:
	}
	if u.s.policy.Adopt {
		return "holds a value of unknown owner, to be taken for the token's (--adopt)"
	}
	return "holds a value of unknown owner, to be proved by last_used"
}
