package report

import (
	"strings"
	"unicode"
)

// cell makes text from outside harmless in a spreadsheet: one that would be read
// as a formula gets an apostrophe in front, which spreadsheets take for "this is
// text". Leading blanks and full-width forms of the signs count too, as programs
// strip the one and translate the other.
func cell(s string) string {
	s = visible(s)
	start := strings.TrimLeftFunc(s, func(r rune) bool { return unicode.IsSpace(r) || r == '"' })
	for _, sign := range []string{"=", "+", "-", "@", "|", "%", "＝", "＋", "－", "＠"} {
		if strings.HasPrefix(start, sign) {
			return "'" + s
		}
	}
	return s
}
