package audit_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tokenwarden/tokenwarden/audit"
	"github.com/tokenwarden/tokenwarden/internal/dbtcloud"
)

func TestLegacyBoundary(t *testing.T) {
	tests := []struct {
		created string
		want    bool
	}{
		{"2023-07-18T00:00:00Z", true},
		{"2023-07-18T23:59:59Z", true},
		{"2023-07-18T23:59:59.999999999Z", true},
		{"2023-07-18 23:59:59.999999+00:00", true},
		{"2023-07-19T00:00:00Z", false},
		{"2023-07-19 00:00:00+00:00", false},
		{"2023-07-19T00:00:00.000000001Z", false},
		{"2023-07-19T01:59:59+02:00", true},  // 18th, 23:59:59 in UTC
		{"2023-07-19T02:00:00+02:00", false}, // midnight in UTC
		{"2023-07-18T19:59:59-04:00", true},
		{"2023-07-18T20:00:00-04:00", false}, // the 18th in New York, the 19th in UTC
		{"2019-01-01 00:00:00Z", true},
		{"2026-11-01T00:00:00Z", false},
	}
	for _, test := range tests {
		t.Run(test.created, func(t *testing.T) {
			token := modern(777, "Airflow prod")
			token.CreatedAt = at(test.created)
			r := run(t, audit.Auditor{}, account(&fake{tokens: []dbtcloud.ServiceToken{token}}))
			if got := len(found(r, "service-token-legacy")) == 1; got != test.want {
				t.Errorf("flagged: %v, want %v", got, test.want)
			}
			if !r.Complete {
				t.Error("a token whose date is known makes the report incomplete")
			}
			want := audit.ExitClean
			if test.want {
				want = audit.ExitFindings
			}
			if got := r.ExitCode(audit.High); got != want {
				t.Errorf("exit code %d, want %d", got, want)
			}
		})
	}
}

func TestLegacyFindingSaysWhatToDo(t *testing.T) {
	r := run(t, audit.Auditor{}, account(&fake{tokens: []dbtcloud.ServiceToken{legacy(777, "Airflow prod")}}))
	i := slices.IndexFunc(r.Findings, func(f audit.Finding) bool { return f.Rule == "service-token-legacy" })
	if i < 0 {
		t.Fatal("not found")
	}
	f := r.Findings[i]
	if f.Severity != audit.High || f.AccountID != 12345 || f.Resource != (audit.Resource{Type: "service_token", ID: 777, Name: "Airflow prod"}) {
		t.Errorf("finding is %+v", f)
	}
	if f.Remediation != "tokenwarden rotate --account prod --token-id 777" {
		t.Errorf("remediation: %s", f.Remediation)
	}
	if f.Evidence[0] != (audit.Fact{Key: "created_at", Value: "2023-05-02T09:00:00Z"}) {
		t.Errorf("evidence: %v", f.Evidence)
	}
}

func TestUserKeys(t *testing.T) {
	const day = 24 * time.Hour
	tests := []struct {
		name string
		used dbtcloud.Timestamp
		now  time.Time
		want audit.Severity // 0: no finding
	}{
		{"never", dbtcloud.Timestamp{Presence: dbtcloud.Null}, now, 0},
		{"yesterday", ago(day), now, audit.High},
		{"90 days ago", ago(90 * day), now, audit.High},
		{"a second more than 90 days ago", ago(90*day + time.Second), now, audit.Info},
		{"last moment of October 2024", at("2024-10-31T23:59:59.999999Z"), time.Date(2024, 11, 20, 0, 0, 0, 0, time.UTC), audit.Info},
		{"first moment of November 2024", at("2024-11-01T00:00:00Z"), time.Date(2024, 11, 20, 0, 0, 0, 0, time.UTC), audit.High},
		{"years ago", at("2022-05-05 06:51:10+00:00"), now, audit.Info},
		{"clock ahead", ago(-day), now, audit.High},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			u := member(40)
			u.APITokenLastUsed = test.used
			f := &fake{tokens: []dbtcloud.ServiceToken{modern(1, "x")}, users: []dbtcloud.User{u, member(41)}}
			r := run(t, audit.Auditor{Now: func() time.Time { return test.now }}, account(f))
			ids := found(r, "user-api-key-in-use")
			if test.want == 0 {
				if len(ids) != 0 {
					t.Errorf("flagged %v", ids)
				}
				return
			}
			if !slices.Equal(ids, []int64{40}) {
				t.Fatalf("flagged %v", ids)
			}
			i := slices.IndexFunc(r.Findings, func(f audit.Finding) bool { return f.Rule == "user-api-key-in-use" })
			if finding := r.Findings[i]; finding.Severity != test.want || finding.Resource.Type != "user" {
				t.Errorf("finding is %+v", finding)
			}
			if test.want == audit.High && !strings.Contains(r.Findings[i].Message, "not documented whether a personal access token moves") {
				t.Errorf("the message claims more than is known: %s", r.Findings[i].Message)
			}
		})
	}
}

// A policy without the mission's rules does not make an account complete that
// nobody could read.
func TestNothingReadIsNotComplete(t *testing.T) {
	auditor := audit.Auditor{Policy: audit.Policy{Disable: []string{"service-token-legacy", "user-api-key-in-use"}}}
	if r := run(t, auditor, account(&fake{errs: map[string]error{"tokens": failure(dbtcloud.KindUnauthorized)}})); r.Complete || r.Accounts[0].Status != audit.StatusFailed {
		t.Errorf("complete %v, %+v", r.Complete, r.Accounts[0])
	}
	if r := run(t, auditor, seenAccount(seen())); !r.Complete {
		t.Errorf("not complete: %+v", r.Accounts[0])
	}
}

// What cannot be told is never clean: each row makes the report incomplete, and
// the exit code 2, whatever else was found.
func TestNeverClean(t *testing.T) {
	unreadable := dbtcloud.Timestamp{Presence: dbtcloud.Unreadable, Raw: "yesterday"}
	withDate := func(d dbtcloud.Timestamp) *fake {
		token := modern(2, "odd")
		token.CreatedAt = d
		return &fake{tokens: []dbtcloud.ServiceToken{legacy(1, "old"), token}}
	}
	withUse := func(d dbtcloud.Timestamp) *fake {
		u := member(1)
		u.APITokenLastUsed = d
		return &fake{tokens: []dbtcloud.ServiceToken{modern(1, "x")}, users: []dbtcloud.User{u}}
	}
	refused := func(list string, kind dbtcloud.Kind) *fake {
		return &fake{
			tokens: []dbtcloud.ServiceToken{legacy(1, "old")}, users: []dbtcloud.User{member(1)},
			errs: map[string]error{list: failure(kind)},
		}
	}
	short := &fake{tokens: []dbtcloud.ServiceToken{legacy(1, "old")}, passes: map[string]dbtcloud.Pass{"tokens": {Read: 1, Total: 3}}}
	tests := []struct {
		name    string
		fake    *fake
		check   string
		outcome audit.Outcome
		status  audit.Status
	}{
		{"creation date absent", withDate(dbtcloud.Timestamp{}), "service-token-legacy", audit.Failed, audit.StatusPartial},
		{"creation date null", withDate(dbtcloud.Timestamp{Presence: dbtcloud.Null}), "service-token-legacy", audit.Failed, audit.StatusPartial},
		{"creation date unreadable", withDate(unreadable), "service-token-legacy", audit.Failed, audit.StatusPartial},
		{"use absent", withUse(dbtcloud.Timestamp{}), "user-api-key-in-use", audit.Failed, audit.StatusPartial},
		{"use unreadable", withUse(unreadable), "user-api-key-in-use", audit.Failed, audit.StatusPartial},
		{"tokens refused", refused("tokens", dbtcloud.KindNotFound), "service-token-legacy", audit.NotVisible, audit.StatusPartial},
		{"tokens forbidden", refused("tokens", dbtcloud.KindForbidden), "service-token-legacy", audit.NotVisible, audit.StatusPartial},
		{"tokens malformed", refused("tokens", dbtcloud.KindMalformed), "service-token-legacy", audit.Failed, audit.StatusPartial},
		{"tokens invalid", refused("tokens", dbtcloud.KindInvalid), "service-token-legacy", audit.Failed, audit.StatusPartial},
		{"tokens unauthorized", refused("tokens", dbtcloud.KindUnauthorized), "service-token-legacy", audit.Failed, audit.StatusFailed},
		{"tokens server error", refused("tokens", dbtcloud.KindServer), "service-token-legacy", audit.Failed, audit.StatusFailed},
		{"users refused", refused("users", dbtcloud.KindNotFound), "user-api-key-in-use", audit.NotVisible, audit.StatusPartial},
		{"users throttled", refused("users", dbtcloud.KindThrottled), "user-api-key-in-use", audit.Failed, audit.StatusPartial},
		{"list not read to its end", short, "service-token-legacy", audit.Failed, audit.StatusPartial},
		{"no token at all", &fake{users: []dbtcloud.User{member(1)}}, "service-token-legacy", audit.NotVisible, audit.StatusPartial},
		{"only deleted tokens", &fake{tokens: []dbtcloud.ServiceToken{{ID: 1, State: dbtcloud.Deleted}}}, "service-token-legacy", audit.NotVisible, audit.StatusPartial},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := run(t, audit.Auditor{}, account(test.fake))
			if r.Complete || r.ExitCode(audit.Never) != audit.ExitIncomplete {
				t.Errorf("complete: %v, exit code %d", r.Complete, r.ExitCode(audit.Never))
			}
			if got := coverage(t, r, 0, test.check); got.Outcome != test.outcome || got.Detail == "" {
				t.Errorf("coverage %+v, want %s", got, test.outcome)
			}
			if got := r.Accounts[0]; got.Status != test.status || len(got.Errors) == 0 {
				t.Errorf("account is %s, errors %q; want %s and why", got.Status, got.Errors, test.status)
			}
			if r.Summary.Coverage == 100 {
				t.Error("coverage is 100%")
			}
		})
	}
}

// A permission is named where one is missing, and only there.
func TestNeededPermissionIsNamed(t *testing.T) {
	f := &fake{tokens: []dbtcloud.ServiceToken{modern(1, "x")}, users: []dbtcloud.User{member(1)}, errs: map[string]error{"users": failure(dbtcloud.KindNotFound)}}
	r := run(t, audit.Auditor{}, account(f))
	if got := coverage(t, r, 0, "user-api-key-in-use"); !strings.HasSuffix(got.Detail, "(needs account_viewer)") {
		t.Errorf("refused: %q", got.Detail)
	}
	if got := coverage(t, r, 0, "service-token-unmanaged"); got.Outcome != audit.NotVisible || strings.Contains(got.Detail, "needs") {
		t.Errorf("no permission shows what is not configured: %+v", got)
	}
}

// What was read before an error is still reported.
func TestFindingsOfPartOfAList(t *testing.T) {
	f := &fake{
		tokens: []dbtcloud.ServiceToken{legacy(1, "a"), legacy(2, "b"), legacy(3, "c")},
		errs:   map[string]error{"tokens": failure(dbtcloud.KindMalformed)}, cutAt: map[string]int{"tokens": 2},
	}
	r := run(t, audit.Auditor{}, account(f))
	if got := found(r, "service-token-legacy"); !slices.Equal(got, []int64{1, 2}) {
		t.Errorf("found %v", got)
	}
	if r.Accounts[0].Counts.ServiceTokens != 2 || r.Accounts[0].Status != audit.StatusPartial {
		t.Errorf("account is %+v", r.Accounts[0])
	}
}

// A personal access token has no service token of its own: an empty list can be
// the truth. So it can for a credential that sees several accounts. But the
// account has the person who asks as a user.
func TestEmptyAccountOfAPerson(t *testing.T) {
	users := []dbtcloud.User{member(1)}
	unseen := account(&fake{})
	unseen.Credential = audit.PersonalCredential
	personal := account(&fake{users: users})
	personal.Credential = audit.PersonalCredential
	several := account(&fake{users: users, accounts: []dbtcloud.Account{{ID: 12345}, {ID: 2}}})
	several.Credential = audit.UnknownCredential
	one := account(&fake{users: users, accounts: []dbtcloud.Account{{ID: 12345}}})
	one.Credential = audit.UnknownCredential
	for name, test := range map[string]struct {
		account  audit.Account
		complete bool
	}{"shown nothing": {unseen, false}, "personal": {personal, true}, "several accounts": {several, true}, "unknown": {one, false}} {
		if r := run(t, audit.Auditor{}, test.account); r.Complete != test.complete {
			t.Errorf("%s: complete is %v", name, r.Complete)
		}
	}
}

// A list that changed while it was read is read once more.
func TestListThatChanged(t *testing.T) {
	f := &fake{tokens: []dbtcloud.ServiceToken{legacy(1, "a")}, passes: map[string]dbtcloud.Pass{"tokens": {Read: 1, Total: 2}}}
	_ = run(t, audit.Auditor{}, account(f))
	reads := 0
	for _, list := range f.asked {
		if list == "tokens" {
			reads++
		}
	}
	if reads != 2 {
		t.Errorf("read %d times", reads)
	}
}
