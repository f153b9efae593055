package config

import (
	"math"
	"strconv"
	"strings"

	"github.com/tokenwarden/tokenwarden/internal/dbtcloud"
)

// reader remembers what must not come twice, and where it came first.
type reader struct {
	first  map[string]claim
	places places[claim]
}

// claim is where something stood for the first time, and whose it is.
type claim struct {
	line  int
	owner string
}

// once reports a problem when the thing was claimed before.
func (r reader) once(n node, thing, owner, what string) {
	if before, twice := r.first[thing]; twice {
		n.problem("%s as %s (line %d)", what, before.owner, before.line)
		return
	}
	r.first[thing] = claim{line: n.line, owner: owner}
}

func (r reader) accounts(n node) []Account {
	var all []Account
	items := n.list()
	if isEmptyList(n.ast) {
		n.problem("at least one account is needed")
	}
	for _, item := range items {
		all = append(all, r.account(item, len(items) > 1))
	}
	return all
}

func (r reader) account(n node, several bool) Account {
	f := n.fields("name", "id", "host", "token", "store", "requests_per_minute", "tokens")
	a := Account{
		Line:              n.line,
		Name:              f.need("name").text(),
		ID:                f.need("id").whole(math.MaxInt64),
		Host:              readHost(f.get("host")),
		RequestsPerMinute: dbtcloud.DefaultPerMinute,
	}
	a.Token, _ = f.need("token").ref()
	if rate := f.get("requests_per_minute"); !rate.absent() {
		a.RequestsPerMinute = int(rate.whole(dbtcloud.MaxPerMinute))
	}
	title := "account " + quote(a.Name)
	if a.Name != "" {
		r.once(f.get("name"), "label "+a.Name, n.where, "the same label "+quote(a.Name))
	}
	if a.ID != 0 && a.Host != "" {
		r.once(f.get("id"), "id "+strconv.FormatInt(a.ID, 10)+" "+a.Host, title, title+" is the same dbt account on the same host")
	}
	if store := f.get("store"); !store.absent() {
		a.Store = r.store(store, a.Name, several)
	}
	for _, item := range f.get("tokens").list() {
		a.Tokens = append(a.Tokens, r.entry(item, n.where, a.Name))
	}
	return a
}

func (r reader) store(n node, account string, several bool) Template {
	t := Template(n.text())
	if t == "" {
		return ""
	}
	if err := t.check(); err != nil {
		n.problem("%v", err)
		return ""
	}
	if !strings.Contains(string(t), accountHole) {
		if several {
			n.problem("%s must stand in it: there are several accounts", accountHole)
		}
		return t
	}
	if account == "" {
		return t // said already
	}
	label, err := segment(account)
	if err != nil {
		n.problem("the account's name cannot be part of a path: %v", err)
		return t
	}
	// Labels that differ only in what normalisation drops would share places.
	title := "account " + quote(account)
	r.once(n, "store "+strings.ReplaceAll(string(t), accountHole, label), title, title+" filled in gives the same store")
	return t
}

func (r reader) entry(n node, account, label string) Entry {
	f := n.fields("name", "id", "destinations", "after_store", "rotate", "reason")
	f.exactlyOne("name", "id")
	name, id := f.get("name"), f.get("id")
	e := Entry{Line: n.line, Name: name.text(), ID: id.whole(math.MaxInt64)}
	title := "token " + quote(e.Name) + " of account " + quote(label)
	if e.ID != 0 {
		title = "token " + strconv.FormatInt(e.ID, 10) + " of account " + quote(label)
		r.once(id, account+" id "+strconv.FormatInt(e.ID, 10), n.where, "the same token")
	} else if e.Name != "" {
		r.once(name, account+" name "+e.Name, n.where, "the same token")
	}
	r.destinations(f.get("destinations"), &e, claim{line: n.line, owner: title})
	if after := f.get("after_store"); !after.absent() {
		if e.AfterStore = after.texts(); isEmptyList(after.ast) {
			after.problem("expected a command and its arguments")
		}
	}
	rotate, reason := f.get("rotate"), f.get("reason")
	e.Never = !rotate.absent()
	switch {
	case e.Never && rotate.oneOf("never") != "" && reason.absent():
		reason.problem("is missing: say why the token is never rotated")
	case !e.Never && !reason.absent():
		reason.problem("belongs to rotate: never")
	}
	e.Reason = reason.text()
	return e
}

func (r reader) destinations(n node, e *Entry, owner claim) {
	for _, item := range n.list() {
		ref, ok := item.ref()
		if !ok {
			continue
		}
		if !ref.Writable() {
			item.problem("%s:// can only be read: a destination is age://, vault:// or awssm://", ref.Scheme)
			continue
		}
		owner.line = item.line
		if before, twice := r.places.claim(ref, owner); twice && before.owner == owner.owner {
			item.problem("the same destination stands on line %d already", before.line)
		} else if twice {
			item.problem("%s has the same destination as %s (line %d): two tokens cannot share one", owner.owner, before.owner, before.line)
		}
		e.Destinations = append(e.Destinations, ref)
	}
}

func readHost(n node) string {
	if n.absent() {
		return DefaultHost
	}
	s, ok := n.maybeText("an https:// address")
	if !ok {
		return ""
	}
	host, err := dbtcloud.ParseHost(s)
	if err != nil {
		n.problem("%v", err)
	}
	return host
}
