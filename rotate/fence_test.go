package rotate_test

import (
	"context"
	"testing"
	"time"

	"github.com/tokenwarden/tokenwarden/internal/dbtcloud/dbtcloudtest"
	"github.com/tokenwarden/tokenwarden/rotate"
	"github.com/tokenwarden/tokenwarden/rotate/guarantee"
	"github.com/tokenwarden/tokenwarden/secrets"
	"github.com/tokenwarden/tokenwarden/secrets/secretstest"
)

// A run is frozen just before its write. Another one, when the first one's
// replacement is old enough, fences it off and is about to drop the replacement:
// at this very moment the frozen run wakes. Its write fails, and it must not
// decide anew on the version that the fence made.
func TestARunThatWakesBehindTheFence(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		labelled(&cellWorld{world: w})
		watch := guarantee.New(w.sim, w.memory, w.old, w.refs...)
		frozen, thaw, over := make(chan struct{}), make(chan struct{}), make(chan rotate.Result)
		first := w.rotator()
		first.Store = func(secrets.Ref) (secrets.Store, error) {
			return &secretstest.Intercept{Store: watch.Through(w.memory), Before: func(_ context.Context, c secretstest.Call) error {
				if c.Op == secretstest.Write && c.N == 1 {
					close(frozen)
					<-thaw
				}
				return nil
			}}, nil
		}
		go func() { over <- w.with(first, w.old, now()) }()
		<-frozen
		time.Sleep(11 * time.Minute)

		var woken rotate.Result
		w.sim.Plan(dbtcloudtest.Rule{Operation: "delete-token", Nth: 1, Before: func() {
			close(thaw)
			woken = <-over
		}})
		second := w.rotator()
		second.Store = func(secrets.Ref) (secrets.Store, error) { return watch.Through(w.memory), nil }
		w.with(second, w.old, now())
		w.must(rotate.Refused, woken)
		if wrong := append(watch.Violations(), watch.Settled()...); len(wrong) > 0 {
			t.Error(wrong)
		}
	})
}

// An undo has put the old value back and is about to delete the replacement when
// another undo does, and a rotation begins, which freezes just before its write. What
// it made is an orphan to the first undo, but that undo's own write lies before it
// and fences nothing: without another one the frozen run stores a dead value.
func TestAnUndoThatEndsMeetsARotationThatBegins(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		labelled(&cellWorld{world: w})
		replaced := w.must(rotate.Pending, w.rotate(defaults())).NewTokenID
		frozen, thaw, over := make(chan struct{}), make(chan struct{}), make(chan rotate.Result)
		w.sim.Plan(dbtcloudtest.Rule{Operation: "delete-token", Nth: 1, Before: func() {
			w.sim.Delete(replaced)
			late := w.rotator()
			late.Store = func(secrets.Ref) (secrets.Store, error) {
				return &secretstest.Intercept{Store: w.memory, Before: func(_ context.Context, c secretstest.Call) error {
					if c.Op == secretstest.Write && c.N == 1 {
						close(frozen)
						<-thaw
					}
					return nil
				}}, nil
			}
			go func() { over <- w.with(late, w.old, now()) }()
			<-frozen
		}})
		atOnce := defaults()
		atOnce.OrphanMinAge = 0
		w.must(rotate.Undone, w.undo(w.old, atOnce))
		close(thaw)
		w.must(rotate.Refused, <-over)
		w.stored(w.old)
		w.finished(w.must(rotate.Rotated, w.rotate(now())))
	})
}
