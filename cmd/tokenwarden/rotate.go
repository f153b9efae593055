package main

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/tokenwarden/tokenwarden/internal/config"
	"github.com/tokenwarden/tokenwarden/rotate"
	"github.com/tokenwarden/tokenwarden/secrets"
)

type rotateOptions struct {
	tokenID      int64
	name         string
	pending      bool
	flagged      bool
	max          int // with flagged; 0: what the configuration says
	undo         bool
	to           []secrets.Ref
	dryRun, yes  bool
	overlap      *time.Duration
	quiet        *time.Duration
	now, adopt   bool
	compromised  bool
	orphanMinAge *time.Duration
	format       string
	evidence     string
	reason       string
	notify       bool
	tell         func([]rotate.Result, []error) error // with notify
}

func (a *app) rotateCommand() *cli.Command {
	o := rotateOptions{format: "table"}
	return a.define(command{
		name:    "rotate",
		summary: "replace a service token by one with the same permissions, wherever it is stored",
		about: "Creates the replacement, proves it, stores it in every destination, and deletes the old token once the overlap and\n" +
			"the quiet time are over: a later run, or --pending from any machine, finishes what one left unfinished. --flagged is\n" +
			"for many tokens: a canary first, then the oldest (docs/bulk.md). Without a terminal --yes is needed. Exit codes: 0\n" +
			"finished, unchanged or waiting as planned, 1 refused or waiting for a person, 2 something failed (again is safe), 3\n" +
			"usage or configuration error.",
		examples: []string{
			"tokenwarden rotate --name 'Airflow prod' --dry-run",
			"tokenwarden rotate --token-id 777 --to vault://secret/dbt/airflow#token --yes",
			"tokenwarden rotate --flagged --max 20 --dry-run",
			"tokenwarden rotate --token-id 777 --compromised --reason 'its value was in a public build log'",
			"tokenwarden rotate --pending --yes",
			"tokenwarden rotate --undo --token-id 777 --yes",
		},
		flags: []cli.Flag{
			identifier("token-id", "the token with this `ID`", &o.tokenID),
			text("name", "the token with this `NAME`", &o.name),
			toggle("flagged", "all tokens that an audit flags for their age and whose destinations are labelled as theirs: oldest first, at most --max", &o.flagged),
			count("max", "with --flagged: rotate at most `N` tokens (default: the configuration's, else 5)", &o.max, 1, math.MaxInt32),
			toggle("pending", "finish whatever earlier runs, on any machine, left unfinished", &o.pending),
			toggle("undo", "while the token lives: put its value back in the place of its replacement's, prove it, and delete the replacement", &o.undo),
			references("to", "destination `REF`, added to the configured ones; may be repeated", &o.to),
			toggle("dry-run", "show what would be done and change nothing", &o.dryRun),
			toggle("yes", "act without asking", &o.yes),
			duration("overlap", "the old token lives at least this `DURATION` after the new value was stored (default: the configuration's, else 24h)", &o.overlap),
			duration("quiet", "and was not used for this `DURATION` (default: the configuration's, else 24h)", &o.quiet),
			toggle("now", "neither overlap nor quiet time: delete the old token in this run", &o.now),
			toggle("adopt", "take a stored value of unknown owner for the old token's", &o.adopt),
			duration("orphan-min-age", "a replacement whose value is nowhere may be dropped from this age on, a `DURATION` (default: the configuration's, else 10m)", &o.orphanMinAge),
			choice("format", "`FORMAT` of the result: table or json", &o.format, "table", "json"),
			toggle("notify", "announce the results, and what else has changed; what was not delivered is exit code 2", &o.notify),
			text("evidence", "append what was done to `FILE`, as JSON lines without secrets", &o.evidence),
			toggle("compromised", "somebody else has the value: like --now, and said so wherever it is recorded; needs --reason", &o.compromised),
			text("reason", "why it is done, a `TEXT` for the evidence (default: what was asked for)", &o.reason),
		},
		run: func(ctx context.Context, _ []string) error { return a.rotate(ctx, o) },
	})
}

// asked says what the flags asked for.
func (o *rotateOptions) asked() string {
	switch {
	case o.undo:
		return "asked to undo the rotation of a token"
	case o.pending:
		return "asked to finish pending rotations"
	case o.flagged:
		return "asked to rotate what an audit flags"
	case o.name != "":
		return "asked to rotate the token of that name"
	}
	return fmt.Sprintf("asked to rotate token %d", o.tokenID)
}

// unseenName is the name that was asked for and that no token was seen to have:
// it may be a value that was pasted by mistake.
func (o *rotateOptions) unseenName() string {
	return tokenLike.ReplaceAllString(o.name, "[redacted]")
}

// check finds what is wrong before anything is read.
func (o *rotateOptions) check(a *app) error {
	chosen := 0
	for _, given := range []bool{o.tokenID != 0, o.name != "", o.flagged, o.pending} {
		if given {
			chosen++
		}
	}
	switch {
	case chosen != 1:
		return misuse("rotate needs one of --token-id, --name, --flagged and --pending")
	case o.flagged && o.adopt:
		return misuseHint("adopt its stored value by rotating it with --token-id", "--adopt is for one token at a time, not for --flagged")
	case o.flagged && len(o.to) > 0:
		return misuseHint("name the destinations in the configuration", "--to is for one token, not for --flagged")
	case o.notify && o.dryRun:
		return misuse("--notify tells what was done, and a --dry-run does nothing")
	case o.max != 0 && !o.flagged:
		return misuse("--max is for --flagged")
	case o.pending && o.adopt:
		return misuse("--adopt is for one token at a time, not for --pending")
	case o.now && (o.overlap != nil || o.quiet != nil):
		return misuse("--now means no overlap and no quiet time: leave --overlap and --quiet out")
	case len(a.common.accounts) > 1 && !o.pending && !o.flagged:
		return misuse("--account: one token is in one account")
	case !o.yes && !o.dryRun && !a.terminal():
		return misuseHint("look at it with --dry-run first", "--yes is needed to act where no terminal can be asked")
	}
	if err := cmp.Or(o.checkCompromised(), o.checkUndo()); err != nil {
		return err
	}
	for _, ref := range o.to {
		if !ref.Writable() {
			return misuse("--to: %s:// can only be read, so it cannot be a destination", ref.Scheme)
		}
		if _, err := a.store(ref); err != nil {
			return fmt.Errorf("--to: %w", err)
		}
	}
	return nil
}

// options are those of package rotate.
func (o *rotateOptions) options(c config.Rotate, timeout time.Duration) rotate.Options {
	or := func(flag *time.Duration, configured time.Duration) time.Duration {
		if flag != nil {
			return *flag
		}
		return configured
	}
	options := rotate.Options{
		Overlap: or(o.overlap, c.Overlap), OverlapSet: o.overlap != nil,
		Quiet: or(o.quiet, c.Quiet), QuietSet: o.quiet != nil,
		Now: o.now, Adopt: o.adopt, OrphanMinAge: or(o.orphanMinAge, c.OrphanMinAge),
		Timeout: timeout, DryRun: o.dryRun,
	}
	if o.compromised {
		options.Compromised = o.reason
	}
	if o.now || o.compromised {
		options.Overlap, options.Quiet = 0, 0
	}
	return options
}

func (a *app) rotate(ctx context.Context, o rotateOptions) error {
	if err := o.check(a); err != nil {
		return err
	}
	o.reason = tokenLike.ReplaceAllString(o.reason, "[redacted]") // whoever has just found a token may paste it
	cfg, err := a.configuration()
	if err != nil {
		return err
	}
	if o.notify {
		if o.tell, err = a.teller(ctx, cfg); err != nil {
			return err
		}
	}
	evidence, err := a.openEvidence(o)
	if err != nil {
		return err
	}
	defer evidence.close()
	if o.flagged {
		return a.bulk(ctx, cfg, o, evidence)
	}
	rotations, failures, err := a.choose(ctx, cfg, o)
	if err != nil {
		return err
	}
	options := o.options(cfg.Rotate, a.timeout())
	if !o.yes && !o.dryRun {
		results, agreed, err := a.confirm(ctx, rotations, options)
		if err != nil {
			return err
		}
		if !agreed {
			return a.report(o, results, failures, nil)
		}
	}
	return a.report(o, a.rotateAll(ctx, rotations, options, evidence), failures, nil)
}

// report writes the results, tells of them where that was asked for, and turns
// them into an exit code.
func (a *app) report(o rotateOptions, results []rotate.Result, failures []error, many *bulk) error {
	if err := a.writeRotations(o, results, failures, many); err != nil {
		return err
	}
	if o.tell != nil {
		if err := o.tell(results, failures); err != nil {
			return &exit{code: exitFailed, err: err}
		}
	}
	if len(failures) > 0 {
		return exitWith(exitFailed)
	}
	return exitWith(exitCode(rotate.ExitCode(results)))
}

// rotateAll does one rotation after the other. Each begins with what is true
// then: the one before may have replaced the credential that it ran with.
func (a *app) rotateAll(ctx context.Context, rotations []*rotation, options rotate.Options, evidence *evidenceFile) []rotate.Result {
	progress := a.progress("rotating", -1)
	defer progress.stop()
	results := []rotate.Result{}
	for _, r := range rotations {
		if r.decided == nil {
			results = append(results, a.rotateOne(ctx, r, options, evidence, progress))
			continue
		}
		results = append(results, decided(*r.decided, options.Compromised))
	}
	return results
}

func (a *app) rotateOne(ctx context.Context, r *rotation, options rotate.Options, evidence *evidenceFile, progress progress) rotate.Result {
	progress.say(fmt.Sprintf("token %d", r.request.TokenID))
	var err error
	if r.account.credential, err = a.secret(ctx, r.account.Token); err != nil {
		return r.widespread(fmt.Errorf("the credential of account %s: %w", r.account.label(), err))
	}
	rotator, err := a.rotator(r.account, evidence.evidence(), func(text string) {
		progress.say(fmt.Sprintf("token %d: %s", r.request.TokenID, text))
	})
	if err != nil {
		return r.widespread(err)
	}
	survey := r.account.survey
	if r.account.survey = nil; survey == nil {
		surveyed, cancel := context.WithTimeoutCause(ctx, a.timeout(), errTimeout)
		defer cancel()
		if survey, err = rotator.Survey(surveyed); err != nil {
			return r.widespread(err)
		}
	}
	result := rotator.Rotate(ctx, survey, r.request, options)
	if len(result.Steps) == 0 || options.DryRun { // nothing was changed, so the next one may begin with it
		r.account.survey = survey
	}
	return result
}
