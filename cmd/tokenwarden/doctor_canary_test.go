package main

import (
	"context"
	"strings"
	"testing"
)

// On a terminal it says what it is about to do, and only "yes" lets it.
func TestCanaryAsks(t *testing.T) {
	for typed, want := range map[string]exitCode{"yes\n": exitOK, "y\n": exitFound, "no\n": exitFound, "": exitFound} {
		s := newSession(t, account7(token("Airflow")))
		s.terminal(typed)
		s.run(t, want, "doctor", "--canary")
		if shown := s.stderr.String(); !strings.Contains(shown, `creates a service token called "tokenwarden canary [xxxx]"`) || !strings.Contains(shown, "Type yes") {
			t.Errorf("%q: %s", typed, shown)
		}
		if made := len(s.sim.Tokens()) - 2; (made > 0) != (want == exitOK) {
			t.Errorf("%q: %d tokens were made", typed, made)
		}
		if strings.Contains(s.stdout.String(), "grants at create") != (want == exitOK) {
			t.Errorf("%q: %s", typed, &s.stdout)
		}
	}
}

// An interrupt at the question creates nothing.
func TestCanaryInterrupted(t *testing.T) {
	s := newSession(t, account7())
	s.terminal("")
	ctx, cancel := context.WithCancel(t.Context())
	s.env.stdin = hanging{cancel}
	if code := run(ctx, []string{program, "doctor", "--canary"}, s.env); code != exitFailed {
		t.Errorf("exit code %d", code)
	}
	if made := len(s.sim.Tokens()) - 1; made != 0 || !strings.Contains(s.stderr.String(), "interrupted") {
		t.Errorf("%d tokens were made: %s", made, &s.stderr)
	}
}
