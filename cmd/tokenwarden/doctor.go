package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"github.com/tokenwarden/tokenwarden/audit"
	"github.com/tokenwarden/tokenwarden/internal/config"
	"github.com/tokenwarden/tokenwarden/internal/dbtcloud"
)

// check is one thing that was looked at.
type check struct {
	Account string `json:"account"` // empty: it is about this machine
	Check   string `json:"check"`
	State   string `json:"state"` // ok, missing (needed), limited (done without), unknown
	Detail  string `json:"detail"`
}

// The states of a check.
const (
	stateOK      = "ok"
	stateMissing = "missing"
	stateLimited = "limited"
	stateUnknown = "unknown"
)

func (a *app) doctorCommand() *cli.Command {
	format, canary, yes := "table", false, false
	return a.define(command{
		name:    "doctor",
		summary: "say what the credentials and the stores allow, and what is missing",
		about: "Changes nothing. Exit codes: 0 nothing is missing, 1 something that an audit or a configured rotation needs is\n" +
			"missing, 3 usage or configuration error.\n\n" +
			"With --canary it measures instead what dbt Cloud's documentation leaves open: in one account it creates a token\n" +
			"called \"tokenwarden canary [xxxx]\" that can only read metadata (of one project, where there is one), uses and renames\n" +
			"it, creates a second one with its name, deletes both, and looks what the service answers. Left-overs of an earlier try\n" +
			"go first. It asks before it begins, takes a few minutes and some fifty requests, and prints a report (Markdown, or\n" +
			"json) without secrets or a word on whose account it is, to paste into an issue. It takes an account_admin service token.\n" +
			"Exit codes: 0 measured and removed, 1 something that tokenwarden assumes does not hold or a person has to look at\n" +
			"something, 2 something failed (if a token is left, the report names it), 3 usage or configuration error.",
		examples: []string{"tokenwarden doctor", "tokenwarden doctor --canary"},
		flags: []cli.Flag{
			choice("format", "`FORMAT` of the result: table or json", &format, "table", "json"),
			toggle("canary", "measure how dbt Cloud behaves, with a harmless token that is removed again", &canary),
			toggle("yes", "with --canary: begin without asking", &yes),
		},
		run: func(ctx context.Context, _ []string) error {
			switch {
			case canary:
				return a.canary(ctx, format, yes)
			case yes:
				return misuse("--yes is for --canary: without it nothing is changed, so nothing is asked")
			}
			return a.doctor(ctx, format)
		},
	})
}

func (a *app) doctor(ctx context.Context, format string) error {
	cfg, err := a.configuration()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, a.timeout(), errTimeout)
	defer cancel()
	accounts, err := a.connect(ctx, cfg)
	if err != nil {
		return err
	}
	progress := a.progress("looking at accounts", len(accounts))
	checks := []check{}
	for i, c := range accounts {
		checks = append(checks, a.examineAccount(ctx, cfg, c)...)
		progress.to(i + 1)
	}
	progress.stop()
	if format == "json" {
		err = a.writeJSON(map[string]any{"schema_version": 1, "checks": checks})
	} else {
		err = writeChecks(a.env.stdout, checks)
	}
	if err != nil {
		return err
	}
	for _, c := range checks {
		if c.State == stateMissing {
			return exitWith(exitFound)
		}
	}
	return nil
}

func writeChecks(w io.Writer, checks []check) error {
	table := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	for _, c := range checks {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", c.State, printable(c.Account), c.Check, printable(c.Detail))
	}
	return table.Flush()
}

// examineAccount tells what the credential of one account can see and do, and
// what is with the places where its tokens are kept.
func (a *app) examineAccount(ctx context.Context, cfg config.Config, c *account) []check {
	var checks []check
	add := func(what, state, format string, args ...any) {
		checks = append(checks, check{c.Name, what, state, fmt.Sprintf(format, args...)})
	}
	if c.err != nil {
		add("credential", stateMissing, "%v", c.err)
		return checks
	}
	client := c.client()
	if _, err := client.Authenticate(ctx); err != nil {
		add("credential", stateMissing, "%v", err)
		return checks
	}
	add("credential", stateOK, "%s accepts it", c.Host)

	p := population{account: c}
	pass, err := client.ServiceTokens(ctx, func(t dbtcloud.ServiceToken) error {
		p.tokens = append(p.tokens, t)
		return nil
	})
	switch {
	case err != nil:
		add("service tokens", stateMissing, "%v", err)
	case len(p.tokens) == 0 && kindOf(c) != audit.PersonalCredential:
		add("service tokens", stateMissing, "none is shown, not even the one that asks: the credential may not see them")
	default:
		add("service tokens", stateOK, "%d active, %d read", len(p.tokens), pass.Read)
	}
	if len(p.tokens) > 0 {
		rows, err := client.Permissions(ctx, p.tokens[0].ID)
		seen(add, "permissions", stateMissing, len(rows), err)
	}
	users := 0
	_, err = client.Users(ctx, func(dbtcloud.User) error { users++; return nil })
	seen(add, "users", stateMissing, users, err)
	projects := 0
	_, err = client.Projects(ctx, func(dbtcloud.Project) error { projects++; return nil })
	seen(add, "projects", stateLimited, projects, err)
	rules, err := client.IPRules(ctx)
	seen(add, "IP restrictions", stateLimited, len(rules), err)
	scim, err := client.SCIMTokens(ctx)
	seen(add, "SCIM tokens", stateLimited, len(scim), err)

	state, detail := a.mayRotate(ctx, c, p)
	add("rotation", state, "%s", detail)
	return append(checks, a.examineStores(ctx, cfg, p)...)
}

// seen adds how many of something the credential is shown, or why it is shown none.
func seen(add func(what, state, format string, args ...any), what, otherwise string, n int, err error) {
	if err != nil {
		add(what, otherwise, "%v", err)
		return
	}
	add(what, stateOK, "%d", n)
}

// mayRotate says what is known about that: no request tells which permissions a
// credential has, so only its prefix, and its label or uid do. What cannot rotate
// is missing something where the configuration names a place to rotate to.
func (a *app) mayRotate(ctx context.Context, c *account, p population) (state, detail string) {
	cannot := stateLimited
	if c.Store != "" || slices.ContainsFunc(c.Tokens, func(e config.Entry) bool { return !e.Never && len(e.Destinations) > 0 }) {
		cannot = stateMissing
	}
	if kindOf(c) == audit.PersonalCredential {
		return cannot, "no: a personal access token cannot create service tokens; an audit can do with it"
	}
	own, isOwn := []dbtcloud.ServiceToken{}, a.own(ctx, c)
	for _, t := range p.tokens {
		if isOwn(t) {
			own = append(own, t)
		}
	}
	if len(own) == 1 {
		// The list may come without them.
		if rows, err := c.client().Permissions(ctx, own[0].ID); err == nil {
			return mayRotateWith(rows, own[0].ID, cannot)
		}
	}
	return stateUnknown, "needs account_admin or owner; dbt Cloud does not tell what a credential has until a rotation is tried"
}

func mayRotateWith(rows []dbtcloud.Grant, id int64, cannot string) (state, detail string) {
	var sets []string
	for _, g := range rows {
		switch {
		case g.State == dbtcloud.Deleted:
		case dbtcloud.ManagesTokens(g.PermissionSet):
			return stateOK, fmt.Sprintf("yes: by its label or uid the credential is token %d, which has %s", id, g.PermissionSet)
		case !slices.Contains(sets, g.PermissionSet):
			sets = append(sets, g.PermissionSet)
		}
	}
	return cannot, fmt.Sprintf("no: by its label or uid the credential is token %d, which has %s; a rotation needs account_admin or owner, and an audit can do without",
		id, cmp.Or(strings.Join(sets, ", "), "no permission set"))
}

// examineStores looks at every configured destination.
func (a *app) examineStores(ctx context.Context, cfg config.Config, p population) []check {
	assignments, err := a.plan(ctx, cfg, []population{p})
	if err != nil {
		return []check{{p.account.Name, "configuration", stateMissing, strings.ReplaceAll(err.Error(), "\n", "; ")}}
	}
	var checks []check
	for _, s := range assignments {
		for _, ref := range s.Destinations {
			found := check{p.account.Name, "destination", stateOK, fmt.Sprintf("%s can be read, written and labelled", ref)}
			store, err := a.store(ref)
			if err == nil {
				err = store.Check(ctx, ref)
			}
			if err != nil {
				found.State, found.Detail = stateMissing, err.Error()
			}
			checks = append(checks, found)
		}
	}
	return checks
}
