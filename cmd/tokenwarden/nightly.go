package main

import (
	"cmp"
	"context"
	"fmt"
	"math"

	"github.com/urfave/cli/v2"
)

type nightlyOptions struct {
	audit         auditOptions
	rotateFlagged bool
	max           int // with rotateFlagged; 0: what the configuration says
	evidence      string
}

func (a *app) nightlyCommand() *cli.Command {
	var o nightlyOptions
	return a.define(command{
		name:    "nightly",
		summary: "all that should happen every night, in one command for cron",
		about: "Takes this machine's lock, audits, finishes pending rotations, announces what changed in Slack, writes metrics and\n" +
			"pings the heartbeat URL; --timeout is the limit for all of it together. Whatever fails, the rest is done. Writes\n" +
			"one line to stderr, and to stdout only with --format or --output. Exit codes: the worst of its parts, of which 2\n" +
			"(something could not be read, done or announced) outranks 1 (findings, a rotation that waits for a person) and 0;\n" +
			"3 usage or configuration error, 75 another one is at work: in both nothing was attempted.",
		examples: []string{
			"tokenwarden nightly", "tokenwarden nightly --rotate-flagged --max 2",
			"tokenwarden nightly --format json --output /var/log/tokenwarden/report.json",
		},
		flags: append(o.audit.flags(),
			toggle("rotate-flagged", "rotate, too, what rotate --flagged would", &o.rotateFlagged),
			count("max", "with --rotate-flagged: rotate at most `N` tokens (default: the configuration's, else 5)", &o.max, 1, math.MaxInt32),
			text("evidence", "append what was done to `FILE`, as JSON lines without secrets", &o.evidence)),
		run: func(ctx context.Context, _ []string) error { return a.nightly(ctx, o) },
	})
}

// wanted tells whether a report was asked for, and fills in its format.
func (o *auditOptions) wanted() bool {
	asked := o.format != "" || o.output != ""
	o.format = cmp.Or(o.format, "table")
	return asked
}

// nightly checks all that can be wrong with the set-up, and then does the night.
func (a *app) nightly(ctx context.Context, o nightlyOptions) error {
	if o.max != 0 && !o.rotateFlagged {
		return misuse("--max is for --rotate-flagged")
	}
	task, err := a.auditTask(o.audit)
	if err != nil {
		return err
	}
	lock, err := a.lockMachine(task.cfg)
	if err != nil {
		return err
	}
	defer func() { _ = lock.Close() }()
	n := &night{app: a, task: task, options: o, budget: a.timeBudget(ctx)}
	defer n.budget.stop()
	defer n.close()
	if err := n.begin(); err != nil { // nothing was attempted
		n.ended(codeOf(err))
		return err
	}
	n.tell()
	n.ended(n.code)
	_, _ = fmt.Fprintf(a.env.stderr, "nightly: %s; exit code %d\n", printable(n.summary()), n.code)
	return exitWith(n.code)
}
