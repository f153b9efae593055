package rotate_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/tokenwarden/tokenwarden/internal/dbtcloud/dbtcloudtest"
	"github.com/tokenwarden/tokenwarden/rotate"
	"github.com/tokenwarden/tokenwarden/rotate/guarantee"
	"github.com/tokenwarden/tokenwarden/secrets"
	"github.com/tokenwarden/tokenwarden/secrets/secretstest"
)

// undo runs `rotate --undo` for a token, as a new process.
func (w *world) undo(id int64, opts rotate.Options) rotate.Result {
	w.t.Helper()
	return w.undoWith(w.rotator(), id, opts)
}

func (w *world) undoWith(r *rotate.Rotator, id int64, opts rotate.Options) rotate.Result {
	w.t.Helper()
	survey, err := r.Survey(context.Background())
	if err != nil {
		w.t.Fatal(err)
	}
	return r.Rotate(context.Background(), survey, rotate.Request{TokenID: id, Destinations: w.refs, Undo: true}, opts)
}

// returned checks the end of an undo: the old token alone, in every destination.
func (w *world) returned(r rotate.Result) {
	w.t.Helper()
	if tokens := w.active(); len(tokens) != 1 || tokens[0].ID != w.old {
		w.t.Fatalf("active tokens at the end: %+v", tokens)
	}
	w.stored(w.old)
	if !r.Undo || r.OldTokenID != w.old {
		w.t.Errorf("the result is about token %d (undo: %v)", r.OldTokenID, r.Undo)
	}
}

// takenUp is a rotation in its overlap, whose new value a consumer has used.
func (w *world) takenUp() (replacement int64) {
	w.t.Helper()
	first := w.must(rotate.Pending, w.rotate(defaults()))
	time.Sleep(time.Hour)
	w.sim.Use(first.NewTokenID)
	return first.NewTokenID
}

func TestUndo(t *testing.T) {
	row(t, "in the overlap, unused: at once", func(t *testing.T, w *world) {
		w.must(rotate.Pending, w.rotate(defaults()))
		w.returned(w.must(rotate.Undone, w.undo(w.old, defaults())))
		w.returned(w.must(rotate.Unchanged, w.undo(w.old, defaults())))
		w.finished(w.must(rotate.Rotated, w.rotate(now()))) // and it can be rotated again
	})
	row(t, "used: it stays for the overlap, and --now ends it", func(t *testing.T, w *world) {
		w.takenUp()
		r := w.must(rotate.Pending, w.undo(w.old, defaults()))
		if w.stored(w.old); r.PendingUntil == nil || !strings.Contains(r.Message, "--pending ends it") {
			t.Errorf("until %v: %s", r.PendingUntil, r.Message)
		}
		w.returned(w.must(rotate.Undone, w.undo(w.old, now())))
	})
	row(t, "a plain rotation in the middle changes nothing", func(t *testing.T, w *world) {
		replacement := w.takenUp()
		w.must(rotate.Pending, w.undo(w.old, defaults()))
		time.Sleep(48 * time.Hour)
		for _, opts := range []rotate.Options{defaults(), now()} {
			if r := w.must(rotate.Refused, w.rotate(opts)); !strings.Contains(r.Error, "--undo") || len(r.Steps) > 0 {
				t.Errorf("%d steps: %s", len(r.Steps), r.Error)
			}
		}
		w.stored(w.old)
		// The replacement's own id finds out that it is on its way out.
		r := w.must(rotate.Undone, w.rotateToken(replacement, defaults()))
		w.returned(r)
		if again := w.must(rotate.Unchanged, w.rotateToken(replacement, defaults())); again.NewTokenID != w.old {
			t.Errorf("afterwards, --token-id %d names token %d", replacement, again.NewTokenID)
		}
	})
	row(t, "the replacement renamed by a person: found by its label", func(t *testing.T, w *world) {
		replacement := w.takenUp()
		w.sim.Rename(replacement, "Airflow by hand")
		w.must(rotate.Pending, w.undo(w.old, defaults()))
		w.must(rotate.Refused, w.rotate(now()))
		w.returned(w.must(rotate.Undone, w.undo(w.old, now())))
	})
	row(t, "the replacement's permissions were changed: no reason to refuse", func(t *testing.T, w *world) {
		first := w.must(rotate.Pending, w.rotate(defaults()))
		w.sim.SetGrants(first.NewTokenID, dbtcloudtest.SeedGrant{PermissionSet: "readonly", AllProjects: all()})
		w.returned(w.must(rotate.Undone, w.undo(w.old, defaults())))
	})
	row(t, "the replacement deleted by hand: its dead value is written over", func(t *testing.T, w *world) {
		first := w.must(rotate.Pending, w.rotate(defaults()))
		w.sim.Delete(first.NewTokenID)
		w.returned(w.must(rotate.Undone, w.undo(w.old, defaults())))
		w.returned(w.must(rotate.Unchanged, w.undo(w.old, defaults())))
	})
	row(t, "… and the command runs, though the first try failed", func(t *testing.T, w *world) {
		first := w.must(rotate.Pending, w.rotate(defaults()))
		w.sim.Delete(first.NewTokenID)
		ran := 0
		r := w.rotator()
		r.AfterStore = func(context.Context, []string, map[string]string) error {
			if ran++; ran == 1 {
				return errors.New("no connection")
			}
			return nil
		}
		for n, want := range []rotate.Status{rotate.Failed, rotate.Undone, rotate.Unchanged} {
			survey, err := r.Survey(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			w.returned(w.must(want, r.Rotate(t.Context(), survey, rotate.Request{TokenID: w.old, Destinations: w.refs, AfterStore: restart, Undo: true}, defaults())))
			if ran != min(n+1, 2) {
				t.Errorf("run %d: the command ran %d times", n+1, ran)
			}
		}
	})
	row(t, "the replacement named instead of the token: refused, and told", func(t *testing.T, w *world) {
		first := w.must(rotate.Pending, w.rotate(defaults()))
		if r := w.must(rotate.Refused, w.undo(first.NewTokenID, defaults())); !strings.Contains(r.Error, "--undo --token-id 777") {
			t.Error(r.Error)
		}
		w.stored(first.NewTokenID)
	})
	row(t, "a finished rotation: too late", func(t *testing.T, w *world) {
		done := w.must(rotate.Rotated, w.rotate(now()))
		if r := w.must(rotate.Refused, w.undo(w.old, now())); !strings.Contains(r.Error, "too late") {
			t.Error(r.Error)
		}
		w.finished(done)
	})
	row(t, "the old value is in no version any more", func(t *testing.T, w *world) {
		first := w.must(rotate.Pending, w.rotate(defaults()))
		labels := w.memory.Labels(w.refs[0])
		w.memory.Delete(w.refs[0])
		w.memory.Set(w.refs[0], w.sim.ValueOf(first.NewTokenID))
		if err := w.memory.Label(t.Context(), w.refs[0], labels, nil); err != nil {
			t.Fatal(err)
		}
		if r := w.must(rotate.Refused, w.undo(w.old, defaults())); !strings.Contains(r.Error, "no version that can be recovered") {
			t.Error(r.Error)
		}
		w.stored(first.NewTokenID)
	})
	row(t, "… but in another destination", func(t *testing.T, w *world) {
		other := ref("vault://secret/dbt/other#token")
		w.refs = append(w.refs, other)
		w.memory.Set(other, w.sim.ValueOf(w.old))
		first := w.must(rotate.Pending, w.rotate(defaults()))
		labels := w.memory.Labels(other)
		w.memory.Delete(other)
		w.memory.Set(other, w.sim.ValueOf(first.NewTokenID))
		if err := w.memory.Label(t.Context(), other, labels, nil); err != nil {
			t.Fatal(err)
		}
		w.returned(w.must(rotate.Undone, w.undo(w.old, defaults())))
	})
	row(t, "a destination added for the undo", func(t *testing.T, w *world) {
		w.must(rotate.Pending, w.rotate(defaults()))
		w.refs = append(w.refs, ref("vault://secret/dbt/new#token"))
		w.returned(w.must(rotate.Undone, w.undo(w.old, defaults())))
		// Nobody is known to read it yet, which the next rotation has to know as well.
		if r := w.must(rotate.Refused, w.rotate(now())); !strings.Contains(r.Error, "--adopt") || len(w.active()) > 1 {
			t.Errorf("%d tokens: %s", len(w.active()), r.Error)
		}
	})
	row(t, "the old value is not accepted: nothing is written", func(t *testing.T, w *world) {
		first := w.must(rotate.Pending, w.rotate(defaults()))
		w.sim.Plan(dbtcloudtest.Rule{Operation: "accounts", Fault: dbtcloudtest.StatusBefore, Status: 401})
		w.must(rotate.Failed, w.undo(w.old, defaults()))
		w.stored(first.NewTokenID)
	})
	row(t, "chains survive it", func(t *testing.T, w *world) {
		second := w.must(rotate.Rotated, w.rotate(now()))
		w.must(rotate.Pending, w.rotateToken(second.NewTokenID, defaults()))
		first := w.old
		w.old = second.NewTokenID
		w.returned(w.must(rotate.Undone, w.undo(w.old, defaults())))
		if r := w.must(rotate.Unchanged, w.rotateToken(first, now())); r.NewTokenID != w.old {
			t.Errorf("--token-id %d names %d, want %d", first, r.NewTokenID, w.old)
		}
	})
	row(t, "dry run", func(t *testing.T, w *world) {
		first := w.must(rotate.Pending, w.rotate(defaults()))
		dry := defaults()
		dry.DryRun = true
		r := w.must(rotate.Planned, w.undo(w.old, dry))
		if want := "put the value of token 777 back into " + w.refs[0].String(); r.Plan == nil || r.Plan.NextStep != want {
			t.Errorf("%+v", r.Plan)
		}
		w.stored(first.NewTokenID)
	})
}

// A rotation is frozen just before its DELETE, or an undo just before its write,
// and the other one comes. Whoever is second sees the first, or fails.
func TestARotationThatEndsMeetsAnUndoThatBegins(t *testing.T) {
	for name, c := range map[string]struct {
		frozen  secretstest.Op
		nth     int // of the undo's calls
		undo    rotate.Status
		pending rotate.Status
	}{
		"the undo has not announced itself yet": {secretstest.Label, 1, rotate.Refused, rotate.Rotated},
		"the undo has, and did not look yet":    {secretstest.Read, 2, rotate.Refused, rotate.Rotated},
		"the undo has looked":                   {secretstest.Write, 1, rotate.Failed, rotate.Rotated},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newWorld(t)
				labelled(&cellWorld{world: w})
				watch := guarantee.New(w.sim, w.memory, w.old, w.refs...)
				w.store = watch.Through(w.memory)
				w.must(rotate.Pending, w.rotate(defaults()))
				r := w.rotator()
				r.Store = func(secrets.Ref) (secrets.Store, error) {
					return &secretstest.Intercept{Store: w.store, Before: func(_ context.Context, call secretstest.Call) error {
						if call.Op == c.frozen && call.N == c.nth {
							w.must(c.pending, w.rotate(now()))
						}
						return nil
					}}, nil
				}
				w.must(c.undo, w.undoWith(r, w.old, defaults()))
				if wrong := append(watch.Violations(), watch.Settled()...); len(wrong) > 0 {
					t.Error(wrong)
				}
			})
		})
	}
	t.Run("the rotation is about to delete", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			w := newWorld(t)
			labelled(&cellWorld{world: w})
			watch := guarantee.New(w.sim, w.memory, w.old, w.refs...)
			w.store = watch.Through(w.memory)
			w.must(rotate.Pending, w.rotate(defaults()))
			met := false
			w.sim.Plan(dbtcloudtest.Rule{Operation: "delete-token", Nth: 1, Before: func() {
				time.Sleep(9 * time.Minute)
				met = true
				if r := w.must(rotate.Refused, w.undo(w.old, now())); !strings.Contains(r.Error, "about to delete") {
					t.Error(r.Error)
				}
			}})
			r := w.rotate(now())
			if !met {
				t.Fatal("nobody met")
			}
			if r.Status != rotate.Rotated { // its own DELETE has given up waiting
				w.must(rotate.Rotated, w.rotate(now()))
			}
			if wrong := append(watch.Violations(), watch.Settled()...); len(wrong) > 0 {
				t.Error(wrong)
			}
		})
	})
}
