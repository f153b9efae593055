package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/tokenwarden/tokenwarden/audit"
	"github.com/tokenwarden/tokenwarden/notify"
	"github.com/tokenwarden/tokenwarden/rotate"
)

// night is one nightly run. Its parts fail each for itself.
type night struct {
	*app
	task     auditTask
	options  nightlyOptions
	budget   *timeBudget
	outlets  outlets
	evidence *evidenceFile
	out      *output

	report    *audit.Report
	rotating  rotating
	left      int            // flagged tokens that a later night takes
	announced *notify.Result // nil: Slack is not configured, or it failed altogether
	code      exitCode       // the worst of the parts so far
}

// part does one part of the night and takes its exit code. By then something
// was attempted, so that what the part calls a misuse is a failure of the night.
func (n *night) part(name string, do func() error) {
	err := do()
	if err == nil {
		return
	}
	code := codeOf(err)
	if code == exitMisused {
		code = exitFailed
	}
	n.code = max(n.code, code)
	complain(n.env.stderr, fmt.Errorf("%s: %w", name, err))
}

// watched is a part that talks to the heartbeat, if there is one.
func (n *night) watched(name string, ping func(context.Context) error) {
	if n.outlets.heartbeat == nil {
		return
	}
	n.part(name, func() error {
		ctx, cancel := n.budget.pinging()
		defer cancel()
		return ping(ctx)
	})
}

// ended tells the heartbeat how the night ended.
func (n *night) ended(code exitCode) {
	n.watched("telling the heartbeat how the run ended", func(ctx context.Context) error {
		return n.outlets.heartbeat.Done(ctx, int(code))
	})
}

// begin opens all that the night writes to, and does its work. An error means
// that nothing was attempted.
func (n *night) begin() (err error) {
	if n.outlets, err = n.app.outlets(n.budget.work, n.task.cfg); err != nil {
		return err
	}
	if n.evidence, err = n.openEvidence(rotateOptions{evidence: n.options.evidence, reason: "a nightly run"}); err != nil {
		return err
	}
	if n.out, err = n.openOutput(n.options.audit.output); err != nil {
		return err
	}
	n.watched("telling the heartbeat that the run began", func(ctx context.Context) error { return n.outlets.heartbeat.Start(ctx) })
	return n.work()
}

// close lets go of what begin has opened.
func (n *night) close() {
	n.evidence.close()
	if n.out != nil {
		n.out.Close()
	}
}

// work audits and rotates. An error means that nothing was attempted.
func (n *night) work() error {
	ctx := n.budget.work
	first, err := n.examine(ctx, n.task.cfg, n.task.policy, n.task.require)
	if err != nil {
		return err
	}
	n.report = first
	n.part("finishing pending rotations", func() error { return n.finishPending(ctx) })
	if n.options.rotateFlagged {
		n.part("rotating what is flagged", func() error { return n.rotateWhatIsFlagged(ctx) })
	}
	if n.retired() && ctx.Err() == nil {
		// What stands now is what people are told, and not what stood before.
		if n.report, err = n.examine(ctx, n.task.cfg, n.task.policy, n.task.require); err != nil {
			n.report = first
			n.part("auditing after the rotations", func() error { return err })
		}
	}
	n.code = max(n.code, exitCode(n.report.ExitCode(n.task.failOn)))
	return nil
}

// finishPending does what `tokenwarden rotate --pending --yes` does.
func (n *night) finishPending(ctx context.Context) error {
	o := rotateOptions{pending: true, yes: true}
	rotations, failures, err := n.choose(ctx, n.task.cfg, o)
	if err != nil {
		return n.trouble(err)
	}
	return n.took(n.rotateAll(ctx, rotations, o.options(n.task.cfg.Rotate, 0), n.evidence), failures) // the night's deadline is theirs
}

// rotateWhatIsFlagged does what `tokenwarden rotate --flagged --yes` does.
func (n *night) rotateWhatIsFlagged(ctx context.Context) error {
	o := rotateOptions{flagged: true, yes: true}
	s, err := n.flagged(ctx, n.task.cfg)
	if err != nil {
		return n.trouble(err)
	}
	b := n.rotateFlagged(ctx, s, cmp.Or(n.options.max, n.task.cfg.Rotate.Max), o.options(n.task.cfg.Rotate, 0), n.evidence)
	n.left = b.fields().Left
	return n.took(b.results, s.failures)
}

// trouble notes why rotations could not all be looked for. A signal is no trouble,
// and an account that the audit could not read either is told as that.
func (n *night) trouble(err error) error {
	told := slices.ContainsFunc(n.rotating.troubles, func(e error) bool { return e.Error() == err.Error() })
	if unread, is := errors.AsType[*unreadAccountError](err); is {
		told = told || slices.ContainsFunc(n.report.Accounts, func(r audit.AccountReport) bool {
			return r.Name == unread.name && r.Status != audit.StatusComplete
		})
	}
	if n.budget.signals.Err() == nil && !told {
		n.rotating.troubles = append(n.rotating.troubles, err)
	}
	return err
}

// took takes in what rotations came to, and says what a person must know.
func (n *night) took(results []rotate.Result, failures []error) error {
	n.rotating.results = append(n.rotating.results, results...)
	for _, r := range results {
		if r.Status == rotate.Failed || r.Status == rotate.Refused {
			complain(n.env.stderr, fmt.Errorf("%s: token %d %s: %s: %s", r.Account, r.OldTokenID, audit.Quote(r.Name), r.Status, r.Error))
		}
	}
	for _, err := range failures {
		complain(n.env.stderr, n.trouble(err))
	}
	if len(failures) > 0 {
		return exitWith(exitFailed)
	}
	return exitWith(exitCode(rotate.ExitCode(results)))
}

// retired reports whether a token went tonight.
func (n *night) retired() bool {
	for _, r := range n.rotating.results {
		if r.Status == rotate.Rotated || r.Status == rotate.Undone {
			return true
		}
	}
	return false
}
