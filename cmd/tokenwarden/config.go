package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/tokenwarden/tokenwarden/audit"
	"github.com/tokenwarden/tokenwarden/internal/config"
	"github.com/tokenwarden/tokenwarden/internal/inflight"
)

func (a *app) configCommand() *cli.Command {
	return a.define(command{
		name:     "config",
		summary:  "write a first configuration, check the one there is, or label what it names",
		commands: []*cli.Command{a.configInitCommand(), a.configCheckCommand(), a.configLabelCommand()},
	})
}

func (a *app) configInitCommand() *cli.Command {
	var path string
	var states []string
	return a.define(command{
		name:    "init",
		summary: "write a configuration with an entry for each token that an audit flags",
		about: "Reads the account that the flags or the environment name (or those of --config), and leaves the destinations to be\n" +
			"filled in. A file that is there already is left as it is. Tokens in a --terraform-state get an entry that says rotate:\n" +
			"never, flagged or not: Terraform would undo a rotation. Nothing but ids and addresses is taken out of the state.",
		examples: []string{
			"tokenwarden config init --output tokenwarden.yaml",
			"terraform state pull | tokenwarden config init --terraform-state - --output tokenwarden.yaml",
		},
		flags: []cli.Flag{
			text("output", "write the configuration to `FILE` instead of stdout", &path),
			texts("terraform-state", "mark the tokens that Terraform manages, by its state in `FILE` (JSON, version 4; - is stdin); may be repeated", &states),
		},
		run: func(ctx context.Context, _ []string) error { return a.configInit(ctx, path, states) },
	})
}

func (a *app) configInit(ctx context.Context, path string, states []string) error {
	if _, err := os.Lstat(path); path != "" && err == nil {
		return misuse("--output: %s is there already and was left as it is", path)
	}
	managed, err := a.terraformStates(states)
	if err != nil {
		return err
	}
	cfg, err := a.firstConfiguration()
	if err != nil {
		return err
	}
	out, err := a.openOutput(path)
	if err != nil {
		return err
	}
	defer out.Close()
	ctx, cancel := context.WithTimeoutCause(ctx, a.timeout(), errTimeout)
	defer cancel()
	r, err := a.examine(ctx, cfg, policyOf(cfg.Audit), nil)
	if err != nil {
		return err
	}
	if !r.Complete {
		var why []error
		for _, account := range r.Accounts {
			for _, text := range account.Errors {
				why = append(why, errors.New(text))
			}
		}
		return fmt.Errorf("nothing was written, because not all could be read: %w", errors.Join(why...))
	}
	var accounts []config.InitAccount
	for _, c := range cfg.Accounts {
		if a.selected(c.Name) {
			accounts = append(accounts, initAccount(c, r, r.Accounts[len(accounts)].Tokens)) // the report's order is the configuration's
		}
	}
	a.markManaged(accounts, r, managed)
	return out.write(func(w io.Writer) error { return config.Init(w, accounts) })
}

// firstConfiguration passes over a file that nobody named: with
// `config init > tokenwarden.yaml` the shell has made an empty one already.
func (a *app) firstConfiguration() (config.Config, error) {
	if a.common.config != "" {
		return a.configuration()
	}
	cfg, err := config.FromEnvironment(a.env.get, a.common.account)
	if err != nil {
		return cfg, &exit{code: exitMisused, err: err}
	}
	return cfg, nil
}

// initAccount has an entry for each token with a finding. A replacement that is
// under way is its old token's affair, and its name will not last.
func initAccount(c config.Account, r *audit.Report, active []audit.ActiveToken) config.InitAccount {
	account := config.InitAccount{Name: c.Name, ID: c.ID, Host: c.Host, Token: c.Token}
	entries := initTokens(active)
	for _, f := range r.Findings {
		_, old, _ := inflight.Split(f.Resource.Name)
		if _, flying := entries[old]; flying || f.AccountID != c.ID || f.Resource.Type != audit.ResourceServiceToken ||
			slices.ContainsFunc(account.Tokens, func(t config.InitToken) bool { return t.ID == f.Resource.ID }) {
			continue
		}
		t := entries[f.Resource.ID]
		t.Note = f.Message
		account.Tokens = append(account.Tokens, t)
	}
	return account
}

// initTokens are the entries of an account's active tokens, by id. The name is
// the one that lasts: without the suffix of a rotation that is over, which stays
// where the service refused the rename.
func initTokens(active []audit.ActiveToken) map[int64]config.InitToken {
	entries, carriers := map[int64]config.InitToken{}, map[string]int{}
	for _, t := range active {
		entries[t.ID] = config.InitToken{ID: t.ID, Name: t.Name}
	}
	for id, t := range entries {
		base, old, _ := inflight.Split(t.Name)
		if _, flying := entries[old]; flying {
			t.Ambiguous = true
		} else {
			t.Name = base
			carriers[base]++
		}
		entries[id] = t
	}
	for id, t := range entries {
		t.Ambiguous = t.Ambiguous || carriers[t.Name] > 1
		entries[id] = t
	}
	return entries
}

func (a *app) configCheckCommand() *cli.Command {
	var probe bool
	return a.define(command{
		name:    "check",
		summary: "say where each token's value goes, and what is wrong with that",
		about: "Reads the file, lists the tokens, fills in the names, and finds destinations that two tokens would share. Changes\n" +
			"nothing. Exit codes: 0 all is well, 1 something is missing or does not fit, 2 something could not be read, 3 the\n" +
			"configuration is wrong.",
		examples: []string{"tokenwarden config check", "tokenwarden config check --probe"},
		flags:    []cli.Flag{toggle("probe", "read every destination and say whose value it holds, by its label", &probe)},
		run:      func(ctx context.Context, _ []string) error { return a.configCheck(ctx, probe) },
	})
}

func (a *app) configCheck(ctx context.Context, probe bool) error {
	cfg, err := a.configuration()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, a.timeout(), errTimeout)
	defer cancel()
	all, assignments, failures, err := a.placed(ctx, cfg)
	if err != nil {
		return err
	}
	var b strings.Builder
	code := exitOK
	for _, s := range assignments {
		switch found := a.checkAssignment(ctx, &b, s, probe); found {
		case exitFailed:
			failures = append(failures, fmt.Errorf("token %d: a destination could not be read", s.Tokens[0].ID))
		default:
			code = max(code, found)
		}
	}
	if err := cfg.Unfilled(); err != nil {
		fmt.Fprintf(&b, "to do: %v\n", err)
		code = exitFound
	}
	for _, p := range all {
		for _, e := range p.account.Tokens {
			if p.account.err == nil && !matched(assignments, p.account.Name, e) {
				fmt.Fprintf(&b, "%s: the entry on line %d means no active token\n", p.account.label(), e.Line)
				code = exitFound
			}
		}
	}
	if _, err := io.WriteString(a.env.stdout, printable(b.String())); err != nil {
		return err
	}
	if len(failures) > 0 {
		return errors.Join(failures...)
	}
	return exitWith(code)
}

// matched tells whether an entry matches any active token.
func matched(assignments []config.Assignment, account string, e config.Entry) bool {
	return slices.ContainsFunc(assignments, func(s config.Assignment) bool {
		return s.Account.Name == account && s.Entry.Line == e.Line
	})
}

// checkAssignment writes what is known of one token: exitFound when a destination
// holds another token's value, or one that is gone, exitFailed when one could not
// be read.
func (a *app) checkAssignment(ctx context.Context, w io.Writer, s config.Assignment, probe bool) exitCode {
	name := audit.Quote(s.Tokens[0].Name)
	var ids []string
	for _, t := range s.Tokens {
		ids = append(ids, fmt.Sprint(t.ID))
	}
	fmt.Fprintf(w, "%s: token %s %s", audit.Quote(s.Account.Name), strings.Join(ids, ", "), name)
	switch {
	case s.Entry.Never:
		fmt.Fprintf(w, ": is never rotated (%s)\n", audit.Quote(s.Entry.Reason))
	case len(s.Destinations) == 0:
		fmt.Fprintln(w, ": has no destination")
	default:
		fmt.Fprintln(w)
	}
	worst := exitOK
	for _, ref := range s.Destinations {
		fmt.Fprintf(w, "  %s", ref)
		if probe {
			h := a.look(ctx, s.Account.ID, ref)
			fmt.Fprintf(w, ": %s", h)
			switch {
			case h.err != nil:
				worst = exitFailed
			case !h.fits(s.Tokens):
				fmt.Fprintf(w, "; it should hold the value of token %s", strings.Join(ids, " or "))
				worst = max(worst, exitFound)
			}
		}
		fmt.Fprintln(w)
	}
	return worst
}
