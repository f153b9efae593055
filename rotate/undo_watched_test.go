package rotate_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/tokenwarden/tokenwarden/internal/dbtcloud/dbtcloudtest"
	"github.com/tokenwarden/tokenwarden/rotate"
	"github.com/tokenwarden/tokenwarden/rotate/guarantee"
	"github.com/tokenwarden/tokenwarden/secrets"
	"github.com/tokenwarden/tokenwarden/secrets/secretstest"
)

// watchedOverlap is a rotation in its overlap, into two destinations under the watch.
func watchedOverlap(t *testing.T) (*world, *guarantee.Watch) {
	w := newWorld(t)
	second("vault://secret/dbt/other#token")(&cellWorld{world: w})
	watch := guarantee.New(w.sim, w.memory, w.old, w.refs...)
	w.store = watch.Through(w.memory)
	w.must(rotate.Pending, w.rotate(defaults()))
	watch.Undo()
	watch.Begin()
	return w, watch
}

// TestWatchedUndo plays an undo under the watch, with a command in it: it runs
// once the value is back everywhere and before the replacement goes.
func TestWatchedUndo(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w, watch := watchedOverlap(t)
		ran := 0
		r := w.rotator()
		r.AfterStore = func(_ context.Context, _ []string, env map[string]string) error {
			ran++
			w.stored(w.old)
			if got := len(w.active()); got != 2 || env["TOKENWARDEN_NEW_TOKEN_ID"] != "777" || env["TOKENWARDEN_OLD_TOKEN_ID"] == "777" {
				t.Errorf("%d tokens live, and the command is told %v", got, env)
			}
			return nil
		}
		survey, err := r.Survey(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		result := r.Rotate(t.Context(), survey, rotate.Request{TokenID: w.old, Destinations: w.refs, AfterStore: restart, Undo: true}, defaults())
		w.returned(w.must(rotate.Undone, result))
		if ran != 1 {
			t.Errorf("the command ran %d times", ran)
		}
		if wrong := slices.Concat(watch.Violations(), watch.Settled()); len(wrong) > 0 {
			t.Error(wrong)
		}
	})
}

// A rotation is frozen when the first of two destinations has its value, and an
// undo comes and goes. The second destination never had another value than the
// old one, but the frozen write must not find it as it was.
func TestAHalfStoredRotationThatWakesAfterAnUndo(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		second("vault://secret/dbt/other#token")(&cellWorld{world: w})
		watch := guarantee.New(w.sim, w.memory, w.old, w.refs...)
		w.store = watch.Through(w.memory)
		r := w.rotator()
		store := &secretstest.Intercept{Store: w.store, Before: func(_ context.Context, call secretstest.Call) error {
			if call.Op == secretstest.Write && call.N == 2 {
				w.returned(w.must(rotate.Undone, w.undo(w.old, now())))
			}
			return nil
		}}
		r.Store = func(secrets.Ref) (secrets.Store, error) { return store, nil }
		w.must(rotate.Failed, w.with(r, w.old, now()))
		if wrong := slices.Concat(watch.Violations(), watch.Settled()); len(wrong) > 0 {
			t.Error(wrong)
		}
	})
}

// A rotation that goes on has read the first destination when an undo comes and
// goes, and another rotation after it. What it has read belongs to no moment, and
// the value of the token that it believes to be the replacement must go nowhere.
func TestWhatWasReadAtDifferentTimes(t *testing.T) {
	for name, c := range map[string]struct {
		between int           // the read before which they come and go
		lag     time.Duration // of the lists
	}{
		"in the first look":                   {2, 0},
		"in the last look, and the lists lag": {4, 2 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newWorld(t, func(o *dbtcloudtest.Options, _ *dbtcloudtest.SeedAccount) { o.StaleLists = c.lag })
				second("vault://secret/dbt/other#token")(&cellWorld{world: w})
				watch := guarantee.New(w.sim, w.memory, w.old, w.refs...)
				w.store = watch.Through(w.memory)
				w.must(rotate.Pending, w.rotate(defaults()))
				time.Sleep(3 * time.Hour)
				met := false
				r := w.rotator()
				store := &secretstest.Intercept{Store: w.store, Before: func(_ context.Context, call secretstest.Call) error {
					if call.Op == secretstest.Read && call.N == c.between {
						met = true
						time.Sleep(11 * time.Minute) // what was announced is old by then
						w.must(rotate.Undone, w.undo(w.old, now()))
						w.must(rotate.Rotated, w.rotate(now()))
					}
					return nil
				}}
				r.Store = func(secrets.Ref) (secrets.Store, error) { return store, nil }
				result := w.with(r, w.old, now())
				if wrong := slices.Concat(watch.Violations(), watch.Settled()); len(wrong) > 0 || !met {
					t.Errorf("%s (they met: %v): %v", result.Status, met, wrong)
				}
				time.Sleep(3 * time.Hour)
				w.must(rotate.Unchanged, w.rotate(now()))
			})
		})
	}
}
