package secrets

import (
	"context"
	"errors"
	"fmt"
)

// Version names one state of the object that a reference lies in. It is opaque:
// only the store that gave it can read it. The zero Version means that the
// object does not exist yet, and a write that expects it creates the object.
//
// A version belongs to the object (Ref.Object), not to the field: a write to
// one field of an object changes the version that the next write to another
// field of it must expect.
type Version string

// Content is what a store holds at a reference.
type Content struct {
	Value   Value   // empty when the object or the field does not exist
	Version Version // what the next Write must expect
	Labels  Labels  // every entry of ours beside the object, for all fingerprints
}

// Write is one check-and-set.
type Write struct {
	Value  Value
	Expect Version // the version this write was decided on; never re-read it just before writing
	// Key names this write across retries and machines, for stores that
	// recognise a repeated request (the AWS ClientRequestToken). The same key
	// with the same value is the same write; it holds no secret.
	Key string
}

// Store is what a writable secret store offers. Implementations are safe for
// concurrent use, honour ctx, retry nothing but reads, and return errors that
// never contain a secret.
type Store interface {
	// Read returns what is there now. A missing object or field is no error:
	// the Value is empty. ErrDenied, ErrUnavailable and others mean that it could
	// not be seen.
	Read(ctx context.Context, ref Ref) (Content, error)
	// Write stores w.Value if the object still is at w.Expect, leaving every
	// other field, tag and setting as it is, and returns the new version.
	// ErrConflict: somebody else wrote first, nothing was changed. Any other
	// error may have been written: read to find out. The version it replaces
	// stays recoverable.
	Write(ctx context.Context, ref Ref, w Write) (Version, error)
	// Label merges set into the entries beside the object and removes those in
	// drop. Other entries, and other people's metadata, stay as they are. It
	// works before the first Write too, wherever the store can keep metadata
	// for an object that does not exist yet; a store that cannot keeps the
	// entries until the first Write and attaches them before the value.
	Label(ctx context.Context, ref Ref, set Labels, drop []Fingerprint) error
	// Recall returns the newest value, among those that ref held before its
	// present version, for which accept is true. Only the field that ref names is
	// looked at. The result is empty when no version that can be recovered has
	// such a value; versions that were deleted, or that hold no text in that
	// field, are passed over.
	Recall(ctx context.Context, ref Ref, accept func(Value) bool) (Value, error)
	// Check proves that ref can be read, written and labelled, as far as that
	// can be told without changing anything, that the store keeps the previous
	// version, and that there is room for SpareLabels.
	Check(ctx context.Context, ref Ref) error
}

// SpareLabels is how many entries more a rotation may need before it takes one
// away: the token's own, its replacement's, and one that says that it is about to
// end, or is undone. One that was begun without room for them could do neither.
const SpareLabels = 3

// Errors that a caller decides on. Stores wrap them with what was done to what.
var (
	// ErrConflict: the object is no longer at the expected version.
	ErrConflict = errors.New("somebody else changed the secret since it was read")
	// ErrNotWritable: the reference can be read but not written (env, file), or
	// the credential for the store lacks the capability.
	ErrNotWritable = errors.New("not writable")
	// ErrDenied: the store refused the credential that it was given.
	ErrDenied = errors.New("the store refused access")
	// ErrUnavailable: the store could not be reached, is sealed, or answered
	// with a server error. Trying again later may help.
	ErrUnavailable = errors.New("the store is not available")
	// ErrRefused: the secret is there but in a state that this program must not
	// write to (scheduled for deletion, rotated by the store itself, binary, …).
	ErrRefused = errors.New("refused")
	// ErrTooManyLabels: the store's limit of labels for one object is reached.
	ErrTooManyLabels = errors.New("no room for another label")
)

// Error is how every store reports a failure: what was done to which reference.
type Error struct {
	Op  string // "reading", "writing", "labelling", "recalling", "checking"
	Ref Ref
	Err error
}

// Error implements error as "doing what to what: cause".
func (e *Error) Error() string { return fmt.Sprintf("%s %s: %v", e.Op, e.Ref, e.Err) }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }
