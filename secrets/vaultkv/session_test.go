package vaultkv_test

import (
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tokenwarden/tokenwarden/secrets"
	"github.com/tokenwarden/tokenwarden/secrets/vaultkv"
	"github.com/tokenwarden/tokenwarden/secrets/vaultkv/vaulttest"
)

// run is a long run: a server and a store with one clock, and what was asked.
type run struct {
	*vaulttest.Server
	now   time.Time
	asked []string
	mu    sync.Mutex
}

func newRun() *run {
	r := &run{Server: vaulttest.New(), now: time.Date(2026, 11, 23, 2, 0, 0, 0, time.UTC)}
	r.Server.Now = func() time.Time { return r.now }
	return r
}

func (r *run) RoundTrip(req *http.Request) (*http.Response, error) {
	if path, auth := strings.CutPrefix(req.URL.Path, "/v1/auth/"); auth {
		r.mu.Lock()
		r.asked = append(r.asked, path)
		r.mu.Unlock()
	}
	return r.Server.RoundTrip(req)
}

// after lets time pass, makes the store read, and returns what was asked about
// the login on the way.
func (r *run) after(t *testing.T, d time.Duration, store *vaultkv.Store) string {
	t.Helper()
	r.now = r.now.Add(d)
	r.asked = nil
	if _, err := store.Read(t.Context(), ref(t, "secret/x")); err != nil {
		t.Fatalf("at %v: %v", r.now, err)
	}
	return strings.Join(r.asked, " ")
}

func (r *run) approle(t *testing.T, settings map[string]any) *vaultkv.Store {
	t.Helper()
	admin := r.Admin()
	admin.Policy(t, "reader", `path "secret/*" { capabilities = ["read"] }`)
	settings["token_policies"] = []string{"reader"}
	roleID, secretID := admin.AppRole(t, "approle", "cron", settings)
	t.Setenv("SECRET_ID", secretID)
	return open(t, r.Server, func(cfg *vaultkv.Config) {
		cfg.Transport, cfg.Now = r, func() time.Time { return r.now }
		env := map[string]string{"TOKENWARDEN_VAULT_AUTH": "approle", "TOKENWARDEN_VAULT_ROLE_ID": roleID, "TOKENWARDEN_VAULT_SECRET_ID": secretID}
		fromEnv, err := vaultkv.FromEnv(func(name string) string { return env[name] })
		if err != nil {
			t.Fatal(err)
		}
		cfg.Auth = fromEnv.Auth
	})
}

func TestLoginIsLazyAndOnce(t *testing.T) {
	r := newRun()
	store := r.approle(t, map[string]any{"token_ttl": "1h"})
	if len(r.asked) != 0 {
		t.Errorf("before the first call: %q", r.asked)
	}
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if _, err := store.Read(t.Context(), ref(t, "secret/x")); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if len(r.asked) != 1 || r.asked[0] != "approle/login" {
		t.Errorf("twenty calls: %q", r.asked)
	}
	if got := r.after(t, 30*time.Minute, store); got != "" {
		t.Errorf("in the middle of the lease: %q", got)
	}
}

func TestLeaseIsRenewed(t *testing.T) {
	r := newRun()
	store := r.approle(t, map[string]any{"token_ttl": "1h", "token_max_ttl": "3h"})
	r.after(t, 0, store)
	for i, want := range []string{"token/renew-self", "token/renew-self", "token/renew-self", "token/renew-self approle/login", "token/renew-self"} {
		// The fourth renewal would end at the maximum of 3 hours, 20 minutes on.
		if got := r.after(t, 41*time.Minute, store); got != want && !(i == 3 && got == "approle/login") {
			t.Errorf("renewal %d: %q, want %q", i+1, got, want)
		}
	}
	if got := r.after(t, 5*time.Hour, store); got != "approle/login" {
		t.Errorf("after a sleep beyond the lease: %q", got)
	}
}

// A token whose login cannot be repeated is used for as long as it lives.
func TestUsedUpSecretID(t *testing.T) {
	r := newRun()
	store := r.approle(t, map[string]any{"token_ttl": "1h", "token_max_ttl": "1h", "secret_id_num_uses": 1})
	r.after(t, 0, store)
	for range 3 {
		r.after(t, 15*time.Minute, store)
	}
	r.now = r.now.Add(20 * time.Minute)
	_, err := store.Read(t.Context(), ref(t, "secret/x"))
	want(t, err, secrets.ErrDenied, "credential was refused")
}

func TestGivenToken(t *testing.T) {
	r := newRun()
	admin := r.Admin()
	admin.Policy(t, "reader", `path "secret/*" { capabilities = ["read"] }`)
	given := func(settings map[string]any) *vaultkv.Store {
		settings["policies"] = []string{"reader"}
		token := admin.NewToken(t, settings)
		return open(t, r.Server, func(cfg *vaultkv.Config) {
			cfg.Transport, cfg.Now, cfg.Auth = r, func() time.Time { return r.now }, vaultkv.Token(fixed(token))
		})
	}
	store := given(map[string]any{"ttl": "1h"})
	if got := r.after(t, 0, store); got != "token/lookup-self" {
		t.Errorf("at first: %q", got)
	}
	for range 5 {
		if got := r.after(t, 45*time.Minute, store); got != "token/renew-self" {
			t.Errorf("near the end: %q", got)
		}
	}
	r.now = r.now.Add(2 * time.Hour)
	_, err := store.Read(t.Context(), ref(t, "secret/x"))
	want(t, err, secrets.ErrDenied, "expired, was revoked")

	fleeting := given(map[string]any{"ttl": "1h", "renewable": false})
	r.after(t, 0, fleeting)
	r.after(t, 50*time.Minute, fleeting)
	r.now = r.now.Add(20 * time.Minute)
	_, err = fleeting.Read(t.Context(), ref(t, "secret/x"))
	want(t, err, secrets.ErrDenied, "expired, was revoked")
}

// A token file that Vault Agent keeps fresh is read again when the token in it
// has ended.
func TestTokenIsReadAgain(t *testing.T) {
	r := newRun()
	admin := r.Admin()
	admin.Policy(t, "reader", `path "secret/*" { capabilities = ["read"] }`)
	current := atomic.Pointer[string]{}
	issue := func() {
		token := admin.NewToken(t, map[string]any{"policies": []string{"reader"}, "ttl": "1h", "renewable": false})
		current.Store(&token)
	}
	issue()
	store := open(t, r.Server, func(cfg *vaultkv.Config) {
		cfg.Transport, cfg.Now = r, func() time.Time { return r.now }
		cfg.Auth = vaultkv.Token(func() (secrets.Value, error) { return secrets.NewValue(*current.Load()), nil })
	})
	r.after(t, 0, store)
	admin.Must(t, "POST", "auth/token/revoke", map[string]any{"token": *current.Load()})
	issue()
	r.after(t, time.Minute, store)
}
