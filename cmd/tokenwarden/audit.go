package main

import (
	"cmp"
	"context"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/tokenwarden/tokenwarden/audit"
	"github.com/tokenwarden/tokenwarden/audit/report"
	"github.com/tokenwarden/tokenwarden/internal/config"
	"github.com/tokenwarden/tokenwarden/internal/dbtcloud"
	"github.com/tokenwarden/tokenwarden/secrets"
)

type auditOptions struct {
	format  string
	output  string
	failOn  string // empty: what the configuration says
	require []string
	notify  bool
}

func (a *app) auditCommand() *cli.Command {
	o := auditOptions{format: "table"}
	return a.define(command{
		name:    "audit",
		summary: "find the credentials of dbt Cloud accounts that should not live on",
		about: "Reads each account and changes nothing. What could not be seen is part of the result. Exit codes: 0 all that\n" +
			"matters was read and nothing was found at or above --fail-on, 1 something was found, 2 something could not be\n" +
			"read (what was read is still reported), 3 usage or configuration error.",
		examples: []string{
			"tokenwarden audit", "tokenwarden audit --account prod --format json --output report.json",
			"tokenwarden audit --fail-on never --require service-token-legacy",
		},
		flags: append(o.flags(),
			toggle("notify", "announce what changed since the last time; one that was not delivered is exit code 2", &o.notify)),
		run: func(ctx context.Context, _ []string) error { return a.audit(ctx, o) },
	})
}

// flags are those that every audit takes.
func (o *auditOptions) flags() []cli.Flag {
	grades := []string{"info", "low", "medium", "high", "critical", "never"}
	return []cli.Flag{
		choice("format", "`FORMAT` of the report: "+strings.Join(report.Formats(), ", "), &o.format, report.Formats()...),
		text("output", "write the report to `FILE`, whole or not at all, instead of stdout", &o.output),
		choice("fail-on", "exit 1 for findings from this `SEVERITY` on: "+strings.Join(grades, ", ")+" (default: the configuration's, else medium)", &o.failOn, grades...),
		requirement(&o.require),
	}
}

// requirement takes the id of a rule.
func requirement(to *[]string) *option {
	o := texts("require", "exit 2 unless this `RULE` could be checked; may be repeated", to)
	o.set = func(s string) error {
		if !slices.ContainsFunc(audit.Rules(), func(r audit.Rule) bool { return r.ID == s }) {
			return errors.New("there is no such rule: tokenwarden rules lists them")
		}
		*to = append(*to, s)
		return nil
	}
	return o
}

// auditTask is what an audit is to look for, once flags and configuration agree.
type auditTask struct {
	cfg     config.Config
	policy  audit.Policy
	require []string
	failOn  audit.Severity
}

func (a *app) auditTask(o auditOptions) (t auditTask, err error) {
	if t.cfg, err = a.configuration(); err != nil {
		return t, err
	}
	if t.failOn, err = audit.ParseThreshold(cmp.Or(o.failOn, t.cfg.Audit.FailOn)); err != nil {
		return t, &exit{code: exitMisused, err: err}
	}
	t.policy, t.require = policyOf(t.cfg.Audit), o.require
	if err := t.policy.Validate(o.require); err != nil {
		return t, &exit{code: exitMisused, err: err}
	}
	return t, nil
}

func (a *app) audit(ctx context.Context, o auditOptions) error {
	t, err := a.auditTask(o)
	if err != nil {
		return err
	}
	if o.notify {
		return a.auditAndNotify(ctx, t, o)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, a.timeout(), errTimeout)
	defer cancel()
	r, err := a.auditReport(ctx, t, o)
	if err != nil {
		return err
	}
	return exitWith(exitCode(r.ExitCode(t.failOn)))
}

// auditReport audits and writes the report.
func (a *app) auditReport(ctx context.Context, t auditTask, o auditOptions) (*audit.Report, error) {
	out, err := a.openOutput(o.output)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	r, err := a.examine(ctx, t.cfg, t.policy, t.require)
	if err != nil {
		return nil, err
	}
	return r, a.writeReport(out, o, r)
}

// auditAndNotify keeps some of the time for telling people: also that the audit
// took all that it was given.
func (a *app) auditAndNotify(ctx context.Context, t auditTask, o auditOptions) error {
	if t.cfg.Notify.Slack == nil {
		return &exit{code: exitMisused, err: errNoSlack}
	}
	budget := a.timeBudget(ctx)
	defer budget.stop()
	outlets, err := a.outlets(budget.work, t.cfg)
	if err != nil {
		return err
	}
	r, err := a.auditReport(budget.work, t, o)
	if err != nil {
		return err
	}
	nights, err := a.nights(r, nil)
	if err != nil {
		return err
	}
	telling, cancel := budget.announcing()
	defer cancel()
	if _, err := a.announce(telling, t.cfg, outlets, nights); err != nil {
		return err
	}
	return exitWith(exitCode(r.ExitCode(t.failOn)))
}

func (a *app) writeReport(out *output, o auditOptions, r *audit.Report) error {
	return out.write(func(w io.Writer) error {
		return report.Write(w, o.format, r, report.Options{Color: o.output == "" && a.color(), Width: a.env.width, Version: version()})
	})
}

// examine audits the selected accounts.
func (a *app) examine(ctx context.Context, cfg config.Config, policy audit.Policy, require []string) (*audit.Report, error) {
	accounts, err := a.connect(ctx, cfg)
	if err != nil {
		return nil, err
	}
	var sources []audit.Account
	for _, c := range accounts {
		source := audit.Account{Name: c.Name, ID: c.ID, Host: c.Host, Err: c.err}
		if c.err == nil {
			source.Source = c.client()
			source.Credential = kindOf(c)
			source.Own = a.own(ctx, c)
			if c.Store != "" || len(c.Tokens) > 0 {
				source.Locator = locator{a, cfg, c}
			}
		}
		sources = append(sources, source)
	}
	progress := a.progress("auditing accounts", len(sources))
	defer progress.stop()
	auditor := audit.Auditor{
		Policy: policy, Require: require, Selected: len(a.common.accounts) > 0, Now: a.env.now,
		Progress: func(done, _ int) { progress.to(done) },
	}
	return auditor.Run(ctx, sources)
}

// kindOf guesses by the prefix, which recent values have (recorded).
func kindOf(c *account) audit.Credential {
	switch value := c.credential.Reveal(); {
	case strings.HasPrefix(value, "dbtu_"):
		return audit.PersonalCredential
	case strings.HasPrefix(value, "dbtc_"):
		return audit.ServiceTokenCredential
	}
	return audit.UnknownCredential
}

// own tells which token the credential is, where the label beside it says so,
// and else by the uid. There is no request that tells.
func (a *app) own(ctx context.Context, c *account) func(dbtcloud.ServiceToken) bool {
	if c.Token.Writable() {
		if id := a.look(ctx, c.ID, c.Token).label.TokenID; id != 0 {
			return func(t dbtcloud.ServiceToken) bool { return t.ID == id }
		}
	}
	return func(t dbtcloud.ServiceToken) bool { return hasUID(c.credential, t.UID) }
}

// hasUID tells whether a token's uid is the beginning of the value, after its
// prefix (recorded). Fewer than six characters may agree by chance.
func hasUID(value secrets.Value, uid string) bool {
	const enough = 6
	return len(uid) >= enough && strings.HasPrefix(strings.TrimPrefix(value.Reveal(), "dbtc_"), uid)
}

// policyOf is the audit's policy as the configuration states it.
func policyOf(c config.Audit) audit.Policy {
	p := audit.Policy{
		MaxAge: c.MaxAge, MaxAgeOf: c.MaxAgeByPermissionSet, UnusedFor: c.UnusedFor, Disable: c.Disable, Lookups: c.Lookups,
	}
	for _, s := range c.Suppress {
		p.Suppress = append(p.Suppress, audit.Suppression{
			Rule: s.Rule, Name: string(s.Name), Fingerprint: s.Fingerprint, Reason: s.Reason, Owner: s.Owner, Until: s.Until(),
		})
	}
	return p
}

var errTimeout = errors.New("the time that --timeout allows is over")
