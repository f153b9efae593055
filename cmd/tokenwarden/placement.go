package main

import (
	"cmp"
	"context"
	"slices"

	"github.com/tokenwarden/tokenwarden/internal/config"
	"github.com/tokenwarden/tokenwarden/internal/inflight"
	"github.com/tokenwarden/tokenwarden/rotate"
	"github.com/tokenwarden/tokenwarden/secrets"
)

// placement gives rotations their destinations: those of the configuration and
// those of --to.
type placement struct {
	*app
	assignments []config.Assignment // of all accounts
	// idle are the entries that match no active token, because the token was
	// deleted and somebody renamed its replacement, for example. The labels in
	// their destinations may still say which rotation that was.
	idle []config.Assignment
	to   []secrets.Ref // absolute
	// looked is what the destinations held before anything was begun.
	looked *lookCache
}

// idleEntries makes assignments of the entries that match no active token.
func idleEntries(cfg config.Config, dir string, assignments []config.Assignment) []config.Assignment {
	var idle []config.Assignment
	for _, c := range cfg.Accounts {
		for _, e := range c.Tokens {
			if matched(assignments, c.Name, e) {
				continue
			}
			s := config.Assignment{Account: c, Entry: e, Tokens: []config.ActiveToken{{ID: e.ID, Name: e.Name}}}
			for _, ref := range e.Destinations {
				s.Destinations = append(s.Destinations, ref.Absolute(dir))
			}
			idle = append(idle, s)
		}
	}
	return idle
}

// place fills in the request of one rotation.
func (p placement) place(ctx context.Context, r *rotation) error {
	s := p.assignment(ctx, r)
	for _, ref := range p.to {
		if other, taken := p.claimed(ref, r, s); taken {
			return misuse("--to: %s is the destination of token %d of account %s: two tokens cannot share one",
				ref, other.Tokens[0].ID, (&account{Account: other.Account}).label())
		}
		r.request.Destinations = withRef(r.request.Destinations, ref)
	}
	if s == nil {
		return nil
	}
	for _, ref := range s.Destinations {
		r.request.Destinations = withRef(r.request.Destinations, ref)
	}
	r.request.AfterStore = s.Entry.AfterStore
	r.name = cmp.Or(r.name, s.Tokens[0].Name)
	if s.Entry.Never {
		r.refuse("the configuration says rotate: never (%s)", cmp.Or(s.Entry.Reason, "without a reason"))
	}
	return nil
}

// assignment is the one that means the token, nil when there is none. A token
// that is gone is known by those that replace it, by name or by label.
func (p placement) assignment(ctx context.Context, r *rotation) *config.Assignment {
	var own []*config.Assignment
	for i := range p.assignments {
		s := &p.assignments[i]
		if s.Account.Name != r.account.Name {
			continue
		}
		if slices.ContainsFunc(s.Tokens, func(t config.ActiveToken) bool {
			return t.ID == r.request.TokenID || slices.Contains(t.Replaces, r.request.TokenID)
		}) {
			return s
		}
		own = append(own, s)
	}
	for i := range p.idle {
		if s := &p.idle[i]; s.Account.Name == r.account.Name {
			if s.Entry.ID == r.request.TokenID {
				return s
			}
			own = append(own, s)
		}
	}
	for _, s := range own {
		for _, h := range p.looked.all(ctx, r.account.ID, s.Destinations) {
			if h.err == nil && h.follows(r.request.TokenID) {
				return s
			}
		}
	}
	return nil
}

// remembers reports whether an account tells of a token that is gone: a rotation
// in flight by its name, or a label where a value of the account's is kept.
func (p placement) remembers(ctx context.Context, c *account, id int64) bool {
	if slices.ContainsFunc(c.survey.InFlight(), func(n rotate.Named) bool { return n.ID == id }) {
		return true
	}
	if p.assignment(ctx, &rotation{account: c, request: rotate.Request{TokenID: id}}) != nil {
		return true
	}
	return slices.ContainsFunc(p.looked.all(ctx, c.ID, p.to), func(h held) bool {
		return h.err == nil && h.label.AccountID == c.ID && h.follows(id)
	})
}

// claimed finds another token whose configured destination ref is.
func (p placement) claimed(ref secrets.Ref, r *rotation, own *config.Assignment) (*config.Assignment, bool) {
	for i := range p.assignments {
		s := &p.assignments[i]
		if s == own || s.Account.Name == r.account.Name && slices.ContainsFunc(s.Tokens, func(t config.ActiveToken) bool { return t.ID == r.request.TokenID }) {
			continue
		}
		if slices.ContainsFunc(s.Destinations, func(d secrets.Ref) bool { return d.Place() == ref.Place() }) {
			return s, true
		}
	}
	return nil, false
}

// pending finds what earlier runs left unfinished, and what they finished: by
// the names in dbt Cloud, and by the labels in the destinations, which know of
// replacements that somebody has renamed.
func (p placement) pending(ctx context.Context, all []*account) (rotations []*rotation, unread []error, err error) {
	unclaimed := slices.Clone(p.to)
	for _, c := range all {
		found, errs := p.underWay(ctx, c)
		unread = append(unread, errs...)
		for _, r := range found {
			mine := p
			mine.to, unclaimed = p.split(ctx, r, unclaimed)
			if err := mine.place(ctx, r); err != nil {
				return nil, nil, err
			}
			if r.decided == nil && len(r.request.Destinations) == 0 {
				r.refuse("its destination is not known: name it with --to, or in the configuration")
			}
			if by := p.finishedBy(ctx, r); r.decided == nil && by != 0 {
				r.unchanged(by)
			}
		}
		rotations = append(rotations, found...)
	}
	return rotations, unread, giveAway(unclaimed, rotations)
}

// finishedBy is the replacement by which a rotation was finished long ago, as the
// list and the labels tell without a request of its own: there are as many of
// these as tokens were ever rotated. 0: it has to be looked at.
func (p placement) finishedBy(ctx context.Context, r *rotation) int64 {
	c, old := r.account, r.request.TokenID
	if _, lives := c.survey.Tokens[old]; lives || !c.survey.Stable || r.request.Undo ||
		slices.ContainsFunc(c.survey.InFlight(), func(n rotate.Named) bool { return n.ID == old }) {
		return 0
	}
	var by int64
	for _, h := range p.looked.all(ctx, c.ID, r.request.Destinations) {
		t, lives := c.survey.Tokens[h.label.TokenID]
		_, _, inFlight := inflight.Split(t.Name)
		switch {
		case h.err != nil, !lives, inFlight, h.label.AccountID != c.ID, h.label.Replaces != old, by != 0 && by != t.ID,
			len(r.request.AfterStore) > 0 && !h.label.Ready:
			return 0
		}
		by = t.ID
	}
	return by
}

// giveAway gives the destinations that hold no rotation's value to the only
// rotation there is.
func giveAway(refs []secrets.Ref, rotations []*rotation) error {
	if len(refs) == 0 || len(rotations) == 0 {
		return nil
	}
	if len(rotations) > 1 {
		return misuse("--to: whose destination %s is cannot be told: use --token-id", joinRefs(refs))
	}
	r := rotations[0]
	r.request.Destinations = append(r.request.Destinations, refs...)
	if d := r.decided; d != nil && (d.Status == rotate.Unchanged || len(r.request.Destinations) == len(refs)) {
		r.decided = nil // it was finished without this one, or refused for having none
	}
	return nil
}

// split takes those of --to that hold a value of the rotation.
func (p placement) split(ctx context.Context, r *rotation, refs []secrets.Ref) (mine, rest []secrets.Ref) {
	for _, h := range p.looked.all(ctx, r.account.ID, refs) {
		if h.err == nil && h.label.AccountID == r.account.ID && (h.label.TokenID == r.request.TokenID || h.follows(r.request.TokenID)) {
			mine = append(mine, h.ref)
		} else {
			rest = append(rest, h.ref)
		}
	}
	return mine, rest
}

// underWay lists the rotations of an account, by the old token's id.
func (p placement) underWay(ctx context.Context, c *account) (rotations []*rotation, unread []error) {
	add := func(old int64, name string) *rotation {
		if i := slices.IndexFunc(rotations, func(r *rotation) bool { return r.request.TokenID == old }); i >= 0 {
			return rotations[i]
		}
		rotations = append(rotations, &rotation{account: c, name: name, request: rotate.Request{TokenID: old}})
		return rotations[len(rotations)-1]
	}
	for _, n := range c.survey.InFlight() {
		add(n.ID, n.Name)
	}
	refs := slices.Clone(p.to)
	for _, s := range slices.Concat(p.assignments, p.idle) {
		if s.Account.Name == c.Name && !s.Entry.Never {
			refs = append(refs, s.Destinations...)
		}
	}
	for _, h := range p.looked.all(ctx, c.ID, refs) {
		switch id := h.undone(c.ID, c.survey.Tokens); {
		case h.err != nil:
			unread = append(unread, h.err)
		case id != 0:
			add(id, "").request.Undo = true // to be finished the way that it was begun last
		case h.label.Replaces != 0 && h.label.AccountID == c.ID:
			add(h.label.Replaces, "")
		}
	}
	slices.SortFunc(rotations, func(a, b *rotation) int { return cmp.Compare(a.request.TokenID, b.request.TokenID) })
	return rotations, unread
}
