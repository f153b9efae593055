package secrets

import (
	"errors"
	"strings"
)

// ErrUnset: the environment variable that a reference names is not set, or is
// set to nothing. It is a configuration error: nothing was attempted yet.
var ErrUnset = errors.New("the environment variable is not set, or empty")

// ReadEnv returns the secret that an env:// reference names. lookup is
// os.LookupEnv or a stand-in. White space around the value is dropped: no token
// has any, and an accidental newline would break the header it is sent in.
//
// Errors: ErrUnset, whose message names the variable through the reference.
func ReadEnv(ref Ref, lookup func(string) (string, bool)) (Value, error) {
	if ref.Scheme != Env {
		return Value{}, &Error{Op: "reading", Ref: ref, Err: errors.New("not an env:// reference")}
	}
	s, _ := lookup(ref.Path)
	if s = strings.TrimSpace(s); s == "" {
		return Value{}, &Error{Op: "reading", Ref: ref, Err: ErrUnset}
	}
	return NewValue(s), nil
}
