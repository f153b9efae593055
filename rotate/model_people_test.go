package rotate_test

import (
	"fmt"
	"strings"

	"pgregory.net/rapid"

	"github.com/tokenwarden/tokenwarden/internal/dbtcloud/dbtcloudtest"
	"github.com/tokenwarden/tokenwarden/secrets"
)

// person does something in dbt Cloud to a token of the rotation.
func (m *model) person(t *rapid.T) {
	tokens := m.active()
	switch {
	case m.calm:
		m.consumers(t)
		return
	case len(tokens) == 0 || rapid.IntRange(0, 5).Draw(t, "puts everything right, if 5") == 5:
		m.putRight()
		return
	}
	var ids []int64
	for _, token := range tokens {
		ids = append(ids, token.ID)
	}
	id := rapid.SampledFrom(ids).Draw(t, "token")
	switch act := rapid.SampledFrom([]string{"renames it", "changes its permissions", "deletes it", "puts its permissions right"}).Draw(t, "a person"); act {
	case "deletes it":
		m.sim.Delete(id)
		m.why["deleted"] = true
		m.touched(stateOf(id))
	case "renames it":
		m.sim.Rename(id, rapid.SampledFrom([]string{"Airflow new", "Airflow new [replaces 4711]", fmt.Sprintf("Airflow [replaces %d]", m.target)}).Draw(t, "to"))
		m.why["renamed"] = true
		m.touched(nameOf(id))
	default:
		kind := "as before"
		if act == "changes its permissions" {
			kind = rapid.SampledFrom([]string{"less", "more", "another mapping", "none"}).Draw(t, "to")
		}
		grants, mappings := rightsOf(kind)
		m.sim.SetGrants(id, grants...)
		m.sim.SetMappings(id, mappings...)
		m.why["permissions"] = true
		m.touched(permissionsOf(id))
	}
}

// byHand does something to a destination with other tools.
func (m *model) byHand(t *rapid.T) {
	if m.calm {
		m.goOn(t)
		return
	}
	ref := m.refs[rapid.IntRange(1, len(m.refs)).Draw(t, "destination")-1]
	switch act := rapid.SampledFrom([]string{"rolled back", "written", "written", "unlabelled", "emptied"}).Draw(t, "act"); act {
	case "rolled back":
		if len(m.memory.Previous(ref)) == 0 {
			return
		}
		m.memory.Rollback(ref)
	case "unlabelled":
		m.memory.Unlabel(ref)
		m.why["store"] = true
		m.touched(labelsOf(ref), valueAt(ref))
		return
	case "emptied":
		m.memory.Delete(ref)
		m.held[ref], m.labels[ref] = secrets.Value{}, nil
		m.touched(labelsOf(ref))
	case "written":
		whose := append([]int64{stranger}, m.order...)
		values := map[string]string{"nobody's token": "dbtc_" + strings.Repeat("x", 50), "a password": "correct horse"}
		names := []string{"nobody's token", "a password"}
		for _, id := range whose {
			if m.made[id].replaces != 0 && !m.stored[m.sim.ValueOf(id)] {
				continue // nobody but its maker knows that
			}
			name := fmt.Sprint("that of ", id)
			names = append([]string{name}, names...)
			values[name] = m.sim.ValueOf(id)
		}
		m.memory.Set(ref, values[rapid.SampledFrom(names).Draw(t, "value")])
	}
	m.why["store"] = true
	m.touched(valueAt(ref))
}

// putRight is a person who takes one living token whose value is known, or makes
// one, gives it to all consumers, deletes whatever else there is, and wants that
// token rotated from now on.
func (m *model) putRight() {
	grants, mappings := rightsOf("as before")
	var kept int64
	for _, t := range m.active() {
		if m.stored[t.Value] {
			kept = t.ID
		}
	}
	if kept == 0 {
		id, value := m.sim.AddToken(dbtcloudtest.SeedToken{Name: oldName, Grants: grants, Mappings: mappings})
		m.know(id, value, 0)
		kept = id
	}
	if len(m.processes) == 0 { // or one of them has seen it all
		clear(m.why)
		clear(m.adopted)
	}
	facts := []fact{nameOf(kept), permissionsOf(kept)}
	for _, t := range m.active() {
		if t.ID != kept {
			m.sim.Delete(t.ID)
			facts = append(facts, stateOf(t.ID))
		}
	}
	m.sim.Rename(kept, oldName)
	m.sim.SetGrants(kept, grants...)
	m.sim.SetMappings(kept, mappings...)
	for _, ref := range m.refs {
		m.memory.Set(ref, m.sim.ValueOf(kept))
		m.memory.Unlabel(ref)
		facts = append(facts, valueAt(ref), labelsOf(ref))
	}
	for _, id := range m.order {
		m.cut[id] = id != kept
	}
	m.target = kept
	m.touched(facts...)
	m.t.Logf("a person puts everything right: from now on token %d is to be rotated", kept)
}
