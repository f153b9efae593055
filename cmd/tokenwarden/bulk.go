package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/tokenwarden/tokenwarden/internal/config"
	"github.com/tokenwarden/tokenwarden/rotate"
)

// bulk is what rotating many tokens came to.
type bulk struct {
	results  []rotate.Result // in the order in which they were begun
	canaries []int64         // the tokens that were tried before the others of their accounts
	left     []leftOut       // flagged tokens that were not taken, those of the selection included
}

// bulk is `rotate --flagged`.
func (a *app) bulk(ctx context.Context, cfg config.Config, o rotateOptions, evidence *evidenceFile) error {
	s, err := a.flagged(ctx, cfg)
	if err != nil {
		return err
	}
	options, most := o.options(cfg.Rotate, a.timeout()), cmp.Or(o.max, cfg.Rotate.Max)
	if o.yes || o.dryRun {
		b := a.rotateFlagged(ctx, s, most, options, evidence)
		return a.report(o, b.results, s.failures, &b)
	}
	planning := options
	planning.DryRun = true
	plan := a.rotateFlagged(ctx, s, most, planning, nil)
	refused := slices.DeleteFunc(slices.Clone(plan.results), func(r rotate.Result) bool { return r.Status == rotate.Planned })
	if len(refused) == len(plan.results) {
		return a.report(o, plan.results, s.failures, &plan) // there is nothing to agree to
	}
	for _, t := range s.flagged {
		t.account.survey = nil // people think for a while, and what was read gets old
	}
	if err := a.ask(ctx, rotationsText(plan.results, s.failures, &plan, "")); err != nil {
		return err
	}
	// What was agreed to, and nothing else.
	s.leftOut = plan.left
	s.flagged = slices.DeleteFunc(s.flagged, func(t *flaggedToken) bool { return !plan.planned(t) })
	b := a.rotateFlagged(ctx, s, most, options, evidence)
	b.results = append(b.results, refused...)
	return a.report(o, b.results, s.failures, &b)
}

// planned reports whether a dry run came to a plan for the token.
func (b bulk) planned(t *flaggedToken) bool {
	return slices.ContainsFunc(b.results, func(r rotate.Result) bool {
		return r.Account == t.account.Name && r.OldTokenID == t.item.ID && r.Status == rotate.Planned
	})
}

// rotateFlagged rotates what was selected, one token after the other, until most
// of them are rotated; one that is refused takes nobody's place. The first of
// each account is its canary: the least powerful of those that are due, and the
// others are begun only when one came through. A failure that another token
// would meet as well ends it.
func (a *app) rotateFlagged(ctx context.Context, s selection, most int, options rotate.Options, evidence *evidenceFile) bulk {
	options.NoProof = true
	b := bulk{results: []rotate.Result{}, left: slices.Clone(s.leftOut)}
	progress := a.progress("rotating", -1)
	defer progress.stop()
	queue, proven := slices.Clone(s.flagged), map[*account]bool{}
	why, detail := overMax, fmt.Sprintf("one run rotates %d at the most", most)
	for places := most; places > 0 && len(queue) > 0; {
		due := queue[:min(places, len(queue))]
		a.lookAtPowers(ctx, due, proven)
		i := nextTurn(due, proven)
		t := queue[i]
		queue = slices.Delete(queue, i, i+1)
		if !proven[t.account] {
			b.canaries = append(b.canaries, t.request.TokenID)
		}
		result := a.rotateOne(ctx, t.rotation, options, evidence, progress)
		b.results = append(b.results, result)
		cameThrough := result.Status == rotate.Rotated || result.Status == rotate.Pending || result.Status == rotate.Planned
		proven[t.account] = proven[t.account] || cameThrough
		if cameThrough || result.Status != rotate.Unchanged && result.NewTokenID != 0 {
			places--
		}
		if result.Widespread {
			why, detail = stopped, fmt.Sprintf("not begun, because token %d failed of what others would fail of as well", result.OldTokenID)
			break
		}
	}
	for _, t := range queue {
		b.left = append(b.left, t.leaveOut(why, detail, nil))
	}
	return b
}

// nextTurn chooses from those that are due, which stand in their order: first
// the canary of an account that has not proved itself yet, which is the least
// powerful one there, and never our own credential before another.
func nextTurn(due []*flaggedToken, proven map[*account]bool) int {
	canary := -1
	for i, t := range due {
		switch {
		case t.own || proven[t.account]:
		case canary < 0, t.account == due[canary].account && t.power.Compare(due[canary].power) < 0:
			canary = i
		}
	}
	return max(canary, 0)
}

// lookAtPowers fills in what the tokens of accounts without a canary may do, by
// the list's item, or else by their rows: an item may show none (recorded). What
// cannot be read stays unknown, and the rotation itself says why.
func (a *app) lookAtPowers(ctx context.Context, due []*flaggedToken, proven map[*account]bool) {
	ctx, cancel := context.WithTimeoutCause(ctx, a.timeout(), errTimeout)
	defer cancel()
	for _, t := range due {
		if proven[t.account] || t.looked {
			continue
		}
		t.looked = true
		rows := t.item.Grants
		if len(rows) == 0 {
			var err error
			if rows, err = t.account.client().Permissions(ctx, t.item.ID); err != nil {
				return // one that does not answer is enough to wait for
			}
		}
		t.power = rotate.PowerOf(t.item, rows)
	}
}
