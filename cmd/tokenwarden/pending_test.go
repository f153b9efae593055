package main

import (
	"strings"
	"testing"

	"github.com/tokenwarden/tokenwarden/internal/dbtcloud/dbtcloudtest"
)

// What was finished long ago costs a look into the store, and of dbt Cloud no more
// than the list: a nightly run meets every token that was ever rotated.
func TestPendingIsCheapForWhatIsFinished(t *testing.T) {
	names := []string{"Airflow", "Looker", "Tableau"}
	var tokens []dbtcloudtest.SeedToken
	for _, name := range names {
		tokens = append(tokens, token(name))
	}
	s := newSession(t, account7(tokens...))
	s.run(t, exitOK, "age", "init")
	s.store(t, names...)
	for _, name := range names {
		s.run(t, exitOK, "rotate", "--name", name, "--adopt", "--now", "--yes")
	}
	s.sim.ForgetRequests()
	s.run(t, exitOK, "rotate", "--pending", "--yes", "--format", "json")
	if n := len(s.sim.Requests()); n != 1 {
		t.Errorf("%d requests to see that %d rotations are finished", n, len(names))
	}
	if n := strings.Count(s.stdout.String(), `"status": "unchanged"`); n != len(names) {
		t.Errorf("%d of %d rotations are unchanged: %s", n, len(names), &s.stdout)
	}
}
