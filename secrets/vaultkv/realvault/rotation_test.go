package realvault_test

import (
	"errors"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tokenwarden/tokenwarden/internal/dbtcloud/dbtcloudtest"
)

// A whole rotation by the program itself, with the least privilege that is
// documented.
func TestBinaryRotates(t *testing.T) {
	w := newWorld(t, build(t))
	if out, err := w.run(t, nil, w.rotate("--now")...); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	w.finished(t)
}

// Wherever SIGKILL strikes, what Vault hands out works, and the same command
// once more ends the rotation.
func TestBinaryKilled(t *testing.T) {
	binary := build(t)
	// Before: the request is never seen; after: its answer is not.
	operation := func(operation string, after bool) func(*world, func()) {
		return func(w *world, kill func()) {
			r := dbtcloudtest.Rule{Operation: operation, Nth: 1, Fault: dbtcloudtest.ResetBefore, Before: kill}
			if after {
				r.Fault, r.Before, r.After = dbtcloudtest.ResetAfter, nil, kill
			}
			w.sim.Plan(r)
		}
	}
	vault := func(request string, after bool) func(*world, func()) {
		return func(w *world, kill func()) { w.tap.plan(request, after, kill) }
	}
	for at, plan := range map[string]func(*world, func()){
		"before create":  operation("create-token", false),
		"after create":   operation("create-token", true),
		"before label":   vault("PATCH metadata/dbt/airflow", false),
		"after label":    vault("PATCH metadata/dbt/airflow", true),
		"before store":   vault("PUT data/dbt/airflow", false),
		"after store":    vault("PUT data/dbt/airflow", true),
		"before delete":  operation("delete-token", false),
		"after delete":   operation("delete-token", true),
		"before renamed": operation("rename-token", false),
		"after renamed":  operation("rename-token", true),
	} {
		t.Run(at, func(t *testing.T) {
			w := newWorld(t, binary)
			command := w.rotate("--now", "--orphan-min-age", "0s")
			out, err := w.run(t, func(kill func()) { plan(w, kill) }, command...)
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
				t.Fatalf("it was not killed: %v\n%s", err, out)
			}
			if id, active, _ := w.stored(t); !active {
				t.Errorf("after SIGKILL Vault holds the value of token %d, which is dead", id)
			}
			if out, err := w.run(t, nil, command...); err != nil {
				t.Fatalf("the same command again: %v\n%s", err, out)
			}
			w.finished(t)
		})
	}
}

// Vault restarts while the old token waits for its end: a run meanwhile says
// so and changes nothing, and the next one finishes.
func TestBinaryVaultRestarts(t *testing.T) {
	w := newWorld(t, build(t))
	if out, err := w.run(t, nil, w.rotate("--overlap", "1h", "--quiet", "0s")...); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	replacement, active, _ := w.stored(t)
	if old, _ := w.sim.Token(w.token); !old.Active() || !active || replacement == w.token {
		t.Fatalf("before the restart Vault holds the value of token %d, and the old one is active: %v", replacement, old.Active())
	}
	if err := w.vault.Restart(); err != nil {
		t.Fatal(err)
	}
	finish := []string{"rotate", "--pending", "--to", "vault://secret/dbt/airflow", "--now", "--yes"}
	out, err := w.run(t, nil, finish...)
	if old, _ := w.sim.Token(w.token); err == nil || !old.Active() || !strings.Contains(out, "sealed") {
		t.Errorf("with a sealed Vault: %v, the old token is active: %v\n%s", err, old.Active(), out)
	}
	if err := w.vault.Unseal(); err != nil {
		t.Fatal(err)
	}
	if out, err := w.run(t, nil, finish...); err != nil {
		t.Fatalf("after the restart: %v\n%s", err, out)
	}
	w.finished(t)
	if id, _, _ := w.stored(t); id != replacement {
		t.Errorf("Vault holds the value of token %d, before the restart it was %d", id, replacement)
	}
}

// Vault restarts in the middle of a run and stays sealed. The run fails in
// words, and the same command again ends the rotation.
func TestBinaryVaultSealedMeanwhile(t *testing.T) {
	w := newWorld(t, build(t))
	w.tap.plan("PATCH metadata/dbt/airflow", true, func() { restart(t, w) })
	command := w.rotate("--now", "--orphan-min-age", "0s")
	out, err := w.run(t, nil, command...)
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 2 || !strings.Contains(out, "sealed") {
		t.Errorf("the run ended with %v\n%s", err, out)
	}
	if err := w.vault.Unseal(); err != nil {
		t.Fatal(err)
	}
	if id, _, _ := w.stored(t); id != w.token {
		t.Errorf("Vault holds the value of token %d", id)
	}
	if out, err := w.run(t, nil, command...); err != nil {
		t.Fatalf("the same command again: %v\n%s", err, out)
	}
	w.finished(t)
}

// A restart after the value was written, and before it is read back, is waited out.
func TestBinaryVaultRestartsMeanwhile(t *testing.T) {
	w := newWorld(t, build(t))
	unsealed := make(chan error, 1)
	w.tap.plan("PUT data/dbt/airflow", true, func() {
		restart(t, w)
		time.AfterFunc(100*time.Millisecond, func() { unsealed <- w.vault.Unseal() })
	})
	out, err := w.run(t, nil, w.rotate("--now")...)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if err := <-unsealed; err != nil {
		t.Fatal(err)
	}
	w.finished(t)
}

func restart(t *testing.T, w *world) {
	if err := w.vault.Restart(); err != nil {
		t.Error(err)
	}
}
