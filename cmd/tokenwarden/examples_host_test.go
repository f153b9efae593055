package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tokenwarden/tokenwarden/internal/dbtcloud/dbtcloudtest"
	"github.com/tokenwarden/tokenwarden/secrets/vaultkv/vaultsuite"
	"github.com/tokenwarden/tokenwarden/secrets/vaultkv/vaulttest"
)

// host is a machine on which an example is tried. What a person fills in is
// filled in, /etc, /run and /var lie below a folder of the test, and all the
// services that the example talks to are there.
type host struct {
	root      string
	fill      *strings.Replacer
	sim       *dbtcloudtest.Sim
	vault     *vaulttest.Server
	variables map[string]string

	mu    sync.Mutex
	asked map[string]bool // the variables that the program looked up
	heard []string        // by Slack and by the heartbeat: paths
}

// The paths that Slack and a healthchecks.io hear.
const (
	hookPath = "/services/T01234567/B01234567/hook"
	pingPath = "/ping/0b8b4c2e"
)

func newHost(t *testing.T) *host {
	t.Helper()
	h := &host{root: t.TempDir(), sim: dbtcloudtest.New(dbtcloudtest.Options{}), vault: vaulttest.New(), asked: map[string]bool{}}
	if err := h.sim.Load(dbtcloudtest.DemoSeed(time.Now())); err != nil {
		t.Fatal(err)
	}
	people := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.heard = append(h.heard, r.URL.Path)
		fmt.Fprint(w, "ok")
	}))
	binary, err := exec.LookPath(program) // TestMain has put it there
	if err != nil {
		t.Fatal(err)
	}
	h.fill = strings.NewReplacer(
		"id: 12345", fmt.Sprintf("id: %d", h.sim.AccountID()),
		"https://ab123.us1.dbt.com", serve(t, h.sim),
		"https://vault.example.com:8200", serve(t, h.vault),
		"/usr/local/bin", filepath.Dir(binary),
		"/etc/", h.root+"/etc/", "/run/", h.root+"/run/", "/var/", h.root+"/var/",
		"DBT_CLOUD_TOKEN=''", "DBT_CLOUD_TOKEN='"+h.sim.AdminToken()+"'",
		"SLACK_WEBHOOK_URL=''", "SLACK_WEBHOOK_URL='"+people+hookPath+"'",
		"HEARTBEAT_URL=''", "HEARTBEAT_URL='"+people+pingPath+"'",
	)
	h.vault.Admin().Policy(t, "tokenwarden", vaultsuite.Policy)
	// Two runs of this test on one machine are on two hosts.
	h.variables = map[string]string{"TMPDIR": h.root}
	t.Setenv("TMPDIR", h.root)
	for name, value := range map[string]string{
		"dbt-cloud-token": h.sim.AdminToken(), "slack-webhook-url": people + hookPath, "heartbeat-url": people + pingPath,
	} {
		h.write(t, "/secrets/"+name, value+"\n")
	}
	return h
}

func serve(t *testing.T, handler http.Handler) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}

// text is an example's file as it is filled in.
func (h *host) text(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(examples, name))
	if err != nil {
		t.Fatal(err)
	}
	return h.fill.Replace(string(text))
}

// write makes a file of the host.
func (h *host) write(t *testing.T, path, text string) {
	t.Helper()
	path = filepath.Join(h.root, path)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// secret is what was prepared to be mounted, by name.
func (h *host) secret(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(h.root, "secrets", name))
	if err != nil {
		t.Fatalf("an example needs a secret that nobody filled in: %v", err)
	}
	return string(text)
}

// run runs the program in process, with the variables of the host alone.
func (h *host) run(t *testing.T, want exitCode, args ...string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	env := environment{
		stdin: strings.NewReader(""), stdout: &stdout, stderr: &stderr,
		lookup: func(name string) (string, bool) {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.asked[name] = true
			value, found := h.variables[name]
			return value, found
		},
		environ: func() []string { return nil },
		dir:     os.Getwd,
		now:     time.Now,
		sleep:   func(ctx context.Context, _ time.Duration) error { return sleep(ctx, 5*time.Millisecond) },
		rand:    rand.Reader,
	}
	if code := run(t.Context(), append([]string{program}, args...), env); code != want {
		t.Fatalf("%s: exit code %d, expected %d\n%s%s", strings.Join(args, " "), code, want, &stdout, &stderr)
	}
	return stdout.String()
}

// rotates begins a rotation with the example's configuration, so that its store
// and its login are used, and looks whose value is at the destination.
func (h *host) rotates(t *testing.T, destination string, flags ...string) {
	t.Helper()
	h.run(t, 0, append([]string{"rotate", "--name", "Airflow prod", "--yes"}, flags...)...)
	value := strings.TrimSpace(h.run(t, 0, "secret", "get", destination))
	if id, active := h.sim.TokenByValue(value); !active || id == 101 {
		t.Errorf("%s holds the value of token %d, active: %t", destination, id, active)
	}
}

// told looks at what people heard: the beginning, the news, the end.
func (h *host) told(t *testing.T, code exitCode) {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	end := pingPath
	if code != 0 {
		end += fmt.Sprintf("/%d", code)
	}
	if want := []string{pingPath + "/start", hookPath, end}; !slices.Equal(h.heard, want) {
		t.Errorf("Slack and the heartbeat heard %v, expected %v", h.heard, want)
	}
	h.heard = nil
}

// used complains about variables that an example sets and the program does not
// look up: they were renamed, or do nothing.
func (h *host) used(t *testing.T, names ...string) {
	t.Helper()
	if len(names) == 0 {
		t.Error("the example sets no variables")
	}
	for _, name := range names {
		if !h.asked[name] {
			t.Errorf("the program never looks at $%s", name)
		}
	}
}
