package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/tokenwarden/tokenwarden/audit"
	"github.com/tokenwarden/tokenwarden/rotate"
	"github.com/tokenwarden/tokenwarden/secrets"
)

// rotationsVersion is the version of the JSON form of the results.
const rotationsVersion = 1

// writeRotations writes the results; many is what there is besides in bulk.
func (a *app) writeRotations(o rotateOptions, results []rotate.Result, failures []error, many *bulk) error {
	if o.format != "json" {
		_, err := io.WriteString(a.env.stdout, printable(rotationsText(results, failures, many, a.ending(o.to))))
		return err
	}
	for i := range results {
		if p := results[i].Plan; p != nil && p.Permissions == nil {
			p.Permissions = []string{}
		}
	}
	document := struct {
		SchemaVersion int             `json:"schema_version"`
		Rotations     []rotate.Result `json:"rotations"`
		Errors        []string        `json:"errors"` // accounts and destinations that could not be read
		LookAt        []string        `json:"look_at,omitempty"`
		*bulkFields
	}{SchemaVersion: rotationsVersion, Rotations: results, Errors: textsOf(failures)}
	if o.compromised {
		document.LookAt = lookAt()
	}
	if many != nil {
		document.bulkFields = many.fields()
	}
	return a.writeJSON(document)
}

// rotationsText is the results for a person.
func rotationsText(results []rotate.Result, failures []error, many *bulk, ending string) string {
	var b strings.Builder
	each := ending
	if many != nil {
		each = "" // said once, at the end
	}
	for _, r := range results {
		if many != nil && r.Plan != nil {
			writeReach(&b, r)
			continue
		}
		writeRotation(&b, r, each)
	}
	for _, err := range failures {
		fmt.Fprintf(&b, "could not be read: %s\n", err)
	}
	if many != nil {
		writeLeftOut(&b, many)
	}
	switch {
	case b.Len() == 0:
		b.WriteString("nothing is to be done\n")
	case many != nil:
		writeSummary(&b, many, ending)
	}
	return b.String()
}

// ending is the command that ends the rotations that wait: it needs to know the
// destinations that no configuration tells.
func (a *app) ending(to []secrets.Ref) string {
	command := program + " rotate --pending"
	if a.common.config != "" {
		command += " --config " + audit.ShellWord(a.common.config)
	}
	for _, ref := range to {
		command += " --to " + audit.ShellWord(ref.String())
	}
	return command + " --yes"
}

// writeRotation tells a person of one rotation: what happened, until when the
// old token lives, and what to do.
func writeRotation(w io.Writer, r rotate.Result, ending string) {
	fmt.Fprintf(w, "%s: token", r.Account)
	if r.OldTokenID != 0 { // a name that no token has
		fmt.Fprintf(w, " %d", r.OldTokenID)
	}
	if r.Name != "" { // a token that was not to be found
		fmt.Fprintf(w, " %s", audit.Quote(r.Name))
	}
	switch {
	case r.NewTokenID == 0:
	case r.Undo:
		fmt.Fprintf(w, " ← %d", r.NewTokenID) // whose place it takes back
	default:
		fmt.Fprintf(w, " → %d", r.NewTokenID)
	}
	fmt.Fprintf(w, ": %s\n", r.Status)
	line := liner(w)
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
	writeCompromised(line, r)
	line("why", r.Error)
	if r.Plan == nil { // which says the same
		line("so far", r.Message)
	}
	if r.Status == rotate.Pending {
		line("to end it", ending)
	}
	for _, text := range r.Warnings {
		line("warning", text)
	}
}

// liner writes the lines below a rotation's first one.
func liner(w io.Writer) func(key, text string) {
	return func(key, text string) {
		if text != "" {
			fmt.Fprintf(w, "  %-13s %s\n", key, text)
		}
	}
}

func writePlan(line func(key, text string), p *rotate.Plan) {
	writeWhat(line, p)
	line("overlap", p.Overlap)
	line("quiet", p.Quiet)
	line("first change", p.NextStep)
}

// writeWhat tells what a token can reach, and who reads it where.
func writeWhat(line func(key, text string), p *rotate.Plan) {
	for _, d := range p.Destinations {
		line("destination", d)
	}
	for _, permission := range p.Permissions {
		line("permission", permission)
	}
	used := "never, or it is not shown"
	if p.LastUsed != nil {
		used = p.LastUsed.Format(time.RFC3339)
	}
	line("last used", used)
}

func textsOf(errs []error) []string {
	all := []string{}
	for _, err := range errs {
		all = append(all, err.Error())
	}
	return all
}
