package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/tokenwarden/tokenwarden/audit"
	"github.com/tokenwarden/tokenwarden/internal/config"
	"github.com/tokenwarden/tokenwarden/internal/dbtcloud"
	"github.com/tokenwarden/tokenwarden/internal/inflight"
	"github.com/tokenwarden/tokenwarden/secrets"
)

// held is what one destination holds, as far as it could be seen. The value
// itself stays with the store.
type held struct {
	ref    secrets.Ref
	empty  bool
	label  secrets.Label  // whose value it is; zero: unknown
	labels secrets.Labels // all entries, past ones too
	err    error
}

// look reads a destination and tells whose value is there, by its label.
func (a *app) look(ctx context.Context, accountID int64, ref secrets.Ref) held {
	h := held{ref: ref}
	dir, err := a.env.dir()
	if err != nil {
		h.err = err
		return h
	}
	h.ref = ref.Absolute(dir)
	store, err := a.store(h.ref)
	if err != nil {
		h.err = err
		return h
	}
	content, err := store.Read(ctx, h.ref)
	h.err, h.empty, h.labels = err, content.Value.Empty(), content.Labels
	if !h.empty {
		h.label = content.Labels[content.Value.Fingerprint(accountID)]
	}
	return h
}

func (h held) String() string {
	switch {
	case h.err != nil:
		return h.err.Error()
	case h.empty:
		return "empty"
	case h.label.TokenID == 0:
		return "a value of unknown owner"
	}
	text := fmt.Sprintf("token %d", h.label.TokenID)
	if h.label.Replaces != 0 {
		text += fmt.Sprintf(", which replaces %d", h.label.Replaces)
	}
	if !h.label.Until.IsZero() {
		text += ", overlap until " + h.label.Until.Format(time.RFC3339)
	}
	return text
}

// follows reports whether the labels lead from token old to the token whose
// value is held.
func (h held) follows(old int64) bool {
	replaces := map[int64]int64{}
	for _, l := range h.labels {
		if l.Replaces != 0 { // an entry without may be one that stands for no value
			replaces[l.TokenID] = l.Replaces
		}
	}
	for id, hops := h.label.TokenID, 0; id != 0 && hops <= len(replaces); hops++ {
		if id = replaces[id]; id == old {
			return true
		}
	}
	return false
}

// lookAll looks at many destinations side by side.
func (a *app) lookAll(ctx context.Context, accountID int64, refs []secrets.Ref) []held {
	all := make([]held, len(refs))
	var group errgroup.Group
	group.SetLimit(8) // a secret store is shared, too
	for i, ref := range refs {
		group.Go(func() error {
			all[i] = a.look(ctx, accountID, ref)
			return nil
		})
	}
	_ = group.Wait() // what went wrong is in each
	return all
}

// population is the active tokens of one account.
type population struct {
	account *account
	tokens  []dbtcloud.ServiceToken
}

// plan says where the value of every token goes, and fails if two would meet.
// An entry that names the id of a token that is gone means its successor.
func (a *app) plan(ctx context.Context, cfg config.Config, all []population) ([]config.Assignment, error) {
	dir, err := a.env.dir()
	if err != nil {
		return nil, err
	}
	active := map[string][]config.ActiveToken{}
	for _, p := range all {
		successors := a.successors(ctx, p)
		for _, t := range p.tokens {
			token := config.ActiveToken{ID: t.ID, Name: t.Name, Replaces: successors[t.ID]}
			if base, old, ok := inflight.Split(t.Name); ok {
				token.Name = base
				token.Replaces = append(token.Replaces, old)
			}
			active[p.account.Name] = append(active[p.account.Name], token)
		}
	}
	assignments, err := cfg.Plan(dir, active)
	if err != nil {
		return nil, &exit{code: exitMisused, err: err}
	}
	return assignments, nil
}

// successors reads, for each entry whose id is not active any more, what its
// destinations hold: the label tells which token took its place.
func (a *app) successors(ctx context.Context, p population) map[int64][]int64 {
	found := map[int64][]int64{}
	for _, e := range p.account.Tokens {
		gone := e.ID != 0 && !slices.ContainsFunc(p.tokens, func(t dbtcloud.ServiceToken) bool { return t.ID == e.ID })
		if !gone {
			continue
		}
		for _, h := range a.lookAll(ctx, p.account.ID, e.Destinations) {
			if h.err == nil && h.label.AccountID == p.account.ID && h.follows(e.ID) && !slices.Contains(found[h.label.TokenID], e.ID) {
				found[h.label.TokenID] = append(found[h.label.TokenID], e.ID)
			}
		}
	}
	return found
}

// locator tells an audit where the tokens of an account are kept.
type locator struct {
	*app
	cfg     config.Config
	account *account
}

var _ audit.Locator = locator{}

// Locate implements audit.Locator.
func (l locator) Locate(ctx context.Context, active []audit.TokenName) ([]audit.Destination, error) {
	p := population{account: l.account}
	for _, t := range active {
		p.tokens = append(p.tokens, dbtcloud.ServiceToken{ID: t.ID, Name: t.Name})
	}
	assignments, err := l.plan(ctx, l.cfg, []population{p})
	if err != nil {
		return nil, err
	}
	var all []audit.Destination
	for _, s := range assignments {
		if s.Entry.Never && len(s.Destinations) == 0 {
			all = append(all, audit.Destination{For: s.Tokens[0].ID, Elsewhere: true})
		}
		for _, h := range l.lookAll(ctx, l.account.ID, s.Destinations) {
			all = append(all, h.forAudit(l.account.ID, s))
		}
	}
	return all, nil
}

// forAudit is what is held in the words of an audit.
func (h held) forAudit(accountID int64, s config.Assignment) audit.Destination {
	d := audit.Destination{Ref: h.ref.String(), For: s.Tokens[0].ID, ByTemplate: len(s.Entry.Destinations) == 0 && s.Entry.Line == 0}
	switch {
	case h.err != nil:
		d.Err = h.err.Error()
	case h.empty:
		d.Empty = true
	case h.label.TokenID == 0 || h.label.AccountID != accountID:
		d.Unlabelled = true
	default:
		d.TokenID, d.Until = h.label.TokenID, h.label.Until
	}
	return d
}

func joinRefs(refs []secrets.Ref) string {
	var texts []string
	for _, r := range refs {
		texts = append(texts, r.String())
	}
	return strings.Join(texts, ", ")
}
