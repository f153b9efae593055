package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tokenwarden/tokenwarden/internal/dbtcloud/dbtcloudtest"
)

// session is a run in process, against a simulator without a socket.
type session struct {
	env            environment
	sim            *dbtcloudtest.Sim
	variables      map[string]string
	stdout, stderr bytes.Buffer
}

func newSession(t *testing.T, seed dbtcloudtest.Seed) *session {
	t.Helper()
	folder := t.TempDir()
	s := &session{sim: dbtcloudtest.New(dbtcloudtest.Options{})}
	if err := s.sim.Load(seed); err != nil {
		t.Fatal(err)
	}
	s.variables = map[string]string{
		"HOME":                 folder,
		"DBT_CLOUD_TOKEN":      s.sim.AdminToken(),
		"DBT_CLOUD_ACCOUNT_ID": fmt.Sprint(s.sim.AccountID()),
		"DBT_CLOUD_HOST_URL":   "https://ab123.us1.dbt.com",
	}
	s.env = environment{
		stdin: strings.NewReader(""), stdout: &s.stdout, stderr: &s.stderr,
		lookup:    func(name string) (string, bool) { v, ok := s.variables[name]; return v, ok },
		environ:   func() []string { return nil },
		dir:       func() (string, error) { return folder, nil },
		now:       time.Now,
		sleep:     func(ctx context.Context, _ time.Duration) error { return sleep(ctx, 5*time.Millisecond) },
		rand:      rand.Reader,
		transport: s.sim,
	}
	return s
}

func (s *session) run(t *testing.T, want exitCode, args ...string) {
	t.Helper()
	s.stdout.Reset()
	s.stderr.Reset()
	if code := run(t.Context(), append([]string{program}, args...), s.env); code != want {
		t.Fatalf("%s: exit code %d, expected %d\n%s%s", strings.Join(args, " "), code, want, &s.stdout, &s.stderr)
	}
}

func token(name string) dbtcloudtest.SeedToken {
	return dbtcloudtest.SeedToken{Name: name, CreatedAt: json.RawMessage(`"2023-01-05T00:00:00Z"`), LastUsed: json.RawMessage(`"2026-01-05T00:00:00Z"`),
		Grants: []dbtcloudtest.SeedGrant{{PermissionSet: "job_viewer"}}}
}

func account7(tokens ...dbtcloudtest.SeedToken) dbtcloudtest.Seed {
	return dbtcloudtest.Seed{Accounts: []dbtcloudtest.SeedAccount{{ID: 7, Name: "Seven", ServiceTokens: tokens}}}
}

// Lists are read to their end, over pages with deleted items between.
func TestPages(t *testing.T) {
	account := dbtcloudtest.SeedAccount{ID: 7, Name: "Large"}
	for i := range 357 {
		live := token(fmt.Sprintf("token %d", i))
		account.ServiceTokens = append(account.ServiceTokens, live)
		if i%5 == 0 {
			gone := token(fmt.Sprintf("deleted %d", i))
			gone.State = 2
			account.ServiceTokens = append(account.ServiceTokens, gone)
		}
	}
	for i := range 233 {
		user := dbtcloudtest.SeedUser{Email: fmt.Sprintf("user%d@example.com", i)}
		account.Users = append(account.Users, user)
		if i%7 == 0 {
			account.Users = append(account.Users, dbtcloudtest.SeedUser{Email: fmt.Sprintf("gone%d@example.com", i), State: 2})
		}
	}
	s := newSession(t, dbtcloudtest.Seed{Accounts: []dbtcloudtest.SeedAccount{account}})
	s.run(t, exitFound, "audit", "--format", "json")
	var report struct {
		Complete bool
		Accounts []struct{ Counts map[string]int }
		Findings []struct{ Rule string }
	}
	if err := json.Unmarshal(s.stdout.Bytes(), &report); err != nil {
		t.Fatal(err)
	}
	legacy := 0
	for _, f := range report.Findings {
		if f.Rule == "service-token-legacy" {
			legacy++
		}
	}
	// The simulator adds the credential's own token.
	if counts := report.Accounts[0].Counts; !report.Complete || counts["service_tokens"] != 358 || counts["users"] != 233 || legacy != 357 {
		t.Errorf("complete %t, counts %v, %d legacy tokens", report.Complete, counts, legacy)
	}
	s.run(t, exitOK, "tokens", "--format", "json")
	var listing struct{ Tokens []struct{ Name string } }
	if err := json.Unmarshal(s.stdout.Bytes(), &listing); err != nil || len(listing.Tokens) != 358 {
		t.Errorf("%d tokens listed, %v", len(listing.Tokens), err)
	}
	for _, row := range listing.Tokens {
		if strings.HasPrefix(row.Name, "deleted") {
			t.Fatalf("%s is listed", row.Name)
		}
	}
}

// Names come from the API and are hostile.
func TestHostileNames(t *testing.T) {
	names := []string{"\x1b[31mred\x1b]0;title\a", "line\nbreak\r", "\u202eoverride", "=HYPERLINK(\"http://x\")", "<!channel> <script>", "'; rm -rf / #"}
	var tokens []dbtcloudtest.SeedToken
	for _, name := range names {
		tokens = append(tokens, token(name))
	}
	s := newSession(t, account7(tokens...))
	s.env.stdoutTerminal = true
	s.variables["NO_COLOR"] = "1"
	s.run(t, exitOK, "age", "init")
	for _, args := range [][]string{
		{"audit"}, {"tokens"}, {"tokens", "--format", "csv"}, {"config", "init"}, {"doctor"}, {"config", "check"},
		{"rotate", "--name", names[0], "--to", "age://s.age#a", "--dry-run"},
		{"rotate", "--name", names[1], "--to", "age://s.age#b", "--now", "--adopt", "--yes"},
		{"audit", "--format", "json"}, {"tokens", "--format", "json"}, {"rotate", "--name", names[2], "--to", "age://s.age#c", "--dry-run", "--format", "json"},
	} {
		s.stdout.Reset()
		s.stderr.Reset()
		if code := run(t.Context(), append([]string{program}, args...), s.env); code > exitFound {
			t.Errorf("%v: exit code %d: %s", args, code, &s.stderr)
		}
		for _, out := range []string{s.stdout.String(), s.stderr.String()} {
			if strings.ContainsAny(out, "\x1b\a\v\f") || !json.Valid([]byte(out)) && strings.Contains(out, "\u202e") || strings.Contains(out, "line\nbreak") || strings.Contains(strings.ReplaceAll(out, "\r\n", ""), "\r") {
				t.Errorf("%v: a control character gets through:\n%q", args, out)
			}
		}
		if s.stdout.Len() == 0 {
			t.Errorf("%v: no output", args)
		}
	}
}

// Colours are for a terminal, unless somebody does not want them.
func TestColor(t *testing.T) {
	for _, c := range []struct {
		name     string
		terminal bool
		args     []string
		env      map[string]string
		want     bool
	}{
		{"terminal", true, nil, nil, true},
		{"pipe", false, nil, nil, false},
		{"NO_COLOR", true, nil, map[string]string{"NO_COLOR": "1"}, false},
		{"empty NO_COLOR", true, nil, map[string]string{"NO_COLOR": ""}, true},
		{"--no-color", true, []string{"--no-color"}, nil, false},
		{"dumb", true, nil, map[string]string{"TERM": "dumb"}, false},
		{"file", true, []string{"--output", "report.txt"}, nil, false},
	} {
		s := newSession(t, account7(token("old")))
		s.env.stdoutTerminal = c.terminal
		for k, v := range c.env {
			s.variables[k] = v
		}
		folder, _ := s.env.dir()
		for i, arg := range c.args {
			if arg == "report.txt" {
				c.args[i] = filepath.Join(folder, arg)
			}
		}
		s.run(t, exitFound, append([]string{"audit"}, c.args...)...)
		out := s.stdout.String()
		if b, err := os.ReadFile(filepath.Join(folder, "report.txt")); err == nil {
			out += string(b)
		}
		if got := strings.Contains(out, "\x1b["); got != c.want || out == "" {
			t.Errorf("%s: coloured: %t, expected %t", c.name, got, c.want)
		}
	}
}

// The log is text for a person and JSON for a program, and stdout has none of it.
func TestLog(t *testing.T) {
	s := newSession(t, account7(token("old")))
	s.run(t, exitFound, "audit", "--log-level", "debug")
	for line := range strings.Lines(s.stderr.String()) {
		if !json.Valid([]byte(line)) {
			t.Errorf("not JSON: %q", line)
		}
	}
	if s.stderr.Len() == 0 {
		t.Error("nothing was logged")
	}
	s.env.stderrTerminal = true
	s.run(t, exitFound, "audit", "--log-level", "debug")
	if !strings.Contains(s.stderr.String(), "level=DEBUG") || strings.Contains(s.stdout.String(), "level=") {
		t.Errorf("log: %s", &s.stderr)
	}
}
