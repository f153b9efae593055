package agefile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"filippo.io/age"

	"github.com/tokenwarden/tokenwarden/secrets"
)

// IdentityVariable names the environment variable that holds the path of the
// identity file.
const IdentityVariable = "TOKENWARDEN_AGE_IDENTITY"

// ErrNoIdentity: the identity file does not exist. Only `tokenwarden age init`
// and `tokenwarden demo` make one: an identity made on the way, on a machine
// where one was merely not mounted, would hide that the old files are lost.
var ErrNoIdentity = errors.New("there is no age identity: run `tokenwarden age init`, or name it by --age-identity or $" + IdentityVariable)

// identity is what decrypts the files, and the recipient they are encrypted to.
type identity struct {
	file      string
	all       []age.Identity
	recipient age.Recipient // of the first
}

// DefaultIdentityFile returns $TOKENWARDEN_AGE_IDENTITY, or else
// tokenwarden/age-identity.txt in the user's config folder, which is
// $XDG_CONFIG_HOME if that is an absolute path and $HOME/.config otherwise (the
// XDG base directory specification tells to ignore relative ones). getenv is
// os.Getenv or a stand-in. The file need not exist.
func DefaultIdentityFile(getenv func(string) string) (string, error) {
	if path := getenv(IdentityVariable); path != "" {
		return path, nil
	}
	dir := getenv("XDG_CONFIG_HOME")
	if !filepath.IsAbs(dir) {
		home := getenv("HOME")
		if !filepath.IsAbs(home) {
			return "", errors.New("finding the age identity: neither " + IdentityVariable + " nor HOME is set")
		}
		dir = filepath.Join(home, ".config")
	}
	return filepath.Join(dir, "tokenwarden", "age-identity.txt"), nil
}

// Init makes a new X25519 identity in a file at path, with mode 0600, and
// returns its recipient, which is no secret. The folder is made too, with mode
// 0700. A file that exists is never touched: the error wraps fs.ErrExist.
func Init(path string) (recipient string, err error) {
	id, err := age.GenerateX25519Identity()
	if err != nil {
		return "", fmt.Errorf("making an age identity: %w", err)
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("making the folder of the age identity: %w", err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return "", fmt.Errorf("making an age identity: %s is there already and was left as it is: %w", path, fs.ErrExist)
	}
	if err != nil {
		return "", fmt.Errorf("making an age identity: %w", err)
	}
	// The format of age-keygen.
	_, err = fmt.Fprintf(f, "# public key: %s\n%s\n", id.Recipient(), id)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = syncFolder(dir)
	}
	if err != nil {
		return "", errors.Join(fmt.Errorf("writing the age identity: %w", err), os.Remove(path))
	}
	return id.Recipient().String(), nil
}

// loadIdentity reads an identity file in the format of age-keygen. All that
// stand in it decrypt; the first one's recipient is encrypted to, so that
// putting a new one on top replaces the key with the next write.
func loadIdentity(path string) (*identity, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) || path == "" {
		return nil, fmt.Errorf("%w (%s)", ErrNoIdentity, path)
	}
	if err != nil {
		return nil, cause(err, secrets.ErrDenied)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, cause(err, secrets.ErrDenied)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%w: the age identity %s is not a regular file", secrets.ErrRefused, path)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return nil, fmt.Errorf("%w: the age identity %s has mode %04o and is open to others: chmod 600 %s", secrets.ErrRefused, path, mode, path)
	}
	all, err := age.ParseIdentities(f)
	if err != nil { // not told: it may quote a part of the key
		return nil, fmt.Errorf("%w: %s holds no age identity that can be read: expected a line AGE-SECRET-KEY-1…, as `tokenwarden age init` and age-keygen write it", secrets.ErrRefused, path)
	}
	id := &identity{file: path, all: all}
	switch first := all[0].(type) {
	case *age.X25519Identity:
		id.recipient = first.Recipient()
	case *age.HybridIdentity:
		id.recipient = first.Recipient()
	default:
		return nil, fmt.Errorf("%w: the first age identity in %s is of a kind that cannot be encrypted to", secrets.ErrRefused, path)
	}
	return id, nil
}
