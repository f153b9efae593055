package audit

import (
	"fmt"
	"strings"
	"time"

	"github.com/tokenwarden/tokenwarden/internal/inflight"
)

const (
	// usualOverlap is taken for the overlap of a rotation whose label is not seen.
	usualOverlap = 24 * time.Hour
	// finishWithin is how long after its overlap a rotation may stay unfinished:
	// a nightly run, begun at any hour, has had its chance by then.
	finishWithin = 36 * time.Hour
	// storeWithin is how long a replacement may be in no destination yet.
	storeWithin = time.Hour
)

func nameRules() []Rule {
	return []Rule{{
		ID:         "service-token-duplicate-name",
		Title:      "Service tokens that share a name",
		Severity:   Low,
		Why:        "Names are how people and configurations tell tokens apart, and the only thing about a token that survives its rotation. With two of one name, somebody will replace or delete the wrong one.",
		Fix:        "Rename all but one in dbt Cloud.",
		Near:       "Names are compared exactly, between active tokens. A replacement under way has its own name for that time.",
		Permission: "account_viewer",
		needs:      []need{needTokens},
		perItem:    true,
		check:      checkNames,
	}, {
		ID:       "rotation-unfinished",
		Title:    "Rotation that was begun and not finished",
		Severity: Medium,
		Why: "While a token is named \"… [replaces N]\", a rotation is under way. Past its overlap, two credentials live where one should, " +
			"or the replacement's value is nowhere and nobody can use it.",
		Fix: "Run `tokenwarden rotate --pending`: it finishes what can be finished and says what needs a person.",
		Near: "Not flagged until 36 hours after the end of the overlap that its label states (24 hours after the creation where no label is seen); " +
			"one that is in none of its destinations, an orphan, is flagged an hour after its creation.",
		Permission: "account_viewer",
		needs:      []need{needTokens},
		perItem:    true,
		check:      checkRotations,
	}}
}

func checkNames(f *Facts, _ *Policy, v *verdict) {
	byName := make(map[string][]*Token)
	for i := range f.Tokens.Items {
		t := &f.Tokens.Items[i]
		byName[t.Name] = append(byName[t.Name], t)
	}
	for i := range f.Tokens.Items {
		t := &f.Tokens.Items[i]
		var others []string
		for _, other := range byName[t.Name] {
			if other.ID != t.ID && len(others) < maxNamed {
				others = append(others, fmt.Sprint(other.ID))
			}
		}
		if count := len(byName[t.Name]); count > 1 {
			v.flag(t.resource(), Low, fmt.Sprintf("%d active tokens have this name", count), "Rename all but one in dbt Cloud.",
				Fact{"others", strings.Join(others, ", ")}, lastUsed(t.LastUsed))
		}
	}
}

func checkRotations(f *Facts, _ *Policy, v *verdict) {
	active := make(map[int64]bool, len(f.Tokens.Items))
	for i := range f.Tokens.Items {
		active[f.Tokens.Items[i].ID] = true
	}
	for i := range f.Tokens.Items {
		t := &f.Tokens.Items[i]
		_, old, ok := inflight.Split(t.Name)
		if !ok || !v.dated(t.resource(), "creation", t.CreatedAt) {
			continue
		}
		held := f.held(t.ID)
		age := f.Now.Sub(t.CreatedAt.Time)
		due := t.CreatedAt.Time.Add(usualOverlap)
		if held.until.After(due) || (held.somewhere && !held.until.IsZero()) {
			due = held.until
		}
		evidence := []Fact{{"replaces", fmt.Sprint(old)}, {"created_at", stamp(t.CreatedAt.Time)}, {"due", stamp(due)}}
		fix := "tokenwarden rotate --pending" + f.accountFlag()
		switch {
		case held.nowhere && age > storeWithin:
			v.flag(t.resource(), Medium, fmt.Sprintf("an orphan: it was to replace token %d, and no destination holds its value", old), fix, evidence...)
		case f.Now.Sub(due) <= finishWithin:
		case active[old] || !f.Tokens.Sight.Whole():
			v.flag(t.resource(), Medium, fmt.Sprintf("it replaces token %d since %s; the overlap ended on %s", old, day(t.CreatedAt.Time), day(due)), fix, evidence...)
		default:
			v.flag(t.resource(), Medium, fmt.Sprintf("token %d, which it replaces, is gone; only its own name was not put back", old), fix, evidence...)
		}
	}
}

// holding is what the destinations say of one token.
type holding struct {
	somewhere bool      // one is labelled as holding its value
	nowhere   bool      // all were read, and none holds it or a value nobody knows
	until     time.Time // the latest end of its overlap
}

func (f *Facts) held(token int64) holding {
	h := holding{nowhere: f.Destinations.Sight.Whole()}
	for _, d := range f.Destinations.Items {
		if d.TokenID == token {
			h.somewhere, h.nowhere = true, false
			if d.Until.After(h.until) {
				h.until = d.Until
			}
		}
		if d.Unlabelled || d.Err != "" {
			h.nowhere = false
		}
	}
	return h
}
