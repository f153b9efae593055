package rotate_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tokenwarden/tokenwarden/rotate"
)

// cell is one place of the matrix: a fault, at a call, from a start.
type cell struct {
	*start
	point
	fault
}

// course is what became of a cell: how each run ended, the first one with the
// fault in it.
type course struct {
	runs    []string
	wrong   []string
	persons int // how often a person had to be asked
}

func (c *course) broken(format string, args ...any) {
	c.wrong = append(c.wrong, fmt.Sprintf(format, args...))
}

// moreRuns is how often the command may have to be run again until it settles.
const moreRuns = 3

// play runs the command with faults in its way, then again as often as it takes,
// and holds what happened against the guarantees. Each list of faults is for one
// run; the runs after them are undisturbed.
func play(w *cellWorld, disturbed ...[]*injected) (c course) {
	var p *process
	for _, faults := range disturbed {
		before := w.watch.Orphans()
		p = w.execute(faults...)
		c.judge(p)
		for _, f := range faults {
			if !f.reached {
				c.broken("%s was never reached, so nothing was tested", f.point)
			}
		}
		left := slices.DeleteFunc(w.watch.Orphans(), func(id int64) bool { return slices.Contains(before, id) })
		if len(left) > 0 && len(faults) == 1 && !p.signal.IsZero() && !w.undo { // an undo leaves one that the labels tell of
			c.broken("SIGTERM left the tokens %d behind, whose value is nowhere", left)
		}
	}
	if w.late {
		time.Sleep(90 * time.Second) // nothing is settled before what is under way has arrived
	}
	for again := 0; p.ended == killed || p.result.Status == rotate.Failed || p.result.Status == rotate.Refused; again++ {
		if again == moreRuns {
			c.broken("not settled after %d more runs: %s", again, p.result.Error)
			return c
		}
		if again > 0 {
			if p.result.Status == rotate.Failed && len(w.wronged) == 0 {
				c.broken("run %d failed, although nothing went wrong in it: %s", len(c.runs), p.result.Error)
			}
			time.Sleep(w.options.OrphanMinAge + time.Minute)
			w.putRight()
			// Proved only after a long throttling, and then orphaned: two faults may
			// leave a replacement that was used later than its maker would.
			if faults := len(slices.Concat(disturbed...)); faults > 1 && strings.Contains(p.result.Error, "before deleting it by hand") {
				c.persons++
				for _, id := range w.watch.Orphans() {
					w.sim.Delete(id)
				}
			}
		}
		p = w.execute()
		c.judge(p)
	}
	if p.result.Status == rotate.Pending {
		time.Sleep(25 * time.Hour)
		p = w.execute()
		c.judge(p)
	}
	if w.late {
		time.Sleep(w.options.OrphanMinAge + time.Minute)
		p = w.execute() // a token that came late is dropped
		c.judge(p)
	}
	c.settled(w, p)
	return c
}

// settled looks at the end, after p.
func (c *course) settled(w *cellWorld, p *process) {
	if c.end(w.watch.Settled()); len(c.wrong) > 0 {
		return
	}
	if w.watch.Living()[0].Name != oldName && len(p.result.Warnings) > 0 {
		p = w.execute() // a rename that was refused is only a warning, and is tried again
		c.judge(p)
	}
	if name := w.watch.Living()[0].Name; name != oldName {
		c.broken("the token is called %q in the end", name)
	}
	p = w.execute()
	c.judge(p)
	if p.result.Status != rotate.Unchanged || rotate.ExitCode([]rotate.Result{p.result}) != 0 {
		c.broken("a run after the last one ended %s: %s", p.ended, p.result.Error)
	}
	for _, at := range p.calls {
		if at.changes() {
			c.broken("a run after the last one did %s", at)
		}
	}
	if len(w.afterStoreCommand) > 0 && w.commands == 0 {
		c.broken("the after_store command never ran")
	}
}

// judge looks at one run when it is over.
func (c *course) judge(p *process) {
	c.runs = append(c.runs, p.ended)
	for _, v := range slices.Concat(p.watch.Violations(), p.watch.Creates(), p.shelf.wrong()) {
		if !slices.Contains(c.wrong, v) {
			c.broken("%s", v)
		}
	}
	if ids := p.watch.Secrets(p.said.String()); len(ids) > 0 {
		c.broken("run %d says the values of the tokens %d", len(c.runs), ids)
	}
	if !p.signal.IsZero() && time.Since(p.signal) > 30*time.Second {
		c.broken("the run went on for %s after SIGTERM, which a pod does not live to see", time.Since(p.signal))
	}
	r := p.result
	switch {
	case p.ended == killed:
	case r.Status == rotate.Rotated, r.Status == rotate.Unchanged, r.Status == rotate.Undone:
		if !p.late {
			c.end(p.watch.Settled())
		}
	case r.Status == rotate.Pending:
		if !p.late {
			c.end(p.watch.Overlapping())
		}
	case r.Error == "":
		c.broken("the run ended %s and does not say why", r.Status)
	}
}

func (c *course) end(wrong []string) { c.wrong = append(c.wrong, wrong...) }

// putRight is the person again who wrote something wrong.
func (w *cellWorld) putRight() {
	for _, ref := range w.wronged {
		if w.wasEmpty {
			w.shelf.Delete(ref)
		} else {
			w.shelf.Set(ref, w.sim.ValueOf(w.old))
		}
	}
	w.wronged = nil
}

// points lists the calls that an undisturbed run makes from a start.
func points(t *testing.T, s *start) (found []point) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := s.world(t)
		p := w.execute()
		if status := p.result.Status; status != rotate.Rotated && status != rotate.Pending && status != rotate.Undone {
			t.Fatalf("%s: the undisturbed run ended %s: %s", s.name, p.ended, p.result.Error)
		}
		found = p.calls
	})
	return found
}

// played is a cell with its course.
type played struct {
	cell
	course
}

func TestMatrix(t *testing.T) {
	withoutAWSSettings(t)
	all, skipped := enumerate(t, slices.Concat(starts(), storeStarts()))
	chosen, left := sample(all)
	skipped[forMakeMatrix] = left
	cells := playAll(t, chosen)
	report(t, cells, skipped)
	if !t.Failed() {
		document(t, all, cells, skipped)
	}
}

// enumerate lists the cells of each start, and counts those that are left out.
func enumerate(t *testing.T, starts []*start) (all [][]cell, skipped map[string]int) {
	t.Helper()
	skipped = map[string]int{}
	for _, s := range starts {
		var cells []cell
		for _, at := range points(t, s) {
			for _, f := range faultsOf(at.side) {
				why := ""
				if f.skip != nil {
					why = f.skip(s, at)
				}
				if why != "" {
					skipped[why]++
				} else {
					cells = append(cells, cell{s, at, f})
				}
			}
		}
		all = append(all, cells)
	}
	return all, skipped
}

// playAll plays the cells, those of each start one after the other.
func playAll(t *testing.T, all [][]cell) (done []played) {
	var mu sync.Mutex
	t.Run("cells", func(t *testing.T) {
		for _, cells := range all {
			if len(cells) == 0 {
				continue
			}
			t.Run(cells[0].start.name, func(t *testing.T) {
				t.Parallel()
				for _, c := range cells {
					p := playCell(t, c)
					mu.Lock()
					done = append(done, p)
					mu.Unlock()
				}
			})
		}
	})
	return done
}

func playCell(t *testing.T, c cell) (done played) {
	synctest.Test(t, func(t *testing.T) {
		w := c.world(t)
		done = played{c, play(w, []*injected{{point: c.point, fault: c.fault}})}
	})
	if len(done.wrong) > 0 {
		t.Errorf("%s at %s (runs: %s):\n  %s", c.fault.name, c.point, strings.Join(done.runs, ", "), strings.Join(done.wrong, "\n  "))
	}
	return done
}

func report(t *testing.T, cells []played, skipped map[string]int) {
	runs, left := map[int]int{}, 0
	for _, c := range cells {
		runs[len(c.runs)]++
	}
	for why, n := range skipped {
		left += n
		t.Logf("skipped %d: %s", n, why)
	}
	t.Logf("%d cells run, %d skipped, 0 retried (time is virtual); runs until settled: %v", len(cells), left, runs)
}
