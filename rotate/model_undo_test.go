package rotate_test

import (
	"time"

	"pgregory.net/rapid"

	"github.com/tokenwarden/tokenwarden/internal/dbtcloud/dbtcloudtest"
)

// undo takes the place of the token back that is to be rotated, or once was.
func (m *model) undo(t *rapid.T) {
	if len(m.processes) > 3 {
		m.turn(t, m.processes[0])
		return
	}
	id := m.target
	if before := m.made[m.target]; before.replaces != 0 && rapid.IntRange(0, 4).Draw(t, "an older id, if 4") == 4 {
		id = before.replaces
	}
	p := m.start(id, m.options(rapid.SampledFrom([]string{"", "--now", "--orphan-min-age 0s"}).Draw(t, "flags")))
	p.undo = true
	m.turn(t, p)
}

// undoUnderWay reports whether --pending would find an undo of the target.
func (m *model) undoUnderWay() bool {
	for _, ref := range m.refs {
		held := m.labels[ref][m.held[ref].Fingerprint(accountID)] // as the labels have it, which people may have made lie
		for _, l := range m.labels[ref] {
			if gone := token(m.sim, l.Undoes); l.TokenID == m.target && gone.Active() && held.TokenID == m.target {
				return true
			}
		}
	}
	return false
}

// serverClock is a fact, too: what was announced is reckoned by it.
const serverClock fact = "dbt Cloud's clock"

// overslept reports whether a run deletes the old token so long after it was last
// told anything that an undo did not have to wait for it any more; or the clock
// jumped, by which that is reckoned. Nothing can fence that.
func (m *model) overslept(p *modelProcess) bool {
	return !p.undo && (time.Since(p.toldWhen) > 4*time.Minute || m.changedAt[serverClock] > p.began)
}

// dismissed is G2 for an undo: what it must have seen before a replacement goes
// whose value consumers may have.
func (m *model) dismissed(p *modelProcess, gone dbtcloudtest.Token, v dbtcloudtest.View) {
	if !m.stored[gone.Value] {
		return
	}
	for _, ref := range m.refs {
		id := m.owners[m.held[ref].Reveal()]
		t, _ := v.Token(id)
		if m.unseen(p, valueAt(ref), stateOf(id)) || m.lied(ref) {
			continue
		}
		if id != p.target || !t.Active() {
			m.violate("%s deleted replacement %d while %s holds the value of %d (active: %v)", p, gone.ID, ref, id, t.Active())
		}
	}
	taken := p.lastUsed.Sub(m.made[gone.ID].born) > 2*time.Minute
	if quiet := p.lookedAt.Sub(p.lastUsed); taken && !p.opts.Now && quiet < p.opts.Quiet {
		m.violate("%s deleted replacement %d, which was used %s before it looked", p, gone.ID, quiet)
	}
}
