package report

import (
	"fmt"
	"strings"

	"github.com/tokenwarden/tokenwarden/audit"
)

// RulePages is the documentation of the rules, made from their declarations: a
// page for each, by file name, and README.md as their index.
func RulePages() map[string][]byte {
	const made = "<!-- Written by `make docs` from the rule's declaration. -->"
	pages := make(map[string][]byte)
	var index strings.Builder
	fmt.Fprintf(&index, "# Rules\n\n%s\n\n", made)
	index.WriteString("An audit runs all of these, unless the policy disables one or does not give it what it compares with. " +
		"A rule that could not see what it needs is part of the report's coverage and is never taken for \"nothing found\". " +
		"Rules in bold make a report incomplete, and the exit code 2, when they could not see; `--require RULE` does so for any other.\n\n" +
		"| rule | severity | what it finds |\n|---|---|---|\n")
	for _, r := range audit.Rules() {
		name := fmt.Sprintf("[`%s`](%s.md)", r.ID, r.ID)
		if r.Mission {
			name = "**" + name + "**"
		}
		fmt.Fprintf(&index, "| %s | %s | %s |\n", name, r.Severity, r.Title)
		pages[r.ID+".md"] = []byte(fmt.Sprintf("# %s\n\n%s\n\n%s.\n\n%s\n\n## Why it matters\n\n%s\n\n## How to fix it\n\n%s\n\n## Where the line is\n\n%s\n",
			r.ID, made, r.Title, factsOf(r), r.Why, r.Fix, r.Near))
	}
	pages["README.md"] = []byte(index.String())
	return pages
}

func factsOf(r audit.Rule) string {
	plan := "any"
	if r.Plan != "" {
		plan = r.Plan
	}
	counts := "lowers the coverage"
	if r.Mission {
		counts = "makes the report incomplete (exit code 2)"
	}
	return fmt.Sprintf("| | |\n|---|---|\n| severity | %s |\n| permission set that sees it | `%s` |\n| plan | %s |\n| when it cannot see | %s |",
		r.Severity, r.Permission, plan, counts)
}
