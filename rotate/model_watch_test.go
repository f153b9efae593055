package rotate_test

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/tokenwarden/tokenwarden/internal/dbtcloud/dbtcloudtest"
	"github.com/tokenwarden/tokenwarden/internal/inflight"
	"github.com/tokenwarden/tokenwarden/secrets"
	"github.com/tokenwarden/tokenwarden/secrets/secretstest"
)

// The watch of the model looks at every instant, and knows who made it what it
// is. A destination is good while it holds the value of an active token with the
// permissions of the token that is being rotated.
//
// G1, with people about, is: no act of the tool makes a good destination bad. It
// is excused only where a person changed one of the facts that the act rests on
// after the process was last told of it, which nothing can fence. What a person
// broke is bad already, and counts again from the moment the tool, or a person,
// has made it good.

// fact is something that a person can change and a process can read.
type fact string

func valueAt(ref secrets.Ref) fact  { return fact("value of " + ref.String()) }
func stateOf(id int64) fact         { return fact(fmt.Sprint("state of ", id)) }
func nameOf(id int64) fact          { return fact(fmt.Sprint("name of ", id)) }
func permissionsOf(id int64) fact   { return fact(fmt.Sprint("permissions of ", id)) }
func labelsOf(ref secrets.Ref) fact { return fact("labels of " + ref.Object()) }
func (m *model) touched(facts ...fact) { // by a person
	m.clock++
	for _, f := range facts {
		m.changedAt[f] = m.clock
	}
	m.judge(nil, "a person")
}

// unseen reports whether a person changed one of the facts after the process was
// last told of it.
func (m *model) unseen(p *modelProcess, facts ...fact) bool {
	for _, f := range facts {
		if at, ok := m.changedAt[f]; ok && at > p.looked[f] {
			return true
		}
	}
	return false
}

// unseenAnywhere is the same for the values of all destinations: what a person
// did to one of them another run may have carried to the next meanwhile.
func (m *model) unseenAnywhere(p *modelProcess, facts ...fact) bool {
	for _, ref := range m.refs {
		facts = append(facts, valueAt(ref))
	}
	return m.unseen(p, facts...)
}

// made is where a token came from.
type made struct {
	replaces int64     // 0: a person made it
	at       int       // the model's clock
	born     time.Time // in server time
}

// moment is the tokens as they are now, from inside the simulator or outside.
type moment interface {
	Token(id int64) (dbtcloudtest.Token, bool)
	TokenByValue(value string) (id int64, isActive bool)
}

func (m *model) violate(format string, args ...any) {
	m.violations = append(m.violations, fmt.Sprintf(format, args...))
}

func senderKey(method, path string, at time.Time) string {
	return method + path + at.UTC().Format(time.RFC3339Nano)
}

// observe is called by the simulator, locked, around each effect.
func (m *model) observe(e dbtcloudtest.Event) {
	p := m.senders[senderKey(e.Request.Method, e.Request.Path, e.Request.At)]
	if p == nil {
		return
	}
	id := tokenInPath(e.Request.Path)
	if e.Phase == dbtcloudtest.Before {
		if e.Request.Operation == "delete-token" {
			t, _ := e.View.Token(id)
			m.dying = t.Active()
		}
		return
	}
	m.clock++
	if e.Request.Fault == dbtcloudtest.NoFault { // or the answer never reached it
		m.told(p, e)
	}
	switch e.Request.Operation {
	case "accounts":
		if t, _ := e.View.Token(e.Request.TokenID); m.made[t.ID].replaces != 0 && !m.stored[t.Value] && m.serverNow().Sub(m.made[t.ID].born) > 2*time.Minute {
			m.why["a late proof"] = true // as promised, a use after the first two minutes keeps an orphan alive
		}
	case "create-token":
		if e.Request.Status == http.StatusCreated {
			m.created(p, e.View)
		}
	case "delete-token":
		if t, _ := e.View.Token(id); m.dying && !t.Active() {
			m.deletedBy(p, id, e.View)
		}
	}
	if e.Request.Method != http.MethodGet {
		m.judgeIn(p, e.View, e.Request.Operation+" "+strconv.FormatInt(id, 10))
	}
}

// told notes what an answer told a process.
func (m *model) told(p *modelProcess, e dbtcloudtest.Event) {
	id := tokenInPath(e.Request.Path)
	p.toldAt, p.toldWhen = m.serverNow(), time.Now()
	switch e.Request.Operation {
	case "get-token":
		p.looked[stateOf(id)], p.looked[nameOf(id)] = m.clock, m.clock
		if t, _ := e.View.Token(id); id == p.target && !p.undo || p.undo && m.made[id].replaces == p.target {
			p.lastUsed, p.lookedAt = lastUsed(t), m.serverNow()
		}
	case "get-permissions":
		// Which projects have a mapping was said by the token itself, before.
		p.looked[permissionsOf(id)] = p.looked[stateOf(id)]
	}
}

func (m *model) created(p *modelProcess, v dbtcloudtest.View) {
	for _, t := range v.Tokens() {
		if _, known := m.owners[t.Value]; known {
			continue
		}
		m.know(t.ID, t.Value, p.target)
	}
}

// deletedBy checks what has to be true when the tool deletes a token.
func (m *model) deletedBy(p *modelProcess, id int64, v dbtcloudtest.View) {
	switch t, _ := v.Token(id); {
	case p.undo && id == p.target:
		m.violate("%s deleted token %d, which it was to bring back", p, id)
	case p.undo && m.replaces(t, p.target):
		m.dismissed(p, t, v)
	case id == p.target:
		m.retired(p, v)
	case !m.replaces(t, p.target):
		m.violate("%s deleted token %d %q, which does not replace that", p, id, t.Name)
	}
	for _, ref := range m.refs {
		switch {
		case m.owners[m.held[ref].Reveal()] != id:
		case m.overslept(p) || m.unseenAnywhere(p):
			m.why["a frozen DELETE"] = true
			m.changedAt[stateOf(id)] = m.clock // to the others it is as if a person had done it
		case !m.lied(ref):
			m.violate("%s deleted token %d, whose value %s holds", p, id, ref)
		}
	}
}

// replaces reports whether a token was made to replace another, or a person gave
// it a name that says so.
func (m *model) replaces(t dbtcloudtest.Token, old int64) bool {
	_, named, ok := inflight.Split(t.Name)
	return m.made[t.ID].replaces == old || ok && named == old
}

// retired checks G2 and the waiting: what the tool must have seen before the old
// token goes.
func (m *model) retired(p *modelProcess, v dbtcloudtest.View) {
	for _, ref := range m.refs {
		id := m.owners[m.held[ref].Reveal()]
		t, _ := v.Token(id)
		facts := []fact{valueAt(ref), stateOf(id), permissionsOf(id), permissionsOf(p.target)}
		switch {
		case m.unseenAnywhere(p, facts...) || m.lied(ref) || m.overslept(p):
		case id == p.target || !t.Active():
			m.violate("%s deleted the old token %d while %s holds the value of %d (active: %v)", p, p.target, ref, id, t.Active())
		case !slices.Equal(rights(t), rights(token(v, p.target))):
			m.violate("%s deleted the old token %d, to which %d in %s is not equal: %q, %q", p, p.target, id, ref, rights(token(v, p.target)), rights(t))
		}
	}
	if p.opts.Now {
		return
	}
	if quiet := p.lookedAt.Sub(p.lastUsed); quiet < p.opts.Quiet {
		m.violate("%s deleted the old token %d, which was used %s before it looked", p, p.target, quiet)
	}
	// A label is written before its value, by at most the time that a run has.
	const slack = 16 * time.Minute
	for _, ref := range m.refs {
		if w, ok := m.writtenAt[ref]; ok && !p.opts.OverlapSet && !m.unseen(p, valueAt(ref)) && p.lookedAt.Sub(w.at) < w.overlap-slack {
			m.violate("%s deleted the old token %d %s after %s was written, in its overlap of %s", p, p.target, p.lookedAt.Sub(w.at), ref, w.overlap)
		}
	}
}

// storeChanged is called by the store, locked, at each change.
func (m *model) storeChanged(c secretstest.Change) {
	p := m.acting
	if c.By == secretstest.ByHand {
		for _, ref := range m.refs {
			if ref.Object() == c.Ref.Object() {
				m.held[ref], m.labels[ref] = c.Value(ref), c.Labels
				delete(m.writtenAt, ref)
			}
		}
		return // who did it says what was touched
	}
	m.clock++
	before := m.held[c.Ref]
	for _, ref := range m.refs {
		if ref.Object() == c.Ref.Object() {
			m.held[ref], m.labels[ref] = c.Value(ref), c.Labels
			m.stored[c.Value(ref).Reveal()] = true
		}
	}
	what := "a write that came late"
	if p == nil {
		p = m.late
	}
	if c.By == secretstest.Label {
		m.labelled(p, c)
		return
	}
	if before.Equal(c.Value(c.Ref)) {
		return // a fence
	}
	m.wroteAt[c.Ref] = m.clock
	if p != nil && p.undo {
		m.undoneAt[c.Ref] = m.clock
	}
	if p != nil {
		what = "a write"
		m.overwritten(p, c.Ref, before)
		// If the clock jumped since its last reply, the process cannot know.
		m.writtenAt[c.Ref] = written{at: p.toldAt, overlap: p.opts.Overlap}
		if p.opts.Now {
			m.writtenAt[c.Ref] = written{at: p.toldAt}
		}
	}
	m.judge(p, what+" of "+c.Ref.String())
}

// written is when a destination got its value, in server time, and the overlap
// that was asked for.
type written struct {
	at      time.Time
	overlap time.Duration
}

// relabelled is what a label that another run writes later makes of it: that run
// may have stood still while the clock jumped, and writes what it was last told;
// and its flags may be shorter.
func (w written) relabelled(p *modelProcess) written {
	if p.toldAt.Before(w.at) {
		w.at = p.toldAt
	}
	if w.overlap = min(w.overlap, p.opts.Overlap); p.opts.Now {
		w.overlap = 0
	}
	return w
}

// overwritten is G7: what a write replaces is the old token's value, or that of
// one of its replacements, or nothing; or a person said that it was.
func (m *model) overwritten(p *modelProcess, ref secrets.Ref, before secrets.Value) {
	owner := m.owners[before.Reveal()]
	if before.Empty() || owner == p.target || m.replaces(token(m.sim, owner), p.target) || m.adopted[before.Fingerprint(accountID)] {
		return
	}
	m.violate("%s overwrote the value of token %d in %s", p, owner, ref)
}

// labelled is the first of the five rules: a label says whose value it is, and
// says the truth, unless a person told us otherwise.
func (m *model) labelled(p *modelProcess, c secretstest.Change) {
	if w, ok := m.writtenAt[c.Ref]; ok && p != nil {
		m.writtenAt[c.Ref] = w.relabelled(p)
	}
	for fp, l := range c.Labels {
		if owner := m.fingerprints[fp]; owner == l.TokenID || m.adopted[fp] {
			continue
		}
		if p == nil || !p.opts.Adopt {
			m.violate("%v labels the value of token %d as that of %d", p, m.fingerprints[fp], l.TokenID)
		}
		m.adopted[fp] = true
		m.why["a false --adopt"] = true
	}
}

// lied reports whether a person made us believe something else about what a
// destination holds.
func (m *model) lied(ref secrets.Ref) bool { return m.adopted[m.held[ref].Fingerprint(accountID)] }

// judge looks at the destinations after an act of a process, or of a person (nil).
func (m *model) judge(p *modelProcess, act string) { m.judgeIn(p, m.sim, act) }

func (m *model) judgeIn(p *modelProcess, now moment, act string) {
	want := rights(token(now, m.target))
	for _, ref := range m.refs {
		id, active := now.TokenByValue(m.held[ref].Reveal())
		t := token(now, id)
		good := active && slices.Equal(rights(t), want)
		if was := m.good[ref]; was.good && !good && p != nil && !m.lied(ref) &&
			!m.overslept(p) &&
			!m.unseenAnywhere(p, stateOf(id), stateOf(was.id), permissionsOf(id), permissionsOf(was.id), permissionsOf(m.target)) {
			m.violate("G1: after %s by %s, %s holds the value of token %d (active: %v, permissions %q), and %q are wanted", act, p, ref, id, active, rights(t), want)
		}
		m.good[ref] = goodness{good: good, id: id}
	}
	if p != nil {
		m.unknown(p, now)
	}
}

// goodness is what was last seen of a destination.
type goodness struct {
	good bool
	id   int64
}

// unknown looks for live tokens that the next run would not know of.
func (m *model) unknown(p *modelProcess, now moment) {
	for _, id := range m.order {
		t := token(now, id)
		if !t.Active() || m.made[id].replaces == 0 || m.meddled(id) {
			continue
		}
		_, _, named := inflight.Split(t.Name)
		for _, ref := range m.refs {
			_, labelled := m.labels[ref][secrets.NewValue(t.Value).Fingerprint(accountID)]
			named = named || labelled || m.held[ref].Reveal() == t.Value
		}
		if !named {
			m.violate("%s left token %d %q behind, alive, in no destination and named nowhere", p, id, t.Name)
		}
	}
}

// meddled reports whether a person took away by what the tool knows a token.
func (m *model) meddled(id int64) bool {
	facts := []fact{nameOf(id)}
	for _, ref := range m.refs {
		facts = append(facts, valueAt(ref), labelsOf(ref))
	}
	return slices.ContainsFunc(facts, func(f fact) bool { return m.changedAt[f] > m.made[id].at })
}
