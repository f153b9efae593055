package report_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/tokenwarden/tokenwarden/audit"
	"github.com/tokenwarden/tokenwarden/audit/report"
)

// hostileNames are what a name from the API may hold.
func hostileNames() []string {
	return []string{
		"\x1b[31mred\x1b[0m", "\x1b]0;title\x07", "\x9b31m", "two\nlines", "tab\there", "back\bspace", "cr\rhere", "nul\x00",
		"bidi \u202egnp.exe", "isolate \u2066x\u2069", "zero\u200bwidth", "bom\ufeff", "line\u2028sep", "soft\u00adhyphen",
		"filler \u3164\u115f", "zalgo e\u0301\u0301\u0301\u0301\u0301\u0301\u0301", "bad utf8 \xff\xfe", "tag \U000e0041",
		"<!channel>", "<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "</svg><style>*{display:none}</style>", "&lt;b&gt; &amp;",
		"=HYPERLINK(\"http://evil\")", "+1+1", "-2+3", "@SUM(A1)", " =1+1", "\t=1+1", "\uff1d1+1", "%0A=1",
		"| a | b |", "**bold** _it_ `code` ~~s~~", "[click](http://evil)", "![i](http://evil/x.png)", "# heading", "https://evil.example/x", "@here ping", "a\\|b", "1. list", "$(rm -rf /)", "`id`", "::error::x", "{{.}}", "%s%n",
		"日本語の名前", "émoji 👩‍👩‍👧", "", " ",
	}
}

// sample is a report that has something of everything.
func sample(names ...string) *audit.Report {
	at := time.Date(2026, time.November, 23, 2, 0, 0, 0, time.UTC)
	r := &audit.Report{
		SchemaVersion: 1, GeneratedAt: at, Complete: false,
		Summary: audit.Summary{BySeverity: map[audit.Severity]int{audit.Critical: 0, audit.High: len(names), audit.Medium: 0, audit.Low: 0, audit.Info: 1}, Checks: 4, Checked: 2, Coverage: 50},
		Accounts: []audit.AccountReport{
			{
				Name: "prod", ID: 12345, Host: "https://ab123.us1.dbt.com", Plan: "enterprise", Status: audit.StatusComplete, Errors: []string{},
				Coverage: []audit.Coverage{{Check: "service-token-legacy", Outcome: audit.Checked}, {Check: "user-api-key-in-use", Outcome: audit.Checked}},
				Counts:   audit.Counts{ServiceTokens: 12, Users: 40},
				Tokens: []audit.ActiveToken{
					{ID: 1, Created: at.AddDate(-4, 0, 0)}, {ID: 2, Created: at.AddDate(-3, -3, 0)},
					{ID: 3, Created: at.AddDate(-1, 0, 0)}, {ID: 4, Created: at.AddDate(0, -1, 0)}, {ID: 5}, // one whose date is not known
				},
			},
			{
				Name: "staging", ID: 2, Host: "https://cd456.us1.dbt.com", Status: audit.StatusPartial, Errors: []string{"reading users: not found"},
				Coverage: []audit.Coverage{
					{Check: "service-token-legacy", Outcome: audit.Failed, Detail: "could not tell for 1"},
					{Check: "user-api-key-in-use", Outcome: audit.NotVisible, Detail: "reading users: not found (needs account_viewer)"},
				},
			},
		},
		Findings: []audit.Finding{}, Suppressed: []audit.Finding{}, Undetermined: []audit.Finding{},
		Notices: []string{"suppression of service-token-legacy, name \"x*\" (owner data) ends on 2026-11-25: it matches 1"},
		Policy:  audit.Applied{MaxAgeDays: 365, UnusedForDays: 90, Disabled: []string{}, Required: []string{}},
	}
	finding := func(rule string, s audit.Severity, kind string, id int64, name string) audit.Finding {
		return audit.Finding{
			Rule: rule, Severity: s, AccountID: 12345, Resource: audit.Resource{Type: kind, ID: id, Name: name},
			Message: "created 2023-05-02, on or before 2023-07-18: dbt Labs recommends rotating it", Evidence: audit.Evidence{{Key: "created_at", Value: "2023-05-02T09:00:00Z"}},
			Remediation: "tokenwarden rotate --account prod --token-id 777", Fingerprint: "00112233445566778899aabbccddeeff",
		}
	}
	for i, name := range names {
		r.Findings = append(r.Findings, finding("service-token-legacy", audit.High, audit.ResourceServiceToken, int64(777+i), name))
		r.Undetermined = append(r.Undetermined, finding("service-token-legacy", audit.High, audit.ResourceServiceToken, int64(1777+i), name))
		accepted := finding("service-token-legacy", audit.High, audit.ResourceServiceToken, int64(2777+i), name)
		accepted.Suppression = &audit.Accepted{Reason: "reason " + name, Owner: name, Until: at.AddDate(0, 1, 0)}
		r.Suppressed = append(r.Suppressed, accepted)
		r.Accounts[1].Errors = append(r.Accounts[1].Errors, "the server said "+name)
		r.Accounts[1].Coverage[0].Detail += "; " + name
		r.Notices = append(r.Notices, name)
	}
	r.Findings = append(r.Findings, finding("user-api-key-in-use", audit.Info, audit.ResourceUser, 40, "user@example.com"))
	return r
}

func render(t *testing.T, format string, r *audit.Report, o report.Options) string {
	t.Helper()
	var b bytes.Buffer
	if err := report.Write(&b, format, r, o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
