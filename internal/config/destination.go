package config

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/tokenwarden/tokenwarden/secrets"
)

// Template is a reference with holes for the names of account and token:
// vault://secret/dbt/{account}/{name}#token.
type Template string

const (
	accountHole = "{account}"
	nameHole    = "{name}"
)

var (
	hole = regexp.MustCompile(`\{[^{}]*\}`)
	// outside is what no path segment of a store needs: {name} must not open
	// another level, a query or a field.
	outside = regexp.MustCompile(`[^A-Za-z0-9._]+`)
)

// check tells whether every expansion will be a writable reference.
func (t Template) check() error {
	for _, h := range hole.FindAllString(string(t), -1) {
		switch h {
		case accountHole, nameHole:
		case "{id}":
			return errors.New("{id} may not stand here: it changes with each rotation, and the next one would write where nobody reads; use {name}")
		default:
			return errors.New("only {account} and {name} may stand in braces")
		}
	}
	if strings.ContainsAny(hole.ReplaceAllString(string(t), ""), "{}") {
		return errors.New("a brace stands alone: only {account} and {name} are filled in")
	}
	ref, err := t.fill("x", "x")
	switch {
	case errors.Is(err, secrets.ErrNotARef):
		return errors.New(wantRef)
	case err != nil:
		return err
	case !ref.Writable():
		return fmt.Errorf("%s:// can only be read: a store is age://, vault:// or awssm://", ref.Scheme)
	}
	return nil
}

// expand fills in the names, normalised.
func (t Template) expand(account, name string) (secrets.Ref, error) {
	a, err := segment(account)
	if err != nil {
		return secrets.Ref{}, err
	}
	n, err := segment(name)
	if err != nil {
		return secrets.Ref{}, err
	}
	return t.fill(a, n)
}

func (t Template) fill(account, name string) (secrets.Ref, error) {
	return secrets.ParseRef(strings.NewReplacer(accountHole, account, nameHole, name).Replace(string(t)))
}

// segment makes a name fit for a path: every run of characters outside
// [A-Za-z0-9._] becomes one hyphen. What would still lead elsewhere is refused.
func segment(name string) (string, error) {
	s := outside.ReplaceAllString(name, "-")
	if strings.Trim(s, ".") == "" {
		return "", fmt.Errorf("%s is empty or only dots, which leads to another place", quote(name))
	}
	return s, nil
}

// entries returns the entries that mean the token with one of these names or ids.
func (a Account) entries(names []string, ids []int64) []Entry {
	var all []Entry
	for _, e := range a.Tokens {
		for _, id := range ids {
			if e.ID != 0 && e.ID == id {
				all = append(all, e)
				break
			}
		}
		for _, name := range names {
			if e.ID == 0 && e.Name == name {
				all = append(all, e)
				break
			}
		}
	}
	return all
}

// destinations returns where a token's value goes: what its entry says, else the
// account's store with the names filled in; none when there is neither, or when it
// is never rotated and its entry names none. A name that cannot be part of a path
// is an error that quotes it. Relative age paths stay relative: see
// secrets.Ref.Absolute, which Plan has applied.
func (a Account) destinations(e Entry, name string) ([]secrets.Ref, error) {
	if len(e.Destinations) > 0 || e.Never || a.Store == "" {
		return e.Destinations, nil
	}
	ref, err := a.Store.expand(a.Name, name)
	if err != nil {
		return nil, fmt.Errorf("filling the token's name into store: %w; give it an entry with destinations", err)
	}
	return []secrets.Ref{ref}, nil
}

// Unfilled returns an *Error naming every entry that says neither where its
// token's value goes nor that it is never rotated; nil when there is none.
func (c Config) Unfilled() error {
	found := &problems{}
	for i, a := range c.Accounts {
		for j, e := range a.Tokens {
			if len(e.Destinations) == 0 && !e.Never && a.Store == "" {
				found.add(e.Line, fmt.Sprintf("accounts[%d].tokens[%d]", i, j),
					"no destination: fill in destinations, set the account's store, or say rotate: never with a reason")
			}
		}
	}
	return found.err(c.Path)
}
