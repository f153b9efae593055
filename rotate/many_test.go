package rotate_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tokenwarden/tokenwarden/internal/dbtcloud/dbtcloudtest"
	"github.com/tokenwarden/tokenwarden/rotate"
	"github.com/tokenwarden/tokenwarden/secrets"
	"github.com/tokenwarden/tokenwarden/secrets/secretstest"
)

// What a run over many tokens asks of a single rotation.

// TestWidespread: which failures the next token would meet as well.
func TestWidespread(t *testing.T) {
	status := func(operation string, status int) []dbtcloudtest.Rule {
		return []dbtcloudtest.Rule{{Operation: operation, Fault: dbtcloudtest.StatusBefore, Status: status, RetryAfter: time.Hour}}
	}
	store := func(op secretstest.Op, err error) func(context.Context, secretstest.Call) error {
		return func(_ context.Context, c secretstest.Call) error {
			if c.Op == op {
				return err
			}
			return nil
		}
	}
	for name, c := range map[string]struct {
		rules    []dbtcloudtest.Rule
		store    func(context.Context, secretstest.Call) error
		evidence error
		command  error
		timeout  time.Duration
		now      bool // the old token goes in this run
		want     rotate.Status
		wide     bool
	}{
		"nothing":                           {want: rotate.Pending},
		"dbt Cloud does not answer":         {rules: []dbtcloudtest.Rule{{Fault: dbtcloudtest.TimeoutBefore}}, want: rotate.Failed, wide: true},
		"dbt Cloud answers 500":             {rules: status("get-permissions", 500), want: rotate.Failed, wide: true},
		"a proxy's page":                    {rules: []dbtcloudtest.Rule{{Operation: "get-permissions", Fault: dbtcloudtest.HTML, Status: 200}}, want: rotate.Failed, wide: true},
		"no create is answered":             {rules: status("create-token", 503), want: rotate.Failed, wide: true},
		"throttled for too long":            {rules: status("get-token", 429), want: rotate.Failed, wide: true},
		"the credential is refused":         {rules: status("get-token", 401), want: rotate.Failed, wide: true},
		"the credential may only read":      {rules: status("create-token", 403), want: rotate.Failed, wide: true},
		"the same, as the service says it":  {rules: status("create-token", 404), want: rotate.Failed, wide: true},
		"the credential may not delete":     {rules: status("delete-token", 403), now: true, want: rotate.Failed, wide: true},
		"nor delete, as the service says":   {rules: status("delete-token", 404), now: true, want: rotate.Failed, wide: true},
		"a create is refused":               {rules: status("create-token", 400), want: rotate.Refused},
		"the store is down":                 {store: store(secretstest.Check, secrets.ErrUnavailable), want: rotate.Failed, wide: true},
		"the store goes down":               {store: store(secretstest.Write, secrets.ErrUnavailable), want: rotate.Failed, wide: true},
		"the store refuses our credential":  {store: store(secretstest.Read, secrets.ErrDenied), want: rotate.Failed, wide: true},
		"one place may not be written":      {store: store(secretstest.Check, secrets.ErrNotWritable), want: rotate.Failed},
		"labels turn out to be forbidden":   {store: store(secretstest.Label, secrets.ErrNotWritable), want: rotate.Failed, wide: true},
		"one place is nearly full of them":  {store: store(secretstest.Check, secrets.ErrTooManyLabels), want: rotate.Refused},
		"one place is full of labels":       {store: store(secretstest.Label, secrets.ErrTooManyLabels), want: rotate.Failed},
		"evidence cannot be written":        {evidence: errors.New("disk full"), want: rotate.Failed, wide: true},
		"the command fails":                 {command: errors.New("exit status 1"), want: rotate.Failed},
		"the command takes too long":        {command: fmt.Errorf("killed: %w", context.DeadlineExceeded), want: rotate.Failed},
		"there is no time for any rotation": {timeout: 30 * time.Second, want: rotate.Failed, wide: true},
		"time is over":                      {rules: []dbtcloudtest.Rule{{Operation: "list-tokens", Delay: time.Hour}}, timeout: 5 * time.Minute, want: rotate.Failed, wide: true},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newWorld(t)
				w.label(t)
				r := w.rotator()
				survey, err := r.Survey(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				w.sim.Plan(c.rules...)
				intercept := &secretstest.Intercept{Store: w.memory, Before: c.store}
				r.Store = func(secrets.Ref) (secrets.Store, error) { return intercept, nil }
				r.AfterStore = func(context.Context, []string, map[string]string) error { return c.command }
				if c.evidence != nil {
					r.Evidence = brokenEvidence{c.evidence}
				}
				opts := defaults()
				if opts.Timeout = 15 * time.Minute; c.timeout != 0 {
					opts.Timeout = c.timeout
				}
				if c.now {
					opts.Overlap, opts.Quiet = 0, 0
				}
				got := w.must(c.want, r.Rotate(t.Context(), survey, rotate.Request{TokenID: w.old, Destinations: w.refs, AfterStore: []string{"reload"}}, opts))
				if got.Widespread != c.wide {
					t.Errorf("widespread: %t: %s", got.Widespread, got.Error)
				}
			})
		})
	}
}

type brokenEvidence struct{ err error }

func (e brokenEvidence) Record(context.Context, rotate.Entry) error { return e.err }

// label says that the destination holds the old token's value.
func (w *world) label(t *testing.T) {
	t.Helper()
	for _, ref := range w.refs {
		labels := secrets.Labels{w.memory.Get(ref).Fingerprint(accountID): {TokenID: w.old, AccountID: accountID}}
		if err := w.memory.Label(t.Context(), ref, labels, nil); err != nil {
			t.Fatal(err)
		}
	}
}

// A run over many tokens tries no stored value.
func TestNoProof(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		opts := defaults()
		opts.NoProof = true
		before, _ := w.sim.Token(w.old)
		w.must(rotate.Refused, w.rotate(opts))
		if after, _ := w.sim.Token(w.old); string(after.LastUsed) != string(before.LastUsed) {
			t.Error("the stored value was used")
		}
		w.label(t)
		w.must(rotate.Pending, w.rotate(opts))
	})
}

// LabelOnly proves and labels, and that is all.
func TestLabelOnly(t *testing.T) {
	opts := defaults()
	opts.LabelOnly = true
	for name, c := range map[string]struct {
		holds string // instead of the old token's value
		want  rotate.Status
	}{
		"the token's own": {want: rotate.Unchanged},
		"another token's": {holds: "another", want: rotate.Refused},
		"no token at all": {holds: "hunter2", want: rotate.Refused},
		"nothing":         {holds: "-", want: rotate.Refused},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newWorld(t)
				switch c.holds {
				case "":
				case "-":
					w.memory.Delete(w.refs[0])
				case "another":
					w.memory.Set(w.refs[0], w.sim.ValueOf(700))
				default:
					w.memory.Set(w.refs[0], c.holds)
				}
				before := w.memory.Get(w.refs[0])
				w.sim.ForgetRequests()
				w.must(c.want, w.rotate(opts))
				w.unchanged(t, before)
				label, known := w.memory.Labels(w.refs[0])[before.Fingerprint(accountID)]
				if known != (c.want == rotate.Unchanged) || known && label.TokenID != w.old {
					t.Errorf("labelled: %t, %+v", known, label)
				}
				if c.want == rotate.Unchanged {
					used, _ := w.sim.Token(w.old)
					w.must(rotate.Unchanged, w.rotate(opts))
					if again, _ := w.sim.Token(w.old); string(again.LastUsed) != string(used.LastUsed) {
						t.Error("what was labelled was tried again")
					}
				}
			})
		})
	}
}

// A token in the middle of its rotation is not taken further by it.
func TestLabelOnlyInTheOverlap(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.must(rotate.Pending, w.rotate(defaults()))
		time.Sleep(72 * time.Hour)
		before := w.memory.Get(w.refs[0])
		w.sim.ForgetRequests()
		opts := defaults()
		opts.LabelOnly = true
		w.must(rotate.Unchanged, w.rotate(opts))
		w.unchanged(t, before)
	})
}

// unchanged: no request changed anything, and the destination is as it was.
func (w *world) unchanged(t *testing.T, before secrets.Value) {
	t.Helper()
	for _, r := range w.sim.Requests() {
		if r.Method != "GET" {
			t.Errorf("%s was sent", r.Operation)
		}
	}
	if !w.memory.Get(w.refs[0]).Equal(before) {
		t.Error("the value was changed")
	}
}

// A compromised token goes in this run, also when it waits in an overlap and was
// used a moment ago; what else a rotation asks for it still asks.
func TestCompromised(t *testing.T) {
	leaked := defaults()
	leaked.Compromised = "in a build log"
	t.Run("in its overlap", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			w := newWorld(t)
			w.must(rotate.Pending, w.rotate(defaults()))
			w.use(t, w.old)
			r := w.must(rotate.Rotated, w.rotate(leaked))
			if r.Compromised != leaked.Compromised {
				t.Errorf("the result says %q", r.Compromised)
			}
			w.finished(r)
		})
	})
	t.Run("an empty destination", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			w := newWorld(t)
			w.memory.Delete(w.refs[0])
			r := w.must(rotate.Refused, w.rotate(leaked))
			if len(r.Warnings) != 1 || !strings.Contains(r.Warnings[0], "still alive") {
				t.Errorf("warnings: %q", r.Warnings)
			}
		})
	})
	t.Run("a replacement on its way out", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			w := newWorld(t)
			leaver := w.takenUp()
			w.must(rotate.Pending, w.undo(w.old, defaults()))
			r := w.must(rotate.Undone, w.with(w.rotator(), leaver, leaked))
			if len(r.Warnings) != 0 { // it is gone, and the token that has its place is not the compromised one
				t.Errorf("warnings: %q", r.Warnings)
			}
		})
	})
	t.Run("evidence", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			w := newWorld(t)
			r, kept := w.rotator(), evidence{}
			r.Evidence = &kept
			w.must(rotate.Rotated, w.with(r, w.old, leaked))
			if len(kept) == 0 || slices.ContainsFunc(kept, func(e rotate.Entry) bool { return !e.Compromised }) {
				t.Errorf("%+v", kept)
			}
		})
	})
}

type evidence []rotate.Entry

func (e *evidence) Record(_ context.Context, entry rotate.Entry) error {
	*e = append(*e, entry)
	return nil
}

// use lets a consumer of a token ask for something.
func (w *world) use(t *testing.T, id int64) {
	t.Helper()
	r := w.rotator()
	if _, err := r.Account.As(secrets.NewValue(w.sim.ValueOf(id))).Authenticate(t.Context()); err != nil {
		t.Fatal(err)
	}
}
