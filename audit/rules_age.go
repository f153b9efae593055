package audit

import (
	"fmt"
	"time"

	"github.com/tokenwarden/tokenwarden/internal/dbtcloud"
)

// LegacyBefore is the moment from which on a service token is no longer legacy.
// The vendor recommends rotating tokens created "on or before July 18, 2023" and
// names no time zone (docs): the day is taken as inclusive, in UTC.
func LegacyBefore() time.Time { return time.Date(2023, time.July, 19, 0, 0, 0, 0, time.UTC) }

func ageRules() []Rule {
	return []Rule{{
		ID:       "service-token-legacy",
		Title:    "Service token created on or before July 18, 2023",
		Severity: High,
		Why: "dbt Labs recommends rotating every service token created on or before July 18, 2023. " +
			"A token does not expire by itself, so one that old has outlived people, laptops and pipelines that have seen it.",
		Fix: "Rotate it: `tokenwarden rotate --token-id ID` creates a replacement with the same permissions, " +
			"stores it where its consumers read it, and deletes the old token after the overlap.",
		Near:       "A token created at 2023-07-19T00:00:00Z or later is not flagged. The vendor names no time zone: the day counts in UTC, inclusive.",
		Permission: "account_viewer",
		Mission:    true,
		needs:      []need{needTokens},
		perItem:    true,
		check: func(f *Facts, _ *Policy, v *verdict) {
			for i := range f.Tokens.Items {
				t := &f.Tokens.Items[i]
				if !v.dated(t.resource(), "creation", t.CreatedAt) {
					continue
				}
				if created := t.CreatedAt.Time; created.Before(LegacyBefore()) {
					v.flag(t.resource(), High,
						fmt.Sprintf("created %s, on or before 2023-07-18: dbt Labs recommends rotating it", day(created)),
						f.rotate(t.ID), Fact{"created_at", stamp(created)}, lastUsed(t.LastUsed))
				}
			}
		},
	}, {
		ID:       "service-token-old",
		Title:    "Service token older than the policy allows",
		Severity: Low,
		Why: "A service token never expires. Each year that one lives adds people, machines and logs that may have seen it; " +
			"a maximum age makes sure that the way to replace it works before it is needed in a hurry.",
		Fix:        "Rotate it: `tokenwarden rotate --token-id ID`, or all of them with `tokenwarden rotate --flagged`.",
		Near:       "Runs only under a policy with max_age, or max_age for a permission set; the shortest that applies counts. A token of exactly that age is not flagged.",
		Permission: "account_viewer",
		needs:      []need{needTokens},
		perItem:    true,
		applies:    func(p *Policy) bool { return p.MaxAge > 0 || len(p.MaxAgeOf) > 0 },
		check:      checkOldTokens,
	}}
}

func checkOldTokens(f *Facts, p *Policy, v *verdict) {
	for i := range f.Tokens.Items {
		t := &f.Tokens.Items[i]
		limit := p.MaxAge
		for _, g := range t.Grants {
			if of, ok := p.MaxAgeOf[g.Set]; ok && (limit == 0 || of < limit) {
				limit = of
			}
		}
		switch {
		case !v.dated(t.resource(), "creation", t.CreatedAt):
		case limit > 0 && v.old(t.resource(), t.CreatedAt.Time, f.Now, limit, f.rotate(t.ID), lastUsed(t.LastUsed)):
		case !t.GrantsKnown && f.Now.Sub(t.CreatedAt.Time) > p.strictest():
			v.cannotTell(t.resource(), NotVisible, "its permission sets are not known, and the policy limits the age of some")
		}
	}
}

// old flags what is older than the policy's limit.
func (v *verdict) old(r Resource, created, now time.Time, limit time.Duration, fix string, more ...Fact) bool {
	age := now.Sub(created)
	if age <= limit {
		return false
	}
	v.flag(r, v.rule.Severity, fmt.Sprintf("created %s, %s ago: the policy allows %s", day(created), days(age), days(limit)),
		fix, append([]Fact{{"created_at", stamp(created)}}, more...)...)
	return true
}

// dated reports whether a date can be compared, and records the resource as one
// that the rule could not judge when it cannot.
func (v *verdict) dated(r Resource, what string, t dbtcloud.Timestamp) bool {
	switch t.Presence {
	case dbtcloud.Known:
		return true
	case dbtcloud.Unreadable:
		v.cannotTell(r, Failed, fmt.Sprintf("the %s date %s could not be understood", what, Quote(t.Raw)))
	default:
		v.cannotTell(r, Failed, fmt.Sprintf("the %s date is missing", what))
	}
	return false
}

// lastUsed is the evidence of a use.
func lastUsed(t dbtcloud.Timestamp) Fact {
	switch t.Presence {
	case dbtcloud.Known:
		return Fact{"last_used", stamp(t.Time)}
	case dbtcloud.Null:
		return Fact{"last_used", "never"}
	}
	return Fact{"last_used", "unknown"}
}
