package vaultsuite

import (
	"reflect"
	"sync"
	"testing"

	"github.com/tokenwarden/tokenwarden/secrets"
	"github.com/tokenwarden/tokenwarden/secrets/vaultkv"
)

func testOtherFields(t *testing.T, s Server) {
	s.put(t, "x", map[string]any{"token": "old", "user": "airflow", "port": 5432, "deep": map[string]any{"list": []any{"a", nil, true, 1.5}}, "html": "<&>"})
	store, r := s.Open(t, nil), ref(t, "secret/x")
	if _, err := write(t.Context(), store, r, "new", read(t, store, r).Version); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"token": "new", "user": "airflow", "port": 5432.0, "deep": map[string]any{"list": []any{"a", nil, true, 1.5}}, "html": "<&>"}
	if got := s.fields(t, "x"); !reflect.DeepEqual(got, want) {
		t.Errorf("fields are %v, want %v", got, want)
	}

	// Fields are those of the version that the write expects, and where it has
	// moved on meanwhile, nothing is written.
	expect := read(t, store, r).Version
	s.put(t, "x", map[string]any{"token": "theirs", "more": "theirs"})
	_, err := write(t.Context(), store, r, "ours", expect)
	wantErr(t, err, secrets.ErrConflict)
	if got := s.fields(t, "x"); !reflect.DeepEqual(got, map[string]any{"token": "theirs", "more": "theirs"}) {
		t.Errorf("a conflict left %v", got)
	}
}

func wantErr(t *testing.T, err, sentinel error) {
	t.Helper()
	want(t, err, sentinel, "")
}

func testLargeNumbers(t *testing.T, s Server) {
	s.put(t, "x", map[string]any{"token": "old", "deep": []any{map[string]any{"id": 9007199254740993}}})
	store, r := s.Open(t, nil), ref(t, "secret/x")
	want(t, store.Check(t.Context(), r), secrets.ErrRefused, "deep")
	_, err := write(t.Context(), store, r, "new", read(t, store, r).Version)
	want(t, err, secrets.ErrRefused, "deep")
	if got := s.fields(t, "x")["token"]; got != "old" {
		t.Errorf("token is %v", got)
	}
}

func testNotText(t *testing.T, s Server) {
	store, r := s.Open(t, nil), ref(t, "secret/x")
	for _, v := range []any{5, true, []any{"a"}, map[string]any{"a": "b"}} {
		s.put(t, "x", map[string]any{"token": v})
		_, err := store.Read(t.Context(), r)
		want(t, err, secrets.ErrRefused, "no text")
		want(t, store.Check(t.Context(), r), secrets.ErrRefused, "no text")
	}
	for _, v := range []any{nil, ""} {
		s.put(t, "x", map[string]any{"token": v})
		if c := read(t, store, r); !c.Value.Empty() || c.Version == "" {
			t.Errorf("%#v reads as a value of %d bytes, version %q", v, len(c.Value.Reveal()), c.Version)
		}
	}
}

// A deleted or destroyed version is empty, is still the version to expect, and
// its fields do not come back with the next write.
func testDeleted(t *testing.T, s Server) {
	for _, how := range []string{"delete", "destroy"} {
		store, r := s.Open(t, nil), ref(t, "secret/"+how)
		s.put(t, how, map[string]any{"token": "old", "user": "airflow"})
		seen := read(t, store, r).Version
		fp := secrets.NewValue("old").Fingerprint(1)
		if err := store.Label(t.Context(), r, secrets.Labels{fp: {TokenID: 7, AccountID: 1}}, nil); err != nil {
			t.Fatal(err)
		}
		s.Must(t, "POST", "secret/"+how+"/"+how, map[string]any{"versions": []int{1}})
		c := read(t, store, r)
		if !c.Value.Empty() || c.Version != seen || len(c.Labels) != 1 {
			t.Errorf("%s: a value of %d bytes, version %q, %d labels", how, len(c.Value.Reveal()), c.Version, len(c.Labels))
		}
		if err := store.Check(t.Context(), r); err != nil {
			t.Errorf("%s: %v", how, err)
		}
		_, err := write(t.Context(), store, r, "new", "")
		wantErr(t, err, secrets.ErrConflict)
		if _, err := write(t.Context(), store, r, "new", c.Version); err != nil {
			t.Errorf("%s: %v", how, err)
		}
		if got := s.fields(t, how); !reflect.DeepEqual(got, map[string]any{"token": "new"}) {
			t.Errorf("%s: fields are %v", how, got)
		}
		is := func(v secrets.Value) bool { return v.Reveal() == "old" }
		if v, err := store.Recall(t.Context(), r, is); err != nil || !v.Empty() {
			t.Errorf("%s: recalled a value of %d bytes, %v", how, len(v.Reveal()), err)
		}
		if how == "destroy" {
			continue
		}
		s.Must(t, "POST", "secret/undelete/"+how, map[string]any{"versions": []int{1}})
		if v, err := store.Recall(t.Context(), r, is); err != nil || v.Reveal() != "old" {
			t.Errorf("undeleted: recalled a value of %d bytes, %v", len(v.Reveal()), err)
		}
	}
}

// Version numbers begin again when a secret is removed, so that cas alone would
// take the new secret for the one that was seen.
func testMadeAnew(t *testing.T, s Server) {
	store, r := s.Open(t, nil), ref(t, "secret/x")
	seen, err := write(t.Context(), store, r, "ours", "")
	if err != nil {
		t.Fatal(err)
	}
	s.Must(t, "DELETE", "secret/metadata/x", nil)
	_, err = write(t.Context(), store, r, "next", seen)
	wantErr(t, err, secrets.ErrConflict)
	s.put(t, "x", map[string]any{"token": "theirs"})
	_, err = write(t.Context(), store, r, "next", seen)
	wantErr(t, err, secrets.ErrConflict)
	if got := s.fields(t, "x")["token"]; got != "theirs" {
		t.Errorf("token is %v", got)
	}
	_, err = write(t.Context(), store, r, "next", "no version of Vault's")
	want(t, err, err, "not one that Vault gave")
}

// The first label of a secret that does not exist yet meets another one.
func testLabelRace(t *testing.T, s Server) {
	a, b := secrets.Fingerprint("aaaaaaaaaaaaaaaa"), secrets.Fingerprint("bbbbbbbbbbbbbbbb")
	r := ref(t, "secret/x")
	other := s.Open(t, nil)
	racing := &before{next: s.Transport, method: "PUT", within: "/metadata/", do: func() {
		if err := other.Label(t.Context(), r, secrets.Labels{b: {TokenID: 2, AccountID: 1}}, nil); err != nil {
			t.Error(err)
		}
	}}
	store := s.Open(t, func(cfg *vaultkv.Config) { cfg.Transport = racing })
	if err := store.Label(t.Context(), r, secrets.Labels{a: {TokenID: 1, AccountID: 1}}, nil); err != nil {
		t.Fatal(err)
	}
	if got := read(t, other, r).Labels; len(got) != 2 {
		t.Errorf("labels are %v", got)
	}

	// Removing from what is not there creates nothing.
	gone := ref(t, "secret/gone")
	if err := store.Label(t.Context(), gone, nil, []secrets.Fingerprint{a}); err != nil {
		t.Error(err)
	}
	if status := s.Do(t, "GET", "secret/metadata/gone", nil).Status; status != 404 {
		t.Errorf("dropping a label made a secret (status %d)", status)
	}

	// Twenty at once, all of them first.
	many := ref(t, "secret/many")
	var wg sync.WaitGroup
	for i := range 20 {
		fp := secrets.NewValue(string(rune('a' + i))).Fingerprint(1)
		wg.Go(func() {
			if err := other.Label(t.Context(), many, secrets.Labels{fp: {TokenID: int64(i + 1), AccountID: 1}}, nil); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := read(t, other, many).Labels; len(got) != 20 {
		t.Errorf("%d labels, want 20", len(got))
	}
}

func testCASRequired(t *testing.T, s Server) {
	s.Must(t, "PUT", "secret/config", map[string]any{"cas_required": true})
	store, r := s.Open(t, nil), ref(t, "secret/x")
	if err := store.Check(t.Context(), r); err != nil {
		t.Error(err)
	}
	fp := secrets.Fingerprint("aaaaaaaaaaaaaaaa")
	if err := store.Label(t.Context(), r, secrets.Labels{fp: {TokenID: 1, AccountID: 1}}, nil); err != nil {
		t.Error(err)
	}
	v, err := write(t.Context(), store, r, "one", "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := write(t.Context(), store, r, "two", v); err != nil {
		t.Error(err)
	}
}
