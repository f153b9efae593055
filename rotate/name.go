package rotate

import (
	"fmt"
	"io"
	"regexp"
	"strconv"
)

// inFlight is the end of a replacement's name until the old token is gone. The
// nonce is missing when a person, or another tool, wrote the suffix.
var inFlight = regexp.MustCompile(`^(.*?) ?\[replaces ([1-9][0-9]{0,18})(?: ([A-Za-z0-9]{4}))?\]$`)

// SplitName takes the suffix of a rotation in flight off a token's name: the
// suffix alone decides, because people rename tokens.
func SplitName(name string) (base string, replaces int64, ok bool) {
	m := inFlight.FindStringSubmatch(name)
	if m == nil {
		return name, 0, false
	}
	id, err := strconv.ParseInt(m[2], 10, 64)
	if err != nil {
		return name, 0, false
	}
	return m[1], id, true
}

// nonceOf returns the nonce in a replacement's name, or "".
func nonceOf(name string) string {
	if m := inFlight.FindStringSubmatch(name); m != nil {
		return m[3]
	}
	return ""
}

// replacementName is the name that a replacement carries while in flight. A
// suffix that the old name still has from its own rotation is taken off.
func replacementName(oldName string, oldID int64, nonce string) string {
	base, _, _ := SplitName(oldName)
	return fmt.Sprintf("%s [replaces %d %s]", base, oldID, nonce)
}

// newNonce draws the four characters by which a run knows its own replacement
// after a lost reply.
func newNonce(rand io.Reader) (string, error) {
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
