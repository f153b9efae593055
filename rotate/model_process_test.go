package rotate_test

import (
	"context"
	"fmt"
	"iter"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing/synctest"
	"time"

	"github.com/tokenwarden/tokenwarden/internal/dbtcloud"
	"github.com/tokenwarden/tokenwarden/rotate"
	"github.com/tokenwarden/tokenwarden/secrets"
	"github.com/tokenwarden/tokenwarden/secrets/secretstest"
)

// modelProcess is one run of the command. It is a coroutine that stops before
// and after each of its calls: whoever resumes it decides what happens in
// between, which may be a signal, its death, a week, or another process.
type modelProcess struct {
	m          *model
	name       string // A, B, … in the trace
	target     int64
	undo       bool
	opts       rotate.Options
	credential secrets.Value

	ctx    context.Context
	cancel context.CancelFunc
	resume func() (at string, running bool)
	kill   func()
	yield  func(at string) bool
	dead   bool

	began  int // the model's clock
	calls  int
	at     string       // the call that it stands before or after
	looked map[fact]int // when it was last told of a fact
	// What it saw when it last looked at the token that it rotates.
	lastUsed, lookedAt time.Time
	toldAt             time.Time      // server time of its last reply
	toldWhen           time.Time      // when that was, really
	result             *rotate.Result // set at its end, unless it was killed
}

// modelKilled is what unwinds a process that was killed.
type modelKilled struct{}

func (m *model) start(target int64, opts rotate.Options) *modelProcess {
	p := &modelProcess{m: m, name: string(rune('A' + m.started%26)), target: target, opts: opts, looked: map[fact]int{}, began: m.clock}
	m.started++
	p.credential = m.credential()
	p.ctx, p.cancel = context.WithCancel(context.Background())
	next, stop := iter.Pull(p.life)
	p.resume, p.kill = next, func() { stop(); p.cancel() }
	m.processes = append(m.processes, p)
	return p
}

func (p *modelProcess) life(yield func(string) bool) {
	defer func() {
		if r := recover(); r != nil {
			if _, ok := r.(modelKilled); !ok {
				panic(r)
			}
		}
	}()
	p.yield = yield
	result := p.rotate()
	p.result = &result
}

// rotate is what the command does with its configuration.
func (p *modelProcess) rotate() rotate.Result {
	r, err := p.rotator()
	if err != nil {
		panic(err)
	}
	ctx, cancel := context.WithTimeout(p.ctx, p.opts.Timeout)
	defer cancel()
	survey, err := r.Survey(ctx)
	if err != nil {
		return rotate.Result{OldTokenID: p.target, Status: rotate.Failed, Error: err.Error()}
	}
	return r.Rotate(p.ctx, survey, rotate.Request{TokenID: p.target, Destinations: p.m.refs, Undo: p.undo}, p.opts)
}

func (p *modelProcess) rotator() (*rotate.Rotator, error) {
	m := p.m
	local := func() time.Time { return time.Now().Add(m.local) }
	service, err := dbtcloud.New(dbtcloud.Config{
		Host: "https://dbt.example.com", AccountID: accountID, Transport: modelTransport{p},
		Now: local, Sleep: p.sleep, Rand: func() float64 { return 0.5 },
	})
	if err != nil {
		return nil, err
	}
	store := &secretstest.Intercept{
		Store: m.memory,
		Before: func(_ context.Context, c secretstest.Call) error {
			p.stop("before " + string(c.Op) + " " + m.short(c.Ref))
			m.acting = p
			return m.strikeStore(c, false)
		},
		After: func(_ context.Context, c secretstest.Call) error {
			if c.Op == secretstest.Read && c.Err == nil {
				p.looked[valueAt(c.Ref)] = m.clock
			}
			m.acting = nil
			err := m.strikeStore(c, true)
			p.stop("after " + string(c.Op) + " " + m.short(c.Ref))
			return err
		},
	}
	return &rotate.Rotator{
		Account: rotate.Account{
			Name: "prod", ID: accountID, Credential: p.credential, CredentialRef: m.credentialRef,
			As: func(v secrets.Value) rotate.Client { return service.As(v) },
		},
		Store: func(secrets.Ref) (secrets.Store, error) { return store, nil },
		Now:   local, Sleep: p.sleep,
		Rand: rand.NewChaCha8([32]byte{byte(m.started), byte(m.started >> 8), 1}),
	}, nil
}

// stop gives the others their turn.
func (p *modelProcess) stop(at string) {
	if p.dead {
		panic(modelKilled{})
	}
	p.at = at
	if *modelCalls {
		p.m.t.Logf("	%s %s", p.name, at)
	}
	if !p.yield(at) {
		p.dead = true
		panic(modelKilled{})
	}
}

func (p *modelProcess) sleep(ctx context.Context, d time.Duration) error {
	p.stop("sleeping " + d.String())
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// advance lets the process make so many stops (negative: all that are left) and
// reports whether it has more to do.
func (p *modelProcess) advance(stops int) bool {
	for ; stops != 0; stops-- {
		if p.calls++; p.calls > 5000 {
			p.m.violate("a run does not end: it has made %d calls", p.calls)
			p.kill()
			return false
		}
		if _, running := p.resume(); !running {
			p.cancel()
			synctest.Wait() // what the context wakes has to be over before anything else begins
			return false
		}
		if len(p.m.violations) > 0 {
			return true // whatever happens now would only blur it
		}
	}
	return true
}

// advanceTo lets the process go on to the next call of a kind, or to its end.
func (p *modelProcess) advanceTo(kind string) bool {
	running := p.advance(1)
	for running && len(p.m.violations) == 0 && !strings.HasPrefix(p.at, kind) {
		running = p.advance(1)
	}
	return running
}

func (p *modelProcess) signal() {
	p.cancel()
	synctest.Wait()
}

func (p *modelProcess) String() string {
	how := ""
	switch {
	case p.opts.Now:
		how = " --now"
	case p.opts.OverlapSet:
		how = " --overlap " + p.opts.Overlap.String()
	}
	if p.opts.Adopt {
		how += " --adopt"
	}
	if p.undo {
		how += " --undo"
	}
	return fmt.Sprintf("%s (rotate --token-id %d%s --orphan-min-age %s)", p.name, p.target, how, p.opts.OrphanMinAge)
}

// outcome is what a finished process came to.
func (p *modelProcess) outcome() string {
	r := p.result
	switch r.Status {
	case rotate.Rotated, rotate.Unchanged, rotate.Pending, rotate.Planned, rotate.Undone:
		return fmt.Sprintf("%s, new token %d %s", r.Status, r.NewTokenID, r.Message)
	case rotate.Refused, rotate.Failed:
	}
	return fmt.Sprintf("%s: %s", r.Status, r.Error)
}

// modelTransport takes a process's requests to the simulator.
type modelTransport struct{ p *modelProcess }

func (t modelTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	p, m := t.p, t.p.m
	about := m.sim.Operation(r)
	if id := tokenInPath(r.URL.Path); id != 0 {
		about += fmt.Sprintf(" %d", id)
	}
	p.stop("before " + about)
	m.acting = p
	m.senders[senderKey(r.Method, r.URL.Path, m.serverNow())] = p
	resp, err := m.sim.RoundTrip(r)
	m.acting = nil
	p.stop("after " + about)
	return resp, err
}
