package notify

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/tokenwarden/tokenwarden/secrets"
	"github.com/tokenwarden/tokenwarden/secrets/secretstest"
)

func secretRef(t *testing.T) secrets.Ref {
	t.Helper()
	ref, err := secrets.ParseRef("vault://secret/tokenwarden#state")
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

func TestSecretState(t *testing.T) {
	t.Parallel()
	states := SecretState{Store: &secretstest.Memory{}, Ref: secretRef(t)}
	empty, version, err := states.Load(t.Context())
	if !errors.Is(err, ErrNoState) || len(empty.Accounts) != 0 {
		t.Fatalf("nothing is there, and %+v, %v", empty, err)
	}
	first, err := states.Save(t.Context(), stateOf(3), version)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := states.Save(t.Context(), stateOf(4), version); !errors.Is(err, ErrConflict) {
		t.Errorf("a second write on the same version: %v", err)
	}
	got, version, err := states.Load(t.Context())
	if err != nil || version != first || same(t, got) != same(t, stateOf(3)) {
		t.Errorf("read back at %q (wrote %q): %v", version, first, err)
	}
}

// Whatever stands at the reference and is no state may be somebody's token.
func TestSecretStateLeavesOthersAlone(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]error{
		"dbtc_0123456789abcdefghijABCDEFGHIJ0123456789_-abcdef": errForeign,
		`{"token": "hunter2"}`:           errForeign,
		`{"version":1,"accounts":{"1@`:   ErrBrokenState,
		`{"version":99,"accounts":null}`: ErrNewerState,
	} {
		memory, ref := &secretstest.Memory{}, secretRef(t)
		if _, err := memory.Write(t.Context(), ref, secrets.Write{Value: secrets.NewValue(text)}); err != nil {
			t.Fatal(err)
		}
		states := SecretState{Store: memory, Ref: ref}
		if _, _, err := states.Load(t.Context()); !errors.Is(err, want) || strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "dbtc_") {
			t.Errorf("%s: %v", text, err)
		}
		_, err := Notifier{Channel: &slowChannel{}, States: states}.Ensure(t.Context(), []Night{{Account: "1", Name: "prod", Alerts: []Alert{alert("a", High)}}})
		now, readErr := memory.Read(t.Context(), ref)
		if readErr != nil {
			t.Fatal(readErr)
		}
		if begun := errors.Is(want, ErrBrokenState); (err == nil) != begun || (now.Value.Reveal() == text) == begun {
			t.Errorf("%s: announced: %v; overwritten: %v", text, err, now.Value.Reveal() != text)
		}
	}
}

// A write whose answer was lost is looked up; one that was not done is an error.
func TestSecretStateLostAnswer(t *testing.T) {
	t.Parallel()
	lost := errors.New("the answer was lost")
	for _, done := range []bool{true, false} {
		fail := func(_ context.Context, c secretstest.Call) error {
			if c.Op == secretstest.Write {
				return lost
			}
			return nil
		}
		store := &secretstest.Intercept{Store: &secretstest.Memory{}, Before: fail}
		if done {
			store.Before, store.After = nil, fail
		}
		states := SecretState{Store: store, Ref: secretRef(t)}
		version, err := states.Save(t.Context(), stateOf(1), "")
		if (err == nil) != done || !done && !errors.Is(err, lost) {
			t.Fatalf("done: %v, %v", done, err)
		}
		if _, loaded, loadErr := states.Load(t.Context()); done && (loadErr != nil || loaded != version) {
			t.Errorf("version %q, loaded %q: %v", version, loaded, loadErr)
		}
	}
}
