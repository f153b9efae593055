package main

import (
	"context"

	"github.com/tokenwarden/tokenwarden/internal/config"
	"github.com/tokenwarden/tokenwarden/rotate"
)

// teller returns what announces the results of rotations, once they are there.
// Whether that can be done is looked at before anything else is.
func (a *app) teller(ctx context.Context, cfg config.Config) (func([]rotate.Result, []error) error, error) {
	if cfg.Notify.Slack == nil {
		return nil, &exit{code: exitMisused, err: errNoSlack}
	}
	policy := policyOf(cfg.Audit)
	if err := policy.Validate(nil); err != nil {
		return nil, &exit{code: exitMisused, err: err}
	}
	outlets, err := a.outlets(ctx, cfg)
	if err != nil {
		return nil, err
	}
	return func(results []rotate.Result, troubles []error) error {
		budget := a.timeBudget(ctx) // the rotations had a time of their own
		defer budget.stop()
		// What is remembered of an account is all that stood there: so it is
		// looked at, as a nightly run does, and not only the rotations are told.
		report, err := a.examine(budget.work, cfg, policy, nil)
		if err != nil {
			return err
		}
		nights, err := a.nights(report, &rotating{results: results, troubles: troubles})
		if err != nil {
			return err
		}
		telling, cancel := budget.announcing()
		defer cancel()
		_, err = a.announce(telling, cfg, outlets, nights)
		return err
	}, nil
}
