package main

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/tokenwarden/tokenwarden/audit/report"
	"github.com/tokenwarden/tokenwarden/internal/metrics"
	"github.com/tokenwarden/tokenwarden/notify"
	"github.com/tokenwarden/tokenwarden/rotate"
)

// tell passes on what was found and done, in every way that is configured.
func (n *night) tell() {
	if n.outlets.slack != nil {
		n.part("announcing", func() error {
			ctx, cancel := n.budget.announcing()
			defer cancel()
			nights, err := n.nights(n.report, &n.rotating)
			if err != nil {
				return err
			}
			result, err := n.announce(ctx, n.task.cfg, n.outlets, nights)
			if err == nil || len(result.Accounts) > 0 {
				n.announced = &result
			}
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
	for _, r := range n.rotating.results {
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
	for _, r := range n.rotating.results {
		counts[r.Status]++
	}
	var rotations []string
	for _, s := range []rotate.Status{rotate.Failed, rotate.Refused, rotate.Pending, rotate.Rotated, rotate.Undone} {
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
	switch {
	case n.outlets.slack == nil:
	case n.announced == nil:
		parts = append(parts, "nothing could be announced")
	default:
		items, told := 0, 0
		for _, a := range n.announced.Accounts {
			items, told = items+a.Items, told+a.Told
		}
		parts = append(parts, fmt.Sprintf("announced %d of %d", told, items))
	}
	return strings.Join(parts, "; ")
}
