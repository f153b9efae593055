package rotate_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/tokenwarden/tokenwarden/internal/dbtcloud/dbtcloudtest"
	"github.com/tokenwarden/tokenwarden/rotate"
	"github.com/tokenwarden/tokenwarden/secrets"
	"github.com/tokenwarden/tokenwarden/secrets/secretstest"
)

// The sides on which a run makes calls, each of which may go wrong.
const (
	onService  = "dbt Cloud"
	onStore    = "store"
	onVault    = "Vault"
	onAWS      = "AWS"
	onEvidence = "evidence"
	onCommand  = "after_store command"
)

// point is one call that a run makes: the nth of its operation.
type point struct {
	side, operation string
	nth             int
}

func (p point) String() string { return fmt.Sprintf("%s %s #%d", p.side, p.operation, p.nth) }

// changes reports whether the call has an effect that may get lost on the way
// back, so that before it and after it are two moments.
func (p point) changes() bool {
	method, request, _ := strings.Cut(p.operation, ": ") // of the real stores
	switch request {
	case "PUT data", "PUT metadata", "PATCH metadata",
		"CreateSecret", "PutSecretValue", "UpdateSecretVersionStage", "TagResource", "UntagResource":
		return method == "write" || method == "label" // a check's have none
	}
	switch p.operation {
	case "create-token", "post-permissions", "post-mapping", "rename-token", "delete-token", // dbt Cloud
		"write", "label", // a store
		"intent", "outcome", // the evidence
		"run": // the command
		return true
	}
	return false
}

// writes reports whether the call is one that makes a value the present one.
func (p point) writes() bool {
	return p.operation == "write" || p.changes() && strings.HasPrefix(p.operation, "write: ")
}

// injected is a fault at a point of a run.
type injected struct {
	point
	fault
	reached bool
}

// killed is how a process ends that has no result.
const killed = "killed"

// death is the panic that kills a process in the middle of a call.
type death struct{}

var errInjected = errors.New("injected by the fault matrix")

// process is one run of the command on one machine. It ends with a result, or is
// killed.
type process struct {
	*cellWorld
	ctx     context.Context
	cancel  context.CancelFunc
	faults  []*injected
	calls   []point // in order of the sides, each in order
	counts  map[point]int
	present point  // the store's call under way
	method  string // … of a real store, each of whose requests is a call of its own
	ref     secrets.Ref
	signal  time.Time // when SIGTERM came
	ended   string    // the status, or killed
	took    time.Duration
	result  rotate.Result
	said    strings.Builder // result, log, progress and evidence
}

// execute runs the command once, with the faults in its way.
func (w *cellWorld) execute(faults ...*injected) *process {
	time.Sleep(w.pause)
	p := &process{cellWorld: w, faults: faults, counts: map[point]int{}}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	defer p.cancel()
	var rules []dbtcloudtest.Rule
	for _, f := range faults {
		w.late = w.late || f.late
		if f.side == onService {
			rules = append(rules, p.rule(f))
		}
	}
	w.watch.Begin()
	w.sim.Plan(rules...)
	p.live()
	w.sim.Plan()
	for _, t := range w.sim.Tokens() {
		w.sim.Restore(t.ID) // a lost permission comes back before the next run
	}
	return p
}

// RoundTrip takes a request to dbt Cloud and notes it.
func (p *process) RoundTrip(r *http.Request) (*http.Response, error) {
	p.next(onService, p.sim.Operation(r))
	return p.sim.RoundTrip(r)
}

// live carries the process out, and survives its death.
func (p *process) live() {
	start := time.Now()
	defer func() {
		p.took = time.Since(start)
		switch r := recover().(type) {
		case nil:
		case death:
			p.ended = killed
		default:
			panic(r)
		}
	}()
	p.result = p.command()
	p.ended = string(p.result.Status)
	text, err := json.Marshal(p.result)
	if err != nil {
		panic(err)
	}
	p.said.Write(text)
}

// command is `tokenwarden rotate`: it lists, and rotates.
func (p *process) command() rotate.Result {
	p.transport = p
	r := p.rotator()
	r.Account.Credential, r.Account.CredentialRef = p.credential()
	r.Log = slog.New(slog.NewTextHandler(&p.said, &slog.HandlerOptions{Level: slog.LevelInfo}))
	r.Progress = func(text string) { p.said.WriteString(text) }
	r.Evidence = p
	r.Store = p.shelf.open(p)
	r.AfterStore = func(context.Context, []string, map[string]string) error {
		return p.around(onCommand, "run", func() { p.commands++ })
	}
	survey, err := r.Survey(p.ctx)
	if err != nil {
		return rotate.Result{OldTokenID: p.old, Status: rotate.Failed, Error: err.Error()}
	}
	return r.Rotate(p.ctx, survey, rotate.Request{TokenID: p.old, Destinations: p.refs, AfterStore: p.afterStoreCommand, Undo: p.undo}, p.options)
}

// Record is the file of the evidence, which can fail like everything else.
func (p *process) Record(_ context.Context, e rotate.Entry) error {
	return p.around(onEvidence, e.Phase, func() { _ = json.NewEncoder(&p.said).Encode(e) })
}

// next notes a call.
func (p *process) next(side, operation string) point {
	at := point{side: side, operation: operation}
	if side == onService {
		p.shelf.look() // at a request to a store it is looked when the request is over
	}
	p.counts[at]++
	at.nth = p.counts[at]
	p.calls = append(p.calls, at)
	return at
}

// around makes a call of ours with the faults that are due at it.
func (p *process) around(side, operation string, call func()) error {
	at := p.next(side, operation)
	if err := p.strike(at, secrets.Ref{}, fault.strikesBefore); err != nil {
		return err
	}
	call()
	return p.strike(at, secrets.Ref{}, fault.strikesAfter)
}

func (p *process) beforeStore(_ context.Context, c secretstest.Call) error {
	p.present = p.next(onStore, string(c.Op))
	return p.strike(p.present, c.Ref, fault.strikesBefore)
}

func (p *process) afterStore(_ context.Context, c secretstest.Call) error {
	return p.strike(p.present, c.Ref, fault.strikesAfter)
}

// strike lets the faults happen that are due at a call, on one side of it.
func (p *process) strike(at point, ref secrets.Ref, when func(fault) act) error {
	for _, f := range p.faults {
		due := f.point == at || f.lasts && f.reached && f.side == at.side
		if !due {
			continue
		}
		f.reached = true
		if a := when(f.fault); a != nil {
			if err := a(p, ref); err != nil {
				return err
			}
		}
	}
	return nil
}

// rule is a fault on dbt Cloud's side as the simulator takes it.
func (p *process) rule(f *injected) dbtcloudtest.Rule {
	r := f.reply
	r.Operation, r.Nth = f.operation, f.nth
	r.Before = func() {
		f.reached = true
		if f.lasts {
			lasting := f.reply
			p.sim.Plan(lasting)
		}
		if f.before != nil {
			_ = f.before(p, secrets.Ref{}) // an answer of dbt Cloud's is the rule's matter
		}
	}
	if f.after != nil {
		r.After = func() { _ = f.after(p, secrets.Ref{}) }
	}
	return r
}
