package notify

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/gofrs/flock"
	"github.com/google/renameio/v2"
)

// FileState keeps the state in a file of one machine. The version is a hash of
// the content, and a lock beside the file (PATH.lock) makes looking and
// replacing one step. The folder must exist. What is there and is no state is
// kept as PATH.broken: it may be somebody's file, named by mistake.
type FileState struct{ Path string }

// lockPoll is how often a lock that somebody else holds is tried again. Nobody
// holds it for longer than writing a file takes.
const lockPoll = 20 * time.Millisecond

// Load implements StateStore.
func (f FileState) Load(context.Context) (State, string, error) {
	b, err := f.read()
	if err != nil {
		return State{}, "", err
	}
	s, err := Decode(b)
	if err != nil {
		err = fmt.Errorf("reading %s: %w", f.Path, err)
	}
	return s, version(b), err
}

// Save implements StateStore.
func (f FileState) Save(ctx context.Context, s State, expect string) (string, error) {
	b, err := Encode(s, maxState)
	if err != nil {
		return "", fmt.Errorf("writing %s: %w", f.Path, err)
	}
	lock := flock.New(f.Path + ".lock")
	if _, err := lock.TryLockContext(ctx, lockPoll); err != nil {
		return "", fmt.Errorf("locking %s: %w", f.Path, err)
	}
	defer func() { _ = lock.Close() }()
	now, err := f.read()
	if err != nil {
		return "", err
	}
	if version(now) != expect {
		return "", fmt.Errorf("writing %s: %w", f.Path, ErrConflict)
	}
	if _, err := Decode(now); errors.Is(err, ErrBrokenState) {
		if err := os.Rename(f.Path, f.Path+".broken"); err != nil {
			return "", fmt.Errorf("keeping what is in %s and is no alert state: %w", f.Path, err)
		}
	}
	if err := renameio.WriteFile(f.Path, b, 0o600, renameio.WithStaticPermissions(0o600)); err != nil {
		return "", fmt.Errorf("writing %s: %w", f.Path, err)
	}
	return version(b), nil
}

// read returns the content; nothing when there is no file.
func (f FileState) read() ([]byte, error) {
	file, err := os.Open(f.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the alert state: %w", err)
	}
	defer func() { _ = file.Close() }()
	b, err := io.ReadAll(io.LimitReader(file, maxState))
	if err != nil {
		return nil, fmt.Errorf("reading the alert state: %w", err)
	}
	return b, nil
}

func version(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
