package secrets

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// The schemes of a reference.
const (
	Env   = "env"   // env://NAME: an environment variable, read only
	File  = "file"  // file:///path: a mounted secret, read only
	Age   = "age"   // age:///path/store.age#KEY: the embedded encrypted file
	Vault = "vault" // vault://MOUNT/PATH#FIELD: HashiCorp Vault, KV version 2
	AWS   = "awssm" // awssm://NAME?region=R#FIELD: AWS Secrets Manager
)

// Ref says where a secret is, never what it is. It is comparable: two Refs of
// the same place are equal once both are absolute (see Absolute).
type Ref struct {
	Scheme string
	// Path is the variable's name, the file's path, MOUNT/PATH, or the secret's
	// name or ARN.
	Path string
	// Field is the age key, the KV field (default "token") or the JSON key in an
	// AWS secret; empty: the whole string.
	Field string

	Mount     string // vault: how much of Path is the mount; empty: ask the server
	Namespace string // vault
	Region    string // awssm
	Endpoint  string // awssm
}

// forms is said in every error about a reference, which never repeats the
// reference itself: people paste tokens where references belong.
const forms = "expected env://NAME, file:///path, age:///path/store.age#KEY, vault://MOUNT/PATH#FIELD or awssm://NAME?region=R#FIELD"

// ErrNotARef is returned for a text that is no reference at all, for example a
// secret value that was given by mistake. Its message does not repeat the text.
var ErrNotARef = errors.New("not a secret reference: " + forms)

var (
	envName   = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	fieldName = regexp.MustCompile(`^[^\x00-\x20\x7f#?]+$`)
	// pasted finds a dbt token inside a reference ("env://dbtc_…"): references
	// are printed, so such a text must not become one.
	pasted = regexp.MustCompile(`dbt[cu]_[A-Za-z0-9_-]{20}`)
	// options are what may stand after the question mark.
	options = map[string][]string{Env: nil, File: nil, Age: nil, Vault: {"mount", "namespace"}, AWS: {"region", "endpoint"}}
)

// ParseRef reads a reference. The result is normalised (slashes, dots, default
// field) but may be relative: see Absolute.
func ParseRef(s string) (Ref, error) {
	scheme, rest, found := strings.Cut(s, "://")
	if !found {
		return Ref{}, ErrNotARef
	}
	rest, field, hasField := strings.Cut(rest, "#")
	rest, query, _ := strings.Cut(rest, "?")
	r := Ref{Scheme: scheme, Path: rest, Field: field}

	bad := func(format string, args ...any) (Ref, error) {
		return Ref{}, fmt.Errorf("%s:// reference: %w", scheme, fmt.Errorf(format, args...))
	}
	allowed, known := options[scheme]
	if !known {
		return Ref{}, ErrNotARef
	}
	if !utf8.ValidString(s) {
		return bad("it is not valid UTF-8")
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return bad("its query cannot be read")
	}
	for key, v := range values {
		if !slices.Contains(allowed, key) || len(v) != 1 || v[0] == "" {
			return bad("only %q may stand after the question mark, each once and not empty", allowed)
		}
		// Decoded, such a value could not be written back or would end a header.
		if !utf8.ValidString(v[0]) || strings.ContainsFunc(v[0], isControl) || strings.ContainsAny(v[0], "#?") {
			return bad("what %q is set to has a character that cannot be used", key)
		}
	}
	if pasted.MatchString(s) || pasted.MatchString(fmt.Sprint(values)) {
		return bad("it contains what looks like a dbt token; a reference says where a secret is, never what it is")
	}
	if strings.ContainsFunc(rest, isControl) {
		return bad("its path has a control character")
	}
	if hasField && !fieldName.MatchString(field) {
		return bad("what follows # is empty or has a space or control character")
	}

	if err := r.normalise(values); err != nil {
		return bad("%w", err)
	}
	return r, nil
}

// normalise brings the path and the field into the one form of their scheme, and
// takes over the options; an error says what was expected.
func (r *Ref) normalise(query url.Values) error {
	switch r.Scheme {
	case Env:
		if !envName.MatchString(r.Path) || r.Field != "" {
			return errors.New("expected env://NAME with the name of a variable")
		}
	case File:
		absolute := strings.HasPrefix(r.Path, "/")
		r.Path = filepath.Clean(r.Path)
		if !absolute || r.Path == "/" || r.Field != "" {
			return errors.New("expected file:///absolute/path")
		}
	case Age:
		if r.Path == "" || strings.HasSuffix(r.Path, "/") || r.Field == "" {
			return errors.New("expected age:///path/store.age#KEY")
		}
		r.Path = filepath.Clean(r.Path)
		if base := filepath.Base(r.Path); base == "/" || base == "." || base == ".." {
			return errors.New("expected age:///path/store.age#KEY, and not a folder")
		}
	case Vault:
		r.Mount, r.Namespace = cleanSlashes(query.Get("mount")), cleanSlashes(query.Get("namespace"))
		r.Path = cleanSlashes(r.Path)
		if r.Mount != "" && !strings.HasPrefix(r.Path, r.Mount+"/") {
			r.Path = r.Mount + "/" + r.Path
		}
		if !strings.Contains(r.Path, "/") || strings.HasSuffix(r.Path, "/") || hasDots(r.Path) {
			return errors.New("expected vault://MOUNT/PATH#FIELD")
		}
		r.Field = cmp.Or(r.Field, "token")
	case AWS:
		r.Region, r.Endpoint = query.Get("region"), strings.TrimRight(query.Get("endpoint"), "/")
		if r.Path == "" || strings.HasPrefix(r.Path, "/") {
			return errors.New("expected awssm://NAME?region=R#FIELD, with the secret's name or ARN")
		}
		if u, err := url.Parse(r.Endpoint); err != nil || u.User != nil {
			return errors.New("its endpoint is no URL, or carries a user or password")
		}
	}
	return nil
}

func isControl(c rune) bool { return c < ' ' || c == 0x7f }

func cleanSlashes(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(c rune) bool { return c == '/' }), "/")
}

func hasDots(p string) bool { return path.Clean(p) != p || strings.Contains("/"+p+"/", "/../") }

// Absolute returns r with a relative age path put below dir.
func (r Ref) Absolute(dir string) Ref {
	if r.Scheme == Age && !filepath.IsAbs(r.Path) {
		r.Path = filepath.Join(dir, r.Path)
	}
	return r
}

// String returns the reference in its normal form; ParseRef reads it back.
func (r Ref) String() string {
	if r.Scheme == "" {
		return ""
	}
	s := r.Scheme + "://" + r.Path
	q := url.Values{}
	for key, v := range map[string]string{"mount": r.Mount, "namespace": r.Namespace, "region": r.Region, "endpoint": r.Endpoint} {
		if v != "" {
			q.Set(key, v)
		}
	}
	if len(q) > 0 {
		s += "?" + q.Encode()
	}
	if r.Field != "" {
		s += "#" + r.Field
	}
	return s
}

// Object names the thing that a Version belongs to: the KV secret, the AWS
// secret, the key of an age store. Two fields of one KV secret share it.
func (r Ref) Object() string {
	if r.Scheme != Age {
		r.Field = ""
	}
	r.Mount = ""
	return r.String()
}

// Place names the destination for telling whether two references are the same
// one: String without the hints that do not change where it points.
func (r Ref) Place() string {
	r.Mount = ""
	return r.String()
}

// Writable reports whether stores of this scheme take writes at all.
func (r Ref) Writable() bool { return r.Scheme == Age || r.Scheme == Vault || r.Scheme == AWS }
