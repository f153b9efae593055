package secretstest

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/tokenwarden/tokenwarden/secrets"
)

func vaultRef(name, field string) secrets.Ref {
	return secrets.Ref{Scheme: secrets.Vault, Path: "secret/" + name, Field: field}
}

func memoryHarness(store secrets.Store, m *Memory, ref func(name, field string) secrets.Ref) Harness {
	return Harness{
		Store: store, Ref: ref,
		ByHand:   func(_ *testing.T, ref secrets.Ref, v string) { m.Set(ref, v) },
		Rollback: func(_ *testing.T, ref secrets.Ref) { m.Rollback(ref) },
		Previous: func(_ *testing.T, ref secrets.Ref) (previous []string) {
			for _, v := range m.Previous(ref) {
				previous = append(previous, v.Reveal())
			}
			return previous
		},
		SetMetadata: func(_ *testing.T, ref secrets.Ref, k, v string) { m.SetMetadata(ref, k, v) },
		Metadata:    func(_ *testing.T, ref secrets.Ref, k string) string { return m.Metadata(ref, k) },
		DenyReading: func(_ *testing.T, ref secrets.Ref) { m.Deny(ref, Read, secrets.ErrDenied) },
		DenyWriting: func(_ *testing.T, ref secrets.Ref) { m.Deny(ref, Write, secrets.ErrNotWritable) },
	}
}

func TestMemory(t *testing.T) {
	for scheme, ref := range map[string]func(name, field string) secrets.Ref{
		"fields share an object": vaultRef,
		"a key is an object": func(name, field string) secrets.Ref {
			return secrets.Ref{Scheme: secrets.Age, Path: "/" + name + ".age", Field: field}
		},
		"one value": func(name, field string) secrets.Ref {
			return secrets.Ref{Scheme: secrets.AWS, Path: name + "-" + field, Region: "eu-west-1"}
		},
	} {
		t.Run(scheme, func(t *testing.T) {
			Run(t, func(*testing.T) Harness {
				m := &Memory{}
				var lose atomic.Bool
				store := &Intercept{Store: m, After: func(_ context.Context, c Call) error {
					if c.Op == Write && lose.CompareAndSwap(true, false) {
						return errors.New("connection reset")
					}
					return nil
				}}
				h := memoryHarness(store, m, ref)
				h.Other = m
				h.LoseReply = func() { lose.Store(true) }
				return h
			})
		})
	}
}

// broken are stores with one mistake each, and the test of the suite that must
// see it.
var broken = map[string]struct {
	caughtBy string
	store    func(*Memory) secrets.Store
}{
	"reads again before writing": {"stale version", func(m *Memory) secrets.Store {
		return &writer{m, func(ctx context.Context, ref secrets.Ref, w secrets.Write) (secrets.Version, error) {
			c, _ := m.Read(ctx, ref)
			w.Expect = c.Version
			return m.Write(ctx, ref, w)
		}}
	}},
	"writes only when the value differs": {"every write is a new version", func(m *Memory) secrets.Store {
		return &writer{m, func(ctx context.Context, ref secrets.Ref, w secrets.Write) (secrets.Version, error) {
			if c, _ := m.Read(ctx, ref); c.Value.Equal(w.Value) {
				return c.Version, nil
			}
			return m.Write(ctx, ref, w)
		}}
	}},
	"reports a lost reply as a conflict": {"lost reply", func(m *Memory) secrets.Store {
		return &writer{m, func(ctx context.Context, ref secrets.Ref, w secrets.Write) (secrets.Version, error) {
			v, err := m.Write(ctx, ref, w)
			if c, _ := m.Read(ctx, ref); strings.HasSuffix(ref.Path, "create") && c.Value.Equal(w.Value) {
				return "", &secrets.Error{Op: "writing", Ref: ref, Err: secrets.ErrConflict}
			}
			return v, err
		}}
	}},
	"drops labels with the value": {"label before value", func(m *Memory) secrets.Store {
		return &writer{m, func(ctx context.Context, ref secrets.Ref, w secrets.Write) (secrets.Version, error) {
			v, err := m.Write(ctx, ref, w)
			if err == nil {
				m.Unlabel(ref)
			}
			return v, err
		}}
	}},
	"replaces labels": {"labels merge", func(m *Memory) secrets.Store {
		return &Intercept{Store: m, Before: func(_ context.Context, c Call) error {
			if c.Op == Label {
				m.Unlabel(c.Ref)
			}
			return nil
		}}
	}},
	"tells the value": {"an empty value is refused", func(m *Memory) secrets.Store {
		return &writer{m, func(ctx context.Context, ref secrets.Ref, w secrets.Write) (secrets.Version, error) {
			v, err := m.Write(ctx, ref, w)
			if err != nil {
				err = errors.Join(err, errors.New(m.Get(ref).Reveal()))
			}
			return v, err
		}}
	}},
	"lets a check write": {"check changes nothing", func(m *Memory) secrets.Store {
		return &Intercept{Store: m, After: func(_ context.Context, c Call) error {
			if c.Op == Check {
				m.Set(c.Ref, m.Get(c.Ref).Reveal())
			}
			return nil
		}}
	}},
	"forgets the context": {"cancelled context", func(m *Memory) secrets.Store {
		return &writer{m, func(_ context.Context, ref secrets.Ref, w secrets.Write) (secrets.Version, error) {
			return m.Write(context.Background(), ref, w)
		}}
	}},
	"recalls whatever was there before": {"recalled values", func(m *Memory) secrets.Store {
		return forgetful{m}
	}},
	"lets everybody win": {"one winner replaces", func(m *Memory) secrets.Store {
		return &writer{m, func(ctx context.Context, ref secrets.Ref, w secrets.Write) (secrets.Version, error) {
			v, err := m.Write(ctx, ref, w)
			if errors.Is(err, secrets.ErrConflict) && strings.HasSuffix(ref.Path, "race") {
				return w.Expect, nil
			}
			return v, err
		}}
	}},
}

// writer is a store with another Write.
type writer struct {
	*Memory
	write func(context.Context, secrets.Ref, secrets.Write) (secrets.Version, error)
}

func (w *writer) Write(ctx context.Context, ref secrets.Ref, write secrets.Write) (secrets.Version, error) {
	return w.write(ctx, ref, write)
}

// forgetful is a store that does not ask whether a value is the one.
type forgetful struct{ *Memory }

func (f forgetful) Recall(ctx context.Context, ref secrets.Ref, _ func(secrets.Value) bool) (secrets.Value, error) {
	return f.Memory.Recall(ctx, ref, func(secrets.Value) bool { return true })
}

// TestNamedStore runs the suite on the broken store that the environment names,
// in a process of its own; on an untouched Memory where it names none.
func TestNamedStore(t *testing.T) {
	Run(t, func(*testing.T) Harness {
		m := &Memory{}
		var store secrets.Store = &Intercept{Store: m}
		if b, ok := broken[os.Getenv("BROKEN_STORE")]; ok {
			store = b.store(m)
		}
		h := memoryHarness(store, m, vaultRef)
		h.LoseReply = func() {}
		return h
	})
}

func TestSuiteSeesMistakes(t *testing.T) {
	for name, b := range broken {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command(os.Args[0], "-test.run=^TestNamedStore$", "-test.v")
			cmd.Env = append(os.Environ(), "BROKEN_STORE="+name)
			out, err := cmd.CombinedOutput()
			want := "--- FAIL: TestNamedStore/" + strings.ReplaceAll(b.caughtBy, " ", "_")
			if err == nil || !strings.Contains(string(out), want) {
				t.Errorf("%v, and not %q:\n%s", err, want, out)
			}
		})
	}
}
