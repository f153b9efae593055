//go:build matrix

package rotate_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tokenwarden/tokenwarden/internal/dbtcloud/dbtcloudtest"
	"github.com/tokenwarden/tokenwarden/rotate"
	"github.com/tokenwarden/tokenwarden/rotate/guarantee"
	"github.com/tokenwarden/tokenwarden/secrets"
	"github.com/tokenwarden/tokenwarden/secrets/agefile"
	"github.com/tokenwarden/tokenwarden/secrets/secretstest"
	"github.com/tokenwarden/tokenwarden/secrets/vaultkv"
	"github.com/tokenwarden/tokenwarden/secrets/vaultkv/vaulttest"
)

// estate is an account on loopback, a real store, and the token in both.
type estate struct {
	t        *testing.T
	binary   string
	sim      *dbtcloudtest.Sim
	store    secrets.Store
	refs     []secrets.Ref
	env      []string
	evidence string
	flags    []string      // besides the usual ones
	comes    rotate.Status // what an undisturbed run comes to
	watch    *guarantee.Watch
	calls    atomic.Pointer[calls] // of the process that runs now
	look     func()                // tells the watch of a store that cannot tell by itself
}

func estates() map[string]func(t *testing.T, binary string) *estate {
	return map[string]func(t *testing.T, binary string) *estate{"age": ageEstate, "vault": vaultEstate, "undo in vault": undoEstate}
}

// undoEstate is a rotation in its overlap, which is to be undone.
func undoEstate(t *testing.T, binary string) *estate {
	e := vaultEstate(t, binary)
	e.flags = nil
	e.must(e.run(nil), rotate.Pending)
	e.flags, e.comes = []string{"--undo", "--now"}, rotate.Undone
	e.watch.Undo()
	return e
}

func newEstate(t *testing.T, binary string, refs ...string) *estate {
	e := &estate{t: t, binary: binary, evidence: filepath.Join(t.TempDir(), "evidence.jsonl"), flags: []string{"--now"}, comes: rotate.Rotated, look: func() {}}
	e.calls.Store(&calls{})
	for _, r := range refs {
		e.refs = append(e.refs, ref(r))
	}
	e.sim = dbtcloudtest.New(dbtcloudtest.Options{HangLimit: time.Second})
	err := e.sim.Load(dbtcloudtest.Seed{Accounts: []dbtcloudtest.SeedAccount{{ID: accountID, Name: "prod",
		Projects: []dbtcloudtest.SeedProject{{ID: 11, Name: "jaffle"}},
		ServiceTokens: []dbtcloudtest.SeedToken{
			{ID: 700, Name: "someone else's", Grants: []dbtcloudtest.SeedGrant{{PermissionSet: "readonly", AllProjects: all()}}},
			{ID: 777, Name: oldName, CreatedAt: json.RawMessage(`"2022-05-05 06:51:10+00:00"`),
				Grants:   []dbtcloudtest.SeedGrant{{PermissionSet: "developer", ProjectID: on(11), WritableEnvironmentCategories: json.RawMessage(`["staging"]`)}},
				Mappings: []dbtcloudtest.SeedMapping{{ProjectID: 11, CredentialID: 501}}},
		}}}})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(e.dbtCloud())
	t.Cleanup(server.Close)
	e.env = []string{
		"DBT_CLOUD_TOKEN=" + e.sim.AdminToken(), fmt.Sprintf("DBT_CLOUD_ACCOUNT_ID=%d", accountID), "DBT_CLOUD_HOST_URL=" + server.URL,
		"HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH"),
	}
	return e
}

// fill puts the old token's value into the store, labelled, and begins the watch.
func (e *estate) fill() {
	value := secrets.NewValue(e.sim.ValueOf(777))
	label := secrets.Labels{value.Fingerprint(accountID): {TokenID: 777, AccountID: accountID, Written: time.Now().Add(-90 * 24 * time.Hour)}}
	holds := map[secrets.Ref]secrets.Content{}
	for _, r := range e.refs {
		err := e.store.Label(e.t.Context(), r, label, nil)
		if err == nil {
			var before secrets.Content
			if before, err = e.store.Read(e.t.Context(), r); err == nil {
				_, err = e.store.Write(e.t.Context(), r, secrets.Write{Value: value, Expect: before.Version})
			}
		}
		if err == nil {
			holds[r], err = e.store.Read(e.t.Context(), r)
		}
		if err != nil {
			e.t.Fatal(err)
		}
	}
	e.watch = guarantee.Outside(e.sim, 777, holds)
}

// ageEstate has one key in a file. A file tells nobody of its changes, so it is
// looked at before each request of the program: between two requests, nothing
// that it holds can meet another state of the account.
func ageEstate(t *testing.T, binary string) *estate {
	dir := t.TempDir()
	file, identity := filepath.Join(dir, "store.age"), filepath.Join(dir, "identity.txt")
	if _, err := agefile.Init(identity); err != nil {
		t.Fatal(err)
	}
	e := newEstate(t, binary, "age://"+file+"#AIRFLOW")
	e.env = append(e.env, agefile.IdentityVariable+"="+identity)
	e.store = agefile.Open(agefile.Config{IdentityFile: identity})
	e.fill()
	var mu sync.Mutex
	was, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	held, err := e.store.Read(t.Context(), e.refs[0])
	if err != nil {
		t.Fatal(err)
	}
	e.look = func() {
		mu.Lock()
		defer mu.Unlock()
		is, err := os.Stat(file)
		if err != nil {
			t.Error(err)
			return
		}
		if is.ModTime().Equal(was.ModTime()) && is.Size() == was.Size() && os.SameFile(is, was) {
			return // each write replaces the file
		}
		content, err := e.store.Read(t.Context(), e.refs[0])
		if err != nil {
			t.Error(err)
			return
		}
		by := secretstest.Label
		if content.Version != held.Version {
			by = secretstest.Write
		}
		was, held = is, content
		e.watch.Changed(secretstest.Change{By: by, Ref: e.refs[0], Fields: map[string]secrets.Value{e.refs[0].Field: content.Value}, Labels: content.Labels})
	}
	return e
}

// vaultEstate has two destinations in a Vault, whose calls are cells as well.
func vaultEstate(t *testing.T, binary string) *estate {
	e := newEstate(t, binary, "vault://secret/dbt/airflow#token", "vault://secret/dbt/dagster#token")
	vault := vaulttest.New()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e.through(onStore, operationOf(r), vault).ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	e.env = append(e.env, "VAULT_ADDR="+server.URL, "VAULT_TOKEN="+vault.Admin().Token)
	config, err := vaultkv.FromEnv(func(name string) string {
		return map[string]string{"VAULT_ADDR": server.URL, "VAULT_TOKEN": vault.Admin().Token}[name]
	})
	if err != nil {
		t.Fatal(err)
	}
	config.Transport = vault
	if e.store, err = vaultkv.New(config); err != nil {
		t.Fatal(err)
	}
	e.fill()
	vault.Observe = func(c vaulttest.Secret) { e.watch.Changed(e.changeInVault(c)) }
	return e
}

// operationOf names a call of Vault's as the other stores' are called, so that
// the matrix knows which of them have an effect.
func operationOf(r *http.Request) string {
	switch {
	case r.Method == http.MethodGet:
		return "read " + strings.Split(r.URL.Path+"//", "/")[3]
	case strings.Contains(r.URL.Path, "/metadata/"):
		return "label"
	case strings.Contains(r.URL.Path, "/data/"):
		return "write"
	}
	return "check"
}

func (e *estate) changeInVault(c vaulttest.Secret) secretstest.Change {
	change := secretstest.Change{By: secretstest.Label, Fields: map[string]secrets.Value{}, Labels: secrets.Labels{}}
	for _, r := range e.refs {
		if r.Path == c.Path {
			change.Ref = r
		}
	}
	for field, value := range c.Fields() {
		change.Fields[field] = secrets.NewValue(fmt.Sprint(value))
	}
	for key, text := range c.Custom {
		fp, ours := secrets.FingerprintOfKey(key)
		label, err := secrets.ParseLabel(text)
		if ours && err == nil {
			change.Labels[fp] = label
		}
	}
	if !e.watch.Holds(change.Ref).Equal(change.Value(change.Ref)) {
		change.By = secretstest.Write
	}
	return change
}
