package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/tokenwarden/tokenwarden/audit"
	"github.com/tokenwarden/tokenwarden/internal/config"
	"github.com/tokenwarden/tokenwarden/rotate"
)

func (a *app) configLabelCommand() *cli.Command {
	var yes bool
	return a.define(command{
		name:    "label",
		summary: "prove whose values the destinations hold, and label them, so that rotate --flagged takes them",
		about: "For each configured token with a destination that holds a value of unknown owner, one after the other: three\n" +
			"requests made with the stored value must each move the token's last use; then the value is labelled. Nothing is\n" +
			"rotated, and what a store holds stays as it is. Mind that this is a use of each token: what was unused looks used\n" +
			"afterwards. Without a terminal --yes is needed. Exit codes: 0 all are labelled, 1 of some it could not be shown, 2\n" +
			"something could not be read or done (again is safe), 3 usage or configuration error.",
		examples: []string{"tokenwarden config check --probe", "tokenwarden config label --account prod --yes"},
		flags:    []cli.Flag{toggle("yes", "do it without asking", &yes)},
		run:      func(ctx context.Context, _ []string) error { return a.configLabel(ctx, yes) },
	})
}

func (a *app) configLabel(ctx context.Context, yes bool) error {
	if !yes && !a.terminal() {
		return misuseHint("tokenwarden config check --probe shows what is not labelled", "--yes is needed to act where no terminal can be asked")
	}
	cfg, err := a.configuration()
	if err != nil {
		return err
	}
	rotations, failures, err := a.unlabelled(ctx, cfg)
	if err != nil {
		return err
	}
	if len(rotations) > 0 && !yes {
		var plan strings.Builder
		for _, r := range rotations {
			fmt.Fprintf(&plan, "%s: token %d %s: three to five requests with the value that is stored\n", r.account.Name, r.request.TokenID, audit.Quote(r.name))
		}
		if err := a.ask(ctx, plan.String()); err != nil {
			return err
		}
	}
	results := a.labelAll(ctx, rotations)
	if err := a.writeLabelled(results, len(rotations), failures); err != nil {
		return err
	}
	if len(failures) > 0 {
		return exitWith(exitFailed)
	}
	return exitWith(exitCode(rotate.ExitCode(results)))
}

// unlabelled finds the tokens with a destination that holds a value of unknown
// owner. One that is in flight is left to its rotation.
func (a *app) unlabelled(ctx context.Context, cfg config.Config) (rotations []*rotation, failures []error, err error) {
	all, assignments, failures, err := a.assigned(ctx, cfg)
	if err != nil {
		return nil, nil, err
	}
	for _, c := range all {
		if !a.selected(c.Name) {
			continue
		}
		for _, s := range ofAccount(assignments, c) {
			if s.Entry.Never || len(s.Tokens) > 1 {
				continue
			}
			found := a.lookAll(ctx, c.ID, s.Destinations)
			for _, h := range found {
				if h.err != nil {
					failures = append(failures, h.err)
				}
			}
			if slices.ContainsFunc(found, func(h held) bool { return h.err == nil && !h.empty && h.label.TokenID == 0 }) {
				rotations = append(rotations, &rotation{account: c, name: s.Tokens[0].Name,
					request: rotate.Request{TokenID: s.Tokens[0].ID, Destinations: s.Destinations}})
			}
		}
	}
	return rotations, failures, nil
}

// labelAll ends at a failure that the next token would meet as well.
func (a *app) labelAll(ctx context.Context, rotations []*rotation) (results []rotate.Result) {
	progress := a.progress("labelling", -1)
	defer progress.stop()
	options := rotate.Options{Timeout: a.timeout(), LabelOnly: true}
	for _, r := range rotations {
		results = append(results, a.rotateOne(ctx, r, options, nil, progress))
		if results[len(results)-1].Widespread {
			break
		}
	}
	return results
}

func (a *app) writeLabelled(results []rotate.Result, wanted int, failures []error) error {
	var b strings.Builder
	labelled := 0
	for _, r := range results {
		fmt.Fprintf(&b, "%s: token %d %s: ", r.Account, r.OldTokenID, audit.Quote(r.Name))
		if r.Status == rotate.Unchanged {
			labelled++
			b.WriteString("labelled\n")
			continue
		}
		fmt.Fprintf(&b, "%s: %s\n", r.Status, r.Error)
	}
	for _, err := range failures {
		fmt.Fprintf(&b, "could not be read: %s\n", err)
	}
	fmt.Fprintf(&b, "in all: %d labelled, %d not, %d not tried\n", labelled, len(results)-labelled, wanted-len(results))
	_, err := io.WriteString(a.env.stdout, printable(b.String()))
	return err
}
