package audit

import (
	"regexp"
	"strconv"
)

// inFlight is how a replacement is named while its rotation is under way:
// "<name> [replaces <old id> <nonce>]", where the nonce, four letters or digits,
// may be missing.
var inFlight = regexp.MustCompile(`^(?s:(.*)) \[replaces ([0-9]{1,19})(?: [A-Za-z0-9]{4})?\]$`)

// ParseInFlight splits the name of a token that is in flight into the name it
// will have and the id of the token it replaces. ok is false for any other name,
// which is returned as it is.
func ParseInFlight(name string) (plain string, replaces int64, ok bool) {
	m := inFlight.FindStringSubmatch(name)
	if m == nil {
		return name, 0, false
	}
	id, err := strconv.ParseInt(m[2], 10, 64)
	if err != nil || id <= 0 {
		return name, 0, false
	}
	return m[1], id, true
}
