package rotate_test

import (
	"context"

	"github.com/tokenwarden/tokenwarden/rotate/guarantee"
	"github.com/tokenwarden/tokenwarden/secrets"
	"github.com/tokenwarden/tokenwarden/secrets/secretstest"
)

// shelf is where the destinations of a cell lie. But for open it is reached as
// its owner reaches it, and not through the stores that the runs use.
type shelf interface {
	Get(secrets.Ref) secrets.Value
	// Set is a person who writes, without a label.
	Set(ref secrets.Ref, value string)
	// Mark adds entries of ours.
	Mark(secrets.Ref, secrets.Labels)
	// Delete removes the whole object.
	Delete(secrets.Ref)
	// watched begins the watch over the destinations of w.
	watched(w *cellWorld) *guarantee.Watch
	// open is what a new process reaches the destinations with. Its calls go
	// through the process, which lets the faults strike.
	open(p *process) func(secrets.Ref) (secrets.Store, error)
	// look is called at each call of a process: it holds what lies there against
	// what is known.
	look()
	// wrong says what else of the same secrets is not as it was, and which
	// version is not there any more.
	wrong() []string
}

// memoryShelf is a store in memory, whose calls go wrong as a whole.
type memoryShelf struct{ *secretstest.Memory }

// Mark implements shelf.
func (m memoryShelf) Mark(ref secrets.Ref, set secrets.Labels) {
	if err := m.Label(context.Background(), ref, set, nil); err != nil {
		panic(err)
	}
}

func (m memoryShelf) watched(w *cellWorld) *guarantee.Watch {
	return guarantee.New(w.sim, m.Memory, w.old, w.refs...)
}

func (m memoryShelf) open(p *process) func(secrets.Ref) (secrets.Store, error) {
	intercept := &secretstest.Intercept{Store: p.watch.Through(m.Memory), Before: p.beforeStore, After: p.afterStore}
	return func(secrets.Ref) (secrets.Store, error) { return intercept, nil }
}

func (memoryShelf) look() {} // it tells the watch of everything by itself

func (memoryShelf) wrong() []string { return nil }
