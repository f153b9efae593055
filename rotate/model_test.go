package rotate_test

import (
	"flag"
	"fmt"
	"runtime/debug"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tokenwarden/tokenwarden/internal/dbtcloud/dbtcloudtest"
	"github.com/tokenwarden/tokenwarden/internal/inflight"
	"github.com/tokenwarden/tokenwarden/rotate"
	"github.com/tokenwarden/tokenwarden/secrets/secretstest"
)

var (
	modelActions = flag.Int("model.actions", 100_000, "how many actions the model test makes at the least")
	modelCalls   = flag.Bool("model.calls", false, "show every call of a run in the trace of a failure")
)

const actionsInATrace = 60 // on average

// TestModel lets everything happen that may: rotations in every form, killed,
// signalled, frozen and entangled; people who delete, rename, overwrite and roll
// back; faults of both sides, clocks that jump, lists that lag. The watch looks
// at every instant; at the end of each trace, when nothing more goes wrong, the
// same command has to come to an end that is right.
//
// A failure is shown with its shrunken trace, and how to replay it.
func TestModel(t *testing.T) {
	worlds := map[string][]string{
		"one destination":  {"vault://secret/dbt/airflow#token"},
		"two destinations": {"vault://secret/dbt/airflow#token", "awssm://prod/dbt/airflow?region=eu-west-1#token"},
	}
	actions := *modelActions
	if raceDetector {
		actions /= 20
	}
	setRapid(t, "rapid.steps", fmt.Sprint(actionsInATrace))
	// The worlds are small and many: collecting seldom saves a third of the time.
	before := debug.SetGCPercent(400)
	t.Cleanup(func() { debug.SetGCPercent(before) })
	var made atomic.Int64
	var tally tally
	// The same draws each time, unless -rapid.seed says otherwise: what fails is what was changed.
	first, err := strconv.ParseUint(flag.Lookup("rapid.seed").Value.String(), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	// How long a trace gets is drawn as well, so it takes rounds to make enough.
	for seed, reached := max(first, 1), int64(-1); made.Load() < int64(actions) && !t.Failed(); seed++ {
		if made.Load() == reached {
			break // -run asks for one round alone
		}
		reached = made.Load()
		left := actions - int(reached)
		setRapid(t, "rapid.checks", fmt.Sprint(left/actionsInATrace/len(worlds)+1))
		setRapid(t, "rapid.seed", fmt.Sprint(seed))
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			for name, places := range worlds {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					rapid.Check(t, func(rt *rapid.T) {
						rapid.SyncTest(rt, func(rt *rapid.T) {
							m := newModel(rt, places...)
							defer m.end()
							m.calm = rapid.Bool().Draw(rt, "nobody else about")
							rt.Repeat(m.actions(&made))
							m.converge()
							m.fail()
							tally.add(m)
						})
					})
				})
			}
		})
	}
	t.Logf("%d actions: %s", made.Load(), &tally)
}

// setRapid sets a flag of rapid's for this test alone.
func setRapid(t *testing.T, name, value string) {
	t.Helper()
	f := flag.Lookup(name)
	before := f.Value.String()
	if err := flag.Set(name, value); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = flag.Set(name, before) })
}

// actions are what may happen, and after each of them what must hold.
func (m *model) actions(made *atomic.Int64) map[string]func(*rapid.T) {
	counted := func(f func(*rapid.T)) func(*rapid.T) {
		return func(t *rapid.T) {
			made.Add(1)
			m.t = t
			m.settle()
			f(t)
		}
	}
	return map[string]func(*rapid.T){
		"rotate":          counted(m.rotate),
		"undo":            counted(m.undo),
		"go on":           counted(m.goOn),
		"a person":        counted(m.person),
		"by hand":         counted(m.byHand),
		"consumers":       counted(m.consumers),
		"time passes":     counted(m.timePasses),
		"a fault":         counted(m.faultSoon),
		"the service":     counted(m.service),
		"clocks":          counted(m.clocks),
		"next generation": counted(m.nextGeneration),
		"":                func(*rapid.T) { m.fail() },
	}
}

// fail ends the trace at the first violation.
func (m *model) fail() {
	if len(m.violations) > 0 {
		m.t.Fatalf("%s", m.violations[0])
	}
}

// end lets no process survive its world.
func (m *model) end() {
	for _, p := range m.processes {
		p.kill()
	}
}

func (m *model) rotate(t *rapid.T) {
	if len(m.processes) > 3 {
		m.turn(t, m.processes[0])
		return
	}
	kinds := []string{"", "--now", "", "--now", "--overlap 0", "--orphan-min-age 0s", "--adopt", "--now --adopt"}
	id := m.target
	if before := m.made[m.target]; before.replaces != 0 && rapid.IntRange(0, 4).Draw(t, "an older id, if 4") == 4 {
		id = before.replaces
	}
	m.turn(t, m.start(id, m.options(rapid.SampledFrom(kinds).Draw(t, "flags"))))
}

func (m *model) goOn(t *rapid.T) {
	if len(m.processes) == 0 {
		m.rotate(t)
		return
	}
	m.turn(t, m.processes[rapid.IntRange(0, len(m.processes)-1).Draw(t, "which of those that stand")])
}

// turn lets a process do something, and decides what becomes of it then.
func (m *model) turn(t *rapid.T, p *modelProcess) {
	then := rapid.SampledFrom([]string{"finishes", "is left there", "is killed", "gets SIGTERM", "finishes", "is left there"}).Draw(t, "then")
	running := true
	if then != "finishes" {
		where := rapid.SampledFrom([]string{"after some calls", "write", "after some calls", "create-token", "delete-token", "label"}).Draw(t, "before")
		if where == "after some calls" {
			running = p.advance(10*rapid.IntRange(0, 10).Draw(t, "stops, tens") + rapid.IntRange(1, 10).Draw(t, "stops"))
		} else {
			running = p.advanceTo("before " + where)
		}
	}
	switch {
	case !running:
	case then == "finishes":
		running = p.advance(-1)
	case then == "is killed":
		t.Logf("%s is killed %s", p, p.at)
		p.kill()
		m.forget(p)
		return
	case then == "gets SIGTERM":
		t.Logf("%s gets SIGTERM %s", p, p.at)
		p.signal()
		running = p.advance(-1)
	default:
		t.Logf("%s stands %s", p, p.at)
	}
	if !running {
		m.finished(p)
	}
}

// finished checks what a result claims.
func (m *model) finished(p *modelProcess) {
	if p.result == nil {
		return // a violation stopped it half-way
	}
	m.forget(p)
	m.t.Logf("%s: %s", p, p.outcome())
	r := p.result
	switch r.Status {
	case rotate.Rotated, rotate.Unchanged, rotate.Pending, rotate.Undone:
	case rotate.Refused, rotate.Failed:
		if r.Error == "" {
			m.violate("%s: %s without a reason", p, r.Status)
		}
		return
	case rotate.Planned:
		m.violate("%s only planned", p)
	}
	if p.target != m.target {
		return
	}
	held := r.NewTokenID
	if r.Undo {
		held = p.target
	}
	for _, ref := range m.refs {
		id, active := m.sim.TokenByValue(m.memory.Get(ref).Reveal())
		if looked := p.looked[valueAt(ref)]; r.Undo && m.wroteAt[ref] > looked || !r.Undo && m.undoneAt[ref] > looked {
			continue // that another run went the other way after this one had looked makes no lie of it
		}
		if (id != held || !active) && !m.why["a frozen DELETE"] && !m.unseenAnywhere(p, stateOf(id), stateOf(held)) && !m.lied(ref) {
			m.violate("%s says %s, and %s holds the value of token %d (active: %v) instead of %d's", p, r.Status, ref, id, active, held)
		}
	}
	if old := token(m.sim, p.target); r.Status == rotate.Rotated && old.Active() {
		m.violate("%s says rotated, and token %d is active", p, p.target)
	}
	if gone := token(m.sim, r.NewTokenID); r.Status == rotate.Undone && gone.Active() {
		m.violate("%s says undone, and token %d is active", p, r.NewTokenID)
	}
}

func (m *model) forget(p *modelProcess) {
	m.processes = slices.DeleteFunc(m.processes, func(q *modelProcess) bool { return p == q })
}

// consumers of the destinations use what these hold; one of them may not have
// noticed that there is something new.
func (m *model) consumers(t *rapid.T) {
	if rapid.IntRange(0, 2).Draw(t, "an outdated one, if 2") == 2 {
		if token(m.sim, m.target).Active() {
			t.Logf("a consumer uses token %d", m.target)
			m.sim.Use(m.target)
		}
		return
	}
	m.consume()
}

func (m *model) consume() {
	for _, ref := range m.refs {
		if id, active := m.sim.TokenByValue(m.memory.Get(ref).Reveal()); active {
			m.sim.Use(id)
		}
	}
}

func (m *model) timePasses(t *rapid.T) {
	m.pass(rapid.SampledFrom([]time.Duration{time.Second, time.Minute, 11 * time.Minute, 5 * time.Hour, 25 * time.Hour}).Draw(t, "for"))
}

func (m *model) clocks(t *rapid.T) {
	jumps := []time.Duration{0, 24 * time.Hour, -24 * time.Hour}
	if rapid.Bool().Draw(t, "dbt Cloud's") {
		m.clock++
		m.changedAt[serverClock] = m.clock
		m.server = rapid.SampledFrom(jumps).Draw(t, "off by")
		return
	}
	m.local = rapid.SampledFrom(jumps).Draw(t, "off by")
}

// service changes how dbt Cloud behaves.
func (m *model) service(t *rapid.T) {
	kind := rapid.SampledFrom([]string{"as usual", "throttles", "throttles and says for how long", "old lists", "last_used lags", "deleted is 404", "tokens take effect late"}).Draw(t, "dbt Cloud")
	m.sim.Configure(func(o *dbtcloudtest.Options) {
		switch kind {
		case "as usual":
			usual(o)
		case "throttles":
			o.RatePerMinute, o.Cooldown, o.RetryAfter = 30, 5*time.Minute, 0
		case "throttles and says for how long":
			o.RatePerMinute, o.Cooldown, o.RetryAfter = 20, 0, 40*time.Second
		case "old lists":
			o.StaleLists = rapid.SampledFrom([]time.Duration{3 * time.Second, 30 * time.Second, 10 * time.Minute}).Draw(t, "by")
		case "last_used lags":
			o.LastUsedLag = rapid.SampledFrom([]time.Duration{time.Second, 5 * time.Minute, 2 * time.Hour}).Draw(t, "by")
		case "deleted is 404":
			o.HideDeleted404 = true
		case "tokens take effect late":
			o.TokensTakeEffectAfter = 3 * time.Second
		}
	})
}

func usual(o *dbtcloudtest.Options) {
	o.RatePerMinute, o.StaleLists, o.LastUsedLag, o.HideDeleted404, o.TokensTakeEffectAfter = 0, 0, 0, false, 0
}

// faultSoon lets one of the next calls go wrong.
func (m *model) faultSoon(t *rapid.T) {
	if rapid.IntRange(0, 2).Draw(t, "the store, if 2") == 2 {
		f := &storeFault{op: rapid.SampledFrom([]secretstest.Op{secretstest.Write, secretstest.Label, secretstest.Read, secretstest.Check}).Draw(t, "op")}
		f.after = rapid.Bool().Draw(t, "after its effect")
		if f.op == secretstest.Write && !f.after {
			f.late = rapid.SampledFrom([]time.Duration{0, 2 * time.Second, 10 * time.Minute, 3 * time.Hour}).Draw(t, "lands after")
		}
		m.fault = f
		return
	}
	r := dbtcloudtest.Rule{
		Operation: rapid.SampledFrom([]string{"create-token", "delete-token", "rename-token", "post-mapping", "list-tokens", "get-token", "get-permissions", "get-mappings", "accounts"}).Draw(t, "operation"),
		Fault: rapid.SampledFrom([]dbtcloudtest.Fault{
			dbtcloudtest.ResetAfter, dbtcloudtest.ResetBefore, dbtcloudtest.StatusBefore, dbtcloudtest.StatusAfter, dbtcloudtest.TimeoutLate,
			dbtcloudtest.HalfBody, dbtcloudtest.HTML, dbtcloudtest.LostPermission,
		}).Draw(t, "fault"),
		Status: rapid.SampledFrom([]int{500, 503, 429, 404, 403, 401, 400}).Draw(t, "status"),
		Nth:    rapid.IntRange(1, 3).Draw(t, "nth"),
	}
	if r.Fault == dbtcloudtest.TimeoutLate {
		r.Late = rapid.SampledFrom([]time.Duration{time.Second, 30 * time.Second, time.Hour}).Draw(t, "lands after")
	}
	if r.Fault != dbtcloudtest.StatusBefore && r.Fault != dbtcloudtest.StatusAfter {
		r.Status = 0
	}
	m.sim.Plan(r)
}

// nextGeneration begins anew with the token that took the target's place.
func (m *model) nextGeneration(t *rapid.T) {
	if token(m.sim, m.target).Active() {
		m.rotate(t)
		return
	}
	id := m.owners[m.memory.Get(m.refs[0]).Reveal()]
	next := token(m.sim, id)
	if m.made[id].replaces != m.target || !next.Active() {
		m.rotate(t)
		return
	}
	if _, _, inFlight := inflight.Split(next.Name); inFlight {
		m.rotate(t)
		return
	}
	m.target = id
	m.judge(nil, "the next generation")
	t.Logf("from now on token %d is to be rotated", id)
}
