package main

import (
	"context"
	"fmt"

	"github.com/tokenwarden/tokenwarden/internal/config"
)

// surveyed is the tokens of an account that was surveyed.
func (c *account) surveyed() population {
	p := population{account: c}
	for _, t := range c.survey.Tokens {
		p.tokens = append(p.tokens, t)
	}
	return p
}

// assigned surveys the accounts and says where the value of each token goes.
func (a *app) assigned(ctx context.Context, cfg config.Config) (all []*account, assignments []config.Assignment, failures []error, err error) {
	if all, failures, err = a.surveys(ctx, cfg); err != nil {
		return nil, nil, nil, err
	}
	var populations []population
	for _, c := range all {
		populations = append(populations, c.surveyed())
	}
	assignments, err = a.plan(ctx, cfg, populations)
	return all, assignments, failures, err
}

// surveys reads the tokens of all accounts: also those that were not asked for,
// because their destinations must not be the same. What is wrong with one of
// those only is logged.
func (a *app) surveys(ctx context.Context, cfg config.Config) (all []*account, failures []error, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, a.timeout(), errTimeout)
	defer cancel()
	accounts, err := a.connectAll(ctx, cfg, func(string) bool { return true })
	if err != nil {
		return nil, nil, err
	}
	progress := a.progress("reading accounts", len(accounts))
	defer progress.stop()
	for i, c := range accounts {
		err := a.survey(ctx, c)
		progress.to(i + 1)
		switch {
		case err == nil:
			all = append(all, c)
		case !a.selected(c.Name):
			a.log.Warn("another account could not be read, so its destinations were not compared", "account", c.Name, "error", err.Error())
		case codeOf(err) == exitMisused:
			return nil, nil, err
		default:
			failures = append(failures, &unreadAccountError{c.Name, err})
		}
	}
	return all, failures, nil
}

// unreadAccountError is why the tokens of an account could not be listed.
type unreadAccountError struct {
	name string
	err  error
}

func (u *unreadAccountError) Error() string { return u.err.Error() }
func (u *unreadAccountError) Unwrap() error { return u.err }

func (a *app) survey(ctx context.Context, c *account) error {
	if c.err != nil {
		return c.err
	}
	rotator, err := a.rotator(c, nil, nil)
	if err != nil {
		return err
	}
	if c.survey, err = rotator.Survey(ctx); err != nil {
		return fmt.Errorf("account %s: %w", c.label(), err)
	}
	return nil
}
