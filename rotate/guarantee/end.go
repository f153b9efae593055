package guarantee

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/tokenwarden/tokenwarden/internal/dbtcloud/dbtcloudtest"
)

// Settled is G3: it returns what is not as it has to be when a rotation is
// finished. There is exactly one active token that is or replaces the old one,
// it is equal to it, every destination holds its value and says so, and nothing
// else is left over.
func (w *Watch) Settled() []string {
	var wrong []string
	say := func(format string, args ...any) { wrong = append(wrong, "G3: "+fmt.Sprintf(format, args...)) }
	living := w.Living()
	if len(living) != 1 {
		say("%d active tokens are or replace token %d: %s", len(living), w.old, names(living))
	}
	if len(living) == 0 {
		return wrong
	}
	last := living[len(living)-1]
	if !slices.Equal(permissions(last), w.want) {
		say("token %d may do %q instead of %q", last.ID, permissions(last), w.want)
	}
	return append(wrong, w.lacking(last)...)
}

// Overlapping returns what is not as it has to be while the old token lives on
// beside its replacement: both are active, and every destination holds the
// replacement's value; for an undo, the old token's.
func (w *Watch) Overlapping() []string {
	living := w.Living()
	if len(living) != 2 || living[0].ID != w.old {
		return []string{fmt.Sprintf("G3: during the overlap there are %s", names(living))}
	}
	if w.undo {
		return w.lacking(living[0])
	}
	return w.lacking(living[1])
}

// Living lists the active tokens that are the old one or were created during the
// watch, by id.
func (w *Watch) Living() []dbtcloudtest.Token {
	living := slices.DeleteFunc(w.sim.Tokens(), func(t dbtcloudtest.Token) bool { return !t.Active() || !w.family(t.ID) })
	slices.SortFunc(living, func(a, b dbtcloudtest.Token) int { return cmp.Compare(a.ID, b.ID) })
	return living
}

// Orphans lists the active tokens created during the watch whose value no
// destination holds.
func (w *Watch) Orphans() []int64 {
	living := w.Living()
	w.mu.Lock()
	defer w.mu.Unlock()
	var orphans []int64
	for _, t := range living {
		held := slices.ContainsFunc(w.places, func(p place) bool { return p.value.Reveal() == t.Value })
		if t.ID != w.old && !held {
			orphans = append(orphans, t.ID)
		}
	}
	return orphans
}

func (w *Watch) lacking(t dbtcloudtest.Token) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var wrong []string
	for _, p := range w.places {
		if p.value.Reveal() != t.Value {
			wrong = append(wrong, fmt.Sprintf("G3: %s does not hold the value of token %d", p.ref, t.ID))
		} else if l := p.labels[p.value.Fingerprint(w.account)]; l.TokenID != t.ID || l.AccountID != w.account {
			wrong = append(wrong, fmt.Sprintf("G3: %s holds the value of token %d, and its label says %q", p.ref, t.ID, l.Encode()))
		}
	}
	return wrong
}

func names(tokens []dbtcloudtest.Token) string {
	var list []string
	for _, t := range tokens {
		list = append(list, fmt.Sprintf("%d %q", t.ID, t.Name))
	}
	return fmt.Sprint(list)
}

// lookUpPause has to lie between the two list passes of a look-up.
const lookUpPause = 5 * time.Second

// Creates is G5 for the run since Begin: before a create is asked for again,
// two passes over the whole list, five seconds apart, were answered.
func (w *Watch) Creates() []string {
	pages := (len(slices.DeleteFunc(w.sim.Tokens(), func(t dbtcloudtest.Token) bool { return !t.Active() })) + 99) / 100
	var wrong []string
	var passes []time.Time // since the last create
	asked, read := 0, 0
	var begun time.Time
	for _, r := range w.sim.Requests() {
		switch r.Operation {
		case "list-tokens":
			query, _ := url.ParseQuery(r.Query) // what cannot be read has no offset
			if query.Get("offset") == "0" {
				begun, read = r.At, 0
			}
			if answered := r.Fault == dbtcloudtest.NoFault && r.Status == http.StatusOK; !answered {
				continue
			}
			if read++; read == pages {
				passes = append(passes, begun)
			}
		case "create-token":
			if apart := len(passes) > 1 && passes[len(passes)-1].Sub(passes[0]) >= lookUpPause; asked > 0 && !apart {
				wrong = append(wrong, fmt.Sprintf("G5: create number %d was sent after %d list passes", asked+1, len(passes)))
			}
			asked++
			passes = nil
		}
	}
	return wrong
}
