package config

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Problem is one thing that is wrong. It never holds a value from the file,
// which may be a secret in the wrong place; only names of tokens and accounts,
// and references that parse, are repeated.
type Problem struct {
	Line  int    // 0: the problem has no line
	Where string // for example accounts[0].token; may be empty
	What  string
}

// Error is everything that is wrong with a configuration, in the order of the
// lines. Nothing of it may be used.
type Error struct {
	Path     string // of the file; empty: the environment
	Problems []Problem
}

// Error has a line "path:line: where: what" for each problem.
func (e *Error) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		place := e.Path
		if p.Line > 0 {
			place += ":" + strconv.Itoa(p.Line)
		}
		parts := slices.DeleteFunc([]string{place, p.Where, p.What}, func(s string) bool { return s == "" })
		lines[i] = strings.Join(parts, ": ")
	}
	return strings.Join(lines, "\n")
}

// problems collects what is wrong while reading goes on.
type problems struct{ list []Problem }

func (p *problems) add(line int, where, format string, args ...any) {
	p.list = append(p.list, Problem{Line: line, Where: where, What: fmt.Sprintf(format, args...)})
}

// err returns an *Error, or nil when there is nothing to report.
func (p *problems) err(path string) error {
	if len(p.list) == 0 {
		return nil
	}
	slices.SortStableFunc(p.list, func(a, b Problem) int { return cmp.Compare(a.Line, b.Line) })
	return &Error{Path: path, Problems: p.list}
}

// tokenValue matches the value of a dbt token of the present form: a prefix and
// 50 characters (recorded). Some slack for a value that was cut while copying.
var tokenValue = regexp.MustCompile(`dbt[cu]_[A-Za-z0-9_-]{40}`)

// quote shows a name in an error: control characters escaped, cut to 80
// characters, and not at all when somebody named a token after its value.
func quote(name string) string {
	if tokenValue.MatchString(name) {
		return "[a name that looks like a token's value]"
	}
	if runes := []rune(name); len(runes) > 80 {
		name = string(runes[:80]) + "…"
	}
	return strconv.Quote(name)
}
