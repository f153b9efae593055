package audit

import (
	"slices"
	"time"
)

// SchemaVersion is the version of the report's JSON form. It moves when a field
// changes its meaning or goes; fields may be added under the same version.
const SchemaVersion = 1

// Report is the result of an audit. Its JSON form is fixed and its lists are
// never null.
type Report struct {
	SchemaVersion int             `json:"schema_version"`
	GeneratedAt   time.Time       `json:"generated_at" jsonschema:"when the audit began, RFC 3339, UTC"`
	Complete      bool            `json:"complete" jsonschema:"false when something that service-token-legacy, user-api-key-in-use or a required rule needs could not be read or understood: the exit code is then 2"`
	Summary       Summary         `json:"summary"`
	Accounts      []AccountReport `json:"accounts"`
	Findings      []Finding       `json:"findings"`
	Suppressed    []Finding       `json:"suppressed" jsonschema:"findings that the policy accepts; each has suppression"`
	Undetermined  []Finding       `json:"undetermined" jsonschema:"resources that a rule could not judge, an unreadable date for example: no findings, and no all-clear"`
	Notices       []string        `json:"notices" jsonschema:"about the policy itself: suppressions that end soon, have ended, or match nothing"`
	Policy        Applied         `json:"policy"`
}

// Summary counts what the report holds.
type Summary struct {
	BySeverity map[Severity]int `json:"findings" jsonschema:"how many of each severity, 0 included"`
	Checks     int              `json:"checks" jsonschema:"rules times accounts"`
	Checked    int              `json:"checked"`
	Coverage   int              `json:"coverage_percent" jsonschema:"checked in percent of checks, rounded down: 100 only when nothing is missing"`
}

// Applied is the part of the policy that a reader needs.
type Applied struct {
	MaxAgeDays    int      `json:"max_age_days" jsonschema:"0: no maximum age"`
	UnusedForDays int      `json:"unused_for_days"`
	Disabled      []string `json:"disabled"`
	Required      []string `json:"required"`
}

// Status tells how much of an account was read.
type Status string

// The states of an account.
const (
	StatusComplete Status = "complete"
	StatusPartial  Status = "partial" // some of what the mission's and the required rules need
	StatusFailed   Status = "failed"  // none of it
)

// AccountReport is what one account showed.
type AccountReport struct {
	Name     string     `json:"name"`
	ID       int64      `json:"id"`
	Host     string     `json:"host"`
	Plan     string     `json:"plan,omitempty"`
	Status   Status     `json:"status" jsonschema:"complete: all that matters was read; partial: some; failed: nothing"`
	Errors   []string   `json:"errors"`
	Coverage []Coverage `json:"coverage" jsonschema:"the outcome of every rule that was run in this account"`
	Counts   Counts     `json:"counts"`

	// Tokens are the active service tokens, for pictures and metrics.
	Tokens []ActiveToken `json:"-"`
}

// ActiveToken is a service token that was seen alive.
type ActiveToken struct {
	ID      int64
	Name    string
	Created time.Time // zero: not known
}

// Counts is how many there are: active service tokens, and users that are not
// deleted. Of a list that was read in part, what was read.
type Counts struct {
	ServiceTokens int `json:"service_tokens"`
	Users         int `json:"users"`
}

// Exit codes of an audit.
const (
	ExitClean      = 0
	ExitFindings   = 1
	ExitIncomplete = 2
)

// ExitCode is what the command should exit with, when findings at or above
// failOn count. What could not be seen outranks what was found.
func (r *Report) ExitCode(failOn Severity) int {
	if !r.Complete {
		return ExitIncomplete
	}
	if slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Severity >= failOn }) {
		return ExitFindings
	}
	return ExitClean
}

// Split returns a report for each account alone, in the order of Accounts.
func (r *Report) Split() []*Report {
	parts := make([]*Report, len(r.Accounts))
	for i := range r.Accounts {
		of := func(all []Finding) []Finding {
			return slices.DeleteFunc(append([]Finding{}, all...), func(f Finding) bool { return f.from != i })
		}
		part := *r
		part.Accounts, part.Complete = r.Accounts[i:i+1], r.Accounts[i].Status == StatusComplete
		part.Findings, part.Suppressed, part.Undetermined = of(r.Findings), of(r.Suppressed), of(r.Undetermined)
		part.Summary = Summary{}
		part.summarise()
		parts[i] = &part
	}
	return parts
}

// checked reports whether a rule, or with "" every rule, was checked in every
// account.
func (r *Report) checked(rule string) bool {
	for i := range r.Accounts {
		if slices.ContainsFunc(r.Accounts[i].Coverage, func(c Coverage) bool {
			return (rule == "" || rule == c.Check) && c.Outcome != Checked
		}) {
			return false
		}
	}
	return true
}

// summarise fills in what is counted.
func (r *Report) summarise() {
	r.Summary.BySeverity = make(map[Severity]int)
	for _, s := range Severities() {
		r.Summary.BySeverity[s] = 0
	}
	for i := range r.Findings {
		r.Summary.BySeverity[r.Findings[i].Severity]++
	}
	for i := range r.Accounts {
		for _, c := range r.Accounts[i].Coverage {
			r.Summary.Checks++
			if c.Outcome == Checked {
				r.Summary.Checked++
			}
		}
	}
	if r.Summary.Checks > 0 {
		r.Summary.Coverage = 100 * r.Summary.Checked / r.Summary.Checks
	}
}
