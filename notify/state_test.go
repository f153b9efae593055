package notify

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func stateOf(n int) State {
	known := knows(night0)
	for i := range n {
		a := alert(fmt.Sprintf("%x", sha256.Sum256([]byte{byte(i), byte(i >> 8)}))[:32], High) // a key as random as a fingerprint
		a.Resource = fmt.Sprintf("Airflow production loader %d", i)
		known.told([]Item{{Kind: KindNew, Alert: a}}, night0)
	}
	return State{Version: StateVersion, Accounts: map[string]*AccountState{"1@cloud": known}}
}

// same writes a state so that two can be compared.
func same(t *testing.T, s State) string {
	t.Helper()
	b, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestEncodeFitsASecret(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 130, 300, 1000} {
		s := stateOf(n)
		b, err := Encode(s, SecretLimit)
		if err != nil {
			t.Fatalf("%d alerts: %v", n, err)
		}
		if len(b) > SecretLimit {
			t.Errorf("%d alerts: %d bytes, of which %d fit", n, len(b), SecretLimit)
		}
		t.Logf("%d alerts: %d bytes", n, len(b))
		if n == 130 && !bytes.Contains(b, []byte("Airflow production loader 7")) {
			t.Error("130 alerts are not kept as JSON that people can read")
		}
		back, err := Decode(b)
		if err != nil {
			t.Fatal(err)
		}
		if same(t, back) != same(t, s) {
			t.Errorf("%d alerts: another state came back", n)
		}
	}
	if _, err := Encode(stateOf(3_000), SecretLimit); !errors.Is(err, ErrStateTooLarge) {
		t.Errorf("3000 alerts: %v", err)
	}
}

func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	for content, want := range map[string]error{
		"":                             ErrNoState,
		" \n":                          ErrNoState,
		"{":                            ErrBrokenState,
		"null":                         ErrBrokenState,
		"[]":                           ErrBrokenState,
		"{}":                           ErrBrokenState,
		`{"version":2}`:                ErrNewerState,
		`{"version":1,"accounts":3}`:   ErrBrokenState,
		`{"version":1,"gzip":"AAAA"}`:  ErrBrokenState,
		`{"version":1,"gzip":"x y z"}`: ErrBrokenState,
	} {
		if _, err := Decode([]byte(content)); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", content, err, want)
		}
	}
	if s, err := Decode([]byte(`{"version":1,"accounts":{"a":null}}`)); err != nil || s.Accounts["a"] != nil || len(s.Accounts) != 0 {
		t.Errorf("an empty account: %v, %v", s, err)
	}
}

func FuzzDecode(f *testing.F) {
	for _, n := range []int{0, 3, 400} {
		b, err := Encode(stateOf(n), SecretLimit)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := Decode(b)
		if err != nil {
			if !errors.Is(err, ErrBrokenState) && !errors.Is(err, ErrNoState) && !errors.Is(err, ErrNewerState) {
				t.Errorf("an error without a type: %v", err)
			}
			return
		}
		for _, known := range s.Accounts {
			Decide(Night{Alerts: []Alert{alert("a", High)}}, known, night0, 7*day)
			known.clone(night0)
		}
	})
}

func TestFileState(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	f := FileState{Path: filepath.Join(t.TempDir(), "state.json")}
	s, v0, err := f.Load(ctx)
	if !errors.Is(err, ErrNoState) || v0 != "" || len(s.Accounts) != 0 {
		t.Fatalf("nothing there: %v, %q, %v", s, v0, err)
	}
	v1, err := f.Save(ctx, stateOf(3), v0)
	if err != nil {
		t.Fatal(err)
	}
	if got, v, err := f.Load(ctx); err != nil || v != v1 || same(t, got) != same(t, stateOf(3)) {
		t.Fatalf("read back: %v, %q, %v", got, v, err)
	}
	if _, err := f.Save(ctx, stateOf(4), v0); !errors.Is(err, ErrConflict) {
		t.Errorf("an old version was replaced: %v", err)
	}
	if info, err := os.Stat(f.Path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode: %v, %v", info, err)
	}
	if err := os.WriteFile(f.Path, []byte("{half"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, broken, err := f.Load(ctx)
	if !errors.Is(err, ErrBrokenState) || !strings.Contains(err.Error(), f.Path) {
		t.Errorf("broken: %v", err)
	}
	if _, err := f.Save(ctx, stateOf(1), broken); err != nil {
		t.Errorf("a broken state cannot be begun anew: %v", err)
	}
	if kept, err := os.ReadFile(f.Path + ".broken"); err != nil || string(kept) != "{half" {
		t.Errorf("what was there is not kept: %q, %v", kept, err)
	}
}

// Of any number of writers that read the same version, one wins.
func TestFileStateHasOneWinner(t *testing.T) {
	t.Parallel()
	f := FileState{Path: filepath.Join(t.TempDir(), "state.json")}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	version, err := f.Save(ctx, stateOf(0), "")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	results := make([]error, 8)
	for i := range results {
		wg.Go(func() { _, results[i] = f.Save(ctx, stateOf(i+1), version) })
	}
	wg.Wait()
	won := 0
	for _, err := range results {
		if err == nil {
			won++
		} else if !errors.Is(err, ErrConflict) {
			t.Error(err)
		}
	}
	if won != 1 {
		t.Errorf("%d writers won", won)
	}
}
