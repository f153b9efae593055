package main

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tokenwarden/tokenwarden/internal/dbtcloud/dbtcloudtest"
	"github.com/tokenwarden/tokenwarden/rotate"
)

// A store that goes down in the middle ends the run: the others are left, and
// named; when it is back, the same command takes them.
func TestBulkStoreGoesDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Date(2026, time.November, 1, 2, 0, 0, 0, time.UTC)))
		e := newEstate(t, 6, 1)
		bulk := []string{"rotate", "--flagged", "--max", "6", "--yes", "--format", "json"}
		e.downFrom, e.downFor = 5, 1000 // the first rotation takes four changes
		out := e.flagged(bulk...)
		if out.code != exitFailed || len(out.Rotations) != 2 || out.Rotations[0].Status != rotate.Pending || out.Rotations[1].Status != rotate.Failed {
			t.Errorf("exit code %d: %s", out.code, out.text)
		}
		if out.Left != 4 || len(out.LeftOut) != 4 || out.LeftOut[0].Reason != stopped {
			t.Errorf("left out: %+v", out.LeftOut)
		}
		time.Sleep(20 * time.Minute)
		out = e.flagged(bulk...)
		if out.code != exitOK || len(out.Rotations) != 6-len(e.inFlight(out)) || out.Left != 0 {
			t.Errorf("exit code %d: %s", out.code, out.text)
		}
	})
}

// inFlight lists what a run left to --pending.
func (e *estate) inFlight(out said) (all []leftOut) {
	for _, l := range out.LeftOut {
		if l.Reason == inFlight {
			all = append(all, l)
		}
	}
	return all
}

// The choice rests on one reading of the tokens, and on none of the users.
func TestBulkReadsOnce(t *testing.T) {
	s := newSession(t, account7(token("Airflow"), token("Looker")))
	s.run(t, exitOK, "age", "init")
	s.store(t, "Airflow", "Looker")
	s.sim.ForgetRequests()
	s.run(t, exitOK, "rotate", "--flagged", "--dry-run")
	lists := map[string]int{}
	for _, r := range s.sim.Requests() {
		lists[r.Operation]++
	}
	if lists["list-tokens"] != 1 || lists["users"] != 0 {
		t.Errorf("requests: %v", lists)
	}
}

// On a terminal what is shown is what is done, and without a yes nothing is.
func TestBulkConfirm(t *testing.T) {
	for _, c := range []struct {
		typed string
		want  exitCode
		left  int // of the legacy tokens, how many carry their names alone
	}{{"no\n", exitFound, 2}, {"yes\n", exitOK, 1}} {
		s := newSession(t, account7(token("Airflow"), token("Looker")))
		s.run(t, exitOK, "age", "init")
		s.store(t, "Airflow", "Looker")
		s.terminal("yes\n")
		s.run(t, exitOK, "config", "label")
		if !strings.Contains(s.stderr.String(), `"Airflow": three to five requests with the value that is stored`) {
			t.Errorf("what would be tried was not shown: %s", &s.stderr)
		}
		s.terminal(c.typed)
		s.run(t, c.want, "rotate", "--flagged", "--max", "1")
		if shown := s.stderr.String(); !strings.Contains(shown, `"Airflow": planned`) || !strings.Contains(shown, `in all: 1 planned, 1 left`) || !strings.Contains(shown, "Type yes") {
			t.Errorf("%q: %s", c.typed, shown)
		}
		flying := 0
		for _, token := range s.sim.Tokens() {
			if strings.Contains(token.Name, "[replaces ") {
				flying++
			}
		}
		if flying != 2-c.left {
			t.Errorf("%q: %d tokens are in flight", c.typed, flying)
		}
		if c.want == exitOK && !strings.Contains(s.stdout.String(), "in all: 1 pending, 1 left for a later run") {
			t.Errorf("%s", &s.stdout)
		}
	}
}

// Nobody is asked where nothing would be done, or nothing would be tried.
func TestBulkAsksOnlyWhereSomethingWouldBeDone(t *testing.T) {
	s := newSession(t, account7(token("Airflow")))
	s.run(t, exitOK, "age", "init")
	s.store(t)
	s.terminal("")
	s.run(t, exitOK, "rotate", "--flagged")
	s.run(t, exitOK, "config", "label")
	if strings.Contains(s.stderr.String(), "Type yes") {
		t.Errorf("%s", &s.stderr)
	}
}

// docs/bulk.md says what labelling costs.
func TestLabelRequests(t *testing.T) {
	s := newSession(t, account7(token("Airflow"), token("Looker"), token("CI")))
	s.run(t, exitOK, "age", "init")
	s.store(t, "Airflow", "Looker", "CI")
	s.sim.ForgetRequests()
	s.run(t, exitOK, "config", "label", "--yes")
	t.Logf("%d requests for 3 tokens", len(s.sim.Requests()))
	if each := len(s.sim.Requests()) / 3; each < 10 || each > 15 {
		t.Errorf("%d requests for each token", each)
	}
}

// store writes a configuration with a store for all, and the values of some
// tokens into it.
func (s *session) store(t *testing.T, names ...string) {
	t.Helper()
	folder, err := s.env.dir()
	if err != nil {
		t.Fatal(err)
	}
	writeConfiguration(t, folder, "accounts:\n  - {name: seven, id: 7, host: \"https://ab123.us1.dbt.com\", token: env://DBT_CLOUD_TOKEN, store: \"age://s.age#{name}\"}\n")
	for _, name := range names {
		s.env.stdin = strings.NewReader(s.sim.ActiveByName(name)[0].Value)
		s.run(t, exitOK, "secret", "put", "age://s.age#"+name)
	}
}

// A signal between two rotations leaves the rest, and says so.
func TestBulkInterrupted(t *testing.T) {
	s := newSession(t, account7(token("Airflow"), token("Looker")))
	s.run(t, exitOK, "age", "init")
	s.store(t, "Airflow", "Looker")
	s.run(t, exitOK, "config", "label", "--yes")
	ctx, cancel := context.WithCancel(t.Context())
	s.sim.Observe(func(e dbtcloudtest.Event) {
		if e.Request.Operation == "create-token" && e.Phase == dbtcloudtest.After {
			cancel()
		}
	})
	s.stdout.Reset()
	code := run(ctx, []string{program, "rotate", "--flagged", "--yes"}, s.env)
	if code != exitFailed || !strings.Contains(s.stdout.String(), "1 failed, 1 left for a later run") {
		t.Errorf("exit code %d: %s%s", code, &s.stdout, &s.stderr)
	}
}
