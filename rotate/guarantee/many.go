package guarantee

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"sync"

	"github.com/tokenwarden/tokenwarden/internal/dbtcloud/dbtcloudtest"
	"github.com/tokenwarden/tokenwarden/secrets"
	"github.com/tokenwarden/tokenwarden/secrets/secretstest"
)

// Many is the watch over the rotations of many tokens of one account: a Watch
// for each, of which a new token belongs to the one that its first name tells.
// G5 is checked at each create: nothing that was made before for the same token
// may still live.
type Many struct {
	sim     *dbtcloudtest.Sim
	watches map[int64]*Watch // by the old token's id
	objects map[string]*Watch

	mu         sync.Mutex
	known      map[int64]bool
	violations []string
}

// NewMany begins the watch over the rotations of tokens into their destinations.
// The store's Changed is taken over; rotations use Through(memory).
func NewMany(sim *dbtcloudtest.Sim, memory *secretstest.Memory, places map[int64][]secrets.Ref) *Many {
	m := &Many{sim: sim, watches: map[int64]*Watch{}, objects: map[string]*Watch{}, known: map[int64]bool{}}
	strangers := map[int64]dbtcloudtest.Token{}
	for _, t := range sim.Tokens() {
		m.known[t.ID] = true
		if _, watched := places[t.ID]; !watched && t.Active() {
			strangers[t.ID] = t
		}
	}
	for old, refs := range places {
		holds := map[secrets.Ref]secrets.Content{}
		for _, ref := range refs {
			holds[ref] = secrets.Content{Value: memory.Get(ref), Labels: memory.Labels(ref)}
		}
		w := outside(sim, old, holds)
		w.blind, w.kin, w.others = false, map[int64]bool{old: true}, strangers
		strangers = nil // one is enough to look after them
		m.watches[old] = w
		for _, ref := range refs {
			m.objects[ref.Object()] = w
		}
	}
	memory.Changed = m.changed
	sim.Observe(m.observe)
	return m
}

// Of is the watch over one of the tokens.
func (m *Many) Of(old int64) *Watch { return m.watches[old] }

// Begin says that a new run, as another process, begins.
func (m *Many) Begin() {
	for _, w := range m.watches {
		w.Begin()
	}
}

// Violations returns what was broken so far.
func (m *Many) Violations() []string {
	m.mu.Lock()
	all := slices.Clone(m.violations)
	m.mu.Unlock()
	for _, w := range m.watches {
		all = append(all, w.Violations()...)
	}
	return all
}

var inFlight = regexp.MustCompile(` \[replaces ([0-9]+) [A-Za-z0-9]{4}\]$`)

// observe hears of each request after its effect, with the simulator locked.
func (m *Many) observe(e dbtcloudtest.Event) {
	if e.Phase == dbtcloudtest.Before {
		return
	}
	changes := e.Request.Method != http.MethodGet
	if changes {
		m.welcome(e.View)
	}
	for _, w := range m.watches {
		w.mu.Lock()
		w.learn(e.Request)
		if changes {
			w.strangers(e.View)
			w.retirement(e)
			w.destinations(e.View)
		}
		w.mu.Unlock()
	}
}

// welcome gives new tokens to their families.
func (m *Many) welcome(now dbtcloudtest.View) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, t := range now.Tokens() {
		if m.known[t.ID] {
			continue
		}
		m.known[t.ID] = true
		var parent int64
		if found := inFlight.FindStringSubmatch(t.Name); found != nil {
			parent, _ = strconv.ParseInt(found[1], 10, 64) // digits; what is too long is nobody's
		}
		w := m.watches[parent]
		if w == nil {
			m.violations = append(m.violations, fmt.Sprintf("G3: token %d %q was created, which replaces none of the watched", t.ID, t.Name))
			continue
		}
		w.mu.Lock()
		for sibling := range w.kin {
			if s, _ := now.Token(sibling); sibling != parent && s.Active() {
				m.violations = append(m.violations, fmt.Sprintf("G5: token %d was created for token %d while %d, made before, still lived", t.ID, parent, sibling))
			}
		}
		w.kin[t.ID] = true
		w.mu.Unlock()
	}
}

func (m *Many) changed(c secretstest.Change) {
	w := m.objects[c.Ref.Object()]
	if w == nil {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.violations = append(m.violations, fmt.Sprintf("places: %s was changed, which is nobody's destination", c.Ref))
		return
	}
	w.Changed(c)
}

// Through returns the store that the rotations are to use.
func (m *Many) Through(s secrets.Store) secrets.Store { return manyStore{Store: s, many: m} }

type manyStore struct {
	secrets.Store
	many *Many
}

func (s manyStore) Read(ctx context.Context, ref secrets.Ref) (secrets.Content, error) {
	w := s.many.objects[ref.Object()]
	if w == nil {
		return s.Store.Read(ctx, ref)
	}
	return watchedStore{Store: s.Store, watch: w}.Read(ctx, ref)
}
