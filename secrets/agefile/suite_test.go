package agefile

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"filippo.io/age"

	"github.com/tokenwarden/tokenwarden/secrets"
	"github.com/tokenwarden/tokenwarden/secrets/secretstest"
)

// newStore returns a store with an identity of its own, and an empty folder.
func newStore(t testing.TB) (*Store, string) {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "identity.txt")
	if _, err := Init(path); err != nil {
		t.Fatal(err)
	}
	return Open(Config{IdentityFile: path}), dir
}

func ageRef(path, key string) secrets.Ref {
	return secrets.Ref{Scheme: secrets.Age, Path: path, Field: key}
}

// edit changes a file as somebody with the age tool and an editor would: the
// content is spelled out here and not by our types, which could err twice alike.
func edit(t *testing.T, s *Store, path string, change func(keys map[string]any)) {
	t.Helper()
	id, err := loadIdentity(s.config.IdentityFile)
	if err != nil {
		t.Fatal(err)
	}
	doc := map[string]any{"format": 1, "keys": map[string]any{}}
	if sealed, err := os.ReadFile(path); err == nil {
		plaintext, err := decrypt(sealed, id)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(plaintext, &doc); err != nil {
			t.Fatal(err)
		}
	}
	change(doc["keys"].(map[string]any))
	b, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	seal(t, id, path, b)
}

// seal encrypts any content to path.
func seal(t *testing.T, id *identity, path string, content []byte) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w, err := age.Encrypt(f, id.recipient)
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.Write(content)
	if err = errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
}

func member(keys map[string]any, key string) map[string]any {
	if keys[key] == nil {
		keys[key] = map[string]any{}
	}
	return keys[key].(map[string]any)
}

func TestSuite(t *testing.T) {
	secretstest.Run(t, func(t *testing.T) secretstest.Harness {
		s, dir := newStore(t)
		var lose atomic.Bool
		store := &secretstest.Intercept{Store: s, After: func(_ context.Context, c secretstest.Call) error {
			if c.Op == secretstest.Write && lose.CompareAndSwap(true, false) {
				return errors.New("killed before it could tell")
			}
			return nil
		}}
		return secretstest.Harness{
			Store:     store,
			Other:     Open(s.config),
			Ref:       func(name, field string) secrets.Ref { return ageRef(filepath.Join(dir, name+".age"), field) },
			LoseReply: func() { lose.Store(true) },
			ByHand: func(t *testing.T, ref secrets.Ref, v string) {
				edit(t, s, ref.Path, func(keys map[string]any) { member(keys, ref.Field)["value"] = v })
			},
			Rollback: func(t *testing.T, ref secrets.Ref) {
				edit(t, s, ref.Path, func(keys map[string]any) {
					r := member(keys, ref.Field)
					r["value"] = r["previous"].([]any)[0].(map[string]any)["value"]
				})
			},
			Previous: func(t *testing.T, ref secrets.Ref) (previous []string) {
				entries, err := s.History(t.Context(), ref)
				if err != nil {
					t.Fatal(err)
				}
				for _, e := range entries {
					previous = append(previous, e.Value.Reveal())
				}
				return previous
			},
			SetMetadata: func(t *testing.T, ref secrets.Ref, key, v string) {
				edit(t, s, ref.Path, func(keys map[string]any) {
					r := member(keys, ref.Field)
					if r["metadata"] == nil {
						r["metadata"] = map[string]any{}
					}
					r["metadata"].(map[string]any)[key] = v
				})
			},
			Metadata: func(t *testing.T, ref secrets.Ref, key string) (got string) {
				edit(t, s, ref.Path, func(keys map[string]any) {
					got, _ = member(keys, ref.Field)["metadata"].(map[string]any)[key].(string)
				})
				return got
			},
			DenyReading: func(t *testing.T, _ secrets.Ref) { // somebody else's identity
				if err := os.Remove(s.config.IdentityFile); err != nil {
					t.Fatal(err)
				}
				if _, err := Init(s.config.IdentityFile); err != nil {
					t.Fatal(err)
				}
			},
		}
	})
}

func write(t testing.TB, s *Store, ref secrets.Ref, v string) secrets.Version {
	t.Helper()
	c, err := s.Read(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	version, err := s.Write(t.Context(), ref, secrets.Write{Value: secrets.NewValue(v), Expect: c.Version})
	if err != nil {
		t.Fatal(err)
	}
	return version
}

func TestHistoryKeepsTheLastTen(t *testing.T) {
	s, dir := newStore(t)
	at := time.Date(2026, 11, 23, 2, 0, 0, 0, time.UTC)
	s.config.Now = func() time.Time { return at }
	ref := ageRef(filepath.Join(dir, "s.age"), "k")
	for i := range 14 {
		for range 2 { // the same value again, as a fence writes it, pushes nothing out
			write(t, s, ref, strings.Repeat("v", i+1))
			at = at.Add(time.Hour)
		}
	}
	entries, err := s.History(t.Context(), ref)
	if err != nil || len(entries) != 10 {
		t.Fatalf("%d entries, %v", len(entries), err)
	}
	for i, e := range entries {
		if len(e.Value.Reveal()) != 13-i {
			t.Errorf("entry %d has %d bytes, want %d", i, len(e.Value.Reveal()), 13-i)
		}
		if want := at.Add(-time.Duration(3+2*i) * time.Hour); !e.Written.Equal(want) {
			t.Errorf("entry %d was written at %v, want %v", i, e.Written, want)
		}
	}
}

func TestVersionsDifferAfterTheFileWasMadeAgain(t *testing.T) {
	s, dir := newStore(t)
	path := filepath.Join(dir, "s.age")
	ref := ageRef(path, "k")
	old := write(t, s, ref, "the same")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if again := write(t, s, ref, "the same"); again == old {
		t.Errorf("version %q came back", old)
	}
	if _, err := s.Write(t.Context(), ref, secrets.Write{Value: secrets.NewValue("frozen"), Expect: old}); !errors.Is(err, secrets.ErrConflict) {
		t.Errorf("a write that was decided on before: %v", err)
	}
}

func TestUnchangedLabelsDoNotRewriteTheFile(t *testing.T) {
	s, dir := newStore(t)
	ref := ageRef(filepath.Join(dir, "s.age"), "k")
	write(t, s, ref, "v")
	set := secrets.Labels{secrets.NewValue("v").Fingerprint(1): {TokenID: 1, AccountID: 1}}
	if err := s.Label(t.Context(), ref, set, nil); err != nil {
		t.Fatal(err)
	}
	before, _ := os.ReadFile(ref.Path)
	if err := s.Label(t.Context(), ref, set, []secrets.Fingerprint{"0000000000000000"}); err != nil {
		t.Fatal(err)
	}
	if after, _ := os.ReadFile(ref.Path); string(after) != string(before) {
		t.Error("the same labels again wrote the file again")
	}
}

func TestCancelledWhileTheWriteIsPrepared(t *testing.T) {
	s, dir := newStore(t)
	ref := ageRef(filepath.Join(dir, "s.age"), "k")
	v := write(t, s, ref, "kept")
	ctx, cancel := context.WithCancel(t.Context())
	s.config.Now = func() time.Time { cancel(); return time.Now() }
	if _, err := s.Write(ctx, ref, secrets.Write{Value: secrets.NewValue("new"), Expect: v}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want context.Canceled", err)
	}
	if c, err := s.Read(t.Context(), ref); err != nil || c.Value.Reveal() != "kept" || c.Version != v {
		t.Errorf("the write took effect: %v", err)
	}
}
