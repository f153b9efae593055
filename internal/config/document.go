package config

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

const (
	maxSize = 4 << 20 // bytes: some 30,000 token entries
	// maxDepth is what may open within one another. The parser's time grows
	// with the square of the depth, and this file needs five levels.
	maxDepth = 20
)

// parse returns the root of the one document in data, or nil and what is wrong
// with it. The parser's own error texts quote the lines around the fault, so
// only its position and its message are used.
func parse(data []byte, found *problems) ast.Node {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	// The scanner counts a line twice when a comment ends in \r\n.
	data = bytes.ReplaceAll(bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n")), []byte("\r"), []byte("\n"))
	if len(data) > maxSize {
		found.add(1, "", "is larger than %d MiB", maxSize>>20)
		return nil
	}
	if !plain(data, found) {
		return nil
	}
	tokens := lexer.Tokenize(string(data))
	if !simple(tokens, found) {
		return nil
	}
	// Duplicate keys are reported by fields, with the line of the first.
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		var syntax *yaml.SyntaxError
		if !errors.As(err, &syntax) || syntax.Token == nil {
			found.add(1, "", "is not YAML")
			return nil
		}
		found.add(syntax.Token.Position.Line, "", "%s", syntaxMessage(syntax.Message))
		return nil
	}
	var root ast.Node
	for i, doc := range file.Docs {
		// A document that ... and not --- sets off has no start.
		first := doc.Start
		if first == nil && doc.Body != nil {
			first = doc.Body.GetToken()
		}
		if i > 0 && first != nil {
			found.add(first.Position.Line, "", "a second document begins here: a configuration is one document")
			return nil
		}
		if i == 0 {
			root = doc.Body
		}
	}
	if root == nil || root.Type() == ast.NullType {
		found.add(1, "", "is empty: expected accounts, see tokenwarden config init")
		return nil
	}
	return root
}

// plain looks at the bytes, comments included, before anything else does.
func plain(data []byte, found *problems) bool {
	before := len(found.list)
	line := 0
	for text := range bytes.Lines(data) {
		line++
		switch {
		case !utf8.Valid(text):
			found.add(line, "", "is not UTF-8 text")
		case bytes.ContainsFunc(text, func(c rune) bool { return c < ' ' && c != '\t' && c != '\n' }):
			found.add(line, "", "has a control character: write it as \\x.. within double quotes")
		case tokenValue.Match(text):
			found.add(line, "", "the value of a dbt token stands here: %s; and count that token as leaked", wantRef)
		}
	}
	return len(found.list) == before
}

// simple refuses what a configuration needs no part of YAML for: anchors (and
// with them exponential expansion), tags, merge keys, directives, depth.
func simple(tokens token.Tokens, found *problems) bool {
	before := len(found.list)
	flow, dashes, line := 0, 0, 0
	for _, t := range tokens {
		if t.Position.Line != line {
			line, dashes = t.Position.Line, 0
		}
		switch t.Type {
		case token.AnchorType, token.AliasType, token.MergeKeyType:
			found.add(line, "", "anchors, aliases and merge keys are not supported: write it out, or quote the text")
		case token.TagType:
			found.add(line, "", "tags are not supported: quote the text if it begins with an exclamation mark")
		case token.DirectiveType:
			found.add(line, "", "directives are not supported")
		case token.MappingKeyType:
			found.add(line, "", "complex keys are not supported: write key: value")
		case token.SequenceStartType, token.MappingStartType:
			flow++
		case token.SequenceEndType, token.MappingEndType:
			flow--
		case token.SequenceEntryType:
			dashes++
		}
		if flow > maxDepth || dashes > maxDepth {
			found.add(line, "", "is nested too deeply")
			return false
		}
	}
	return len(found.list) == before
}

// syntaxMessage passes on what the parser says, except where it quotes the file.
func syntaxMessage(message string) string {
	if message == "" || strings.ContainsAny(message, "\"`\n") {
		return "is not YAML"
	}
	return fmt.Sprintf("is not YAML: %s", strings.ReplaceAll(message, "\t", `\t`))
}
