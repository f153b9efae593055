package rotate_test

import (
	"fmt"
	"slices"
	"sync"

	"github.com/tokenwarden/tokenwarden/rotate/guarantee"
	"github.com/tokenwarden/tokenwarden/secrets"
	"github.com/tokenwarden/tokenwarden/secrets/secretstest"
)

// server is one of the servers that secrets lie on, as its owner sees it.
type server interface {
	// furnish puts what is not ours beside a destination.
	furnish(secrets.Ref)
	set(ref secrets.Ref, value string)
	mark(secrets.Ref, secrets.Labels)
	remove(secrets.Ref)
	// look sees everything that lies at an object.
	look(secrets.Ref) seen
	// observe has each change told when it is made: what its object holds then.
	observe(func(now seen))
	// store opens the real store, as a new process does.
	store(*process) secrets.Store
}

// seen is what lies at one object.
type seen struct {
	object   string // Ref.Object
	version  string // the present one; "": none
	values   map[secrets.Ref]secrets.Value
	labels   secrets.Labels
	others   string            // everything that is not ours
	versions map[string]string // what each version that can be recovered holds
}

// servers is the shelf of real stores, which talk to servers of the test.
type servers struct {
	w      *cellWorld
	list   map[string]server // by scheme
	byHand bool              // a person changes something now

	looking sync.Mutex      // is taken before the lock of a server
	was     map[string]seen // by object
	before  map[string]seen // by object: when the version before the present one was that

	mu     sync.Mutex        // is taken after it
	told   map[string]string // by object: the version that the watch knows of
	broken []string
}

func (s *servers) of(ref secrets.Ref) server { return s.list[ref.Scheme] }

// Get implements shelf.
func (s *servers) Get(ref secrets.Ref) secrets.Value { return s.of(ref).look(ref).values[ref] }

// Set implements shelf.
func (s *servers) Set(ref secrets.Ref, value string) { s.person(func() { s.of(ref).set(ref, value) }) }

// Mark implements shelf.
func (s *servers) Mark(ref secrets.Ref, l secrets.Labels) {
	s.person(func() { s.of(ref).mark(ref, l) })
}

// Delete implements shelf.
func (s *servers) Delete(ref secrets.Ref) {
	s.person(func() {
		s.of(ref).remove(ref)
		s.looking.Lock()
		defer s.looking.Unlock()
		delete(s.was, ref.Object())
		delete(s.before, ref.Object())
	})
}

func (s *servers) person(act func()) {
	s.byHand = true
	defer func() { s.byHand = false }()
	act()
	s.look()
}

// watched implements shelf.
func (s *servers) watched(w *cellWorld) *guarantee.Watch {
	holds := map[secrets.Ref]secrets.Content{}
	for _, r := range w.refs {
		now := s.of(r).look(r)
		s.told[r.Object()] = now.version
		holds[r] = secrets.Content{Value: now.values[r], Labels: now.labels}
	}
	watch := guarantee.Outside(w.sim, w.old, holds)
	for _, each := range s.list {
		each.observe(func(now seen) { watch.Changed(s.change(watch, now)) })
	}
	return watch
}

// change is what the watch is told of a change.
func (s *servers) change(watch *guarantee.Watch, now seen) secretstest.Change {
	c := secretstest.Change{By: secretstest.Label, Fields: map[string]secrets.Value{}, Labels: now.labels}
	for _, r := range slices.Backward(s.w.refs) {
		if r.Object() != now.object {
			continue
		}
		c.Fields[r.Field] = now.values[r]
		if c.Ref == (secrets.Ref{}) || !watch.Holds(r).Equal(now.values[r]) {
			c.Ref = r
		}
	}
	if c.Ref == (secrets.Ref{}) {
		s.say("%s was changed, which is no destination", now.object)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.told[now.object] != now.version {
		s.told[now.object], c.By = now.version, secretstest.Write
	}
	if s.byHand {
		c.By = secretstest.ByHand
	}
	return c
}

// look holds what lies on the servers against what the watch was told, what lay
// there before, and what has to stay.
func (s *servers) look() {
	if s.w.watch == nil {
		return // it is still being furnished
	}
	s.looking.Lock()
	defer s.looking.Unlock()
	for _, r := range s.w.refs {
		now := s.of(r).look(r)
		if !s.w.watch.Holds(r).Equal(now.values[r]) {
			s.say("%s was changed, and the watch was not told", r)
		}
		was, known := s.was[r.Object()]
		s.was[r.Object()] = now
		if !known {
			continue
		}
		if was.others != now.others {
			s.say("beside %s stood %s, and now %s", r, was.others, now.others)
		}
		if was.version != now.version && was.version != "" {
			s.before[r.Object()] = was
		}
		if before, replaced := s.before[r.Object()]; replaced && now.versions[before.version] != before.versions[before.version] {
			s.say("the version before the present one of %s cannot be recovered", r)
		}
	}
}

func (s *servers) say(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if text := fmt.Sprintf(format, args...); !slices.Contains(s.broken, text) {
		s.broken = append(s.broken, text)
	}
}

// wrong implements shelf.
func (s *servers) wrong() []string {
	s.look()
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.broken)
}

// open implements shelf. Faults strike the single requests that a store makes.
func (s *servers) open(p *process) func(secrets.Ref) (secrets.Store, error) {
	opened := map[string]secrets.Store{}
	return func(ref secrets.Ref) (secrets.Store, error) {
		if opened[ref.Scheme] == nil {
			opened[ref.Scheme] = &secretstest.Intercept{
				Store: p.watch.Through(s.of(ref).store(p)), Before: p.enter, After: p.leave,
			}
		}
		return opened[ref.Scheme], nil
	}
}
