package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/tokenwarden/tokenwarden/audit"
	"github.com/tokenwarden/tokenwarden/internal/config"
	"github.com/tokenwarden/tokenwarden/internal/inflight"
	"github.com/tokenwarden/tokenwarden/rotate"
	"github.com/tokenwarden/tokenwarden/secrets"
)

// rotation is one token that is to be rotated.
type rotation struct {
	account *account
	name    string // as far as it is known
	request rotate.Request
	decided *rotate.Result // what is known without trying
}

func (r *rotation) result(status rotate.Status) rotate.Result {
	result := rotate.Result{
		AccountID: r.account.ID, Account: r.account.Name, Name: r.name, OldTokenID: r.request.TokenID, Status: status,
		Destinations: []rotate.DestinationResult{}, Steps: []rotate.StepResult{},
	}
	for _, ref := range r.request.Destinations {
		result.Destinations = append(result.Destinations, rotate.DestinationResult{Ref: ref.String()})
	}
	return result
}

func (r *rotation) failed(err error) rotate.Result {
	result := r.result(rotate.Failed)
	result.Error = err.Error()
	return result
}

// widespread is failed by something that the next rotation would meet as well.
func (r *rotation) widespread(err error) rotate.Result {
	result := r.failed(err)
	result.Widespread = true
	return result
}

// refuse decides that the rotation is not for a program.
func (r *rotation) refuse(format string, args ...any) *rotation {
	result := r.result(rotate.Refused)
	result.Error = fmt.Sprintf(format, args...)
	r.decided = &result
	return r
}

// unchanged decides that it was finished before.
func (r *rotation) unchanged(by int64) {
	result := r.result(rotate.Unchanged)
	result.NewTokenID = by
	result.Message = fmt.Sprintf("token %d was replaced by token %d before, and every destination holds that", r.request.TokenID, by)
	for i := range result.Destinations {
		result.Destinations[i].Written, result.Destinations[i].ReadBack = true, true
	}
	r.decided = &result
}

// unread is the outcome for the token that was asked for, when the only account
// that it can be in was not read; nil when there are several.
func (a *app) unread(cfg config.Config, o rotateOptions, why error) *rotation {
	selected := slices.DeleteFunc(slices.Clone(cfg.Accounts), func(c config.Account) bool { return !a.selected(c.Name) })
	if len(selected) != 1 {
		return nil
	}
	r := &rotation{account: &account{Account: selected[0]}, name: o.unseenName(), request: rotate.Request{TokenID: o.tokenID}}
	failed := r.failed(why)
	r.decided = &failed
	return r
}

// choose turns the flags into rotations. Whatever must be refused before
// anything is written is refused here.
func (a *app) choose(ctx context.Context, cfg config.Config, o rotateOptions) ([]*rotation, []error, error) {
	all, assignments, failures, err := a.assigned(ctx, cfg)
	if err != nil {
		return nil, nil, err
	}
	dir, err := a.env.dir()
	if err != nil {
		return nil, nil, err
	}
	p := placement{app: a, assignments: assignments, idle: idleEntries(cfg, dir, assignments), looked: newLookCache(a)}
	for _, ref := range o.to {
		p.to = append(p.to, ref.Absolute(dir))
	}
	all = slices.DeleteFunc(all, func(c *account) bool { return !a.selected(c.Name) })
	if o.pending {
		rotations, unread, err := p.pending(ctx, all)
		return rotations, append(failures, unread...), err
	}
	if len(failures) > 0 {
		if r := a.unread(cfg, o, failures[0]); r != nil {
			return []*rotation{r}, nil, nil
		}
		return nil, failures, nil // nobody can tell whether the token is in the account that was not read
	}
	r, err := p.find(ctx, all, o)
	if err != nil || r.decided != nil {
		return []*rotation{r}, nil, err
	}
	r.request.Undo = o.undo
	if err := p.place(ctx, r); err != nil {
		return nil, nil, err
	}
	if r.decided == nil && len(r.request.Destinations) == 0 {
		return nil, nil, misuseHint("name one with --to, or in the configuration",
			"token %d has no destination: a rotation without one would lose the new value", r.request.TokenID)
	}
	return []*rotation{r}, nil, nil
}

// find resolves --token-id or --name to one token of one account.
func (p placement) find(ctx context.Context, all []*account, o rotateOptions) (*rotation, error) {
	type match struct {
		account *account
		ids     []int64
	}
	var found []match
	for _, c := range all {
		ids := c.survey.ByName(o.name)
		if o.tokenID != 0 {
			ids = nil
			if _, active := c.survey.Tokens[o.tokenID]; active || len(all) == 1 {
				ids = []int64{o.tokenID}
			}
		}
		if len(ids) > 0 {
			found = append(found, match{c, ids})
		}
	}
	if len(found) == 0 && o.tokenID != 0 {
		// It may be gone already: the same command again has to find its account.
		for _, c := range all {
			if p.remembers(ctx, c, o.tokenID) {
				found = append(found, match{c, []int64{o.tokenID}})
			}
		}
	}
	switch {
	case len(found) == 0 && len(all) > 1:
		return nil, misuseHint("tokenwarden tokens lists them; for one that was replaced add --account NAME", "no account has an active token like that, so which account is meant cannot be told")
	case len(found) > 1:
		return nil, misuseHint("add --account NAME", "several accounts have a token like that, and which of them is meant cannot be told")
	case len(found) == 0:
		r := &rotation{account: all[0], name: o.unseenName()}
		return r.refuse("no active token of account %s has that name: tokenwarden tokens lists them", r.account.label()), nil
	}
	m := found[0]
	r := &rotation{account: m.account, request: rotate.Request{TokenID: m.ids[0]}, name: o.name}
	if len(m.ids) > 1 {
		return r.refuse("%s are all called %s: choose one with --token-id", listIDs(m.ids), audit.Quote(o.name)), nil
	}
	if t, active := m.account.survey.Tokens[r.request.TokenID]; active {
		r.name, _, _ = inflight.Split(t.Name)
	}
	return r, nil
}

func listIDs(ids []int64) string {
	var texts []string
	for _, id := range ids {
		texts = append(texts, fmt.Sprintf("token %d", id))
	}
	return strings.Join(texts, " and ")
}

// withRef adds a destination, unless it is there under another spelling.
func withRef(refs []secrets.Ref, ref secrets.Ref) []secrets.Ref {
	if slices.ContainsFunc(refs, func(r secrets.Ref) bool { return r.Place() == ref.Place() }) {
		return refs
	}
	return append(refs, ref)
}
