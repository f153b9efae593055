package report

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// visible makes text from outside safe for one line of a terminal or a file:
// whatever is not a printable character (line breaks, ANSI sequences,
// bidirectional and other invisible controls, broken UTF-8) is written as an
// escape. A character may carry three combining marks: more only serve to paint
// over the lines around it.
func visible(s string) string {
	clean, marks := true, 0
	for _, r := range s {
		marks = countMarks(r, marks)
		clean = clean && harmless(r) && marks <= maxMarks
	}
	if clean && utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	marks = 0
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		marks = countMarks(r, marks)
		switch {
		case r == utf8.RuneError && size == 1:
			b.WriteString(`\x` + strconv.FormatUint(uint64(s[0]), 16))
		case !harmless(r):
			quoted := strconv.QuoteRuneToASCII(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		case marks <= maxMarks:
			b.WriteRune(r)
		}
		s = s[size:]
	}
	return b.String()
}

const maxMarks = 3

// maxName is how much of a name is shown to people. The formats for programs
// have all of it.
const maxName = 100

// brief cuts a name that would fill the page by itself.
func brief(name string) string {
	if utf8.RuneCountInString(name) <= maxName {
		return name
	}
	return string([]rune(name)[:maxName]) + "…"
}

// isCommand tells a remedy that can be run from one that says what to do.
func isCommand(remedy string) bool { return strings.HasPrefix(remedy, "tokenwarden ") }

func countMarks(r rune, before int) int {
	if unicode.Is(unicode.M, r) {
		return before + 1
	}
	return 0
}

// harmless is true for what unicode prints; of spaces, only the plain one.
// Letters that show as nothing pass for printable and are not.
func harmless(r rune) bool {
	switch r {
	case '\u115f', '\u1160', '\u3164', '\uffa0', '\u2800': // Hangul fillers, the empty Braille cell
		return false
	}
	return unicode.IsPrint(r)
}
