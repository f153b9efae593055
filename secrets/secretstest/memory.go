// Package secretstest helps to test what works with secret stores: Memory, a
// store without a disk or a network; Intercept, which breaks any store at any
// call; and Run, the suite that every store passes.
package secretstest

import (
	"context"
	"fmt"
	"maps"
	"sync"

	"github.com/tokenwarden/tokenwarden/secrets"
)

// Memory is a secrets.Store that keeps everything in memory, and keeps all
// previous versions. The zero value is ready. To let several clients with
// different faults share one, wrap it in one Intercept each.
type Memory struct {
	// Changed, if set, hears of every change at the instant it is made and
	// before anybody can read it, in order, whoever made it. It is called with
	// the store locked: it must not call the store.
	Changed func(Change)
	// MaxLabels is how many entries an object takes; 0: any number.
	MaxLabels int

	mu      sync.Mutex
	objects map[string]*object
	last    int // number of the last version given out; never reused, even after a Delete
	denied  map[Op]map[string]error
}

// Change says what an object holds now.
type Change struct {
	By     Op          // Write or Label, or ByHand for the methods of a test
	Ref    secrets.Ref // the reference that the change was made through
	Fields map[string]secrets.Value
	Labels secrets.Labels
}

// Value is what a reference into the changed object holds now.
func (c Change) Value(ref secrets.Ref) secrets.Value { return c.Fields[ref.Field] }

// object is one Ref.Object: fields that share versions.
type object struct {
	versions []version // the last one is the present one; empty: only labels so far
	labels   secrets.Labels
	metadata map[string]string // not ours
}

type version struct {
	id     secrets.Version
	fields map[string]secrets.Value
}

// Read implements secrets.Store.
func (m *Memory) Read(ctx context.Context, ref secrets.Ref) (secrets.Content, error) {
	unlock, err := m.begin(ctx, Read, ref)
	if err != nil {
		return secrets.Content{}, err
	}
	defer unlock()
	o := m.object(ref)
	return secrets.Content{Value: o.present().fields[ref.Field], Version: o.present().id, Labels: maps.Clone(o.labels)}, nil
}

// Write implements secrets.Store. It does not recognise a repeated Write.Key:
// the second one is a conflict, which callers must be able to live with.
func (m *Memory) Write(ctx context.Context, ref secrets.Ref, w secrets.Write) (secrets.Version, error) {
	unlock, err := m.begin(ctx, Write, ref)
	if err != nil {
		return "", err
	}
	defer unlock()
	o := m.object(ref)
	if w.Value.Empty() {
		return "", &secrets.Error{Op: "writing", Ref: ref, Err: fmt.Errorf("%w: the value is empty", secrets.ErrRefused)}
	}
	if o.present().id != w.Expect {
		return "", &secrets.Error{Op: "writing", Ref: ref, Err: secrets.ErrConflict}
	}
	return m.put(Write, ref, w.Value), nil
}

// Label implements secrets.Store.
func (m *Memory) Label(ctx context.Context, ref secrets.Ref, set secrets.Labels, drop []secrets.Fingerprint) error {
	unlock, err := m.begin(ctx, Label, ref)
	if err != nil {
		return err
	}
	defer unlock()
	o := m.object(ref)
	after := maps.Clone(o.labels)
	for _, fp := range drop {
		delete(after, fp)
	}
	maps.Copy(after, set)
	if err := m.room(ref, len(after)); err != nil {
		return err
	}
	o.labels = after
	m.changed(Label, ref)
	return nil
}

// room tells whether an object takes so many entries.
func (m *Memory) room(ref secrets.Ref, labels int) error {
	if m.MaxLabels > 0 && labels > m.MaxLabels {
		return &secrets.Error{Op: "labelling", Ref: ref, Err: fmt.Errorf("%w: it takes %d", secrets.ErrTooManyLabels, m.MaxLabels)}
	}
	return nil
}

// Recall implements secrets.Store.
func (m *Memory) Recall(ctx context.Context, ref secrets.Ref, accept func(secrets.Value) bool) (secrets.Value, error) {
	unlock, err := m.begin(ctx, Recall, ref)
	if err != nil {
		return secrets.Value{}, err
	}
	defer unlock()
	for _, v := range m.object(ref).previous(ref.Field) {
		if accept(v) {
			return v, nil
		}
	}
	return secrets.Value{}, nil
}

// Check implements secrets.Store.
func (m *Memory) Check(ctx context.Context, ref secrets.Ref) error {
	for _, op := range []Op{Check, Read, Write, Label} {
		unlock, err := m.begin(ctx, op, ref)
		if err != nil {
			return err
		}
		err = m.room(ref, len(m.object(ref).labels)+secrets.SpareLabels)
		unlock()
		if err != nil {
			return err
		}
	}
	return nil
}

// begin locks the store, unless the call must fail at once.
func (m *Memory) begin(ctx context.Context, op Op, ref secrets.Ref) (unlock func(), err error) {
	m.mu.Lock()
	if err = ctx.Err(); err == nil && !ref.Writable() {
		err = secrets.ErrNotWritable
	}
	if err == nil {
		err = m.denied[op][ref.Object()]
	}
	if err != nil {
		m.mu.Unlock()
		return nil, &secrets.Error{Op: op.doing(), Ref: ref, Err: err}
	}
	return m.mu.Unlock, nil
}

// object returns the object of ref, which need not have a version yet.
func (m *Memory) object(ref secrets.Ref) *object {
	if m.objects == nil {
		m.objects = map[string]*object{}
	}
	o := m.objects[ref.Object()]
	if o == nil {
		o = &object{labels: secrets.Labels{}, metadata: map[string]string{}}
		m.objects[ref.Object()] = o
	}
	return o
}

func (o *object) present() version {
	if len(o.versions) == 0 {
		return version{}
	}
	return o.versions[len(o.versions)-1]
}

// put makes a new version in which ref holds v and all else is as before.
func (m *Memory) put(by Op, ref secrets.Ref, v secrets.Value) secrets.Version {
	o := m.object(ref)
	fields := maps.Clone(o.present().fields)
	if fields == nil {
		fields = map[string]secrets.Value{}
	}
	fields[ref.Field] = v
	return m.add(by, ref, fields)
}

func (m *Memory) add(by Op, ref secrets.Ref, fields map[string]secrets.Value) secrets.Version {
	o := m.object(ref)
	m.last++
	id := secrets.Version(fmt.Sprintf("m%d", m.last))
	o.versions = append(o.versions, version{id, fields})
	m.changed(by, ref)
	return id
}

func (m *Memory) changed(by Op, ref secrets.Ref) {
	if m.Changed != nil {
		o := m.object(ref)
		m.Changed(Change{By: by, Ref: ref, Fields: maps.Clone(o.present().fields), Labels: maps.Clone(o.labels)})
	}
}

var _ secrets.Store = (*Memory)(nil)
