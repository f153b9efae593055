package audit_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/tokenwarden/tokenwarden/audit"
	"github.com/tokenwarden/tokenwarden/internal/dbtcloud"
)

// needs is what each rule must have seen to say that all is well, written down
// apart from the rules' own declarations.
func needs() map[string][]string {
	return map[string][]string{
		"service-token-legacy":                   {"tokens"},
		"service-token-old":                      {"tokens"},
		"user-api-key-in-use":                    {"users"},
		"service-token-unused":                   {"tokens"},
		"service-token-overprivileged":           {"tokens", "permissions"},
		"service-token-no-permissions":           {"tokens", "permissions"},
		"service-token-deprecated-flag":          {"tokens"},
		"service-token-dead-project":             {"tokens", "permissions", "projects"},
		"service-token-duplicate-name":           {"tokens"},
		"rotation-unfinished":                    {"tokens"},
		"stored-value-dead":                      {"tokens", "destinations"},
		"service-token-unmanaged":                {"tokens", "destinations"},
		"personal-access-token-old":              {"users", "personal"},
		"personal-access-token-unused":           {"users", "personal"},
		"personal-access-token-of-inactive-user": {"users", "personal"},
		"scim-token-old":                         {"scim"},
		"scim-token-unused":                      {"scim"},
		"ip-restrictions-off":                    {"ip"},
		"ip-restrictions-not-for-service-tokens": {"ip"},
		"ip-rule-allows-all":                     {"ip"},
		"ip-rule-one-host":                       {"ip"},
		"ip-rule-shadowed":                       {"ip"},
		"auditor-overprivileged":                 {"tokens", "permissions"},
		"auditor-token-legacy":                   {"tokens"},
	}
}

// seen is an account in which every rule can be checked, with lists that are
// not empty, and one token whose permissions have to be asked for.
func seen() *fake {
	on := true
	bare := modern(2, "bare")
	bare.HasGrants, bare.Grants = false, nil
	viewer := modern(1, "auditor")
	viewer.Grants = []dbtcloud.Grant{{PermissionSet: "account_viewer", State: dbtcloud.Active}}
	project := int64(9)
	runner := []dbtcloud.Grant{{PermissionSet: "job_runner", ProjectID: &project, State: dbtcloud.Active}}
	pat := dbtcloud.PersonalAccessToken{ID: 60, Name: "laptop", State: dbtcloud.Active, CreatedAt: ago(day), LastUsed: ago(day)}
	return &fake{
		tokens: []dbtcloud.ServiceToken{viewer, bare}, users: []dbtcloud.User{member(40), member(41)},
		projects: []dbtcloud.Project{{ID: project, State: dbtcloud.Active}},
		accounts: []dbtcloud.Account{{ID: 12345, Plan: "enterprise"}},
		rules: []dbtcloud.IPRule{{ID: 70, Type: 1, State: dbtcloud.Active, RuleSetEnabled: &on, EnabledForServiceTokens: &on,
			CIDRs: []dbtcloud.CIDR{{CIDR: "198.51.100.0/24", State: dbtcloud.Active, Enabled: true}}}},
		scim:     []dbtcloud.SCIMToken{{ID: 80, State: dbtcloud.Active, CreatedAt: ago(day), LastUsed: ago(day)}},
		grants:   map[int64][]dbtcloud.Grant{2: runner},
		personal: map[int64][]dbtcloud.PersonalAccessToken{40: {pat}},
		errs:     map[string]error{},
	}
}

// locator answers as a store would.
type locator struct {
	destinations []audit.Destination
	err          error
}

func (l locator) Locate(context.Context, []audit.TokenName) ([]audit.Destination, error) {
	return l.destinations, l.err
}

func seenAccount(f *fake) audit.Account {
	a := account(f)
	a.Own = func(t dbtcloud.ServiceToken) bool { return t.ID == 1 }
	l := locator{err: f.errs["destinations"]}
	for _, t := range f.tokens {
		l.destinations = append(l.destinations, audit.Destination{Ref: fmt.Sprintf("age://s#%d", t.ID), For: t.ID, TokenID: t.ID})
	}
	a.Locator = l
	return a
}

// Every rule × visible, refused, forbidden, not licensed, error, malformed: what
// it needs and could not see is never "checked", and what it does not need does
// not matter to it.
func TestRulesThatCannotSeeAreNeverClean(t *testing.T) {
	auditor := audit.Auditor{Policy: audit.Policy{MaxAge: 365 * day}}
	visible := run(t, auditor, seenAccount(seen()))
	if len(visible.Findings) != 0 || !visible.Complete || visible.Summary.Coverage != 100 {
		t.Fatalf("the visible account is not clean: %+v, %+v", visible.Findings, visible.Accounts[0].Coverage)
	}
	if len(needs()) != len(audit.Rules()) {
		t.Fatalf("%d rules, the table has %d", len(audit.Rules()), len(needs()))
	}
	faults := []struct {
		name    string
		err     error
		plan    string
		outcome audit.Outcome
		stops   bool // nothing more is asked
	}{
		{"refused", failure(dbtcloud.KindNotFound), "enterprise", audit.NotVisible, false},
		{"forbidden", failure(dbtcloud.KindForbidden), "", audit.NotVisible, false},
		{"not licensed", failure(dbtcloud.KindNotFound), "team", audit.NotLicensed, false},
		{"error", failure(dbtcloud.KindServer), "enterprise", audit.Failed, true},
		{"malformed", failure(dbtcloud.KindMalformed), "enterprise", audit.Failed, false},
		{"invalid", failure(dbtcloud.KindInvalid), "enterprise", audit.Failed, false},
		{"anything else", errors.New("boom"), "enterprise", audit.Failed, false},
	}
	for _, list := range []string{"tokens", "users", "projects", "ip", "scim", "permissions", "personal", "destinations"} {
		for _, fault := range faults {
			t.Run(list+" "+fault.name, func(t *testing.T) {
				f := seen()
				f.accounts[0].Plan = fault.plan
				f.errs[list] = fault.err
				r := run(t, auditor, seenAccount(f))
				if len(r.Findings) != 0 {
					t.Errorf("found %+v", r.Findings)
				}
				for rule, lists := range needs() {
					got := coverage(t, r, 0, rule)
					switch {
					case slices.Contains(lists, list):
						want := expected(list, fault.outcome)
						if got.Outcome != want || got.Detail == "" {
							t.Errorf("%s: %+v, want %s", rule, got, want)
						}
					case got.Outcome != audit.Checked && !fault.stops:
						t.Errorf("%s does not need %s: %+v", rule, list, got)
					}
				}
				if r.Summary.Coverage == 100 || r.Summary.Checked == r.Summary.Checks {
					t.Error("coverage is whole")
				}
				if mission := list == "tokens" || list == "users"; r.Complete == mission {
					t.Errorf("complete: %v", r.Complete)
				}
			})
		}
	}
}

// expected is the outcome of a fault: only what plans differ in can be not
// licensed, and a store knows no permissions of dbt Cloud.
func expected(list string, o audit.Outcome) audit.Outcome {
	switch {
	case list == "destinations":
		return audit.Failed
	case o == audit.NotLicensed && list != "ip" && list != "scim":
		return audit.NotVisible
	}
	return o
}

// The permission that would do is named where something is not visible.
func TestCoverageNamesThePermission(t *testing.T) {
	f := seen()
	f.errs["ip"] = failure(dbtcloud.KindNotFound)
	r := run(t, audit.Auditor{}, seenAccount(f))
	if got := coverage(t, r, 0, "ip-rule-allows-all"); !strings.Contains(got.Detail, "needs security_admin") {
		t.Errorf("%+v", got)
	}
}

// --require makes a rule count that otherwise only lowers the coverage.
func TestRequire(t *testing.T) {
	f := seen()
	f.errs["ip"] = failure(dbtcloud.KindNotFound)
	if r := run(t, audit.Auditor{}, seenAccount(f)); r.ExitCode(audit.Info) != audit.ExitClean {
		t.Errorf("without: exit %d", r.ExitCode(audit.Info))
	}
	r := run(t, audit.Auditor{Require: []string{"ip-restrictions-off"}}, seenAccount(f))
	if r.Complete || r.ExitCode(audit.Never) != audit.ExitIncomplete || r.Accounts[0].Status != audit.StatusPartial {
		t.Errorf("with: complete %v, %s", r.Complete, r.Accounts[0].Status)
	}
}

// What costs one request each is asked for all or not at all.
func TestLookupsAreLimited(t *testing.T) {
	f := seen()
	r := run(t, audit.Auditor{Policy: audit.Policy{Lookups: 2}}, seenAccount(f)) // one token, two users
	if got := coverage(t, r, 0, "service-token-no-permissions"); got.Outcome != audit.Checked {
		t.Errorf("permissions: %+v", got)
	}
	if got := coverage(t, r, 0, "personal-access-token-unused"); got.Outcome != audit.NotVisible || !strings.Contains(got.Detail, "2 users") {
		t.Errorf("personal access tokens: %+v", got)
	}
	if slices.Contains(f.asked, "personal") {
		t.Error("asked all the same")
	}
	none := run(t, audit.Auditor{Policy: audit.Policy{Lookups: 0}}, seenAccount(seen()))
	if got := coverage(t, none, 0, "personal-access-token-unused"); got.Outcome != audit.Checked {
		t.Errorf("by default: %+v", got)
	}
}

// A disabled rule asks for nothing.
func TestDisabledRulesCostNothing(t *testing.T) {
	var disable []string
	for id := range needs() {
		if id != "service-token-legacy" && id != "user-api-key-in-use" {
			disable = append(disable, id)
		}
	}
	f := seen()
	r := run(t, audit.Auditor{Policy: audit.Policy{Disable: disable}}, seenAccount(f))
	if !slices.Equal(f.asked, []string{"tokens", "users"}) {
		t.Errorf("asked for %v", f.asked)
	}
	if len(r.Accounts[0].Coverage) != 2 || !slices.Equal(r.Policy.Disabled, disable) {
		t.Errorf("coverage %+v", r.Accounts[0].Coverage)
	}
}

// refusing shows the personal access tokens of some users only.
type refusing struct {
	*fake
	users []int64
}

func (r refusing) PersonalAccessTokens(ctx context.Context, id int64) ([]dbtcloud.PersonalAccessToken, error) {
	if slices.Contains(r.users, id) {
		return nil, failure(dbtcloud.KindNotFound)
	}
	return r.fake.PersonalAccessTokens(ctx, id)
}

// A refusal for a member means that they are not shown, one for a user who is
// gone does not; and if no user has any, nobody knows whether they are shown.
func TestPersonalTokensThatAreNotShown(t *testing.T) {
	gone := member(39)
	gone.State = dbtcloud.Deleted
	for name, test := range map[string]struct {
		refused []int64
		shown   map[int64][]dbtcloud.PersonalAccessToken
		outcome audit.Outcome
	}{
		"of a member":     {[]int64{41}, seen().personal, audit.NotVisible},
		"of one who left": {[]int64{39}, seen().personal, audit.Checked},
		"none has any":    {nil, nil, audit.NotVisible},
		"one of them has": {nil, seen().personal, audit.Checked},
		"of everybody":    {[]int64{39, 40, 41}, nil, audit.NotVisible},
	} {
		f := seen()
		f.users, f.personal = append([]dbtcloud.User{gone}, f.users...), test.shown
		a := seenAccount(f)
		a.Source = refusing{f, test.refused}
		r := run(t, audit.Auditor{}, a)
		if got := coverage(t, r, 0, "personal-access-token-unused"); got.Outcome != test.outcome {
			t.Errorf("%s: %+v", name, got)
		}
		if !r.Complete {
			t.Errorf("%s: not complete", name)
		}
	}
}
