package report

import (
	"fmt"
	"strings"

	"github.com/tokenwarden/tokenwarden/audit"
)

// Headline is the line that every format for people ends or begins with: what
// was found, and how much of what there is to see was seen.
func Headline(r *audit.Report) string {
	return fmt.Sprintf("%s in %s; coverage %d%% (%d of %d checks)%s",
		foundText(r), accountsText(r), r.Summary.Coverage, r.Summary.Checked, r.Summary.Checks, completeText(r))
}

func foundText(r *audit.Report) string {
	text := plural(len(r.Findings), "finding")
	var grades []string
	for _, s := range audit.Severities() {
		if n := r.Summary.BySeverity[s]; n > 0 {
			grades = append(grades, fmt.Sprintf("%d %s", n, s))
		}
	}
	if len(grades) > 0 {
		text += " (" + strings.Join(grades, ", ") + ")"
	}
	if n := len(r.Suppressed); n > 0 {
		text += fmt.Sprintf(", %d suppressed", n)
	}
	if n := len(r.Undetermined); n > 0 {
		text += fmt.Sprintf(", %d could not be judged", n)
	}
	return text
}

func accountsText(r *audit.Report) string {
	states := make(map[audit.Status]int)
	for i := range r.Accounts {
		states[r.Accounts[i].Status]++
	}
	text := plural(len(r.Accounts), "account")
	var not []string
	for _, s := range []audit.Status{audit.StatusPartial, audit.StatusFailed} {
		if states[s] > 0 {
			not = append(not, fmt.Sprintf("%d %s", states[s], s))
		}
	}
	if len(not) > 0 {
		text += " (" + strings.Join(not, ", ") + ")"
	}
	return text
}

// completeText keeps "nothing found" from being read as "nothing there".
func completeText(r *audit.Report) string {
	if r.Complete {
		return ""
	}
	return "; INCOMPLETE: what is not listed is not known to be fine"
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// accountName is what to call an account: its configured name, else its id.
func accountName(a *audit.AccountReport) string {
	if a.Name == "" {
		return fmt.Sprint(a.ID)
	}
	return a.Name
}

// accountNames maps ids to names for findings, which carry the id.
func accountNames(r *audit.Report) map[int64]string {
	names := make(map[int64]string, len(r.Accounts))
	for i := range r.Accounts {
		names[r.Accounts[i].ID] = accountName(&r.Accounts[i])
	}
	return names
}

// Gap is checks that were not made for one reason.
type Gap struct {
	Outcome audit.Outcome
	Detail  string
	Checks  []string
}

// Gaps are an account's checks that were not made, grouped by why, so that one
// refused list is one line and not one for each rule.
func Gaps(a *audit.AccountReport) []Gap {
	var found []Gap
	index := make(map[[2]string]int)
	for _, c := range a.Coverage {
		if c.Outcome == audit.Checked {
			continue
		}
		key := [2]string{string(c.Outcome), c.Detail}
		i, ok := index[key]
		if !ok {
			i = len(found)
			index[key] = i
			found = append(found, Gap{Outcome: c.Outcome, Detail: c.Detail})
		}
		found[i].Checks = append(found[i].Checks, c.Check)
	}
	return found
}
