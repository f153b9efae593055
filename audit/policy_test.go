package audit_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tokenwarden/tokenwarden/audit"
	"github.com/tokenwarden/tokenwarden/internal/dbtcloud"
)

func accept(change func(*audit.Suppression)) audit.Policy {
	s := audit.Suppression{
		Rule: "service-token-legacy", Name: "Airflow*", Reason: "replaced in spring", Owner: "data platform", Until: now.Add(30 * day),
	}
	change(&s)
	return audit.Policy{Suppress: []audit.Suppression{s}}
}

func TestSuppression(t *testing.T) {
	print := func() string {
		r := run(t, audit.Auditor{}, account(&fake{tokens: []dbtcloud.ServiceToken{legacy(777, "Airflow prod")}}))
		i := slices.IndexFunc(r.Findings, func(f audit.Finding) bool { return f.Rule == "service-token-legacy" })
		return r.Findings[i].Fingerprint
	}()
	tests := []struct {
		name       string
		token      string
		change     func(*audit.Suppression)
		suppressed bool
		notice     string // what a notice must say; empty: no notice
	}{
		{"by pattern", "Airflow prod", func(*audit.Suppression) {}, true, ""},
		{"its replacement", "Airflow prod [replaces 5 a1B2]", func(s *audit.Suppression) { s.Name = "Airflow prod" }, true, ""},
		{"by fingerprint", "whatever", func(s *audit.Suppression) { s.Rule, s.Name, s.Fingerprint = "", "", print }, true, ""},
		{"of this account", "Airflow prod", func(s *audit.Suppression) { s.Account = "prod" }, true, ""},
		{"of another account", "Airflow prod", func(s *audit.Suppression) { s.Account = "staging" }, false, "matches nothing"},
		{"another name", "dbt Airflow", func(*audit.Suppression) {}, false, "matches nothing"},
		{"another rule", "Airflow prod", func(s *audit.Suppression) { s.Rule = "user-api-key-in-use" }, false, "matches nothing"},
		{"brackets are no pattern", "Airflow p", func(s *audit.Suppression) { s.Name = "Airflow [a-z]" }, false, "matches nothing"},
		{"a second before its end", "Airflow prod", func(s *audit.Suppression) { s.Until = now.Add(time.Second) }, true, "ends on 2026-11-23"},
		{"at its end", "Airflow prod", func(s *audit.Suppression) { s.Until = now }, false, "no longer holds: it matches 1"},
		{"seven days before its end", "Airflow prod", func(s *audit.Suppression) { s.Until = now.Add(7 * day) }, true, "ends on 2026-11-30"},
		{"more than seven days before its end", "Airflow prod", func(s *audit.Suppression) { s.Until = now.Add(7*day + 1) }, true, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := seen()
			f.tokens = append(f.tokens, legacy(777, test.token))
			r := run(t, audit.Auditor{Policy: accept(test.change)}, seenAccount(f))
			in := func(list []audit.Finding) bool {
				return slices.ContainsFunc(list, func(f audit.Finding) bool {
					return f.Rule == "service-token-legacy" && f.Resource.ID == 777
				})
			}
			if in(r.Suppressed) != test.suppressed || in(r.Findings) == test.suppressed {
				t.Errorf("suppressed %v, found %v", in(r.Suppressed), in(r.Findings))
			}
			if test.suppressed {
				if s := r.Suppressed[0].Suppression; s == nil || s.Owner != "data platform" || s.Reason == "" || s.Until.IsZero() {
					t.Errorf("suppressed by %+v", s)
				}
				if r.ExitCode(audit.High) != audit.ExitClean {
					t.Errorf("exit code %d", r.ExitCode(audit.High))
				}
			}
			switch {
			case test.notice == "" && len(r.Notices) != 0:
				t.Errorf("notices %q", r.Notices)
			case test.notice != "" && (len(r.Notices) != 1 || !strings.Contains(r.Notices[0], test.notice)):
				t.Errorf("notices %q, want %q", r.Notices, test.notice)
			}
		})
	}
}

// What was not looked at everywhere cannot be said to match nothing.
func TestUnmatchedIsAnnouncedOnlyWhenAllWasSeen(t *testing.T) {
	policy := accept(func(s *audit.Suppression) { s.Rule = "scim-token-unused" })
	refused := seen()
	refused.errs["scim"] = failure(dbtcloud.KindNotFound)
	if r := run(t, audit.Auditor{Policy: policy}, seenAccount(refused)); len(r.Notices) != 0 {
		t.Errorf("not visible: %q", r.Notices)
	}
	if r := run(t, audit.Auditor{Policy: policy, Selected: true}, seenAccount(seen())); len(r.Notices) != 0 {
		t.Errorf("some accounts: %q", r.Notices)
	}
	if r := run(t, audit.Auditor{Policy: policy}, seenAccount(seen())); len(r.Notices) != 1 {
		t.Errorf("all seen: %q", r.Notices)
	}
}

// An unreadable date may be acknowledged, and then the report is complete; what
// the date turns out to say is another matter.
func TestAcknowledgedDate(t *testing.T) {
	token := modern(777, "Airflow prod")
	token.CreatedAt = dbtcloud.Timestamp{Presence: dbtcloud.Unreadable, Raw: "soon"}
	f := seen()
	f.tokens = append(f.tokens, token)
	open := run(t, audit.Auditor{}, seenAccount(f))
	if open.Complete || len(open.Undetermined) == 0 || open.Undetermined[0].Resource.ID != 777 {
		t.Fatalf("undetermined: %+v", open.Undetermined)
	}
	byName := run(t, audit.Auditor{Policy: accept(func(*audit.Suppression) {})}, seenAccount(f))
	byPrint := run(t, audit.Auditor{Policy: accept(func(s *audit.Suppression) {
		s.Rule, s.Name, s.Fingerprint = "", "", open.Undetermined[0].Fingerprint
	})}, seenAccount(f))
	for name, r := range map[string]*audit.Report{"name": byName, "fingerprint": byPrint} {
		if !r.Complete || len(r.Undetermined) != 0 || len(r.Suppressed) != 1 {
			t.Errorf("by %s: complete %v, undetermined %+v", name, r.Complete, r.Undetermined)
		}
	}
	f.tokens[len(f.tokens)-1] = legacy(777, "Airflow prod")
	readable := run(t, audit.Auditor{Policy: accept(func(s *audit.Suppression) {
		s.Rule, s.Name, s.Fingerprint = "", "", open.Undetermined[0].Fingerprint
	})}, seenAccount(f))
	if got := found(readable, "service-token-legacy"); !slices.Equal(got, []int64{777}) {
		t.Errorf("the acknowledgement hides what the date says: %v", got)
	}
}

func TestPolicyIsValidated(t *testing.T) {
	tests := []struct {
		name    string
		policy  audit.Policy
		require []string
		want    string
	}{
		{"unknown rule to disable", audit.Policy{Disable: []string{"no-such"}}, nil, `disable: there is no rule "no-such"`},
		{"unknown rule required", audit.Policy{}, []string{"no-such\x1b"}, `require: there is no rule "no-such\x1b"`},
		{"required and disabled", audit.Policy{Disable: []string{"scim-token-old"}}, []string{"scim-token-old"}, "disables"},
		{"required without a threshold", audit.Policy{}, []string{"service-token-old"}, "needs max_age"},
		{"negative age", audit.Policy{MaxAge: -1}, nil, "negative"},
		{"no age for a set", audit.Policy{MaxAgeOf: map[string]time.Duration{"owner": 0}}, nil, "must be positive"},
		{"no reason", accept(func(s *audit.Suppression) { s.Reason = "" }), nil, "suppress, entry 1: needs a reason"},
		{"no owner", accept(func(s *audit.Suppression) { s.Owner = "" }), nil, "needs an owner"},
		{"no end", accept(func(s *audit.Suppression) { s.Until = time.Time{} }), nil, "needs an end"},
		{"no target", accept(func(s *audit.Suppression) { s.Name = "" }), nil, "needs a fingerprint, or a rule and a name"},
		{"unknown rule", accept(func(s *audit.Suppression) { s.Rule = "x" }), nil, "there is no rule"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := seen()
			_, err := (&audit.Auditor{Policy: test.policy, Require: test.require}).Run(t.Context(), []audit.Account{seenAccount(f)})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %q", err, test.want)
			}
			if len(f.asked) != 0 {
				t.Errorf("asked for %v", f.asked)
			}
		})
	}
}
