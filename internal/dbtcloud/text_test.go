package dbtcloud

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"plain":                                    "plain",
		"two\nlines\r\n\tand a tab":                "two lines and a tab",
		"\x1b[31mred\x1b[0m":                       "[31mred[0m",
		"a\u202eb\u2066c\u200dd\u200be":            "abcde",
		"para\u2029graph":                          "para graph",
		"bad \xff byte":                            "bad � byte",
		"your token dbtc_abcdefgh12345 is unknown": "your token [redacted] is unknown",
		"0123456789abcdef0123456789abcdef01234567": "[redacted]",
		"dbtc_abc\u200bdefgh12345":                 "[redacted]",
	} {
		if got := clean(in); got != want {
			t.Errorf("clean(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzClean(f *testing.F) {
	for _, s := range []string{"", "plain", strings.Repeat("ä", 400), "\x1b]0;title\x07", "\u202edcba", strings.Repeat("\xff", 30000), "dbtu_12345678"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		got := clean(in)
		if len(got) > maxText || !utf8.ValidString(got) || tokenLike.MatchString(got) {
			t.Fatalf("clean(%q) = %q (%d bytes)", in, got, len(got))
		}
		if strings.ContainsFunc(got, func(r rune) bool { return !unicode.IsGraphic(r) }) {
			t.Fatalf("clean(%q) = %q has an invisible character", in, got)
		}
		if clean(got) != got {
			t.Fatalf("clean is not stable on %q: %q", got, clean(got))
		}
	})
}
