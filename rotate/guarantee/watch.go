// Package guarantee watches a simulated dbt Cloud and a store in memory while
// rotations run, and checks at every instant what a rotation promises. It does
// not know how a rotation works: it does not import package rotate, compares
// permissions in its own way, and does not look at what a rotation says of itself.
//
// Of the guarantees of a rotation it checks:
//
//   - G1 at each change of either side: a destination, from our first write to it
//     on, holds the value of an active token with the old token's permissions;
//   - G2 when the old token is deleted: the replacement is in every destination
//     and equal, and this very run has read all that back and authenticated with
//     the value;
//   - for an undo the other way round: the old token stays, and its replacement goes
//     when this very run has read the old value back from every destination and
//     authenticated with it;
//   - G3 when asked, at an end: see Settled;
//   - G5 when asked, at the end of each run: see Creates;
//   - G7 and G8 at each write: what is overwritten is nobody else's, and known by
//     its label; the label of a value is there before the value;
//   - and that no other token and no other place is touched.
package guarantee

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/tokenwarden/tokenwarden/internal/dbtcloud/dbtcloudtest"
	"github.com/tokenwarden/tokenwarden/secrets"
	"github.com/tokenwarden/tokenwarden/secrets/secretstest"
)

// Watch is the watch over the rotations of one token. Make it with New.
type Watch struct {
	sim     *dbtcloudtest.Sim
	account int64
	old     int64
	undo    bool                         // the runs take the old token's place back
	blind   bool                         // what the runs read from the stores is not to be seen
	want    []string                     // the old token's permissions
	others  map[int64]dbtcloudtest.Token // what was there before, the old token excepted
	kin     map[int64]bool               // among many: the tokens of this family, old ones included; nil: all that are not others

	// mu is the innermost lock: neither the simulator nor the store is called
	// with it held.
	mu         sync.Mutex
	places     []place
	oldLives   bool
	dying      bool            // the token that the present request deletes is active
	stored     map[string]bool // the values that writes of ours have put into a destination
	run        evidence
	violations []string
}

// place is one destination as it is now.
type place struct {
	ref    secrets.Ref
	value  secrets.Value
	labels secrets.Labels
	ours   bool // a write of ours was the last to change the value
}

// evidence is what one run has seen by itself, as far as the answers reached it.
type evidence struct {
	readBack      map[string]secrets.Value // by place, since the last write to a store
	permissions   map[int64]bool           // of which tokens they were read since then
	authenticated map[int64]bool           // with which tokens' values a request was accepted
}

func newEvidence() evidence {
	return evidence{readBack: map[string]secrets.Value{}, permissions: map[int64]bool{}, authenticated: map[int64]bool{}}
}

// New begins the watch over the rotation of token old into the destinations
// refs. What the token may do at this moment is what a replacement has to be
// able to do. The store's Changed is taken over; rotations use Through(memory).
func New(sim *dbtcloudtest.Sim, memory *secretstest.Memory, old int64, refs ...secrets.Ref) *Watch {
	holds := map[secrets.Ref]secrets.Content{}
	for _, ref := range refs {
		holds[ref] = secrets.Content{Value: memory.Get(ref), Labels: memory.Labels(ref)}
	}
	w := Outside(sim, old, holds)
	w.blind = false
	memory.Changed = w.Changed
	return w
}

// Outside begins the watch over a rotation in other processes, into destinations
// that now hold what is given. Whoever keeps the store calls Changed. What the
// processes read from it is not to be seen, unless they read Through.
func Outside(sim *dbtcloudtest.Sim, old int64, holds map[secrets.Ref]secrets.Content) *Watch {
	w := outside(sim, old, holds)
	sim.Observe(w.observe)
	return w
}

func outside(sim *dbtcloudtest.Sim, old int64, holds map[secrets.Ref]secrets.Content) *Watch {
	w := &Watch{sim: sim, account: sim.AccountID(), old: old, blind: true, others: map[int64]dbtcloudtest.Token{}, stored: map[string]bool{}, oldLives: true, run: newEvidence()}
	for _, t := range sim.Tokens() {
		if t.ID == old {
			w.want = permissions(t)
		} else if t.Active() {
			w.others[t.ID] = t
		}
	}
	for ref, content := range holds {
		w.places = append(w.places, place{ref: ref, value: content.Value, labels: content.Labels})
	}
	slices.SortFunc(w.places, func(a, b place) int { return strings.Compare(a.ref.Place(), b.ref.Place()) })
	return w
}

// Undo says that from now on the runs take the old token's place back from its
// replacement: that is to go, and the old token to stay.
func (w *Watch) Undo() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.undo = true
}

// Begin says that a new run, as another process, begins. The simulator's log of
// requests starts anew with it.
func (w *Watch) Begin() {
	w.sim.ForgetRequests()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.run = newEvidence()
}

// Holds is what a destination holds, as far as the watch was told.
func (w *Watch) Holds(ref secrets.Ref) secrets.Value {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range w.places {
		if p.ref == ref {
			return p.value
		}
	}
	return secrets.Value{}
}

// Violations returns what was broken so far, each thing once.
func (w *Watch) Violations() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.violations)
}

// Secrets returns the ids of the tokens whose value is in a text that must not
// have any.
func (w *Watch) Secrets(text string) []int64 {
	var found []int64
	for _, t := range w.sim.Tokens() {
		if strings.Contains(text, t.Value) {
			found = append(found, t.ID)
		}
	}
	return found
}

// broken notes a violation. It is called with mu held.
func (w *Watch) broken(guarantee, format string, args ...any) {
	text := guarantee + ": " + fmt.Sprintf(format, args...)
	if !slices.Contains(w.violations, text) {
		w.violations = append(w.violations, text)
	}
}

// world is the tokens of one moment.
type world interface {
	Token(id int64) (dbtcloudtest.Token, bool)
	TokenByValue(value string) (id int64, isActive bool)
}

// family reports whether a token is the old one or was created during the watch.
func (w *Watch) family(id int64) bool {
	if w.kin != nil {
		return w.kin[id]
	}
	_, other := w.others[id]
	return id != 0 && !other
}
