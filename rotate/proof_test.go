package rotate_test

import (
	"slices"
	"strings"
	"testing"
	"time"

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
