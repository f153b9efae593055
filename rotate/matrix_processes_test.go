//go:build matrix

package rotate_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/tokenwarden/tokenwarden/internal/dbtcloud/dbtcloudtest"
	"github.com/tokenwarden/tokenwarden/rotate"
)

// minAge is --orphan-min-age here: long enough to freeze a process past it, and
// short enough to wait for.
const minAge = 2 * time.Second

// blow is what happens to a process at a call.
type blow struct {
	name   string
	signal syscall.Signal
	after  bool // when the call has taken effect
	effect bool // only calls that have one
	freeze bool // until another run has settled everything
}

func blows() []blow {
	return []blow{
		{name: "SIGKILL before", signal: syscall.SIGKILL},
		{name: "SIGKILL after", signal: syscall.SIGKILL, after: true, effect: true},
		{name: "SIGTERM before", signal: syscall.SIGTERM},
		{name: "SIGTERM after", signal: syscall.SIGTERM, after: true, effect: true},
		{name: "SIGSTOP, the request on its way", signal: syscall.SIGSTOP, effect: true, freeze: true},
		{name: "SIGSTOP, the answer on its way", signal: syscall.SIGSTOP, after: true, freeze: true},
	}
}

// built is the program itself.
func built(t *testing.T) string {
	binary := filepath.Join(t.TempDir(), "tokenwarden")
	if out, err := exec.Command("go", "build", "-o", binary, "../cmd/tokenwarden").CombinedOutput(); err != nil {
		t.Fatalf("building the program: %v\n%s", err, out)
	}
	return binary
}

// TestMatrixProcesses is the matrix with real processes: the program itself,
// one simulator on loopback, and real signals at each of its calls.
func TestMatrixProcesses(t *testing.T) {
	binary := built(t)
	var ran, retried atomic.Int64
	lanes := make(chan struct{}, 12)
	t.Run("cells", func(t *testing.T) {
		for kind, open := range estates() {
			first := open(t, binary)
			began := time.Now()
			undisturbed := first.run(nil)
			took := time.Since(began)
			first.must(undisturbed, first.comes)
			first.settled()
			cell := func(name string, play func(open func() *estate)) {
				t.Run(kind+"/"+name, func(t *testing.T) {
					t.Parallel()
					lanes <- struct{}{}
					defer func() { <-lanes }()
					ran.Add(1)
					play(func() *estate { return open(t, binary) })
				})
			}
			for _, at := range undisturbed.calls {
				for _, b := range blows() {
					if !b.effect || at.changes() {
						cell(fmt.Sprintf("%s at %s", b.name, at), func(open func() *estate) { open().strike(at, b) })
					}
				}
			}
			for n := range 40 {
				cell(fmt.Sprintf("SIGKILL at any time, %d", n), func(open func() *estate) {
					retried.Add(int64(killAnyTime(open, rand.New(rand.NewPCG(1, uint64(n))), took)))
				})
			}
		}
	})
	t.Logf("%d cells run, 0 skipped, %d retried because the run was over before it could be killed", ran.Load(), retried.Load())
}

// strike deals a blow at a call, and sees that everything settles.
func (e *estate) strike(at point, b blow) {
	e.t.Helper()
	p := e.run(&hit{point: at, blow: b})
	if !p.struck {
		e.t.Fatalf("%s was never reached, so nothing was tested", at)
	}
	if b.signal == syscall.SIGTERM && p.took > 30*time.Second {
		e.t.Errorf("the run went on for %s after SIGTERM", p.took)
	}
	e.settle()
	e.settled()
}

// killAnyTime kills a run at a moment that has nothing to do with its calls, and
// returns how often the run was faster.
func killAnyTime(open func() *estate, r *rand.Rand, took time.Duration) (retried int) {
	for {
		e := open()
		if p := e.run(&hit{killAfter: 1 + time.Duration(r.Int64N(int64(took)))}); p.struck {
			e.settle()
			e.settled()
			return retried
		}
		if e.settled(); retried == 20 {
			e.t.Fatal("the run was over each time before it could be killed")
		}
		took = took * 4 / 5
		retried++
	}
}

// hit is a blow at a call, or a SIGKILL after some time.
type hit struct {
	point
	blow
	killAfter time.Duration
}

// program is one process that ran.
type program struct {
	result rotate.Result
	code   int
	killed bool
	struck bool
	took   time.Duration
	calls  []point
}

// run starts the program and waits for its end.
func (e *estate) run(h *hit) (p program) {
	e.t.Helper()
	if h == nil || !h.freeze {
		e.watch.Begin() // a frozen process and the one beside it are watched as one
	}
	ctx, cancel := context.WithTimeout(e.t.Context(), 90*time.Second)
	defer cancel()
	cmd := e.command(ctx)
	started := make(chan struct{})
	var once sync.Once
	strike := func() {
		once.Do(func() {
			<-started
			p.struck = true
			if err := cmd.Process.Signal(h.signal); err != nil {
				p.struck = false
			}
			if h.freeze {
				e.settle()
				_ = cmd.Process.Signal(syscall.SIGCONT) // it is stopped, so it is there
			}
			if h.signal == syscall.SIGTERM {
				time.Sleep(30 * time.Millisecond) // until it has heard of it
			}
		})
	}
	log := &calls{}
	outer := e.calls.Swap(log)
	if h != nil && h.killAfter == 0 {
		log.hit, log.strike = h, strike
	}
	began := time.Now()
	if err := cmd.Start(); err != nil {
		e.t.Fatal(err)
	}
	close(started)
	if h != nil && h.killAfter > 0 {
		h.signal = syscall.SIGKILL
		timer := time.AfterFunc(h.killAfter, strike)
		defer timer.Stop()
	}
	e.wait(cmd, &p)
	p.took, p.calls = time.Since(began), log.made()
	e.calls.CompareAndSwap(log, outer)
	if h != nil && h.killAfter > 0 {
		p.struck = p.killed
	}
	if wrong := e.watch.Violations(); len(wrong) > 0 {
		e.t.Errorf("%s", strings.Join(wrong, "\n"))
	}
	return p
}

// command is the program, ready to be started.
type command struct {
	*exec.Cmd
	stdout, stderr bytes.Buffer
}

func (e *estate) command(ctx context.Context) *command {
	args := []string{"rotate", "--token-id", "777", "--yes", "--orphan-min-age", minAge.String(), "--format", "json", "--verbose", "--evidence", e.evidence}
	args = append(args, e.flags...)
	for _, ref := range e.refs {
		args = append(args, "--to", ref.String())
	}
	c := &command{Cmd: exec.CommandContext(ctx, e.binary, args...)}
	c.Env, c.Stdout, c.Stderr = e.env, &c.stdout, &c.stderr
	return c
}

// wait sees how a program ends, and that it says no secret.
func (e *estate) wait(c *command, p *program) {
	e.t.Helper()
	err := c.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		e.t.Error(err)
		return
	}
	status, _ := c.ProcessState.Sys().(syscall.WaitStatus)
	p.code, p.killed = c.ProcessState.ExitCode(), status.Signaled()
	evidence, _ := os.ReadFile(e.evidence) // none is no secret
	said := c.stdout.String() + c.stderr.String() + string(evidence)
	if ids := e.watch.Secrets(said); len(ids) > 0 {
		e.t.Errorf("the program says the values of the tokens %d", ids)
	}
	if p.killed {
		return
	}
	var out struct{ Rotations []rotate.Result }
	if err := json.Unmarshal(c.stdout.Bytes(), &out); err == nil && len(out.Rotations) == 1 {
		p.result = out.Rotations[0]
	} else if p.code < 2 {
		e.t.Errorf("exit code %d with the output %q; stderr: %s", p.code, c.stdout.String(), c.stderr.String())
	} else {
		p.result.Error = c.stderr.String()
	}
	if p.result.Status != "" && rotate.ExitCode([]rotate.Result{p.result}) != p.code {
		e.t.Errorf("exit code %d for status %s", p.code, p.result.Status)
	}
}

func (e *estate) must(p program, want rotate.Status) {
	e.t.Helper()
	if p.result.Status != want {
		e.t.Fatalf("the run ended %q with exit code %d, want %s: %s", p.result.Status, p.code, want, p.result.Error)
	}
}

// settle runs the command until it is done, and waits where it is told to.
func (e *estate) settle() {
	e.t.Helper()
	for again := range moreRuns {
		p := e.run(nil)
		switch {
		case p.code == 0:
			return
		case p.code != 1 && again > 0:
			e.t.Errorf("run %d failed, although nothing went wrong in it: %s", again+2, p.result.Error)
		}
		time.Sleep(minAge + 100*time.Millisecond)
	}
	e.t.Errorf("not settled after %d more runs", moreRuns)
}

// settled looks at the end.
func (e *estate) settled() {
	e.t.Helper()
	e.look()
	if wrong := slices.Concat(e.watch.Settled(), e.watch.Violations()); len(wrong) > 0 {
		e.t.Fatal(strings.Join(wrong, "\n"))
	}
	if name := e.watch.Living()[0].Name; name != oldName {
		e.t.Errorf("the token is called %q in the end", name)
	}
	p := e.run(nil)
	e.must(p, rotate.Unchanged)
	for _, at := range p.calls {
		if at.changes() {
			e.t.Errorf("a run after the last one did %s", at)
		}
	}
}

// calls are what one process asks of dbt Cloud and of a store with a server.
type calls struct {
	hit    *hit
	strike func()

	mu     sync.Mutex
	list   []point
	counts map[point]int
}

func (c *calls) made() []point {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.list)
}

// note counts a call, and says whether the blow is due at it.
func (c *calls) note(side, operation string) (due bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	at := point{side: side, operation: operation}
	if c.counts == nil {
		c.counts = map[point]int{}
	}
	c.counts[at]++
	at.nth = c.counts[at]
	c.list = append(c.list, at)
	return c.hit != nil && c.hit.point == at
}

// through serves a call, with the blow before it or after it. What a killed
// process asked for before its death does not happen, and what it is answered
// after it is lost.
func (e *estate) through(side, operation string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := e.calls.Load()
		if !c.note(side, operation) {
			next.ServeHTTP(w, r)
			return
		}
		if !c.hit.after {
			if c.strike(); c.hit.signal == syscall.SIGKILL {
				panic(http.ErrAbortHandler)
			}
			next.ServeHTTP(w, r)
			return
		}
		answer := httptest.NewRecorder()
		next.ServeHTTP(answer, r)
		c.strike()
		for key, values := range answer.Header() {
			w.Header()[key] = values
		}
		w.WriteHeader(answer.Code)
		_, _ = w.Write(answer.Body.Bytes()) // nobody may be there to read it
	})
}

// dbtCloud serves the simulator.
func (e *estate) dbtCloud() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e.look()
		e.through(onService, e.sim.Operation(r), e.sim).ServeHTTP(w, r)
	})
}

var _ http.Handler = (*dbtcloudtest.Sim)(nil)
