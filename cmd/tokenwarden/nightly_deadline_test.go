package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tokenwarden/tokenwarden/internal/dbtcloud/dbtcloudtest"
	"github.com/tokenwarden/tokenwarden/secrets"
	"github.com/tokenwarden/tokenwarden/secrets/secretstest"
)

// nearby answers for everything but dbt Cloud: a Slack webhook, a heartbeat.
type nearby struct {
	sim  *dbtcloudtest.Sim
	said []string // "URL: body"
}

func (n *nearby) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.HasSuffix(r.URL.Host, "dbt.com") {
		return n.sim.RoundTrip(r)
	}
	var body []byte
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body)
	}
	n.said = append(n.said, r.URL.String()+": "+string(body))
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader("ok")), Header: http.Header{}, Request: r}, nil
}

// The deadline comes while a new value is nowhere yet: it is stored all the same,
// nothing more is begun, and people are told.
func TestDeadlineOfTheNight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const (
			timeout = 80 * time.Second
			work    = timeout - timeout/5
		)
		begun := time.Now()
		everywhere := true
		grant := func(set string) []dbtcloudtest.SeedGrant {
			return []dbtcloudtest.SeedGrant{{PermissionSet: set, AllProjects: &everywhere}}
		}
		sim := dbtcloudtest.New(dbtcloudtest.Options{})
		if err := sim.Load(dbtcloudtest.Seed{Accounts: []dbtcloudtest.SeedAccount{{ID: 7, Name: "seven", ServiceTokens: []dbtcloudtest.SeedToken{
			{ID: 1, Name: "admin", CreatedAt: json.RawMessage(`"1999-12-01T00:00:00Z"`), Grants: grant("account_admin")},
			{ID: 2, Name: "Loader", CreatedAt: json.RawMessage(`"1999-12-01T00:00:00Z"`), Grants: grant("job_viewer")},
		}}}}); err != nil {
			t.Fatal(err)
		}
		ref, err := secrets.ParseRef("vault://secret/loader#token")
		if err != nil {
			t.Fatal(err)
		}
		memory, stored := &secretstest.Memory{}, time.Duration(0)
		old := secrets.NewValue(sim.ValueOf(2))
		memory.Set(ref, old.Reveal())
		if err := memory.Label(t.Context(), ref, secrets.Labels{old.Fingerprint(7): {TokenID: 2, AccountID: 7}}, nil); err != nil {
			t.Fatal(err)
		}
		memory.Changed = func(c secretstest.Change) {
			if c.By == secretstest.Write {
				stored = time.Since(begun)
			}
		}
		// From the create on everything takes as long as it may.
		sim.Plan(dbtcloudtest.Rule{Operation: "create-token", Nth: 1, After: func() {
			sim.Plan(dbtcloudtest.Rule{Delay: 14 * time.Second})
		}, DelayReply: 14 * time.Second})

		folder, out, others := t.TempDir(), &bytes.Buffer{}, &nearby{sim: sim}
		writeConfiguration(t, folder, `accounts:
  - name: seven
    id: 7
    host: https://ab123.us1.dbt.com
    token: env://TOKEN
    tokens: [{name: Loader, destinations: ["vault://secret/loader#token"]}]
notify: {slack: {webhook: env://HOOK}, heartbeat: env://HEARTBEAT}
state: file://`+folder+`/state.json
lock: `+folder+`/lock
metrics: {textfile: `+folder+`/night.prom}
`)
		variables := map[string]string{
			"TOKEN": sim.AdminToken(), "HOOK": "https://slack.example/services/abcdefgh", "HEARTBEAT": "https://watchdog.example/abcdefgh",
		}
		a := newApp(environment{
			stdin: strings.NewReader(""), stdout: out, stderr: out, transport: others, now: time.Now, sleep: sleep,
			lookup:  func(name string) (string, bool) { v, found := variables[name]; return v, found },
			environ: func() []string { return nil }, dir: func() (string, error) { return folder, nil },
			rand: strings.NewReader(strings.Repeat("some random bytes", 100)),
		})
		a.stores.opened = map[string]secrets.Store{secrets.Vault: memory}
		code := codeOf(a.library().RunContext(t.Context(), []string{program, "nightly", "--rotate-flagged", "--timeout", timeout.String()}))
		t.Logf("%s\nstored after %s, ended after %s", out, stored, time.Since(begun))

		if code != exitFailed || !strings.Contains(out.String(), "interrupted before") {
			t.Errorf("exit code %d", code)
		}
		if stored <= work {
			t.Errorf("the value was stored after %s, before the deadline of the work (%s): nothing was proved", stored, work)
		}
		now, err := memory.Read(t.Context(), ref)
		if err != nil {
			t.Fatal(err)
		}
		if id, active := sim.TokenByValue(now.Value.Reveal()); !active || id == 2 || len(sim.ActiveByName("Loader")) != 1 {
			t.Errorf("the store holds the value of token %d (active: %v)", id, active)
		}
		if took := time.Since(begun); took > work+25*time.Second+grace {
			t.Errorf("it took %s", took)
		}
		told := func(part string) bool {
			return slices.ContainsFunc(others.said, func(s string) bool { return strings.Contains(s, part) })
		}
		for _, part := range []string{"abcdefgh/start: ", "Rotation failed:", "watchdog.example/abcdefgh/2: "} {
			if !told(part) {
				t.Errorf("nobody heard %q: %q", part, others.said)
			}
		}
		if files, err := filepath.Glob(folder + "/night.prom"); err != nil || len(files) != 1 {
			t.Errorf("metrics: %v, %v", files, err)
		}
	})
}
