package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/tokenwarden/tokenwarden/audit"
	"github.com/tokenwarden/tokenwarden/internal/canary"
	"github.com/tokenwarden/tokenwarden/secrets"
)

// canary measures one account with a token of its own.
func (a *app) canary(ctx context.Context, format string, yes bool) error {
	if !yes && !a.terminal() {
		return misuseHint("it creates a harmless token and removes it again", "--yes is needed for --canary where no terminal can be asked")
	}
	c, err := a.canaryAccount(ctx)
	if err != nil {
		return err
	}
	if !yes {
		err := a.ask(ctx, fmt.Sprintf("In account %s (%s) this creates a service token called \"tokenwarden canary [xxxx]\" that can only read\n"+
			"metadata, uses and renames it, creates a second one like it, and deletes both; it removes what an earlier try left.\n",
			c.label(), c.Host))
		if err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, a.timeout(), errTimeout)
	defer cancel()
	progress := a.progress("measuring", -1)
	r := a.measurer(c, progress.say).Run(ctx)
	progress.stop()
	r.Version = userAgent()
	if format == "json" {
		err = a.writeJSON(r)
	} else {
		err = canary.WriteMarkdown(a.env.stdout, r)
	}
	return left(r, err)
}

// left turns a report into an exit code. A token that may still live is told on
// stderr too: the report may go into a file that nobody looks at.
func left(r canary.Report, err error) error {
	var tokens []string
	for _, l := range r.Left {
		tokens = append(tokens, fmt.Sprintf("token %d (%s)", l.TokenID, audit.Quote(l.Name)))
	}
	switch {
	case len(tokens) > 0:
		return &exit{code: exitFailed, hint: "run it again, or delete it by hand",
			err: fmt.Errorf("a canary may be left in the account: %s", strings.Join(tokens, ", "))}
	case err != nil:
		return err
	}
	return exitWith(exitCode(r.ExitCode()))
}

// canaryAccount is the one account that is to be measured, with its credential.
func (a *app) canaryAccount(ctx context.Context) (*account, error) {
	cfg, err := a.configuration()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, a.timeout(), errTimeout)
	defer cancel()
	accounts, err := a.connect(ctx, cfg)
	if err != nil {
		return nil, err
	}
	if len(accounts) != 1 {
		return nil, misuseHint("add --account NAME", "--canary is for one account at a time, and several are configured")
	}
	c := accounts[0]
	switch {
	case c.err != nil:
		return nil, c.err
	case kindOf(c) == audit.PersonalCredential:
		return nil, misuseHint("use an account_admin service token", "the credential of account %s is a personal access token, and dbt Cloud lets none create service tokens", c.label())
	}
	return c, nil
}

func (a *app) measurer(c *account, say func(string)) *canary.Canary {
	replies := &canary.Replies{}
	return &canary.Canary{
		Host:     c.service.Host(),
		Client:   c.client().Observed(replies.Note),
		As:       func(v secrets.Value) canary.Login { return c.service.As(v).Observed(replies.Note) },
		Replies:  replies,
		Now:      a.env.now,
		Sleep:    a.env.sleep,
		Rand:     a.env.rand,
		Progress: say,
	}
}
