package main

import (
	"context"
	"io"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/tokenwarden/tokenwarden/audit/report"
	"github.com/tokenwarden/tokenwarden/internal/config"
)

type tokensOptions struct{ format, output string }

func (a *app) tokensCommand() *cli.Command {
	o := tokensOptions{format: "table"}
	return a.define(command{
		name:    "tokens",
		summary: "list all service tokens: their grants, last use, and where their values are kept",
		about: "Whose value a destination holds is told by its label; nothing that is stored is sent anywhere. Exit codes: 0 the\n" +
			"list is whole, 2 something could not be read, 3 usage or configuration error.",
		examples: []string{"tokenwarden tokens", "tokenwarden tokens --format csv --output tokens.csv"},
		flags: []cli.Flag{
			choice("format", "`FORMAT` of the list: "+strings.Join(report.TokenFormats(), ", "), &o.format, report.TokenFormats()...),
			text("output", "write the list to `FILE`, whole or not at all, instead of stdout", &o.output),
		},
		run: func(ctx context.Context, _ []string) error { return a.tokens(ctx, o) },
	})
}

func (a *app) tokens(ctx context.Context, o tokensOptions) error {
	cfg, err := a.configuration()
	if err != nil {
		return err
	}
	out, err := a.openOutput(o.output)
	if err != nil {
		return err
	}
	defer out.Close()
	ctx, cancel := context.WithTimeoutCause(ctx, a.timeout(), errTimeout)
	defer cancel()
	all, assignments, failures, err := a.placed(ctx, cfg)
	if err != nil {
		return err
	}
	listing := report.Listing{GeneratedAt: a.env.now(), Complete: len(failures) == 0, Rows: []report.TokenRow{}}
	for _, err := range failures {
		listing.Errors = append(listing.Errors, err.Error())
	}
	for _, p := range all {
		kept := a.kept(ctx, p, assignments)
		for _, t := range p.tokens {
			row := report.NewTokenRow(p.account.Name, p.account.ID, t)
			var labels []string
			for _, h := range kept[t.ID] {
				row.Destinations = append(row.Destinations, h.ref.String())
				labels = append(labels, h.String())
				if h.err != nil {
					listing.Complete = false
					listing.Errors = append(listing.Errors, h.err.Error())
				}
			}
			row.Label = strings.Join(labels, "; ")
			listing.Rows = append(listing.Rows, row)
		}
	}
	err = out.write(func(w io.Writer) error {
		return report.WriteTokens(w, o.format, listing, report.Options{Color: o.output == "" && a.color(), Width: a.env.width})
	})
	if err == nil && !listing.Complete {
		err = exitWith(exitFailed)
	}
	return err
}

// kept looks at the destinations of each token of an account.
func (a *app) kept(ctx context.Context, p population, assignments []config.Assignment) map[int64][]held {
	kept := map[int64][]held{}
	for _, s := range ofAccount(assignments, p.account) {
		found := a.lookAll(ctx, p.account.ID, s.Destinations)
		for _, t := range s.Tokens {
			kept[t.ID] = found
		}
	}
	return kept
}
