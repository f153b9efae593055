package notify

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Message is one announcement: one account, one night.
type Message struct {
	Title   string   // what happened: at most 150 characters
	Summary []string // what stands, what changed, what could be seen
	Items   []Item   // everything there is to tell, in order
	Footer  string
	Report  *Report
	Tally   map[string]int           // what the title counts, by label
	Last    Posted                   // where the account's message of this night stands; zero: nowhere
	Owner   func(name string) string // a Slack ID to mention, or nothing; nil: nobody
}

// sameNight is how young an account's last message is when this run belongs to
// the same night: then it is brought up to date instead of a second one posted.
const sameNight = 12 * time.Hour

// Bounds of the summary's lines, in characters.
const (
	maxName    = 80
	maxMissing = 600
)

// compose writes the message about one account. lost is why there is no memory
// of it: nil when there is.
func compose(night Night, known *AccountState, items []Item, lost error, now time.Time) Message {
	m := Message{Items: items, Report: night.Report, Footer: "Everything that stands: tokenwarden audit"}
	if known != nil && known.Message.TS != "" && now.Sub(known.Message.At) < sameNight {
		m.Last = known.Message
	}
	m.Tally = tally(items, m.Last.Tally)
	m.Title = cut(cut(clean(night.Name), maxName)+": "+headline(m.Tally)+worst(night), maxHeader)
	m.Summary = append(m.Summary, stands(night), since(known, items, lost))
	if c := coverage(night.Coverage); c != "" {
		m.Summary = append(m.Summary, c)
	}
	return m
}

// tally counts items by label, on top of what the same message told before.
func tally(items []Item, before map[string]int) map[string]int {
	counts := maps.Clone(before)
	if counts == nil {
		counts = map[string]int{}
	}
	for _, item := range items {
		counts[item.label()]++
	}
	return counts
}

// headline writes a tally.
func headline(counts map[string]int) string {
	var parts []string
	for _, l := range labels {
		n := counts[l]
		if n == 0 {
			continue
		}
		if status, is := strings.CutPrefix(l, "rotation "); is {
			parts = append(parts, count(n, "rotation")+" "+status)
		} else {
			parts = append(parts, fmt.Sprintf("%d %s", n, l))
		}
	}
	if len(parts) == 0 {
		return "nothing stands"
	}
	return strings.Join(parts, ", ")
}

// worst says how bad it is, in the one line that a telephone shows.
func worst(night Night) string {
	all := night.standing()
	if len(all) == 0 {
		return ""
	}
	most := slices.MaxFunc(all, func(a, b Alert) int { return cmp.Compare(a.Severity, b.Severity) })
	return "; worst: " + most.Severity.String()
}

// stands counts what stands, worst first.
func stands(night Night) string {
	all := night.standing()
	if len(all) == 0 {
		return "No finding stands."
	}
	bySeverity := map[Severity]int{}
	for _, a := range all {
		bySeverity[a.Severity]++
	}
	var parts []string
	for s := Critical; s >= Info; s-- {
		if n := bySeverity[s]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, s))
		}
	}
	verb := " stand: "
	if len(all) == 1 {
		verb = " stands: "
	}
	return count(len(all), "finding") + verb + strings.Join(parts, ", ") + "."
}

// since says what changed since the last message.
func since(known *AccountState, items []Item, lost error) string {
	switch {
	case errors.Is(lost, ErrBrokenState):
		return "The alert state was broken and has been begun anew: what changed since yesterday is not known. What stands is listed once and then stays silent until it changes."
	case known == nil || known.First:
		return "Nothing is known of earlier nights: this is the first run for this account, or its alert state was lost. What stands is listed once and then stays silent until it changes."
	}
	counts := map[Kind]int{}
	for _, item := range items {
		counts[item.Kind]++
	}
	line := fmt.Sprintf("%d new, %d changed, %d resolved", counts[KindNew], counts[KindChanged], counts[KindResolved])
	if known.Message.At.IsZero() {
		return "Since the last night that was told: " + line + "."
	}
	return "Since the message of " + known.Message.At.UTC().Format("2006-01-02 15:04 UTC") + ": " + line + "."
}

func coverage(c Coverage) string {
	if c.Checks == 0 {
		return ""
	}
	line := fmt.Sprintf("Coverage: %d of %d checks.", c.Checked, c.Checks)
	if len(c.Missing) > 0 {
		missing := make([]string, len(c.Missing))
		for i, m := range c.Missing {
			missing[i] = clean(m)
		}
		line += " Not checked, so nothing is known there: " + cut(strings.Join(missing, "; "), maxMissing) + "."
	}
	return line
}

// untold returns the items that are not among those that got through.
func untold(items, told []Item) []Item {
	through := map[string]bool{}
	id := func(i Item) string { return string(i.Kind) + "\x00" + i.Alert.Key + "\x00" + i.Rotation.Key }
	for _, i := range told {
		through[id(i)] = true
	}
	return slices.DeleteFunc(slices.Clone(items), func(i Item) bool { return through[id(i)] })
}
