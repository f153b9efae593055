package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/tokenwarden/tokenwarden/audit"
	"github.com/tokenwarden/tokenwarden/rotate"
	"github.com/tokenwarden/tokenwarden/secrets"
)

// rotationsVersion is the version of the JSON form of the results.
const rotationsVersion = 1

func (a *app) writeRotations(o rotateOptions, results []rotate.Result, failures []error) error {
	errs := []string{}
	for _, err := range failures {
		errs = append(errs, err.Error())
	}
	if o.format == "json" {
		for i := range results {
			if p := results[i].Plan; p != nil && p.Permissions == nil {
				p.Permissions = []string{}
			}
		}
		encoder := json.NewEncoder(a.env.stdout)
		encoder.SetIndent("", "  ")
		return encoder.Encode(struct {
			SchemaVersion int             `json:"schema_version"`
			Rotations     []rotate.Result `json:"rotations"`
			Errors        []string        `json:"errors"` // accounts and destinations that could not be read
		}{rotationsVersion, results, errs})
	}
	var b strings.Builder
	for _, r := range results {
		writeRotation(&b, r, a.ending(o.to))
	}
	for _, e := range errs {
		fmt.Fprintf(&b, "could not be read: %s\n", e)
	}
	if b.Len() == 0 {
		b.WriteString("nothing is to be done\n")
	}
	_, err := io.WriteString(a.env.stdout, printable(b.String()))
	return err
}

// ending is the command that ends the rotations that wait: it needs to know the
// destinations that no configuration tells.
func (a *app) ending(to []secrets.Ref) string {
	words := []string{program, "rotate", "--pending"}
	if a.common.config != "" {
		words = append(words, "--config", a.common.config)
	}
	for _, ref := range to {
		words = append(words, "--to", ref.String())
	}
	for i, word := range words {
		if strings.ContainsFunc(word, func(r rune) bool { return !unicode.IsLetter(r) && !strings.ContainsRune("0123456789-_./:", r) }) {
			words[i] = "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
		}
	}
	return strings.Join(words, " ") + " --yes"
}

// writeRotation tells a person of one rotation: what happened, until when the
// old token lives, and what to do.
func writeRotation(w io.Writer, r rotate.Result, ending string) {
	fmt.Fprintf(w, "%s: token %d %s", r.Account, r.OldTokenID, audit.Quote(r.Name))
	if r.NewTokenID != 0 {
		fmt.Fprintf(w, " → %d", r.NewTokenID)
	}
	fmt.Fprintf(w, ": %s\n", r.Status)
	line := func(key, text string) {
		if text != "" {
			fmt.Fprintf(w, "  %-13s %s\n", key, text)
		}
	}
	if r.Plan != nil {
		writePlan(line, r.Plan)
	} else {
		for _, d := range r.Destinations {
			line("destination", d.Ref+" "+holding(r, d))
		}
	}
	var done []string
	for _, s := range r.Steps {
		done = append(done, s.Step)
		if s.Outcome == "failed" {
			done[len(done)-1] += " (failed)"
		}
	}
	line("steps", strings.Join(done, ", "))
	line("why", r.Error)
	line("so far", r.Message)
	if r.Status == rotate.Pending {
		line("to end it", ending)
	}
	for _, text := range r.Warnings {
		line("warning", text)
	}
}

func writePlan(line func(key, text string), p *rotate.Plan) {
	for _, d := range p.Destinations {
		line("destination", d)
	}
	for _, permission := range p.Permissions {
		line("permission", permission)
	}
	if p.LastUsed != nil {
		line("last used", p.LastUsed.Format(time.RFC3339))
	}
	line("overlap", p.Overlap)
	line("quiet", p.Quiet)
	line("first", p.NextStep)
}

// confirm shows a person what would be done and asks. Where nothing would be,
// the results say why; they are also what a refusal to agree leaves.
func (a *app) confirm(ctx context.Context, rotations []*rotation, options rotate.Options) (results []rotate.Result, agreed bool, err error) {
	options.DryRun = true
	results = a.rotateAll(ctx, rotations, options, nil)
	if !slices.ContainsFunc(results, func(r rotate.Result) bool { return r.Status == rotate.Planned }) {
		return results, false, nil
	}
	var plans strings.Builder
	for _, r := range results {
		writeRotation(&plans, r, "")
	}
	_, _ = io.WriteString(a.env.stderr, printable(plans.String()))
	for _, r := range rotations {
		r.account.survey = nil // people think for a while, and what was read gets old
	}
	_, _ = fmt.Fprint(a.env.stderr, "Type yes to do this: ")
	answer := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(a.env.stdin).ReadString('\n') // an end of input is no agreement
		answer <- strings.TrimSpace(line)
	}()
	select {
	case <-ctx.Done():
		return nil, false, context.Cause(ctx)
	case text := <-answer:
		if text == "yes" {
			return nil, true, nil
		}
	}
	return nil, false, &exit{code: exitFound, err: errNotAgreed}
}

var errNotAgreed = fmt.Errorf("not agreed: nothing was changed")
