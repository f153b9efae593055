package main

import (
	"context"
	"strings"
	"testing"
)

// terminal lets a person sit at the session and type.
func (s *session) terminal(typed string) {
	s.env.stdinTerminal, s.env.stderrTerminal = true, true
	s.env.stdin = strings.NewReader(typed)
	s.env.readHidden = func() (string, error) { return strings.TrimSuffix(typed, "\n"), nil }
}

// On a terminal the plan is shown and only "yes" lets it happen.
func TestConfirm(t *testing.T) {
	rotation := []string{"rotate", "--name", "Airflow", "--to", "age://s.age#a", "--now", "--adopt"}
	for _, c := range []struct {
		typed string
		want  exitCode
		left  string // what has the name afterwards: the old token or its replacement
	}{
		{"yes\n", exitOK, "replacement"}, {" yes \n", exitOK, "replacement"}, {"y\n", exitFound, "old"}, {"no\n", exitFound, "old"},
		{"\n", exitFound, "old"}, {"", exitFound, "old"}, {"YES\n", exitFound, "old"},
	} {
		s := newSession(t, account7(token("Airflow")))
		s.run(t, exitOK, "age", "init")
		old := s.sim.ActiveByName("Airflow")[0].ID
		s.terminal(c.typed)
		s.run(t, c.want, rotation...)
		if !strings.Contains(s.stderr.String(), `"Airflow": planned`) || !strings.Contains(s.stderr.String(), "Type yes") {
			t.Errorf("%q: no plan was shown: %s", c.typed, &s.stderr)
		}
		left := "old"
		if s.sim.ActiveByName("Airflow")[0].ID != old {
			left = "replacement"
		}
		if left != c.left {
			t.Errorf("%q: the %s token is there", c.typed, left)
		}
		if c.want == exitOK && strings.Contains(s.stdout.String(), "planned") {
			t.Errorf("%q: stdout has the plan: %s", c.typed, &s.stdout)
		}
	}
}

// Where nothing is to be decided nobody is asked.
func TestConfirmAsksOnlyWhereSomethingWouldBeDone(t *testing.T) {
	s := newSession(t, account7(token("Airflow"), token("Powerless")))
	s.sim.SetGrants(s.sim.ActiveByName("Powerless")[0].ID)
	s.run(t, exitOK, "age", "init")
	s.terminal("yes\n")
	s.run(t, exitFound, "rotate", "--name", "Powerless", "--to", "age://s.age#a")
	if strings.Contains(s.stderr.String(), "Type yes") || !strings.Contains(s.stdout.String(), "refused") {
		t.Errorf("%s%s", &s.stdout, &s.stderr)
	}
	s.run(t, exitOK, "rotate", "--pending")
	if !strings.Contains(s.stdout.String(), "nothing is to be done") {
		t.Errorf("%s%s", &s.stdout, &s.stderr)
	}
}

// An interrupt at the question changes nothing.
func TestConfirmInterrupted(t *testing.T) {
	s := newSession(t, account7(token("Airflow")))
	s.run(t, exitOK, "age", "init")
	s.terminal("")
	ctx, cancel := context.WithCancel(t.Context())
	s.env.stdin = hanging{cancel}
	if code := run(ctx, []string{program, "rotate", "--name", "Airflow", "--to", "age://s.age#a"}, s.env); code != exitFailed {
		t.Errorf("exit code %d", code)
	}
	if !strings.Contains(s.stderr.String(), "interrupted") {
		t.Errorf("%s", &s.stderr)
	}
}

// hanging is a person who presses Ctrl-C instead of answering.
type hanging struct{ interrupt func() }

func (h hanging) Read([]byte) (int, error) {
	h.interrupt()
	select {}
}

// A secret that is typed is asked for without echo.
func TestTypedSecret(t *testing.T) {
	s := newSession(t, account7())
	s.run(t, exitOK, "age", "init")
	s.terminal("typed-in-secret\n")
	s.run(t, exitOK, "secret", "put", "age://s.age#a")
	if strings.Contains(s.stderr.String(), "typed-in-secret") {
		t.Error("it was shown")
	}
	s.run(t, exitOK, "secret", "get", "age://s.age#a")
	if s.stdout.String() != "typed-in-secret\n" {
		t.Errorf("stored: %q", s.stdout.String())
	}
}
