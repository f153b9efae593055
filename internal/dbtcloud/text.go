package dbtcloud

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxText bounds, in bytes, what one error repeats of a text from outside.
const maxText = 300

// tokenLike is what token strings look like: new ones (recorded), and any long
// run of their characters, for the older ones are 40 of them without a prefix
// (assumed). A service that quotes a token must not get it into our log; the
// price is a hash or a UUID here and there.
var tokenLike = regexp.MustCompile(`dbt[a-z]_[A-Za-z0-9_-]{8,}|[A-Za-z0-9_-]{32,}`)

// clean makes a text from outside fit for an error or a log: one line without
// control, bidirectional or other invisible characters, with everything that
// looks like a token taken out, and at most maxText bytes long.
func clean(s string) string {
	s = strings.ToValidUTF8(s[:min(len(s), 64*maxText)], "�")
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsGraphic(r):
			return r
		case unicode.IsSpace(r):
			return ' '
		}
		return -1
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	return truncate(tokenLike.ReplaceAllString(s, "[redacted]"), maxText)
}

// truncate cuts s to at most limit bytes, between runes, and shows that it did.
func truncate(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	const mark = "…"
	end := limit - len(mark)
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + mark
}
