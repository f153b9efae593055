package realvault_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/tokenwarden/tokenwarden/internal/dbtcloud/dbtcloudtest"
	"github.com/tokenwarden/tokenwarden/secrets/vaultkv/realvault"
	"github.com/tokenwarden/tokenwarden/secrets/vaultkv/vaultsuite"
)

const name = "Airflow prod"

// world is dbt Cloud with one token to rotate, whose value a person once put
// into a real Vault, and the program in between.
type world struct {
	sim     *dbtcloudtest.Sim
	vault   *realvault.Server
	tap     *tap
	token   int64
	value   string // of token
	binary  string
	environ []string
}

// tap is in front of Vault. It ends the program at the first request that is
// called for: instead of passing it on, or once Vault has answered.
type tap struct {
	mu      sync.Mutex
	request string // "PUT data/dbt/airflow"; empty: none
	after   bool
	kill    func()
}

func (p *tap) plan(request string, after bool, kill func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.request, p.after, p.kill = request, after, kill
}

// strike tells whether the program was ended now.
func (p *tap) strike(request string, after bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.request != request || p.after != after {
		return false
	}
	p.request = ""
	p.kill()
	return true
}

func (p *tap) handler(t *testing.T, address string) http.Handler {
	to, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	vault := httputil.NewSingleHostReverseProxy(to)
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		request := req.Method + " " + strings.TrimPrefix(req.URL.Path, "/v1/secret/")
		if !p.strike(request, false) {
			vault.ServeHTTP(w, req)
			p.strike(request, true)
		}
	})
}

// build compiles the program.
func build(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "tokenwarden")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "./cmd/tokenwarden")
	cmd.Dir = filepath.Join("..", "..", "..")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building tokenwarden: %v\n%s", err, out)
	}
	return binary
}

// newWorld makes the world. The program logs in with an AppRole that has the
// documented policy and nothing else.
func newWorld(t *testing.T, binary string) *world {
	t.Helper()
	sim, vault := dbtcloudtest.New(dbtcloudtest.Options{}), start(t)
	w := &world{sim: sim, vault: vault, tap: &tap{}, binary: binary}
	all := true
	w.token, w.value = sim.AddToken(dbtcloudtest.SeedToken{Name: name, Grants: []dbtcloudtest.SeedGrant{
		{PermissionSet: "job_admin", AllProjects: &all},
	}})
	admin := vault.Admin()
	admin.Policy(t, "tokenwarden", vaultsuite.Policy)
	roleID, secretID := admin.AppRole(t, "approle", "tokenwarden", map[string]any{"token_policies": []string{"tokenwarden"}})
	admin.Must(t, "PUT", "secret/data/dbt/airflow", map[string]any{"data": map[string]any{"token": w.value, "note": "keep"}})

	dbt := httptest.NewServer(sim)
	t.Cleanup(dbt.Close)
	proxy := httptest.NewServer(w.tap.handler(t, vault.Address))
	t.Cleanup(proxy.Close)
	w.environ = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(),
		"DBT_CLOUD_HOST_URL=" + dbt.URL, fmt.Sprint("DBT_CLOUD_ACCOUNT_ID=", sim.AccountID()), "DBT_CLOUD_TOKEN=" + sim.AdminToken(),
		"VAULT_ADDR=" + proxy.URL, "TOKENWARDEN_VAULT_AUTH=approle",
		"TOKENWARDEN_VAULT_ROLE_ID=" + roleID, "TOKENWARDEN_VAULT_SECRET_ID=" + secretID,
	}
	return w
}

// run runs the program. plan, which may be nil, is handed what ends it with SIGKILL.
func (w *world) run(t *testing.T, plan func(kill func()), args ...string) (output string, err error) {
	t.Helper()
	var out strings.Builder
	cmd := exec.CommandContext(t.Context(), w.binary, args...)
	cmd.Env, cmd.Dir = w.environ, t.TempDir()
	cmd.Stdout, cmd.Stderr = &out, &out
	if plan != nil {
		started, ended := make(chan struct{}), make(chan struct{})
		plan(func() {
			<-started
			_ = cmd.Process.Kill()
			<-ended
		})
		defer w.sim.Plan()
		defer w.tap.plan("", false, nil)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		close(started)
		err = cmd.Wait()
		close(ended)
	} else {
		err = cmd.Run()
	}
	for _, token := range w.sim.Tokens() {
		if strings.Contains(out.String(), w.sim.ValueOf(token.ID)) {
			t.Errorf("the output holds the value of token %d", token.ID)
		}
	}
	return out.String(), err
}

// stored returns the token whose value Vault hands out now, and the other field.
func (w *world) stored(t *testing.T) (id int64, active bool, note any) {
	t.Helper()
	data, _ := w.vault.Admin().Must(t, "GET", "secret/data/dbt/airflow", nil)["data"].(map[string]any)
	value, _ := data["token"].(string)
	id, active = w.sim.TokenByValue(value)
	return id, active, data["note"]
}

// finished fails the test unless one token took the other's place everywhere.
func (w *world) finished(t *testing.T) {
	t.Helper()
	id, active, note := w.stored(t)
	if id == w.token || !active || note != "keep" {
		t.Errorf("Vault holds the value of token %d (active: %v) beside %q", id, active, note)
	}
	for _, token := range w.sim.Tokens() {
		ours := token.Name == name || strings.Contains(token.Name, "[replaces ")
		if ours && token.Active() != (token.ID == id) {
			t.Errorf("token %d %q: active is %v", token.ID, token.Name, token.Active())
		}
	}
	if found := w.sim.ActiveByName(name); len(found) != 1 || len(found[0].ActiveGrants()) != 1 || found[0].ActiveGrants()[0].PermissionSet != "job_admin" {
		t.Errorf("the tokens called %q are %+v", name, found)
	}
	// What the token's value was is still there for a person.
	old, _ := w.vault.Admin().Must(t, "GET", "secret/data/dbt/airflow?version=1", nil)["data"].(map[string]any)
	if old["token"] != w.value {
		t.Error("the value before cannot be brought back")
	}
}

func (w *world) rotate(more ...string) []string {
	return append([]string{"rotate", "--token-id", fmt.Sprint(w.token), "--to", "vault://secret/dbt/airflow", "--adopt", "--yes"}, more...)
}
