package agefile

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tokenwarden/tokenwarden/secrets"
)

// asNobody calls do with the file system rights of nobody, if the test runs as
// root, for whom no folder is read-only. Linux keeps them per thread; the thread
// ends with its goroutine.
func asNobody(t *testing.T, dir string, do func()) {
	t.Helper()
	if os.Geteuid() != 0 {
		do()
		return
	}
	const nobody = 65534
	for d := dir; d != os.TempDir() && d != "/"; d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlocked
		if _, err := unix.SetfsuidRetUid(nobody); err != nil {
			t.Error(err)
			return
		}
		do()
	}()
	<-done
}

func TestDeniedByTheFileSystem(t *testing.T) {
	s, dir := newStore(t)
	folder := filepath.Join(dir, "folder")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	ref := ageRef(filepath.Join(folder, "s.age"), "k")
	v := write(t, s, ref, "kept")
	own := func(path string, mode os.FileMode) {
		t.Helper()
		if os.Geteuid() == 0 {
			if err := os.Chown(path, 65534, -1); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	own(s.config.IdentityFile, 0o400)
	own(ref.Path, 0o400)
	own(ref.Path+".lock", 0o600)
	own(folder, 0o500)
	t.Cleanup(func() { _ = os.Chmod(folder, 0o700) })
	asNobody(t, dir, func() {
		if c, err := s.Read(t.Context(), ref); err != nil || c.Value.Reveal() != "kept" {
			t.Errorf("reading from a folder that cannot be written: %v", err)
		}
		_, err := s.Write(t.Context(), ref, secrets.Write{Value: secrets.NewValue("new"), Expect: v})
		for call, err := range map[string]error{"write": err, "check": s.Check(t.Context(), ref)} {
			if !errors.Is(err, secrets.ErrNotWritable) || !errors.Is(err, os.ErrPermission) {
				t.Errorf("%s: %v, want ErrNotWritable", call, err)
			}
		}
	})
	own(folder, 0o700)
	own(ref.Path+".lock", 0)
	asNobody(t, dir, func() {
		if err := s.Check(t.Context(), ref); !errors.Is(err, secrets.ErrNotWritable) {
			t.Errorf("somebody else's lock: %v, want ErrNotWritable", err)
		}
	})
	own(ref.Path, 0)
	asNobody(t, dir, func() {
		if _, err := s.Read(t.Context(), ref); !errors.Is(err, secrets.ErrDenied) {
			t.Errorf("a file that cannot be read: %v, want ErrDenied", err)
		}
	})
}
