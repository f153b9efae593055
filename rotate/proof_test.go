package rotate_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tokenwarden/tokenwarden/internal/dbtcloud/dbtcloudtest"
	"github.com/tokenwarden/tokenwarden/rotate"
	"github.com/tokenwarden/tokenwarden/rotate/guarantee"
	"github.com/tokenwarden/tokenwarden/secrets"
)

// Two rotators that prove the same unlabelled value disturb each other, since
// each of their probes moves last_used. One gives way, and finds the label of the
// other: neither calls the token busy, or its value dead because the other is
// done with it.
func TestTwoProofsAtOnce(t *testing.T) {
	for n := range 40 {
		bubble(t, func(t *testing.T) {
			w := newWorld(t)
			w.seed = uint64(n) * 2
			watch := guarantee.New(w.sim, w.memory, w.old, w.refs...)
			watch.Begin()
			results := make(chan rotate.Result, 2)
			for i := range 2 {
				r := w.rotator()
				r.Store = func(secrets.Ref) (secrets.Store, error) { return watch.Through(w.memory), nil }
				go func() {
					time.Sleep(time.Duration(i*n) * 50 * time.Millisecond)
					results <- w.with(r, w.old, now())
				}()
			}
			done := 0
			for range 2 {
				r := <-results
				if r.Status == rotate.Rotated || r.Status == rotate.Unchanged {
					done++
				}
				if strings.Contains(r.Error, "could not be shown") {
					t.Errorf("pair %d: %s", n, r.Error)
				}
			}
			if done == 0 {
				t.Errorf("pair %d: neither came to an end", n)
			}
			if wrong := slices.Concat(watch.Violations(), watch.Settled()); len(wrong) > 0 {
				t.Errorf("pair %d: %s", n, strings.Join(wrong, "\n"))
			}
		})
	}
}

// Another token's value is not taken for the old token's because a consumer of
// that uses it in a rhythm that resembles our probes, over a link so slow that a
// use of theirs falls between two looks now and then.
func TestRhythmIsNoProof(t *testing.T) {
	const tries = 60
	for _, period := range []time.Duration{2 * time.Second, 3 * time.Second, 4 * time.Second} {
		for n := range tries {
			bubble(t, func(t *testing.T) {
				w := newWorld(t, func(o *dbtcloudtest.Options, _ *dbtcloudtest.SeedAccount) { o.Latency = 300 * time.Millisecond })
				w.seed = uint64(n)
				w.memory.Set(w.refs[0], w.sim.ValueOf(700))
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				go func() {
					next := time.NewTimer(period * time.Duration(n) / tries)
					for {
						select {
						case <-next.C:
							w.sim.Use(w.old)
							next.Reset(period)
						case <-ctx.Done():
							return
						}
					}
				}()
				if r := w.rotate(now()); r.Status != rotate.Refused {
					t.Errorf("every %s, try %d: %s %s", period, n, r.Status, r.Error)
				}
			})
		}
	}
}
