package canary

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// Report is what a run came to. It is made to be shown to others: nothing in it
// is secret, names the account, or holds a text that could be markup.
type Report struct {
	SchemaVersion int           `json:"schema_version"`
	Version       string        `json:"version"` // of the program; filled in by whoever prints it
	Date          string        `json:"date"`
	HostKind      string        `json:"host_kind"`
	PermissionSet string        `json:"permission_set,omitempty"` // what the canary could do
	Scope         string        `json:"scope,omitempty"`
	Requests      int           `json:"requests"` // that were answered
	Measurements  []Measurement `json:"measurements"`
	Removed       int           `json:"removed"`    // tokens of this run
	LeftOvers     int           `json:"left_overs"` // tokens of an earlier try that were removed
	Left          []Left        `json:"left"`       // tokens that could not be removed
	Notices       []string      `json:"notices"`    // what a person has to look at
	Errors        []string      `json:"errors"`
}

// Left is a token that may still be there.
type Left struct {
	TokenID int64  `json:"token_id"`
	Name    string `json:"name"`
	Why     string `json:"why"`
}

// ExitCode is what the command should exit with: 2 when something failed or a
// token may be left, else 1 when an assumption does not hold or a person has to
// look at something.
func (r Report) ExitCode() int {
	fails := slices.ContainsFunc(r.Measurements, func(m Measurement) bool { return m.Verdict == Fails })
	switch {
	case len(r.Errors) > 0 || len(r.Left) > 0:
		return 2
	case fails || len(r.Notices) > 0:
		return 1
	}
	return 0
}

func (r *run) report() Report {
	r.facts.replies = r.Replies.fact()
	out := Report{
		SchemaVersion: 1, Date: r.Now().UTC().Format("2006-01-02"), HostKind: HostKind(r.Host), PermissionSet: r.set,
		Measurements: judge(r.facts, r.missing), LeftOvers: r.leftOvers,
		Left: orEmpty(r.left), Notices: orEmpty(r.notices), Errors: orEmpty(r.errors),
	}
	if r.set != "" {
		out.Scope = r.scope
	}
	if r.facts.replies != nil {
		out.Requests = r.facts.replies.all
	}
	for _, m := range r.made {
		if m.gone {
			out.Removed++
		}
	}
	return out
}

// orEmpty keeps a list from being null in JSON.
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// accessURL is a host as errors name it.
var accessURL = regexp.MustCompile(`https?://[A-Za-z0-9.-]+(:[0-9]+)?`)

// HostKind is what may be told of an access URL: the region, and not whose it is.
func HostKind(host string) string {
	name := strings.TrimPrefix(strings.TrimPrefix(host, "https://"), "http://")
	labels := strings.Split(name, ".")
	switch n := len(labels); {
	case slices.Contains([]string{"cloud.getdbt.com", "emea.dbt.com", "au.dbt.com"}, name):
		return name
	case n == 4 && labels[n-2] == "dbt" && labels[n-1] == "com":
		return "PREFIX." + strings.Join(labels[1:], ".")
	}
	return "another host"
}

// plain makes a text harmless in Markdown and on a terminal: one line of
// printable characters without those that begin something in a code span or a
// table.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '`' || r == '|':
			return '\''
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return unicode.ReplacementChar
		}
		return r
	}, s)
}
