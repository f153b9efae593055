package agefile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"filippo.io/age"
	"github.com/gofrs/flock"
	"github.com/google/renameio/v2"

	"github.com/tokenwarden/tokenwarden/secrets"
)

// lockRetry is how often a held lock is tried again. A write takes a few
// milliseconds.
const lockRetry = 5 * time.Millisecond

// resolve follows symbolic links, so that all names of a file share its lock and
// a link is not replaced by a file. The file need not exist; its folder must.
func resolve(path string) (string, error) {
	dir, err := filepath.EvalSymlinks(filepath.Dir(path))
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("%w: there is no folder %s: mount it, or make it with mkdir -m 700", secrets.ErrUnavailable, filepath.Dir(path))
	}
	if err != nil {
		return "", cause(err, secrets.ErrDenied)
	}
	file := filepath.Join(dir, filepath.Base(path))
	target, err := filepath.EvalSymlinks(file)
	if errors.Is(err, fs.ErrNotExist) {
		if info, err := os.Lstat(file); err == nil && info.Mode()&fs.ModeSymlink != 0 { // or it has been made this moment
			return "", fmt.Errorf("%w: %s is a symbolic link to nothing", secrets.ErrUnavailable, file)
		}
		return file, nil
	}
	if err != nil {
		return "", cause(err, secrets.ErrDenied)
	}
	if info, err := os.Stat(target); err != nil {
		return "", cause(err, secrets.ErrDenied)
	} else if !info.Mode().IsRegular() {
		return "", fmt.Errorf("%w: %s is not a regular file", secrets.ErrRefused, target)
	}
	return target, nil
}

// lock waits for its turn among the callers of this process, and then for the
// advisory lock of file among processes. The lock file stays: removing it would
// let two processes hold two different ones.
func lock(ctx context.Context, file string, turn chan struct{}) (unlock func(), err error) {
	l := flock.New(file + ".lock")
	gaveUp := func() error {
		return fmt.Errorf("%w: gave up waiting for %s, which somebody else holds: %w", secrets.ErrUnavailable, l.Path(), ctx.Err())
	}
	select {
	case turn <- struct{}{}:
	case <-ctx.Done():
		return nil, gaveUp()
	}
	if _, err := l.TryLockContext(ctx, lockRetry); err != nil {
		<-turn
		if ctx.Err() != nil {
			return nil, gaveUp()
		}
		return nil, cause(err, secrets.ErrNotWritable)
	}
	return func() {
		_ = l.Close()
		<-turn
	}, nil
}

// load reads file; one that does not exist is an empty document.
func load(file string, id *identity) (*document, error) {
	f, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return &document{Format: format, Keys: map[string]*record{}}, nil
	}
	if err != nil {
		return nil, cause(err, secrets.ErrDenied)
	}
	defer f.Close()
	sealed, err := io.ReadAll(f)
	if err != nil {
		return nil, cause(err, secrets.ErrDenied)
	}
	plaintext, err := decrypt(sealed, id)
	if _, other := errors.AsType[*age.NoIdentityMatchError](err); other {
		return nil, fmt.Errorf("%w: %s was encrypted to another identity than the one in %s", secrets.ErrDenied, file, id.file)
	}
	if err != nil { // not told: age quotes the first line, which in a file named by mistake may be a secret
		err = errors.New("it is cut short, damaged, or no age file")
	}
	var doc *document
	if err == nil {
		doc, err = decode(plaintext)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %s was left as it is: %w; restore it from a backup, or move it away to start a new one", secrets.ErrRefused, file, err)
	}
	return doc, nil
}

func decrypt(sealed []byte, id *identity) ([]byte, error) {
	r, err := age.Decrypt(bytes.NewReader(sealed), id.all...)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

// save replaces file by doc, encrypted, with mode 0600. An error from the point
// on where the new file takes its place leaves open which one is there.
func save(file string, doc *document, id *identity, replacing func()) error {
	plaintext, err := doc.encode()
	if err != nil {
		return err
	}
	var sealed bytes.Buffer
	w, err := age.Encrypt(&sealed, id.recipient)
	if err != nil {
		return err
	}
	if _, err := w.Write(plaintext); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	pending, err := newFile(file)
	if err != nil {
		return cause(err, secrets.ErrNotWritable)
	}
	defer func() { _ = pending.Cleanup() }() // nothing is left to remove after a replace
	if _, err := pending.Write(sealed.Bytes()); err != nil {
		return cause(err, secrets.ErrNotWritable)
	}
	replacing()
	if err := pending.CloseAtomicallyReplace(); err != nil { // syncs the file first
		return cause(err, secrets.ErrNotWritable)
	}
	return cause(syncFolder(filepath.Dir(file)), secrets.ErrUnavailable)
}

// newFile makes the file that is going to replace file, in the same folder.
func newFile(file string) (*renameio.PendingFile, error) {
	return renameio.NewPendingFile(file, renameio.WithTempDir(filepath.Dir(file)), renameio.WithStaticPermissions(0o600))
}

// syncFolder makes a rename last: the entry is in the folder, not in the file.
func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	// Some network file systems cannot sync a folder, and say so.
	if err := d.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, syscall.ENOTSUP) {
		return err
	}
	return nil
}

// writable reports why the file at path could not be replaced.
func writable(path string) error {
	file, err := resolve(path)
	if err != nil {
		return err
	}
	pending, err := newFile(file)
	if err != nil {
		return cause(err, secrets.ErrNotWritable)
	}
	if err := pending.Cleanup(); err != nil {
		return cause(err, secrets.ErrNotWritable)
	}
	l, err := os.Open(file + ".lock") // an earlier run by another user may own it
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return cause(err, secrets.ErrNotWritable)
	}
	return l.Close()
}

// cause gives an error of the file system the meaning that callers decide on:
// denied for a lack of rights, else the store is not available.
func cause(err, denied error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS):
		return fmt.Errorf("%w: %w", denied, err)
	}
	return fmt.Errorf("%w: %w", secrets.ErrUnavailable, err)
}
