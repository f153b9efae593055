package canary_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tokenwarden/tokenwarden/internal/canary"
	"github.com/tokenwarden/tokenwarden/internal/dbtcloud/dbtcloudtest"
)

// fault is one way in which a request goes wrong.
type fault struct {
	name   string
	rule   dbtcloudtest.Rule
	signal bool // the run is told to end, Before or After the effect
}

func faults() []fault {
	status := func(code int) fault {
		return fault{name: fmt.Sprint(code), rule: dbtcloudtest.Rule{Fault: dbtcloudtest.StatusBefore, Status: code}}
	}
	return []fault{
		status(400), status(401), status(403), status(404), status(429), status(500), status(503),
		{name: "429, Retry-After", rule: dbtcloudtest.Rule{Fault: dbtcloudtest.StatusBefore, Status: 429, RetryAfter: 20 * time.Second}},
		{name: "429 after the effect", rule: dbtcloudtest.Rule{Fault: dbtcloudtest.StatusAfter, Status: 429}},
		{name: "500 after the effect", rule: dbtcloudtest.Rule{Fault: dbtcloudtest.StatusAfter, Status: 500}},
		{name: "timeout before", rule: dbtcloudtest.Rule{Fault: dbtcloudtest.TimeoutBefore}},
		{name: "timeout after", rule: dbtcloudtest.Rule{Fault: dbtcloudtest.TimeoutAfter}},
		{name: "effect 3 s late", rule: dbtcloudtest.Rule{Fault: dbtcloudtest.TimeoutLate, Late: 3 * time.Second}},
		{name: "effect 60 s late", rule: dbtcloudtest.Rule{Fault: dbtcloudtest.TimeoutLate, Late: time.Minute}},
		{name: "effect 10 min late", rule: dbtcloudtest.Rule{Fault: dbtcloudtest.TimeoutLate, Late: 10 * time.Minute}},
		{name: "no answer in 20 s", rule: dbtcloudtest.Rule{DelayReply: 20 * time.Second}},
		{name: "reset before", rule: dbtcloudtest.Rule{Fault: dbtcloudtest.ResetBefore}},
		{name: "reset after", rule: dbtcloudtest.Rule{Fault: dbtcloudtest.ResetAfter}},
		{name: "half a body", rule: dbtcloudtest.Rule{Fault: dbtcloudtest.HalfBody}},
		{name: "HTML", rule: dbtcloudtest.Rule{Fault: dbtcloudtest.HTML}},
		{name: "HTML after the effect", rule: dbtcloudtest.Rule{Fault: dbtcloudtest.HTMLAfter}},
		{name: "HTML 400 after the effect", rule: dbtcloudtest.Rule{Fault: dbtcloudtest.HTMLAfter, Status: 400}},
		{name: "204 without effect", rule: dbtcloudtest.Rule{Fault: dbtcloudtest.StatusBefore, Status: 204}},
		{name: "permission lost", rule: dbtcloudtest.Rule{Fault: dbtcloudtest.LostPermission}},
		{name: "503 from here on", rule: dbtcloudtest.Rule{Fault: dbtcloudtest.StatusBefore, Status: 503, Times: -1}},
		{name: "reset from here on", rule: dbtcloudtest.Rule{Fault: dbtcloudtest.ResetAfter, Times: -1}},
		{name: "signal before", signal: true},
		{name: "signal after", signal: true},
	}
}

// call is the nth request of an operation.
type call struct {
	operation string
	nth       int
}

// calls are the requests of an undisturbed run. Of the many alike that are read
// in turn, the first, the second and the last stand for all.
func calls(t *testing.T, change func(*dbtcloudtest.Options)) []call {
	count := map[string]int{}
	var all []call
	bubble(t, func(t *testing.T) {
		w := newWorld(t, change)
		w.run()
		for _, r := range w.sim.Requests() {
			count[r.Operation]++
			all = append(all, call{r.Operation, count[r.Operation]})
		}
	})
	var few []call
	for _, c := range all {
		if c.nth <= 2 || c.nth == count[c.operation] || c.operation == "create-token" || c.operation == "delete-token" {
			few = append(few, c)
		}
	}
	return few
}

var errSignal = errors.New("told to end")

// Whatever goes wrong at whatever request: no token is left, or the report names
// it; and the next run removes what is left and measures.
func TestFaults(t *testing.T) {
	for _, s := range []struct {
		name   string
		change func(*dbtcloudtest.Options)
		asks   []string // the operations to disturb; nil: all
	}{
		{"by the spec", func(*dbtcloudtest.Options) {}, nil},
		{"another service", func(o *dbtcloudtest.Options) {
			o.IgnoreGrantsAtCreate, o.HideDeleted404, o.DeleteReplies200, o.UniqueNames = true, true, true, true
			o.RefuseSets, o.MaxNameLength = []string{"metadata_only"}, 255
		}, []string{"create-token", "post-permissions", "delete-token", "list-tokens"}}, // where it differs
	} {
		t.Run(s.name, func(t *testing.T) {
			cells := 0
			for _, c := range calls(t, s.change) {
				if s.asks != nil && !slices.Contains(s.asks, c.operation) {
					continue
				}
				for _, f := range faults() {
					cells++
					bubble(t, func(t *testing.T) { newWorld(t, s.change).suffer(c, f, nil) })
				}
			}
			if cells < 250 {
				t.Errorf("%d cells only", cells)
			}
		})
	}
}

// A create whose reply is lost, and then nothing else goes well either.
func TestFaultsAfterALostCreate(t *testing.T) {
	lists := func(lag time.Duration) func(*dbtcloudtest.Options) {
		return func(o *dbtcloudtest.Options) { o.StaleLists = lag }
	}
	for _, nth := range []int{1, 2} { // the canary, and the second one
		for _, first := range []dbtcloudtest.Rule{
			{Fault: dbtcloudtest.ResetAfter}, {Fault: dbtcloudtest.TimeoutLate, Late: 3 * time.Second},
		} {
			for _, c := range []call{{"list-tokens", 2}, {"delete-token", 1}} {
				for _, f := range faults() {
					for _, lag := range []time.Duration{0, 30 * time.Second} {
						bubble(t, func(t *testing.T) {
							rule := first
							rule.Operation, rule.Nth = "create-token", nth
							newWorld(t, lists(lag)).suffer(c, f, &rule)
						})
					}
				}
			}
		}
	}
}

func (w *world) suffer(c call, f fault, other *dbtcloudtest.Rule) {
	t := w.t
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
	defer cancel()
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	rule := f.rule
	rule.Operation, rule.Nth = c.operation, c.nth
	var signalled time.Time
	if f.signal {
		signal := func() { signalled = time.Now(); end(errSignal) }
		if strings.HasSuffix(f.name, "before") {
			rule.Before = signal
		} else {
			rule.After = signal
		}
	}
	cell := fmt.Sprintf("%s %d, %s", c.operation, c.nth, f.name)
	w.sim.Plan(rule)
	if other != nil {
		cell += fmt.Sprintf(", after create %d: %s", other.Nth, other.Fault)
		w.sim.Plan(*other, rule)
	}
	r := w.runIn(ctx)
	// Whether a second fault is met depends on what came of the first.
	if slices.Max(w.sim.Hits()) == 0 {
		t.Errorf("%s: the fault was never met", cell)
	}
	if !signalled.IsZero() {
		if took := time.Since(signalled); took > 26*time.Second {
			t.Errorf("%s: the run went on for %s", cell, took)
		}
		if len(w.living()) > 0 && other == nil {
			t.Errorf("%s: tokens %d are left", cell, w.living())
		}
		all := !slices.ContainsFunc(r.Measurements, func(m canary.Measurement) bool { return m.Verdict == canary.NotMeasured })
		if r.ExitCode() != 2 && !all {
			t.Errorf("%s: exit code %d: %s", cell, r.ExitCode(), w.shown(r))
		}
	}
	if created := len(w.sim.Tokens()) - 2; created > 2 {
		t.Errorf("%s: %d tokens were created", cell, created)
	}
	if f.name == "effect 3 s late" && other == nil && len(w.living()) > 0 {
		t.Errorf("%s: tokens %d are left, and waiting would have shown them", cell, w.living())
	}
	w.named(cell, r)
	time.Sleep(11 * time.Minute) // whatever is under way arrives
	w.named(cell, r)

	w.sim.Plan()
	w.sim.Restore(700)
	again := w.run()
	if left := w.living(); len(left) > 0 {
		t.Errorf("%s: tokens %d are left after another run: %s", cell, left, w.shown(again))
	}
	if len(again.Left) > 0 || len(again.Errors) > 0 {
		t.Errorf("%s: the next run: %s", cell, w.shown(again))
	}
}

// named looks that the report names every canary that lives: by its id, or, when
// no list showed it, by the name that it would have.
func (w *world) named(cell string, r canary.Report) {
	for i, l := range r.Left {
		if slices.ContainsFunc(r.Left[:i], func(other canary.Left) bool { return other.TokenID == l.TokenID }) {
			w.t.Errorf("%s: token %d is named twice", cell, l.TokenID)
		}
	}
	for _, id := range w.living() {
		token, _ := w.sim.Token(id)
		byID, byName := false, false
		for _, l := range r.Left {
			byID = byID || l.TokenID == id
		}
		for _, e := range r.Errors {
			byName = byName || strings.Contains(e, token.Name)
		}
		if !byID && !byName || r.ExitCode() != 2 {
			w.t.Errorf("%s: token %d (%q) is left, and the report says: %s", cell, id, token.Name, w.shown(r))
		}
	}
}
