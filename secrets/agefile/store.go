// Package agefile keeps secrets in age-encrypted files on one machine: the
// embedded default store, which needs no server.
//
// A file holds any number of keys, each with its value, its version, its labels
// and the last values before it (see content.go). A write replaces the file
// atomically, under an advisory lock beside it (PATH.lock), so that processes
// of one machine may share it, and a crash at any instant leaves the old
// content or the new, whole. There is no such promise across machines: not
// every network file system keeps advisory locks.
package agefile

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/tokenwarden/tokenwarden/secrets"
)

// MaxValueSize is the largest value that is stored, in bytes, as in AWS Secrets
// Manager.
const MaxValueSize = 64 << 10

// Config says how to open age stores.
type Config struct {
	// IdentityFile is the path of the age identity that decrypts the files, and
	// to whose recipient they are encrypted: see DefaultIdentityFile and Init.
	IdentityFile string
	Now          func() time.Time // nil: time.Now
	Rand         io.Reader        // for versions; nil: crypto/rand
}

// Store is a secrets.Store for age:// references. It serves any number of
// files and holds none of them open; the identity is read for each call.
type Store struct {
	config Config
	// turns has a channel of one element for each file, which is a queue for the
	// callers of this process: else all of them would poll the lock file.
	turns sync.Map
	// replacing is called when a new file is complete on the disk and has not yet
	// taken its place: where tests crash.
	replacing func()
}

// Open returns the store. Nothing is read yet; Check tells whether a reference
// can be used.
func Open(c Config) *Store {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Rand == nil {
		c.Rand = rand.Reader
	}
	return &Store{config: c, replacing: func() {}}
}

// Read implements secrets.Store. A file or a key that does not exist is empty;
// a missing folder is an error, since it more likely was not mounted.
// ErrNoIdentity, ErrDenied (the identity is another one), ErrRefused (the file
// is damaged, or the identity open to others).
func (s *Store) Read(ctx context.Context, ref secrets.Ref) (secrets.Content, error) {
	var c secrets.Content
	err := s.view(ctx, ref, func(r *record) {
		c = secrets.Content{Value: r.Value.Value, Version: r.version(), Labels: r.labels()}
	})
	return c, wrap("reading", ref, err)
}

// Write implements secrets.Store. It waits for the lock as long as ctx allows.
// Write.Key is not needed: a repeated write is a conflict.
func (s *Store) Write(ctx context.Context, ref secrets.Ref, w secrets.Write) (secrets.Version, error) {
	switch v := w.Value.Reveal(); {
	case v == "":
		return "", wrap("writing", ref, fmt.Errorf("%w: the value is empty", secrets.ErrRefused))
	case len(v) > MaxValueSize:
		return "", wrap("writing", ref, fmt.Errorf("%w: the value has %d bytes, more than %d", secrets.ErrRefused, len(v), MaxValueSize))
	case !utf8.ValidString(v):
		return "", wrap("writing", ref, fmt.Errorf("%w: the value is not text in UTF-8", secrets.ErrRefused))
	}
	var version secrets.Version
	err := s.update(ctx, ref, func(r *record) (changed bool, err error) {
		if r.version() != w.Expect {
			return false, secrets.ErrConflict
		}
		if err := r.put(w.Value, s.config.Now(), s.config.Rand); err != nil {
			return false, err
		}
		version = r.version()
		return true, nil
	})
	if err != nil {
		return "", wrap("writing", ref, err)
	}
	return version, nil
}

// Label implements secrets.Store. An entry that is in both set and drop is set.
func (s *Store) Label(ctx context.Context, ref secrets.Ref, set secrets.Labels, drop []secrets.Fingerprint) error {
	return wrap("labelling", ref, s.update(ctx, ref, func(r *record) (changed bool, err error) {
		before := maps.Clone(r.Metadata)
		r.label(set, drop)
		return !maps.Equal(before, r.Metadata), nil
	}))
}

// Check implements secrets.Store. To see whether the folder can be written, it
// makes a temporary file there and removes it at once.
func (s *Store) Check(ctx context.Context, ref secrets.Ref) error {
	err := s.view(ctx, ref, func(*record) {})
	if err == nil {
		err = writable(ref.Path)
	}
	return wrap("checking", ref, err)
}

// Recall implements secrets.Store: ten values before the present one are kept.
func (s *Store) Recall(ctx context.Context, ref secrets.Ref, accept func(secrets.Value) bool) (found secrets.Value, err error) {
	err = s.view(ctx, ref, func(r *record) {
		for _, p := range r.Previous {
			if accept(p.Value.Value) {
				found = p.Value.Value
				return
			}
		}
	})
	return found, wrap("recalling", ref, err)
}

// view reads the record of ref. It takes no lock: a file is replaced as a whole.
func (s *Store) view(ctx context.Context, ref secrets.Ref, look func(*record)) error {
	identity, file, err := s.begin(ctx, ref)
	if err != nil {
		return err
	}
	doc, err := load(file, identity)
	if err != nil {
		return err
	}
	look(doc.record(ref.Field))
	return nil
}

// update changes the record of ref under the lock, and replaces the file if
// change says so. An error of change leaves all as it is.
func (s *Store) update(ctx context.Context, ref secrets.Ref, change func(*record) (bool, error)) error {
	identity, file, err := s.begin(ctx, ref)
	if err != nil {
		return err
	}
	turn, _ := s.turns.LoadOrStore(file, make(chan struct{}, 1))
	unlock, err := lock(ctx, file, turn.(chan struct{}))
	if err != nil {
		return err
	}
	defer unlock()
	doc, err := load(file, identity)
	if err != nil {
		return err
	}
	changed, err := change(doc.record(ref.Field))
	if err != nil || !changed {
		return err
	}
	if err := ctx.Err(); err != nil { // the last moment to turn back
		return err
	}
	return save(file, doc, identity, s.replacing)
}

// begin does what comes before any look at the file.
func (s *Store) begin(ctx context.Context, ref secrets.Ref) (*identity, string, error) {
	if err := ctx.Err(); err != nil {
		return nil, "", err
	}
	if ref.Scheme != secrets.Age {
		return nil, "", fmt.Errorf("%w: not an age:// reference", secrets.ErrNotWritable)
	}
	if !filepath.IsAbs(ref.Path) {
		return nil, "", fmt.Errorf("%w: the path is relative, and to what is not known here", secrets.ErrRefused)
	}
	if ref.Field == "" || !utf8.ValidString(ref.Field) {
		return nil, "", fmt.Errorf("%w: the reference names no key: age:///path/store.age#KEY", secrets.ErrRefused)
	}
	identity, err := loadIdentity(s.config.IdentityFile)
	if err != nil {
		return nil, "", err
	}
	file, err := resolve(ref.Path)
	return identity, file, err
}

func wrap(op string, ref secrets.Ref, err error) error {
	if err == nil {
		return nil
	}
	return &secrets.Error{Op: op, Ref: ref, Err: err}
}

var _ secrets.Store = (*Store)(nil)
