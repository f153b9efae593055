package canary

import (
	"fmt"
	"regexp"
	"strings"
)

// pattern is what a canary of any run is called. The brackets are those of a
// rotation's suffix; what follows them only makes it longer.
var pattern = regexp.MustCompile(`^tokenwarden canary \[([a-z2-7]{4})\](x*|y*)$`)

// nonceOf returns the nonce in a canary's name, "" when it is no canary's.
func nonceOf(name string) string {
	if m := pattern.FindStringSubmatch(name); m != nil {
		return m[1]
	}
	return ""
}

// nameOf is the name of a run's canary.
func nameOf(nonce string) string { return fmt.Sprintf("tokenwarden canary [%s]", nonce) }

// longer makes a name as long as that. Two fillers, in turn, keep a name that was
// cut from looking like the one before.
func longer(name string, length int, turn int) string {
	return name + strings.Repeat([]string{"x", "y"}[turn%2], length-len(name))
}
