// Package inflight knows the name that a replacement carries while its rotation
// is under way: "<name> [replaces <old id> <nonce>]". An administrator who looks
// at dbt Cloud can tell from it what is going on, and so can the next run. The
// audit and the rotation both go by it, so there is one reading of it.
package inflight

import (
	"fmt"
	"io"
	"regexp"
	"strconv"
)

// suffix ends the name of a replacement. The nonce is missing when a person, or
// another tool, wrote it; the space before it, when the service trimmed a name
// that consists of the suffix alone.
var suffix = regexp.MustCompile(`(?s)^(.*?) ?\[replaces ([1-9][0-9]{0,18})(?: ([A-Za-z0-9]{4}))?\]$`)

// Split takes the suffix off a token's name, and returns the id of the token that
// it replaces. The suffix alone decides, because people rename tokens. A name
// without one is returned as it is, with ok false.
func Split(name string) (plain string, replaces int64, ok bool) {
	m := suffix.FindStringSubmatch(name)
	if m == nil {
		return name, 0, false
	}
	id, err := strconv.ParseInt(m[2], 10, 64)
	if err != nil {
		return name, 0, false
	}
	return m[1], id, true
}

// Nonce returns the nonce in a replacement's name, or "".
func Nonce(name string) string {
	if m := suffix.FindStringSubmatch(name); m != nil {
		return m[3]
	}
	return ""
}

// Name is what a replacement is called. A suffix that the old token's name still
// has from its own rotation is taken off.
func Name(oldName string, oldID int64, nonce string) string {
	plain, _, _ := Split(oldName)
	return fmt.Sprintf("%s [replaces %d %s]", plain, oldID, nonce)
}

// NewNonce draws the four characters by which a run knows its own tokens after a
// lost reply.
func NewNonce(rand io.Reader) (string, error) {
	const alphabet = "abcdefghijklmnopqrstuvwxyz234567" // 32 of them: no bias
	var b [4]byte
	if _, err := io.ReadFull(rand, b[:]); err != nil {
		return "", fmt.Errorf("drawing a nonce: %w", err)
	}
	for i := range b {
		b[i] = alphabet[b[i]%32]
	}
	return string(b[:]), nil
}
