package main

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/tokenwarden/tokenwarden/internal/config"
	"github.com/tokenwarden/tokenwarden/internal/dbtcloud"
	"github.com/tokenwarden/tokenwarden/internal/inflight"
)

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

// placed reads the tokens of the selected accounts and says where the value of
// each goes; failures are the accounts that could not be read.
func (a *app) placed(ctx context.Context, cfg config.Config) (all []population, assignments []config.Assignment, failures []error, err error) {
	accounts, err := a.connect(ctx, cfg)
	if err != nil {
		return nil, nil, nil, err
	}
	all, failures = a.populations(ctx, accounts)
	assignments, err = a.plan(ctx, cfg, all)
	return all, assignments, failures, err
}

// populations lists the active tokens of the accounts. Of an account that could
// not be read to its end there is what was read.
func (a *app) populations(ctx context.Context, accounts []*account) (all []population, failures []error) {
	all = make([]population, len(accounts))
	errs := make([]error, len(accounts))
	progress := a.progress("reading accounts", -1)
	defer progress.stop()
	var group sync.WaitGroup
	for i, c := range accounts {
		group.Go(func() { all[i], errs[i] = c.population(ctx) })
	}
	group.Wait()
	for _, err := range errs {
		if err != nil {
			failures = append(failures, err)
		}
	}
	return all, failures
}

// population lists the active tokens of the account, as far as they can be read.
func (c *account) population(ctx context.Context) (population, error) {
	p := population{account: c}
	if c.err != nil {
		return p, c.err
	}
	_, err := c.client().ServiceTokens(ctx, func(t dbtcloud.ServiceToken) error {
		p.tokens = append(p.tokens, t)
		return nil
	})
	if err != nil {
		err = fmt.Errorf("account %s: %w", c.label(), err)
	}
	return p, err
}
