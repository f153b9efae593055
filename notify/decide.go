package notify

import (
	"cmp"
	"slices"
	"time"
)

// Kind says why something is announced.
type Kind string

// The kinds.
const (
	KindRotation Kind = "rotation"
	KindNew      Kind = "new"
	KindChanged  Kind = "changed"
	KindStanding Kind = "standing" // first word about an account: nothing is known of earlier nights
	KindReminder Kind = "reminder"
	KindResolved Kind = "resolved"
)

// labels is how items are counted, in the order in which they are told: what a
// person must act on first, good news last.
var labels = [...]string{
	"rotation " + Failed, "rotation " + Refused, "new", "changed", "standing", "still open",
	"rotation " + Pending, Rotated, Undone, "resolved",
}

// Item is one thing to announce.
type Item struct {
	Kind     Kind
	Alert    Alert     // resolved: as far as it is remembered
	Since    time.Time // when it was first seen; zero: now
	Was      Severity  // changed: its severity before; 0: the same
	Rotation Rotation  // for KindRotation
}

// Decide returns what is to be announced about one account, in the order to tell
// it: nothing when nothing happened. While there is no memory of the account
// (known is nil, or its first message was not delivered), what stands is told as
// standing, and nothing as new.
//
// remind is how long an unchanged alert stays silent; 0 or less: for ever.
func Decide(night Night, known *AccountState, now time.Time, remind time.Duration) []Item {
	var items []Item
	for _, r := range rotations(night, known) {
		if known.tellRotation(r, now, remind) {
			items = append(items, Item{Kind: KindRotation, Rotation: r})
		}
	}
	stands := map[string]bool{}
	for _, a := range night.standing() {
		if stands[a.Key] {
			continue
		}
		stands[a.Key] = true
		if item, tell := known.tell(a, now, remind); tell {
			items = append(items, item)
		}
	}
	if known != nil {
		items = append(items, known.resolved(stands, night.Unchecked)...)
	}
	slices.SortStableFunc(items, compare)
	return items
}

// tell decides about an alert that stands.
func (s *AccountState) tell(a Alert, now time.Time, remind time.Duration) (Item, bool) {
	if s == nil {
		return Item{Kind: KindStanding, Alert: a}, true
	}
	before, found := s.Alerts[a.Key]
	item := Item{Alert: a, Since: before.First}
	switch {
	case !found && s.First:
		item.Kind = KindStanding
	case !found:
		item.Kind = KindNew
	case before.Digest != a.digest():
		item.Kind = KindChanged
		if before.Severity != a.Severity {
			item.Was = before.Severity
		}
	case due(before.Told, now, remind):
		item.Kind = KindReminder
	default:
		return Item{}, false
	}
	return item, true
}

// resolved returns what stood and is gone, unless nobody looked.
func (s *AccountState) resolved(stands map[string]bool, unchecked []string) []Item {
	var items []Item
	for key, before := range s.Alerts {
		if !stands[key] && !slices.Contains(unchecked, before.Rule) {
			items = append(items, Item{Kind: KindResolved, Since: before.First, Alert: Alert{
				Key: key, Rule: before.Rule, Severity: before.Severity, Resource: before.Resource,
			}})
		}
	}
	return items
}

// rotations returns what there is to tell: this night's results, and those of
// earlier nights that no message carried and that nothing has overtaken.
func rotations(night Night, known *AccountState) []Rotation {
	var all []Rotation
	seen := map[string]bool{}
	for _, r := range night.Rotations {
		if r.announced() {
			all = append(all, r)
			seen[r.Key] = true
		}
	}
	if known != nil {
		for _, r := range known.Waiting {
			if !seen[r.Key] {
				all = append(all, r)
			}
		}
	}
	return all
}

// tellRotation decides about a rotation: told when its status is another one,
// when the time that was named for the old token's end has passed without it, or
// as a reminder while it waits.
func (s *AccountState) tellRotation(r Rotation, now time.Time, remind time.Duration) bool {
	if s == nil {
		return true
	}
	before, found := s.Rotations[r.Key]
	switch {
	case !found, before.Status != r.Status:
		return true
	case over(r.Status):
		return false
	case r.Status == Pending && !before.Until.IsZero() && now.After(before.Until):
		return true
	}
	return due(before.Told, now, remind)
}

// due reports whether it is time for a reminder. An hour's grace keeps a cron
// job, which never starts at the same second, from being a night late. What was
// told more than a day from now was told by a clock that was wrong: it is due.
func due(told, now time.Time, remind time.Duration) bool {
	since := now.Sub(told)
	return remind > 0 && (since >= remind-min(time.Hour, remind/24) || since < -24*time.Hour)
}

// label is how an item is counted.
func (i Item) label() string {
	switch i.Kind {
	case KindRotation:
		if over(i.Rotation.Status) {
			return i.Rotation.Status
		}
		return "rotation " + i.Rotation.Status
	case KindReminder:
		return "still open"
	}
	return string(i.Kind)
}

// rank is the place of an item's label.
func (i Item) rank() int { return slices.Index(labels[:], i.label()) }

// compare orders items: by label, the worst first.
func compare(a, b Item) int {
	return cmp.Or(
		cmp.Compare(a.rank(), b.rank()),
		cmp.Compare(b.Alert.Severity, a.Alert.Severity),
		cmp.Compare(a.Alert.Rule, b.Alert.Rule),
		cmp.Compare(a.Alert.Resource, b.Alert.Resource),
		cmp.Compare(a.Alert.Key, b.Alert.Key),
		cmp.Compare(a.Rotation.Key, b.Rotation.Key),
	)
}
