package agefile

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tokenwarden/tokenwarden/secrets"
)

// TestMain is also the other process of the tests below: AGEFILE_CHILD says what
// it does, with the identity, the file and its own name as arguments.
func TestMain(m *testing.M) {
	if role := os.Getenv("AGEFILE_CHILD"); role != "" {
		if err := child(role, os.Args[1], os.Args[2], os.Args[3]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

const keysPerChild = 20

func child(role, identity, path, name string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	s := Open(Config{IdentityFile: identity})
	put := func(key, value string) error {
		ref := ageRef(path, key)
		c, err := s.Read(ctx, ref)
		if err != nil {
			return err
		}
		_, err = s.Write(ctx, ref, secrets.Write{Value: secrets.NewValue(value), Expect: c.Version})
		return err
	}
	switch role {
	case "die before the rename":
		s.replacing = func() {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
		return put("k", "new")
	case "keys of its own":
		for i := range keysPerChild {
			if err := put(fmt.Sprintf("%s-%d", name, i), name); err != nil {
				return err
			}
		}
	case "until killed":
		for i := 0; ; i++ {
			if err := put("k", fmt.Sprintf("%d-%s", i, strings.Repeat("x", 2000))); err != nil {
				return err
			}
			fmt.Println(i) // told only once it is on the disk
		}
	}
	return nil
}

func start(t *testing.T, role string, s *Store, path, name string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0], s.config.IdentityFile, path, name)
	cmd.Env = append(os.Environ(), "AGEFILE_CHILD="+role)
	cmd.Stderr = os.Stderr
	return cmd
}

func TestKilledBeforeTheRename(t *testing.T) {
	s, dir := newStore(t)
	path := filepath.Join(dir, "s.age")
	v := write(t, s, ageRef(path, "k"), "old")
	before, _ := os.ReadFile(path)
	err := start(t, "die before the rename", s, path, "").Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("the other process was not killed: %v", err)
	}
	if after, _ := os.ReadFile(path); string(after) != string(before) {
		t.Error("the file changed before the rename")
	}
	pending, _ := filepath.Glob(filepath.Join(dir, ".s.age*"))
	if len(pending) != 1 {
		t.Fatalf("the process did not die between the new file and the rename: %v", pending)
	}
	info, err := os.Stat(pending[0])
	if content, _ := os.ReadFile(pending[0]); err != nil || info.Mode() != 0o600 || strings.Contains(string(content), "new") || len(content) == 0 {
		t.Errorf("what is left over: %v, %d bytes", info.Mode(), len(content))
	}
	// The kernel dropped the lock with the process.
	if _, err := s.Write(t.Context(), ageRef(path, "k"), secrets.Write{Value: secrets.NewValue("next"), Expect: v}); err != nil {
		t.Errorf("after the crash: %v", err)
	}
}

// A process killed at any instant leaves the value that it reported last, or the
// one after it, whole.
func TestKilledAnywhere(t *testing.T) {
	s, dir := newStore(t)
	path := filepath.Join(dir, "s.age")
	ref := ageRef(path, "k")
	for round := range 6 {
		cmd := start(t, "until killed", s, path, "")
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		last := -1
		for lines.Scan() {
			if _, err := fmt.Sscan(lines.Text(), &last); err != nil {
				t.Fatal(err)
			}
			if last == 3 { // from here on it is left to chance
				go func() {
					time.Sleep(time.Duration(round) * 700 * time.Microsecond)
					_ = cmd.Process.Kill()
				}()
			}
		}
		_ = cmd.Wait()
		if last < 3 {
			t.Fatalf("the other process ended by itself after %d writes", last+1)
		}
		c, err := s.Read(t.Context(), ref)
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		var got int
		_, err = fmt.Sscanf(c.Value.Reveal(), "%d-", &got)
		if err != nil || got != last && got != last+1 || len(c.Value.Reveal()) < 2000 {
			t.Errorf("round %d: holds write %d, the last one reported is %d", round, got, last)
		}
	}
}

func TestProcessesLoseNothingOfEachOther(t *testing.T) {
	s, dir := newStore(t)
	path := filepath.Join(dir, "s.age")
	names := []string{"a", "b", "c"}
	var running []*exec.Cmd
	for _, name := range names {
		cmd := start(t, "keys of its own", s, path, name)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		running = append(running, cmd)
	}
	for i := range keysPerChild { // and this process is a fourth
		write(t, s, ageRef(path, fmt.Sprintf("own-%d", i)), "own")
	}
	for _, cmd := range running {
		if err := cmd.Wait(); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range append(names, "own") {
		for i := range keysPerChild {
			key := fmt.Sprintf("%s-%d", name, i)
			if c, err := s.Read(t.Context(), ageRef(path, key)); err != nil || c.Value.Reveal() != name {
				t.Errorf("%s: %d bytes, %v", key, len(c.Value.Reveal()), err)
			}
		}
	}
}
