package rotate_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"pgregory.net/rapid"

	"github.com/tokenwarden/tokenwarden/internal/dbtcloud/dbtcloudtest"
	"github.com/tokenwarden/tokenwarden/internal/inflight"
	"github.com/tokenwarden/tokenwarden/rotate"
)

// maxRuns is how often the same command may have to be run, a day apart, after
// nothing goes wrong any more.
const maxRuns = 6

// humanReasons are the refusals that only a person can end, with what must have
// been done for each.
var humanReasons = []struct {
	says string
	why  []string
}{
	{"could not be shown to be token", []string{"store"}},
	{"holds a value of unknown owner", []string{"store"}},
	{"never overwritten", []string{"store", "a false --adopt"}},
	{"not equal", []string{"permissions"}},
	{"no permission at all", []string{"permissions"}},
	{"uses the semantic layer", []string{"permissions"}},
	{"was deleted while its rotation was under way", []string{"deleted", "store", "a frozen DELETE"}},
	{"is deleted, and no label", []string{"deleted", "store", "a frozen DELETE"}},
	{"is not to be found", []string{"deleted", "store", "a frozen DELETE"}},
	{"deleted by somebody else", []string{"deleted", "a frozen DELETE"}},
	{"so somebody has its value", []string{"store", "a late proof"}},
	{"still lives: finish that rotation first", []string{"renamed"}},
	{"nothing can bring it back", []string{"deleted", "store", "a frozen DELETE"}},
	{"the destinations disagree", []string{"store"}},
	{"is not accepted by the service", []string{"a false --adopt"}},
	{"characters that no token has", []string{"a false --adopt"}},
	{"no version that can be recovered", []string{"store"}},
	{"nothing that could be brought back there", []string{"store"}},
}

// converge ends the trace: no more goes wrong, what still runs is over, and the
// same command is run until it has come to an end. That has to be the right one.
func (m *model) converge() {
	for len(m.processes) > 0 {
		p := m.processes[0]
		if rapid.Bool().Draw(m.t, "the rest of "+p.name) {
			p.advance(-1)
			m.finished(p)
		} else {
			p.kill()
			m.forget(p)
		}
		m.fail()
	}
	m.sim.Plan()
	m.fault = nil
	m.sim.Configure(usual)
	for _, t := range m.sim.Tokens() {
		m.sim.Restore(t.ID)
	}
	m.t.Logf("nothing goes wrong any more")
	m.runAgain()
	m.ended = string(m.last.result.Status)
	if m.last.result.Status == rotate.Refused && len(m.violations) == 0 {
		if !m.justified(m.last.result.Error) {
			m.violate("G3: refused without a person's doing (%v): %s", m.why, m.last.result.Error)
			return
		}
		m.putRight()
		m.runAgain()
		m.ended += ", then " + string(m.last.result.Status)
	}
	if s := m.last.result.Status; s != rotate.Rotated && s != rotate.Unchanged {
		m.violate("G3: after %d runs: %s", maxRuns, m.last.outcome())
	}
}

// runAgain runs the same command, a day apart, and what rotate --pending would
// run besides, until it has come to an end.
func (m *model) runAgain() {
	for range maxRuns {
		m.pass(25 * time.Hour)
		m.consume()
		if m.undoUnderWay() {
			p := m.start(m.target, defaults())
			p.undo = true
			m.undoEnded = m.through(p).result.Error
		}
		for _, id := range m.inFlight() {
			r := m.oneRun(id).result
			m.cut[id] = r.Status == rotate.Refused && m.justified(r.Error)
		}
		m.last = m.oneRun(m.target)
		if s := m.last.result.Status; len(m.inFlight()) == 0 && (s == rotate.Rotated || s == rotate.Unchanged) {
			break
		}
	}
	if s := m.last.result.Status; s == rotate.Rotated || s == rotate.Unchanged {
		m.settled(m.last)
	}
}

func (m *model) oneRun(id int64) *modelProcess { return m.through(m.start(id, defaults())) }

func (m *model) through(p *modelProcess) *modelProcess {
	p.advance(-1)
	m.finished(p)
	m.fail()
	return p
}

// inFlight lists what the names of tokens tell of other rotations under way.
func (m *model) inFlight() []int64 {
	var ids []int64
	for _, t := range m.active() {
		if _, old, ok := inflight.Split(t.Name); ok && old != m.target && !m.cut[old] && !slices.Contains(ids, old) {
			ids = append(ids, old)
		}
	}
	return ids
}

func (m *model) justified(refusal string) bool {
	if strings.Contains(refusal, "an undo took the value") {
		refusal = m.undoEnded // what keeps that from ending keeps the rotation from beginning
	}
	for _, reason := range humanReasons {
		if strings.Contains(refusal, reason.says) && slices.ContainsFunc(reason.why, func(w string) bool { return m.why[w] }) {
			return true
		}
	}
	return false
}

// settled is G3: one active token, in every destination, and nothing else of ours.
func (m *model) settled(p *modelProcess) {
	id := p.result.NewTokenID
	for _, t := range m.active() {
		if t.ID != id && !m.forAPerson(t) {
			m.violate("G3: token %d %q is left over beside %d", t.ID, t.Name, id)
		}
	}
	now := token(m.sim, id)
	if !now.Active() {
		m.violate("G3: token %d is not active", id)
	}
	if _, _, inFlight := inflight.Split(now.Name); inFlight {
		m.violate("G3: token %d is still called %q", id, now.Name)
	}
	for _, ref := range m.refs {
		if m.memory.Get(ref).Reveal() != now.Value {
			m.violate("G3: %s does not hold the value of token %d", ref, id)
		}
	}
	if was := token(m.sim, m.target); !m.why["permissions"] && !slices.Equal(rights(was), rights(now)) {
		m.violate("G3: token %d may do %q, not %q", id, rights(now), rights(was))
	}
}

// forAPerson reports whether a token that is left over is one that only a person
// may delete.
func (m *model) forAPerson(t dbtcloudtest.Token) bool {
	return m.meddled(t.ID) || m.why["renamed"] || m.cut[m.made[t.ID].replaces]
}

// tally counts how the traces ended, so that one sees that they get somewhere.
type tally struct {
	mu     sync.Mutex
	ends   map[string]int
	tokens int
}

func (c *tally) add(m *model) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ends == nil {
		c.ends = map[string]int{}
	}
	c.ends[m.ended]++
	c.tokens += len(m.order) - 1
}

func (c *tally) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return fmt.Sprintf("the traces ended %v; %d tokens were created", c.ends, c.tokens)
}
