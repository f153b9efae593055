package vaultkv

import (
	"errors"
	"strings"
	"unicode"

	"github.com/hashicorp/vault/api"
)

// statusOf returns the HTTP status of an error that Vault answered with, or 0.
func statusOf(err error) int {
	var answer *api.ResponseError
	if errors.As(err, &answer) {
		return answer.StatusCode
	}
	return 0
}

// raw is what Vault said, to be looked into and not to be shown.
func raw(err error) string {
	var answer *api.ResponseError
	if !errors.As(err, &answer) || answer.RawError {
		return ""
	}
	return strings.Join(answer.Errors, "; ")
}

// words is what Vault said, bounded and printable, with a colon before it; or
// nothing when it is no text of Vault's or repeats what was sent.
func words(err error, sent []string) string {
	said := raw(err)
	if said == "" {
		return ""
	}
	for _, secret := range sent {
		if secret != "" && strings.Contains(said, secret) {
			return ""
		}
	}
	return ": " + printable(said)
}

// sent returns every text within what a request carries as data.
func sent(body any) []string {
	var all []string
	switch body := body.(type) {
	case string:
		return []string{body}
	case map[string]any:
		for _, v := range body {
			all = append(all, sent(v)...)
		}
	case []any:
		for _, v := range body {
			all = append(all, sent(v)...)
		}
	}
	return all
}

// printable makes one bounded line of text from elsewhere.
func printable(text string) string {
	const longest = 300
	text = strings.Join(strings.FieldsFunc(text, func(c rune) bool { return !unicode.IsGraphic(c) || unicode.IsSpace(c) }), " ")
	if runes := []rune(text); len(runes) > longest {
		text = string(runes[:longest]) + "…"
	}
	return text
}
