//go:build matrix

package rotate_test

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestMatrixRivals starts the program twice at almost the same time, against one
// account and one Vault: 0 to 50 ms apart, each once. One replacement is left in
// the end, after one more run of the same command at the most.
func TestMatrixRivals(t *testing.T) {
	binary := built(t)
	const times = 50
	var both, once, again, raced atomic.Int64
	lanes := make(chan struct{}, 8)
	t.Run("apart", func(t *testing.T) {
		for n := range times {
			apart := time.Duration(n) * 50 * time.Millisecond / (times - 1)
			t.Run(fmt.Sprint(apart.Round(time.Millisecond/10)), func(t *testing.T) {
				t.Parallel()
				lanes <- struct{}{}
				defer func() { <-lanes }()
				e := vaultEstate(t, binary)
				before := len(e.sim.Tokens())
				switch e.rivals(apart) {
				case 2:
					both.Add(1)
				case 1:
					once.Add(1)
				default:
					again.Add(1)
					time.Sleep(minAge + 100*time.Millisecond)
					if p := e.run(nil); p.code != 0 {
						t.Errorf("one more run ended %q: %s", p.result.Status, p.result.Error)
					}
				}
				if len(e.sim.Tokens()) > before+1 {
					raced.Add(1)
				}
				e.settled()
			})
		}
	})
	t.Logf("%d pairs of programs, both of which made a replacement %d times; both finished %d times, one of them %d times, one more run was needed %d times",
		times, raced.Load(), both.Load(), once.Load(), again.Load())
	if raced.Load() == 0 {
		t.Error("no two programs ever raced, so nothing was tested")
	}
}

// rivals runs the program twice at once and returns how many of the two came to a
// good end.
func (e *estate) rivals(apart time.Duration) (done int) {
	e.t.Helper()
	e.watch.Begin()
	var programs [2]program
	var wait sync.WaitGroup
	for i := range programs {
		if i > 0 {
			time.Sleep(apart)
		}
		c := e.command(e.t.Context())
		if err := c.Start(); err != nil {
			e.t.Fatal(err)
		}
		wait.Go(func() { e.wait(c, &programs[i]) })
	}
	wait.Wait()
	if wrong := e.watch.Violations(); len(wrong) > 0 {
		e.t.Errorf("%s", strings.Join(wrong, "\n"))
	}
	for _, p := range programs {
		if p.code == 0 {
			done++
		}
	}
	return done
}
