package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/tokenwarden/tokenwarden/audit"
	"github.com/tokenwarden/tokenwarden/rotate"
)

// bulkFields are what the JSON of a bulk rotation has besides that of any other.
type bulkFields struct {
	Canaries []int64   `json:"canaries"` // tried before the others of their accounts
	LeftOut  []leftOut `json:"left_out"` // every flagged token that was not begun
	Left     int       `json:"left"`     // how many of those the same command takes when it is run again
}

func (b bulk) fields() *bulkFields {
	f := &bulkFields{Canaries: b.canaries, LeftOut: b.left}
	if f.Canaries == nil {
		f.Canaries = []int64{}
	}
	if f.LeftOut == nil {
		f.LeftOut = []leftOut{}
	}
	for _, l := range b.left {
		if l.Reason.later() {
			f.Left++
		}
	}
	return f
}

// inWords says what a person can do about the tokens that were left out.
func (r reason) inWords() string {
	switch r {
	case suppressed:
		return "the policy accepts the finding"
	case neverRotated:
		return "the configuration says rotate: never"
	case inFlight:
		return "a rotation is under way; tokenwarden rotate --pending ends it"
	case unplaced:
		return "no destination is configured"
	case unreadable:
		return "a destination could not be read"
	case foreign:
		return "a destination holds another token's value; correct the configuration or the store"
	case emptyPlace:
		return "a destination is empty; tokenwarden rotate --name NAME fills it"
	case unlabelled:
		return "nothing says whose value is stored; tokenwarden config label proves and labels it"
	case overMax:
		return "for a later run: as many as --max allows were taken"
	case stopped:
		return "for a later run: this one stopped"
	}
	return string(r)
}

// writeReach is the plan of one among many: what the token can reach.
func writeReach(w io.Writer, r rotate.Result) {
	fmt.Fprintf(w, "%s: token %d %s: %s\n", r.Account, r.OldTokenID, audit.Quote(r.Name), r.Status)
	writeWhat(liner(w), r.Plan)
	for _, text := range r.Warnings {
		liner(w)("warning", text)
	}
}

// writeLeftOut counts what was left out by reason, and names the tokens.
func writeLeftOut(w io.Writer, b *bulk) {
	by := map[reason][]leftOut{}
	var reasons []reason
	for _, l := range b.left {
		if len(by[l.Reason]) == 0 {
			reasons = append(reasons, l.Reason)
		}
		by[l.Reason] = append(by[l.Reason], l)
	}
	slices.SortFunc(reasons, func(x, y reason) int {
		return cmp.Or(cmp.Compare(len(by[y]), len(by[x])), cmp.Compare(x, y))
	})
	for _, r := range reasons {
		fmt.Fprintf(w, "left out, %d: %s\n", len(by[r]), r.inWords())
		for _, l := range by[r] {
			fmt.Fprintf(w, "  %s: token %d %s", l.Account, l.TokenID, audit.Quote(l.Name))
			if l.Detail != "" && r != overMax && r != inFlight {
				fmt.Fprintf(w, ": %s", l.Detail)
			}
			fmt.Fprintln(w)
		}
	}
}

// writeSummary ends it: how many came to what, and what ends those that wait.
func writeSummary(w io.Writer, b *bulk, ending string) {
	counts := map[rotate.Status]int{}
	for _, r := range b.results {
		counts[r.Status]++
	}
	var parts []string
	for _, s := range []rotate.Status{rotate.Planned, rotate.Rotated, rotate.Pending, rotate.Unchanged, rotate.Refused, rotate.Failed} {
		if counts[s] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", counts[s], s))
		}
	}
	later := b.fields().Left
	parts = append(parts, fmt.Sprintf("%d left for a later run", later))
	if others := len(b.left) - later; others > 0 {
		parts = append(parts, fmt.Sprintf("%d not taken", others))
	}
	if len(b.canaries) > 0 && len(b.results) > 1 {
		fmt.Fprintf(w, "tried before the others, as canaries: %s\n", listIDs(b.canaries))
	}
	fmt.Fprintf(w, "in all: %s\n", strings.Join(parts, ", "))
	if counts[rotate.Pending] > 0 {
		fmt.Fprintf(w, "to end those that wait: %s\n", ending)
	}
}
