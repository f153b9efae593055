package tfstate

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

// maxAddress bounds, in bytes, what is repeated of an address.
const maxAddress = 300

// tokenLike is what a token's value looks like: somebody may have put one where a
// name belongs.
var tokenLike = regexp.MustCompile(`dbt[a-z]_[A-Za-z0-9_-]{32,}|[0-9a-fA-F]{40,}`)

// address names an instance as Terraform's own commands do.
func (r resource) address(i instance) string {
	var b strings.Builder
	if r.Module != "" {
		b.WriteString(r.Module + ".")
	}
	b.WriteString(r.Type + "." + r.Name)
	var key string
	var index int64
	switch {
	case len(i.IndexKey) == 0 || string(i.IndexKey) == "null":
	case json.Unmarshal(i.IndexKey, &key) == nil:
		b.WriteString("[" + strconv.Quote(key) + "]")
	case json.Unmarshal(i.IndexKey, &index) == nil:
		b.WriteString("[" + strconv.FormatInt(index, 10) + "]")
	default:
		b.WriteString("[?]")
	}
	if i.Deposed != "" {
		b.WriteString(" (deposed)")
	}
	return harmless(b.String())
}

// harmless makes an address fit for a message: printable, without values, and
// not too long.
func harmless(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, s)
	s = tokenLike.ReplaceAllString(s, "[redacted]")
	if len(s) > maxAddress {
		s = strings.ToValidUTF8(s[:maxAddress], "") + "…"
	}
	return s
}
