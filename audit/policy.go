package audit

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// The thresholds of a [Policy] that sets none.
const (
	DefaultUnusedFor = 90 * 24 * time.Hour
	DefaultLookups   = 50
)

// Policy is what the operator decides. The zero Policy runs every rule that
// needs no decision.
type Policy struct {
	// MaxAge is how old a credential may become; 0: nobody decided, and the
	// rules about age are not run.
	MaxAge time.Duration
	// MaxAgeOf is MaxAge for service tokens that have a permission set; the
	// shortest one that applies counts.
	MaxAgeOf map[string]time.Duration
	// UnusedFor is for how long a credential may go unused; 0: 90 days.
	UnusedFor time.Duration

	Disable  []string // rules not to run
	Suppress []Suppression

	// Lookups is how many requests one account may cost beyond its lists, for
	// what has to be asked token by token or user by user. All of a kind or
	// none: half an answer differs from run to run. 0: 50; negative: no limit.
	Lookups int
}

// Suppression accepts findings of one rule, for a reason and a time.
type Suppression struct {
	Rule        string // the rule; empty only with a fingerprint
	Account     string // the configured name of the account; empty: any
	Name        string // a pattern of resource names in which * stands for anything
	Fingerprint string // one finding
	Reason      string
	Owner       string
	Until       time.Time // the first moment at which it no longer holds
}

func (p *Policy) unusedFor() time.Duration {
	if p.UnusedFor > 0 {
		return p.UnusedFor
	}
	return DefaultUnusedFor
}

// strictest is the shortest age that any permission set is limited to.
func (p *Policy) strictest() time.Duration {
	shortest := time.Duration(math.MaxInt64)
	for _, age := range p.MaxAgeOf {
		shortest = min(shortest, age)
	}
	return shortest
}

func (p *Policy) lookups() int {
	if p.Lookups == 0 {
		return DefaultLookups
	}
	return p.Lookups
}

// Validate says what is wrong with the policy, or with the rules that must have
// been checked.
func (p *Policy) Validate(require []string) error {
	byID := make(map[string]Rule)
	for _, r := range Rules() {
		byID[r.ID] = r
	}
	known := func(id string) bool { return byID[id].ID != "" }
	for _, id := range p.Disable {
		if !known(id) {
			return fmt.Errorf("disable: there is no rule %s", Quote(id))
		}
	}
	for _, id := range require {
		switch {
		case !known(id):
			return fmt.Errorf("require: there is no rule %s", Quote(id))
		case slices.Contains(p.Disable, id):
			return fmt.Errorf("require: the policy disables %s", id)
		case byID[id].applies != nil && !byID[id].applies(p):
			return fmt.Errorf("require: %s needs max_age in the policy", id)
		}
	}
	if p.MaxAge < 0 || p.UnusedFor < 0 {
		return fmt.Errorf("max_age and unused_for cannot be negative")
	}
	for set, age := range p.MaxAgeOf {
		if age <= 0 {
			return fmt.Errorf("max_age of %s must be positive", Quote(set))
		}
	}
	for i, s := range p.Suppress {
		if err := s.validate(known); err != nil {
			return fmt.Errorf("suppress, entry %d: %w", i+1, err)
		}
	}
	return nil
}

func (s *Suppression) validate(known func(string) bool) error {
	switch {
	case s.Fingerprint == "" && (s.Rule == "" || s.Name == ""):
		return fmt.Errorf("needs a fingerprint, or a rule and a name pattern")
	case s.Rule != "" && !known(s.Rule):
		return fmt.Errorf("there is no rule %s", Quote(s.Rule))
	case s.Reason == "":
		return fmt.Errorf("needs a reason")
	case s.Owner == "":
		return fmt.Errorf("needs an owner")
	case s.Until.IsZero():
		return fmt.Errorf("needs an end (until)")
	}
	return nil
}
