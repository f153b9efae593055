package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/tokenwarden/tokenwarden/audit"
	"github.com/tokenwarden/tokenwarden/audit/report"
	"github.com/tokenwarden/tokenwarden/internal/metrics"
	"github.com/tokenwarden/tokenwarden/notify"
	"github.com/tokenwarden/tokenwarden/rotate"
)

// night is one nightly run. Its parts fail each for itself.
type night struct {
	*app
	task     auditTask
	options  nightlyOptions
	times    *nightTimes
	outlets  outlets
	evidence *evidenceFile
	out      *output

	report    *audit.Report
	results   []rotate.Result
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
		ctx, cancel := n.times.lastWords()
		defer cancel()
		return ping(ctx)
	})
}

// do audits and rotates. An error means that nothing was attempted.
func (n *night) do() error {
	ctx := n.times.work
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
		return err
	}
	return n.took(n.rotateAll(ctx, rotations, o.options(n.task.cfg.Rotate, 0), n.evidence), failures) // the night's deadline is theirs
}

// rotateWhatIsFlagged does what `tokenwarden rotate --flagged --yes` does.
func (n *night) rotateWhatIsFlagged(ctx context.Context) error {
	o := rotateOptions{flagged: true, yes: true}
	s, err := n.flagged(ctx, n.task.cfg)
	if err != nil {
		return err
	}
	b := n.rotateFlagged(ctx, s, cmp.Or(n.options.max, n.task.cfg.Rotate.Max), o.options(n.task.cfg.Rotate, 0), n.evidence)
	n.left = b.fields().Left
	return n.took(b.results, s.failures)
}

// took takes in what rotations came to, and says what a person must know.
func (n *night) took(results []rotate.Result, failures []error) error {
	n.results = append(n.results, results...)
	for _, r := range results {
		if r.Status == rotate.Failed || r.Status == rotate.Refused {
			complain(n.env.stderr, fmt.Errorf("%s: token %d %s: %s: %s", r.Account, r.OldTokenID, audit.Quote(r.Name), r.Status, r.Error))
		}
	}
	for _, err := range failures {
		complain(n.env.stderr, err)
	}
	if len(failures) > 0 {
		return exitWith(exitFailed)
	}
	return exitWith(exitCode(rotate.ExitCode(results)))
}

// retired reports whether a token went tonight.
func (n *night) retired() bool {
	for _, r := range n.results {
		if r.Status == rotate.Rotated {
			return true
		}
	}
	return false
}

// tell passes on what was found and done, in every way that is configured.
func (n *night) tell() {
	if n.outlets.slack != nil {
		n.part("announcing", func() error {
			ctx, cancel := n.times.telling()
			defer cancel()
			nights, err := n.nights(n.report, n.results)
			if err != nil {
				return err
			}
			result, err := n.announce(ctx, n.task.cfg, n.outlets, nights)
			n.announced = &result
			return err
		})
	}
	if path := n.env.get("GITHUB_STEP_SUMMARY"); path != "" {
		n.part("writing the step summary", func() error {
			text, err := n.markdown()
			if err != nil {
				return err
			}
			return notify.AppendStepSummary(path, text)
		})
	}
	if o := n.options.audit; o.wanted() {
		n.part("writing the report", func() error { return n.writeReport(n.out, o, n.report) })
	}
	if path := n.task.cfg.Textfile; path != "" {
		n.part("writing the metrics", func() error { return metrics.WriteFile(path, n.metrics()) })
	}
}

// markdown is the report and the rotations for a step summary. The rotations
// stand in a fence that nothing in them can close.
func (n *night) markdown() (string, error) {
	var b bytes.Buffer
	if err := report.Write(&b, "markdown", n.report, report.Options{Version: version()}); err != nil {
		return "", err
	}
	var done strings.Builder
	for _, r := range n.results {
		if r.Status != rotate.Unchanged {
			writeRotation(&done, r, n.ending(nil))
		}
	}
	if done.Len() > 0 {
		fence := "```"
		for strings.Contains(done.String(), fence) {
			fence += "`"
		}
		fmt.Fprintf(&b, "\n### Rotations\n\n%stext\n%s%s\n", fence, printable(done.String()), fence)
	}
	return b.String(), nil
}

// summary is the night in one line.
func (n *night) summary() string {
	parts := []string{report.Headline(n.report)}
	counts := map[rotate.Status]int{}
	for _, r := range n.results {
		counts[r.Status]++
	}
	var rotations []string
	for _, s := range []rotate.Status{rotate.Failed, rotate.Refused, rotate.Pending, rotate.Rotated} {
		if counts[s] > 0 {
			rotations = append(rotations, fmt.Sprintf("%d %s", counts[s], s))
		}
	}
	if len(rotations) > 0 {
		parts = append(parts, "rotations: "+strings.Join(rotations, ", "))
	}
	if n.left > 0 {
		parts = append(parts, fmt.Sprintf("%d flagged left for a later night", n.left))
	}
	if n.announced != nil {
		items, told := 0, 0
		for _, a := range n.announced.Accounts {
			items, told = items+a.Items, told+a.Told
		}
		parts = append(parts, fmt.Sprintf("announced %d of %d", told, items))
	}
	return strings.Join(parts, "; ")
}
