package secretstest

import (
	"maps"
	"slices"

	"github.com/tokenwarden/tokenwarden/secrets"
)

// What follows is for tests, and for the humans that tests play: no faults, no
// denials, no check-and-set, no labels.

// Set writes value by hand, as a new version and without a label.
func (m *Memory) Set(ref secrets.Ref, value string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.put(ByHand, ref, secrets.NewValue(value))
}

// Get returns what ref holds; empty: nothing.
func (m *Memory) Get(ref secrets.Ref) secrets.Value {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.object(ref).present().fields[ref.Field]
}

// Labels returns a copy of the entries beside the object of ref.
func (m *Memory) Labels(ref secrets.Ref) secrets.Labels {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.object(ref).labels)
}

// Previous returns the values that ref held before the present version, the
// newest first; versions without that field are passed over.
func (m *Memory) Previous(ref secrets.Ref) []secrets.Value {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.object(ref).previous(ref.Field)
}

func (o *object) previous(field string) (values []secrets.Value) {
	for _, v := range slices.Backward(o.versions[:max(0, len(o.versions)-1)]) {
		if value := v.fields[field]; !value.Empty() {
			values = append(values, value)
		}
	}
	return values
}

// Rollback makes the content of the version before the present one a new
// version, as Vault's rollback does; labels stay as they are. It panics if
// there is none: the test is wrong.
func (m *Memory) Rollback(ref secrets.Ref) {
	m.mu.Lock()
	defer m.mu.Unlock()
	versions := m.object(ref).versions
	if len(versions) < 2 {
		panic("secretstest: rolling back " + ref.String() + ": there is no previous version")
	}
	m.add(ByHand, ref, maps.Clone(versions[len(versions)-2].fields))
}

// Delete removes the whole object with its versions, labels and metadata.
func (m *Memory) Delete(ref secrets.Ref) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.objects, ref.Object())
	m.changed(ByHand, ref)
}

// Unlabel drops all entries of ours, as somebody who tidies up might.
func (m *Memory) Unlabel(ref secrets.Ref) {
	m.mu.Lock()
	defer m.mu.Unlock()
	clear(m.object(ref).labels)
	m.changed(ByHand, ref)
}

// SetMetadata puts somebody else's entry beside the object of ref.
func (m *Memory) SetMetadata(ref secrets.Ref, key, value string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.object(ref).metadata[key] = value
}

// Metadata returns somebody else's entry.
func (m *Memory) Metadata(ref secrets.Ref, key string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.object(ref).metadata[key]
}

// Deny lets every further op on the object of ref fail with err, for example
// secrets.ErrDenied; nil allows it again. Check fails when any op is denied.
func (m *Memory) Deny(ref secrets.Ref, op Op, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.denied == nil {
		m.denied = map[Op]map[string]error{}
	}
	if m.denied[op] == nil {
		m.denied[op] = map[string]error{}
	}
	m.denied[op][ref.Object()] = err
}
