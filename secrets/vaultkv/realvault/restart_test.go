package realvault_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/tokenwarden/tokenwarden/secrets"
	"github.com/tokenwarden/tokenwarden/secrets/vaultkv/vaultsuite"
)

// A restart of the server between and during calls loses nothing: what was
// acknowledged is there, and nobody is told of a conflict that there was not.
func TestRestart(t *testing.T) {
	server := start(t)
	s := vaultsuite.Server{Admin: server.Admin()}
	s.Policy(t, "tokenwarden", vaultsuite.Policy)
	store := s.Restricted(t, map[string]any{"token_policies": []string{"tokenwarden"}})
	ref, err := secrets.ParseRef("vault://secret/dbt/x")
	if err != nil {
		t.Fatal(err)
	}
	fp := secrets.NewValue("first").Fingerprint(1)
	if err := store.Label(t.Context(), ref, secrets.Labels{fp: {TokenID: 7, AccountID: 1}}, nil); err != nil {
		t.Fatal(err)
	}
	version, err := store.Write(t.Context(), ref, secrets.Write{Value: secrets.NewValue("first")})
	if err != nil {
		t.Fatal(err)
	}
	restart := func() {
		if err := server.Restart(); err != nil {
			t.Error(err)
		}
		time.Sleep(50 * time.Millisecond) // sealed for a moment
		if err := server.Unseal(); err != nil {
			t.Error(err)
		}
	}
	restart()
	content, err := store.Read(t.Context(), ref)
	if err != nil || content.Value.Reveal() != "first" || content.Version != version || content.Labels[fp].TokenID != 7 {
		t.Fatalf("after a restart: version %q, labels %v, %v", content.Version, content.Labels, err)
	}

	var restarting sync.WaitGroup
	restarting.Go(func() {
		for range 5 {
			restart()
		}
	})
	done := make(chan struct{})
	go func() { restarting.Wait(); close(done) }()
	writes, failed := 0, 0
	for running := true; running; {
		select {
		case <-done:
			running = false // and once more, with the server up for good
		default:
		}
		next, err := store.Write(t.Context(), ref, secrets.Write{Value: secrets.NewValue("next"), Expect: version})
		switch {
		case err == nil:
			version = next
			writes++
		case errors.Is(err, secrets.ErrConflict):
			t.Fatalf("a conflict that there was not: %v", err)
		default:
			failed++
			content, err := store.Read(t.Context(), ref)
			if err == nil {
				version = content.Version // the write may have been done
			}
		}
	}
	if failed == 0 || writes == 0 {
		t.Errorf("%d writes went well and %d failed: the restarts hit nothing", writes, failed)
	}
	if content, err := store.Read(t.Context(), ref); err != nil || content.Version != version || content.Value.Reveal() != "next" {
		t.Errorf("at the end: version %q, want %q, %v", content.Version, version, err)
	}
}
