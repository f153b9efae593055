package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"

	"github.com/tokenwarden/tokenwarden/internal/config"
)

// lockName is the lock's file in the folder for temporary files, which is the
// same for every user of a machine: root's cron and a person's shell meet there.
const lockName = "tokenwarden-nightly.lock"

// lockMachine takes the lock that keeps two nightly runs of one machine apart.
// The system gives it back when the process ends, however it ends; the file
// stays. Without a configured one, and where there can be no file (a read-only
// root without /tmp), the configuration itself is locked: it only has to be
// readable for that.
func (a *app) lockMachine(cfg config.Config) (*flock.Flock, error) {
	path := cmp.Or(cfg.Lock, filepath.Join(cmp.Or(a.env.get("TMPDIR"), os.TempDir()), lockName))
	lock, got, err := tryLock(path)
	if err != nil && cfg.Lock == "" && cfg.Path != "" {
		path = cfg.Path
		lock, got, err = tryLock(path)
	}
	switch {
	case err != nil:
		return nil, misuseHint("name a file that can be made or read, with lock: in the configuration", "the lock of this machine: %w", err)
	case !got:
		return nil, &exit{code: exitLocked, err: fmt.Errorf("another nightly run holds %s: nothing was attempted", path)}
	}
	return lock, nil
}

// tryLock locks a file, and makes it if it is not there. One that is there is
// opened for reading only: it may be another user's, and Linux lets nobody
// create over another's file in a folder like /tmp.
func tryLock(path string) (*flock.Flock, bool, error) {
	lock := flock.New(path, flock.SetFlag(os.O_RDONLY))
	got, err := lock.TryLock()
	if !errors.Is(err, fs.ErrNotExist) {
		return lock, got, err
	}
	made := flock.New(path, flock.SetFlag(os.O_CREATE|os.O_EXCL|os.O_RDONLY), flock.SetPermissions(0o644))
	got, err = made.TryLock()
	if errors.Is(err, fs.ErrExist) { // somebody else has made it just now
		got, err = lock.TryLock()
		return lock, got, err
	}
	if err == nil {
		// Whatever the umask is: other users have to find it locked.
		err = os.Chmod(path, 0o644) //nolint:gosec // it is empty
	}
	return made, got, err
}
