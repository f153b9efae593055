// Package secrets holds the types that secret stores speak: a reference to
// where a secret lives (Ref), the secret itself (Value), what is known about
// whose it is (Label), and what a store answered (Content).
//
// The package depends on nothing else of ours. Each store is a package below
// it and imports this one; nothing here imports a store.
package secrets

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"log/slog"
	"strconv"
)

// redacted stands wherever a Value would otherwise be printed.
const redacted = "[redacted]"

// Value is a secret. It is the only type in this program that carries one, and
// it prints as "[redacted]" through fmt, log/slog, encoding/json and every
// other encoder that honours encoding.TextMarshaler.
//
// The string is kept behind a pointer on purpose: fmt cannot call methods on a
// Value in an unexported field of some other struct, and would print a plain
// string there. A pointer prints as an address.
type Value struct{ p *string }

// NewValue wraps s. NewValue("") is the zero Value.
func NewValue(s string) Value {
	if s == "" {
		return Value{}
	}
	return Value{p: &s}
}

// Reveal returns the secret in the clear. Call it only where the secret leaves
// the process for the place it belongs to: an Authorization header or a store.
func (v Value) Reveal() string {
	if v.p == nil {
		return ""
	}
	return *v.p
}

// Empty reports whether there is no secret.
func (v Value) Empty() bool { return v.p == nil }

// Equal compares two secrets in constant time for equal lengths.
func (v Value) Equal(w Value) bool {
	return subtle.ConstantTimeCompare([]byte(v.Reveal()), []byte(w.Reveal())) == 1
}

// Format implements fmt.Formatter, so that no verb and no flag prints the secret.
func (v Value) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// String implements fmt.Stringer.
func (v Value) String() string { return redacted }

// MarshalText implements encoding.TextMarshaler (JSON and YAML use it too).
func (v Value) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue implements slog.LogValuer.
func (v Value) LogValue() slog.Value { return slog.StringValue(redacted) }

// Fingerprint names a value without revealing it: the first 16 hex digits of
// SHA-256 over the account id and the value. 64 bits of a hash over a random
// 50 character token cannot be turned back into the token.
type Fingerprint string

// Fingerprint returns the name of v within the account. An empty value has none.
func (v Value) Fingerprint(account int64) Fingerprint {
	if v.Empty() {
		return ""
	}
	sum := sha256.Sum256([]byte(strconv.FormatInt(account, 10) + "\n" + v.Reveal()))
	return Fingerprint(hex.EncodeToString(sum[:8]))
}
