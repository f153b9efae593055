package secretstest

import (
	"context"
	"errors"
	"testing"

	"github.com/tokenwarden/tokenwarden/secrets"
)

func TestInterceptBreaksCalls(t *testing.T) {
	ctx, ref, boom := t.Context(), vaultRef("x", "token"), errors.New("boom")
	write := secrets.Write{Value: secrets.NewValue("new")}
	never := func(context.Context, Call) error { return nil }
	fail := func(context.Context, Call) error { return boom }
	crash := func(context.Context, Call) error { panic(boom) }
	for name, c := range map[string]struct {
		before, after func(context.Context, Call) error
		want          string // what the store holds then
		crashes       bool
	}{
		"fails":          {fail, never, "", false},
		"loses reply":    {never, fail, "new", false},
		"crashes before": {crash, never, "", true},
		"crashes after":  {never, crash, "new", true},
	} {
		t.Run(name, func(t *testing.T) {
			m := &Memory{}
			i := &Intercept{Store: m, Before: c.before, After: c.after}
			crashed := false
			func() {
				defer func() { crashed = recover() != nil }()
				if v, err := i.Write(ctx, ref, write); !errors.Is(err, boom) || v != "" {
					t.Errorf("version %q, %v", v, err)
				}
			}()
			if crashed != c.crashes {
				t.Errorf("crashed: %v", crashed)
			}
			if got := m.Get(ref).Reveal(); got != c.want {
				t.Errorf("the store holds %q, want %q", got, c.want)
			}
			if i.Calls(Write) != 1 || i.Calls(Read) != 0 {
				t.Error("calls are counted wrongly")
			}
			// A crash leaves no lock behind.
			if _, err := m.Read(ctx, ref); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestInterceptSeesEveryCall(t *testing.T) {
	ctx, ref := t.Context(), vaultRef("x", "token")
	var before, after []Call
	i := &Intercept{Store: &Memory{},
		Before: func(_ context.Context, c Call) error { before = append(before, c); return nil },
		After:  func(_ context.Context, c Call) error { after = append(after, c); return nil },
	}
	_, _ = i.Read(ctx, ref)
	_, _ = i.Write(ctx, ref, secrets.Write{Value: secrets.NewValue("a")})
	_, conflict := i.Write(ctx, ref, secrets.Write{Value: secrets.NewValue("b")})
	_ = i.Label(ctx, ref, secrets.Labels{"0123456789abcdef": {TokenID: 1}}, []secrets.Fingerprint{"f"})
	_ = i.Check(ctx, ref)
	_, _ = i.Recall(ctx, ref, func(secrets.Value) bool { return true })
	want := []struct {
		op Op
		n  int
	}{{Read, 1}, {Write, 1}, {Write, 2}, {Label, 1}, {Check, 1}, {Recall, 1}}
	if len(before) != len(want) || len(after) != len(want) {
		t.Fatalf("%d calls before, %d after, want %d", len(before), len(after), len(want))
	}
	for k, w := range want {
		if before[k].Op != w.op || before[k].N != w.n || after[k].Op != w.op || after[k].N != w.n || before[k].Ref != ref {
			t.Errorf("call %d: %+v and %+v, want %v", k, before[k], after[k], w)
		}
	}
	if after[1].Err != nil || !errors.Is(conflict, secrets.ErrConflict) || !errors.Is(after[2].Err, secrets.ErrConflict) {
		t.Errorf("After saw %v and %v", after[1].Err, after[2].Err)
	}
	if before[1].Write.Value.Reveal() != "a" || before[3].Set["0123456789abcdef"].TokenID != 1 || len(before[3].Drop) != 1 {
		t.Error("a call lacks its arguments")
	}
}

func TestChangedHearsEveryChangeInOrder(t *testing.T) {
	ctx := t.Context()
	a, b := vaultRef("x", "a"), vaultRef("x", "b")
	type seen struct {
		by     Op
		a, b   string
		labels int
	}
	var got []seen
	m := &Memory{Changed: func(c Change) {
		got = append(got, seen{c.By, c.Value(a).Reveal(), c.Value(b).Reveal(), len(c.Labels)})
	}}
	v, _ := m.Write(ctx, a, secrets.Write{Value: secrets.NewValue("1")})
	_ = m.Label(ctx, a, secrets.Labels{"0123456789abcdef": {}}, nil)
	_, _ = m.Write(ctx, b, secrets.Write{Value: secrets.NewValue("2"), Expect: v})
	_, _ = m.Write(ctx, b, secrets.Write{Value: secrets.NewValue("stale"), Expect: v})
	m.Set(a, "3")
	m.Rollback(a)
	m.Unlabel(a)
	m.Delete(a)
	want := []seen{
		{Write, "1", "", 0}, {Label, "1", "", 1}, {Write, "1", "2", 1},
		{ByHand, "3", "2", 1}, {ByHand, "1", "2", 1}, {ByHand, "1", "2", 0}, {ByHand, "", "", 0},
	}
	if len(got) != len(want) {
		t.Fatalf("%d changes, want %d: %v", len(got), len(want), got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("change %d: %+v, want %+v", i, got[i], want[i])
		}
	}
}

func TestMemoryNeverRepeatsAVersion(t *testing.T) {
	ctx, ref := t.Context(), vaultRef("x", "a")
	m := &Memory{}
	old, _ := m.Write(ctx, ref, secrets.Write{Value: secrets.NewValue("1")})
	m.Delete(ref)
	if c, _ := m.Read(ctx, ref); c.Version != "" || !c.Value.Empty() || len(m.Previous(ref)) != 0 {
		t.Errorf("a deleted object reads as %+v", c)
	}
	m.Set(ref, "2")
	if _, err := m.Write(ctx, ref, secrets.Write{Value: secrets.NewValue("3"), Expect: old}); !errors.Is(err, secrets.ErrConflict) {
		t.Errorf("a version from before the deletion: %v", err)
	}
	m.Deny(ref, Read, secrets.ErrDenied)
	m.Deny(ref, Read, nil)
	if _, err := m.Read(ctx, ref); err != nil {
		t.Errorf("allowed again: %v", err)
	}
}
