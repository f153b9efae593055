package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/tokenwarden/tokenwarden/audit"
)

// ruleDescription is a rule as `rules --format json` prints it.
type ruleDescription struct {
	ID         string `json:"id"`
	Title      string `json:"title"`
	Severity   string `json:"severity"`
	Why        string `json:"why"`
	Fix        string `json:"fix"`
	Near       string `json:"near,omitempty"`
	Permission string `json:"permission"`
	Plan       string `json:"plan,omitempty"`
	Mission    bool   `json:"mission"`
}

func (a *app) rulesCommand() *cli.Command {
	format := "text"
	return a.define(command{
		name:     "rules",
		summary:  "list what an audit looks for, why, and how to fix it",
		examples: []string{"tokenwarden rules"},
		flags:    []cli.Flag{choice("format", "`FORMAT` of the list: text or json", &format, "text", "json")},
		run: func(context.Context, []string) error {
			if format == "json" {
				return a.rulesJSON()
			}
			return a.rulesText()
		},
	})
}

func (a *app) rulesText() error {
	var b strings.Builder
	for i, r := range audit.Rules() {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "%s (%s)\n  %s\n", r.ID, r.Severity, r.Title)
		for _, line := range [][2]string{{"why", r.Why}, {"fix", r.Fix}, {"near", r.Near}, {"needs", r.Permission}, {"plan", r.Plan}} {
			if line[1] != "" {
				fmt.Fprintf(&b, "  %-6s %s\n", line[0]+":", line[1])
			}
		}
	}
	_, err := fmt.Fprint(a.env.stdout, b.String())
	return err
}

func (a *app) rulesJSON() error {
	list := []ruleDescription{}
	for _, r := range audit.Rules() {
		list = append(list, ruleDescription{
			ID: r.ID, Title: r.Title, Severity: r.Severity.String(), Why: r.Why, Fix: r.Fix, Near: r.Near,
			Permission: r.Permission, Plan: r.Plan, Mission: r.Mission,
		})
	}
	return a.writeJSON(map[string]any{"schema_version": audit.SchemaVersion, "rules": list})
}
