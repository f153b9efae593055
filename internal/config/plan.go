package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/tokenwarden/tokenwarden/secrets"
)

// ActiveToken is a token that an account has now.
type ActiveToken struct {
	ID   int64
	Name string // without an in-flight suffix
	// Replaces are the tokens it is the successor of, by suffix or by label, as
	// far as they are known. Tokens that replace one another are one to the
	// configuration: during an overlap two of them carry the same name.
	Replaces []int64
}

// Assignment is one token, with all that replace it, and where its value goes.
type Assignment struct {
	Account      Account
	Tokens       []ActiveToken // by id, at least one; the first gives {name}
	Entry        Entry         // the zero Entry when the file has none for it
	Destinations []secrets.Ref // age paths absolute; may be empty
}

// title names the assignment's token in words.
func (s Assignment) title() string {
	return fmt.Sprintf("token %d %s of account %s", s.Tokens[0].ID, quote(s.Tokens[0].Name), quote(s.Account.Name))
}

// line is where its destinations come from.
func (s Assignment) line() int { return cmp.Or(s.Entry.Line, s.Account.Line) }

// Plan says where the value of every active token goes. The tokens are given by
// the label of their account; accounts that could not be listed are left out.
// Relative age paths are taken below dir, the working directory.
//
// The error, an *Error, names both sides: two tokens on one destination, a name
// of an entry that two tokens carry, two entries for one token. It also names a
// token whose name cannot be part of a path.
func (c Config) Plan(dir string, active map[string][]ActiveToken) ([]Assignment, error) {
	found := &problems{}
	var all []Assignment
	for i, a := range c.Accounts {
		where := fmt.Sprintf("accounts[%d]", i)
		all = append(all, a.assign(found, where, dir, active[a.Name])...)
	}
	taken := places[Assignment]{}
	for _, s := range all {
		for _, ref := range s.Destinations {
			if c.State.Writable() && ref.Place() == c.State.Absolute(dir).Place() {
				found.add(s.line(), "", "%s has the destination %s, where the alert state is kept", s.title(), ref.Place())
			}
			other, twice := taken.claim(ref, s)
			switch {
			case twice && other.title() == s.title():
				found.add(s.line(), "", "%s has the destination %s twice", s.title(), ref.Place())
			case twice:
				found.add(s.line(), "", "%s and %s have the same destination %s: two tokens cannot share one",
					other.title(), s.title(), ref.Place())
			}
		}
	}
	if err := found.err(c.Path); err != nil {
		return nil, err
	}
	return all, nil
}

// assign finds each token's entry and destinations.
func (a Account) assign(found *problems, where, dir string, active []ActiveToken) []Assignment {
	var all []Assignment
	type entryKey struct {
		name string
		id   int64
	}
	carriers := map[entryKey]Assignment{}
	for _, group := range successions(active) {
		s := Assignment{Account: a, Tokens: group}
		var names []string
		var ids []int64
		for _, t := range group {
			names, ids = append(names, t.Name), append(append(ids, t.ID), t.Replaces...)
		}
		entries := a.entries(names, ids)
		if len(entries) > 1 {
			found.add(entries[1].Line, where, "%s has two entries, on lines %d and %d", s.title(), entries[0].Line, entries[1].Line)
		}
		if len(entries) > 0 {
			s.Entry = entries[0]
			key := entryKey{s.Entry.Name, s.Entry.ID}
			if other, twice := carriers[key]; twice {
				found.add(s.Entry.Line, where, "the entry means two active tokens, %s and %s: name them by id", other.title(), s.title())
				continue // their common destination is not worth saying as well
			}
			carriers[key] = s
		}
		refs, err := a.destinations(s.Entry, group[0].Name)
		if err != nil {
			found.add(s.line(), where, "%s: %v", s.title(), err)
		}
		for _, ref := range refs {
			s.Destinations = append(s.Destinations, ref.Absolute(dir))
		}
		all = append(all, s)
	}
	return all
}

// successions groups the tokens that replace one another, or one that is gone
// already: what has a known predecessor in common is one token to its consumers.
func successions(active []ActiveToken) [][]ActiveToken {
	root := map[int64]int64{}
	find := func(id int64) int64 {
		for root[id] != 0 {
			id = root[id]
		}
		return id
	}
	for _, t := range active {
		for _, old := range t.Replaces {
			if a, b := find(t.ID), find(old); a != b {
				root[max(a, b)] = min(a, b)
			}
		}
	}
	groups := map[int64][]ActiveToken{}
	for _, t := range active {
		groups[find(t.ID)] = append(groups[find(t.ID)], t)
	}
	var all [][]ActiveToken
	for _, g := range groups {
		slices.SortFunc(g, byID)
		all = append(all, g)
	}
	slices.SortFunc(all, func(a, b []ActiveToken) int { return byID(a[0], b[0]) })
	return all
}

func byID(a, b ActiveToken) int {
	return cmp.Or(cmp.Compare(a.ID, b.ID), strings.Compare(a.Name, b.Name))
}
