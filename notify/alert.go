package notify

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"
)

// Severity grades an alert. The numbers are those of package audit.
type Severity int

// The severities, mildest first.
const (
	Info Severity = iota + 1
	Low
	Medium
	High
	Critical
)

func (s Severity) String() string {
	names := [...]string{"none", "info", "low", "medium", "high", "critical"}
	if s < 0 || int(s) >= len(names) {
		return "none"
	}
	return names[s]
}

// Alert is one thing that stands. Headline, Owner and Resource may be text from
// the API: they are hostile, and are shown as plain text only.
type Alert struct {
	Key      string // names it across nights: the finding's fingerprint, at most 64 characters
	Rule     string
	Severity Severity
	Headline string // one sentence that says what is wrong
	Remedy   string // a command to paste; empty: there is none
	Owner    string // what Notifier.Owner is asked with: the token's name
	Resource string // the name of what it is about
	// Facts is what makes it another alert than last night's, beside rule,
	// severity and resource: the grants of a token, say. Nothing that moves by
	// itself (an age, a date of last use) belongs here, or it is announced
	// every night.
	Facts string
}

// digest names the state of an alert: another one means that it changed.
func (a Alert) digest() string { return digest(a.Rule, a.Severity.String(), a.Resource, a.Facts) }

func digest(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:4])
}

// The states of a rotation that are announced. Others (unchanged, planned) are not.
const (
	Failed  = "failed"
	Refused = "refused" // it waits for a person
	Pending = "pending" // the old token lives until the overlap is over
	Rotated = "rotated"
	Undone  = "undone" // the old token has its place again
)

// Rotation is what became of one token's rotation in this night.
type Rotation struct {
	Key    string    `json:"key"` // the old token's id: names it across nights
	Name   string    `json:"name"`
	Status string    `json:"status"`
	Text   string    `json:"text,omitempty"`   // why it failed, or what a person should do
	Remedy string    `json:"remedy,omitempty"` // the command that goes on from here
	Until  time.Time `json:"until,omitzero"`   // pending: when the old token may go; zero: not known
	Owner  string    `json:"owner,omitempty"`
}

// over reports whether nothing of a rotation is left to be done.
func over(status string) bool { return status == Rotated || status == Undone }

// announced reports whether the status is one that people are told of.
func (r Rotation) announced() bool {
	switch r.Status {
	case Failed, Refused, Pending, Rotated, Undone:
		return true
	}
	return false
}

// Night is what one run knows about one account.
type Night struct {
	Account string // names the account across nights, whatever it is called: its id and host
	Name    string // what people call it: the label in the configuration
	Alerts  []Alert
	// Unchecked are the rules that could not be judged. What they found before
	// is neither resolved nor said again: it was not looked at.
	Unchecked []string
	// Problem says why the account could not be read as the mission needs it.
	// It is an alert of its own. Empty: it could.
	Problem   string
	Remedy    string // for Problem; empty: tokenwarden doctor
	Coverage  Coverage
	Rotations []Rotation
	Report    *Report // attached to what is announced, where the channel takes files
}

// Coverage is how much could be seen.
type Coverage struct {
	Checked, Checks int
	Missing         []string // what was not checked and why, one line each
}

// Report is a file that goes with an announcement.
type Report struct {
	Name string // such as "prod-2026-01-31.html"
	Body []byte
}

// incomplete is the rule of the alert that stands while an account cannot be read.
const incomplete = "audit-incomplete"

// standing returns everything that stands, the account's problem included.
func (n Night) standing() []Alert {
	if n.Problem == "" {
		return n.Alerts
	}
	// Without facts: the text of an error differs every night.
	problem := Alert{Key: incomplete, Rule: incomplete, Severity: High, Headline: n.Problem, Remedy: cmp.Or(n.Remedy, "tokenwarden doctor")}
	return append([]Alert{problem}, n.Alerts...)
}
