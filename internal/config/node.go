package config

import (
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/xrash/smetrics"
)

// node is a place in the file. Reading from one that is absent gives the zero
// value and no problem, so that optional keys need no branch; whatever is wrong
// is added to found, and reading goes on.
type node struct {
	ast   ast.Node // nil: absent
	line  int
	where string
	found *problems
}

func (n node) absent() bool { return n.ast == nil }

func (n node) problem(format string, args ...any) { n.found.add(n.line, n.where, format, args...) }

// child returns the place below n; null is the same as absent.
func (n node) child(value ast.Node, line int, where string) node {
	c := node{ast: value, line: line, where: where, found: n.found}
	if value == nil || value.Type() == ast.NullType {
		c.ast = nil
	}
	return c
}

// pair is a key and its value.
type pair struct {
	key  string
	line int
	node
}

// pairs returns what stands in a mapping, in the order of the file. A key that
// comes twice is a problem.
func (n node) pairs() []pair {
	if n.absent() {
		return nil
	}
	var values []*ast.MappingValueNode
	switch m := n.ast.(type) {
	case *ast.MappingNode:
		values = m.Values
	case *ast.MappingValueNode: // a single pair within [ ]
		values = append(values, m)
	default:
		n.problem("expected key: value pairs, found %s", kind(n.ast))
		return nil
	}
	lines := map[string]int{}
	var all []pair
	for _, v := range values {
		line := v.Key.GetToken().Position.Line
		key, ok := v.Key.(*ast.StringNode)
		if !ok {
			n.found.add(line, n.where, "a key must be text: put it in quotes")
			continue
		}
		where := join(n.where, showKey(key.Value))
		if first, twice := lines[key.Value]; twice {
			n.found.add(line, where, "duplicate key (first on line %d)", first)
			continue
		}
		lines[key.Value] = line
		all = append(all, pair{key: key.Value, line: line, node: n.child(v.Value, line, where)})
	}
	return all
}

// fields are the keys of a mapping whose keys are known.
type fields struct {
	of node
	at map[string]node
	// broken: something else stands there, which is said once and not again for
	// each key that is missing from it.
	broken bool
}

// fields reads a mapping that may have the known keys and no others.
func (n node) fields(known ...string) fields {
	f := fields{of: n, at: map[string]node{}, broken: !n.absent() && !isMapping(n.ast)}
	for _, p := range n.pairs() {
		if !slices.Contains(known, p.key) {
			p.problem("unknown key%s", didYouMean(p.key, known))
			continue
		}
		f.at[p.key] = p.node
	}
	return f
}

// get returns the key's value; absent when there is none.
func (f fields) get(key string) node {
	if n, ok := f.at[key]; ok {
		return n
	}
	return f.of.child(nil, f.of.line, join(f.of.where, key))
}

// need is get for a key that must be there.
func (f fields) need(key string) node {
	n := f.get(key)
	if n.absent() && !f.broken {
		n.problem("is missing")
	}
	return n
}

// exactlyOne reports a problem unless one of the two keys is there.
func (f fields) exactlyOne(a, b string) {
	if f.get(a).absent() == f.get(b).absent() && !f.broken {
		f.of.problem("needs exactly one of %s and %s", a, b)
	}
}

// list returns the items of a sequence. An empty item is a problem.
func (n node) list() []node {
	if n.absent() {
		return nil
	}
	s, ok := n.ast.(*ast.SequenceNode)
	if !ok {
		n.problem("expected a list, found %s", kind(n.ast))
		return nil
	}
	items := make([]node, 0, len(s.Values))
	for i, v := range s.Values {
		item := n.child(v, v.GetToken().Position.Line, n.where+"["+strconv.Itoa(i)+"]")
		if item.absent() {
			item.problem("is empty")
			continue
		}
		items = append(items, item)
	}
	return items
}

func join(where, key string) string {
	if where == "" {
		return key
	}
	return where + "." + key
}

// showKey repeats a key only when it can be one: a value that was pasted
// without its key, or a broken line, must not be echoed.
func showKey(key string) string {
	if len(key) > 32 || key == "" || strings.Trim(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-") != "" {
		return "[…]"
	}
	return key
}

// didYouMean proposes the known word nearest to the given one, if any is near.
func didYouMean(word string, known []string) string {
	best, least := "", 3
	if len(word) > 64 {
		return ""
	}
	for _, k := range known {
		if d := smetrics.WagnerFischer(word, k, 1, 1, 1); d < least && d < len(k) {
			best, least = k, d
		}
	}
	if best == "" {
		return ""
	}
	return " (did you mean " + best + "?)"
}

func isMapping(n ast.Node) bool {
	switch n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return true
	}
	return false
}

func isEmptyList(n ast.Node) bool {
	s, ok := n.(*ast.SequenceNode)
	return ok && len(s.Values) == 0
}

func kind(n ast.Node) string {
	if isMapping(n) {
		return "key: value pairs"
	}
	switch n.(type) {
	case *ast.SequenceNode:
		return "a list"
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return "a number"
	case *ast.BoolNode:
		return "true or false"
	case *ast.NullNode:
		return "nothing"
	case *ast.StringNode, *ast.LiteralNode:
		return "text"
	}
	return "something else"
}
