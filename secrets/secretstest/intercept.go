package secretstest

import (
	"context"
	"sync"

	"github.com/tokenwarden/tokenwarden/secrets"
)

// Op is a method of secrets.Store.
type Op string

// The calls of a store, and what happens beside them.
const (
	Read   Op = "read"
	Write  Op = "write"
	Label  Op = "label"
	Recall Op = "recall"
	Check  Op = "check"
	ByHand Op = "by hand" // only in Change: somebody used other tools
)

// doing is the Op of a secrets.Error.
func (op Op) doing() string {
	return map[Op]string{Read: "reading", Write: "writing", Label: "labelling", Recall: "recalling", Check: "checking"}[op]
}

// Call is one call on a store.
type Call struct {
	Op  Op
	Ref secrets.Ref
	N   int // 1 for the first call of this Op through this Intercept

	Write secrets.Write         // of a Write
	Set   secrets.Labels        // of a Label
	Drop  []secrets.Fingerprint // of a Label

	Err error // in After: what the store answered
}

// Intercept stands before a store and breaks calls. Its fields are set before
// the first call. Either hook may panic, which is how a crash of the caller is
// played in process: before the effect or after it. Hooks are called without
// any lock held, so they may use the store, cancel a context, or wait for
// another goroutine.
type Intercept struct {
	Store secrets.Store
	// Before is called first. An error is the answer, and the store is not asked:
	// nothing was changed.
	Before func(context.Context, Call) error
	// After is called when the store has answered, in error too. An error takes
	// the place of the answer: what was done is done, and the reply is lost.
	After func(context.Context, Call) error

	mu    sync.Mutex
	count map[Op]int
}

// Calls says how many calls of op there were.
func (i *Intercept) Calls(op Op) int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.count[op]
}

// Read implements secrets.Store.
func (i *Intercept) Read(ctx context.Context, ref secrets.Ref) (c secrets.Content, err error) {
	err = i.through(ctx, Call{Op: Read, Ref: ref}, func() error {
		c, err = i.Store.Read(ctx, ref)
		return err
	})
	if err != nil {
		return secrets.Content{}, err
	}
	return c, nil
}

// Write implements secrets.Store.
func (i *Intercept) Write(ctx context.Context, ref secrets.Ref, w secrets.Write) (v secrets.Version, err error) {
	err = i.through(ctx, Call{Op: Write, Ref: ref, Write: w}, func() error {
		v, err = i.Store.Write(ctx, ref, w)
		return err
	})
	if err != nil {
		return "", err
	}
	return v, nil
}

// Label implements secrets.Store.
func (i *Intercept) Label(ctx context.Context, ref secrets.Ref, set secrets.Labels, drop []secrets.Fingerprint) error {
	return i.through(ctx, Call{Op: Label, Ref: ref, Set: set, Drop: drop}, func() error {
		return i.Store.Label(ctx, ref, set, drop)
	})
}

// Recall implements secrets.Store.
func (i *Intercept) Recall(ctx context.Context, ref secrets.Ref, accept func(secrets.Value) bool) (v secrets.Value, err error) {
	err = i.through(ctx, Call{Op: Recall, Ref: ref}, func() error {
		v, err = i.Store.Recall(ctx, ref, accept)
		return err
	})
	if err != nil {
		return secrets.Value{}, err
	}
	return v, nil
}

// Check implements secrets.Store.
func (i *Intercept) Check(ctx context.Context, ref secrets.Ref) error {
	return i.through(ctx, Call{Op: Check, Ref: ref}, func() error { return i.Store.Check(ctx, ref) })
}

func (i *Intercept) through(ctx context.Context, c Call, ask func() error) error {
	i.mu.Lock()
	if i.count == nil {
		i.count = map[Op]int{}
	}
	i.count[c.Op]++
	c.N = i.count[c.Op]
	i.mu.Unlock()

	if i.Before != nil {
		if err := i.Before(ctx, c); err != nil {
			return &secrets.Error{Op: c.Op.doing(), Ref: c.Ref, Err: err}
		}
	}
	c.Err = ask()
	if i.After != nil {
		if err := i.After(ctx, c); err != nil {
			return &secrets.Error{Op: c.Op.doing(), Ref: c.Ref, Err: err}
		}
	}
	return c.Err
}

var _ secrets.Store = (*Intercept)(nil)
