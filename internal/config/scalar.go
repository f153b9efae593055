package config

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"github.com/tokenwarden/tokenwarden/secrets"
)

// wantRef is said wherever a reference belongs and something else stands.
const wantRef = "expected a secret reference (env://NAME, file:///path, age:///path/store.age#KEY, vault://MOUNT/PATH#FIELD or awssm://NAME?region=R#FIELD), not a value"

// text reads a string that is not empty.
func (n node) text() string {
	s, _ := n.maybeText("text")
	return s
}

func (n node) maybeText(want string) (string, bool) {
	var s string
	switch v := n.ast.(type) {
	case nil:
		return "", false
	case *ast.StringNode:
		s = v.Value
	case *ast.LiteralNode:
		s = v.Value.Value
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		n.problem("expected %s, found %s: put it in quotes", want, kind(n.ast))
		return "", false
	default:
		n.problem("expected %s, found %s", want, kind(n.ast))
		return "", false
	}
	if s == "" {
		n.problem("is empty")
	}
	return s, s != ""
}

// texts reads a list of strings.
func (n node) texts() []string {
	var all []string
	for _, item := range n.list() {
		if s, ok := item.maybeText("text"); ok {
			all = append(all, s)
		}
	}
	return all
}

// whole reads an integer from 1 to high, written in decimal.
func (n node) whole(high int64) int64 {
	if n.absent() {
		return 0
	}
	v, ok := n.ast.(*ast.IntegerNode)
	if !ok {
		n.problem("expected a whole number without quotes, found %s", kind(n.ast))
		return 0
	}
	i, err := strconv.ParseInt(v.Token.Value, 10, 64)
	if err != nil || i < 1 || i > high {
		n.problem("expected a whole number from 1 to %d", high)
		return 0
	}
	return i
}

// duration reads a duration into d, which keeps its value when there is none.
func (n node) duration(d *time.Duration, low time.Duration) {
	if n.absent() {
		return
	}
	var text string
	if v, ok := n.ast.(*ast.IntegerNode); ok {
		text = v.Token.Value // 0 needs no unit
	} else if text, ok = n.maybeText("a duration such as 24h or 90d"); !ok {
		return
	}
	parsed, err := ParseDuration(text)
	switch {
	case err != nil:
		n.problem("%v", err)
	case parsed < low:
		n.problem("must be longer than 0")
	default:
		*d = parsed
	}
}

// oneOf reads one of the words.
func (n node) oneOf(words ...string) string {
	s, ok := n.maybeText("one of " + strings.Join(words, ", "))
	if !ok {
		return ""
	}
	if slices.Contains(words, s) {
		return s
	}
	if len(words) == 1 {
		n.problem("only %q may stand here", words[0])
		return ""
	}
	n.problem("expected one of %s", strings.Join(words, ", "))
	return ""
}

// ref reads a secret reference.
func (n node) ref() (secrets.Ref, bool) {
	s, ok := n.maybeText("a secret reference")
	if !ok {
		return secrets.Ref{}, false
	}
	r, err := secrets.ParseRef(s)
	switch {
	case errors.Is(err, secrets.ErrNotARef):
		n.problem("%s", wantRef)
	case err != nil:
		n.problem("%v", err)
	}
	return r, err == nil
}
