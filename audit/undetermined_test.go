package audit_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/tokenwarden/tokenwarden/audit"
	"github.com/tokenwarden/tokenwarden/internal/dbtcloud"
)

// A field that is missing or cannot be understood makes its resource one that
// could not be judged, by the rules that look at the field and no others.
func TestMalformedFields(t *testing.T) {
	unreadable := dbtcloud.Timestamp{Presence: dbtcloud.Unreadable, Raw: "soon\x1b[31m"}
	absent := dbtcloud.Timestamp{}
	token := func(change func(*dbtcloud.ServiceToken)) func(*fake) {
		return func(f *fake) {
			odd := modern(777, "odd")
			change(&odd)
			f.tokens = append(f.tokens, odd)
		}
	}
	pat := func(change func(*dbtcloud.PersonalAccessToken)) func(*fake) {
		return func(f *fake) {
			odd := dbtcloud.PersonalAccessToken{ID: 777, State: dbtcloud.Active, CreatedAt: ago(100 * day), LastUsed: ago(day)}
			change(&odd)
			f.personal[41] = append(f.personal[41], odd)
		}
	}
	scim := func(change func(*dbtcloud.SCIMToken)) func(*fake) {
		return func(f *fake) {
			odd := dbtcloud.SCIMToken{ID: 777, State: dbtcloud.Active, CreatedAt: ago(100 * day), LastUsed: ago(day)}
			change(&odd)
			f.scim = append(f.scim, odd)
		}
	}
	ipRule := func(change func(*dbtcloud.IPRule)) func(*fake) {
		return func(f *fake) {
			odd := f.rules[0]
			odd.ID = 777
			odd.CIDRs = []dbtcloud.CIDR{{CIDR: "203.0.113.0/24", State: dbtcloud.Active, Enabled: true}}
			change(&odd)
			f.rules = append(f.rules, odd)
		}
	}
	ipRules := []string{"ip-rule-allows-all", "ip-rule-one-host", "ip-rule-shadowed"}
	tests := []struct {
		name    string
		plant   func(*fake)
		outcome audit.Outcome
		rules   []string
	}{
		{"token's creation unreadable", token(func(s *dbtcloud.ServiceToken) { s.CreatedAt = unreadable }), audit.Failed, []string{"service-token-legacy", "service-token-old"}},
		{"unused token's creation absent", token(func(s *dbtcloud.ServiceToken) {
			s.CreatedAt, s.LastUsed = absent, dbtcloud.Timestamp{Presence: dbtcloud.Null}
		}), audit.Failed, []string{"service-token-legacy", "service-token-old", "service-token-unused"}},
		{"token's use absent", token(func(s *dbtcloud.ServiceToken) { s.LastUsed = absent }), audit.NotVisible, []string{"service-token-unused"}},
		{"token's use unreadable", token(func(s *dbtcloud.ServiceToken) { s.LastUsed = unreadable }), audit.Failed, []string{"service-token-unused"}},
		{"replacement's creation unreadable", token(func(s *dbtcloud.ServiceToken) { s.CreatedAt, s.Name = unreadable, "x [replaces 1]" }), audit.Failed,
			[]string{"service-token-legacy", "service-token-old", "rotation-unfinished"}},
		{"token's flag unreadable", token(func(s *dbtcloud.ServiceToken) { s.Unread = []string{"webhooks_only"} }), audit.Failed, []string{"service-token-deprecated-flag"}},
		{"bare token's flag unreadable", token(func(s *dbtcloud.ServiceToken) { s.Unread, s.Grants = []string{"metadata_only"}, nil }), audit.Failed,
			[]string{"service-token-deprecated-flag", "service-token-no-permissions"}},
		{"PAT's creation unreadable", pat(func(p *dbtcloud.PersonalAccessToken) { p.CreatedAt = unreadable }), audit.Failed, []string{"personal-access-token-old"}},
		{"PAT's use absent", pat(func(p *dbtcloud.PersonalAccessToken) { p.LastUsed = absent }), audit.NotVisible, []string{"personal-access-token-unused"}},
		{"SCIM token's creation unreadable", scim(func(s *dbtcloud.SCIMToken) { s.CreatedAt = unreadable }), audit.Failed, []string{"scim-token-old"}},
		{"SCIM token's use unreadable", scim(func(s *dbtcloud.SCIMToken) { s.LastUsed = unreadable }), audit.Failed, []string{"scim-token-unused"}},
		{"range unreadable", ipRule(func(r *dbtcloud.IPRule) { r.CIDRs[0].CIDR = "10.0.0.0/99" }), audit.Failed, ipRules},
		{"range empty", ipRule(func(r *dbtcloud.IPRule) { r.CIDRs[0].CIDR = "" }), audit.Failed, ipRules},
		{"rule that neither allows nor denies", ipRule(func(r *dbtcloud.IPRule) { r.Type = 0 }), audit.Failed, ipRules},
		{"reach of a rule absent", ipRule(func(r *dbtcloud.IPRule) { r.EnabledForServiceTokens = nil }), audit.NotVisible, []string{"ip-restrictions-not-for-service-tokens"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := seen()
			test.plant(f)
			r := run(t, audit.Auditor{Policy: audit.Policy{MaxAge: 365 * day}}, seenAccount(f))
			var unclear []string
			for _, u := range r.Undetermined {
				if u.Resource.ID != 777 || strings.Contains(u.Message, "\x1b") {
					t.Errorf("undetermined %+v", u)
				}
				unclear = append(unclear, u.Rule)
			}
			slices.Sort(unclear)
			slices.Sort(test.rules)
			if !slices.Equal(unclear, test.rules) {
				t.Errorf("undetermined by %v, want %v", unclear, test.rules)
			}
			for _, rule := range test.rules {
				if got := coverage(t, r, 0, rule); got.Outcome != test.outcome || !strings.Contains(got.Detail, "could not tell for 1") {
					t.Errorf("%s: %+v, want %s", rule, got, test.outcome)
				}
			}
			for _, finding := range r.Findings {
				if finding.Resource.ID == 777 && finding.Rule != "service-token-no-permissions" {
					t.Errorf("found %+v", finding)
				}
			}
		})
	}
}

// Many resources that could not be judged are counted, and a few are named.
func TestCoverageNamesAFew(t *testing.T) {
	f := seen()
	for i := range 50 {
		odd := modern(int64(1000+i), "odd\n")
		odd.LastUsed = dbtcloud.Timestamp{}
		f.tokens = append(f.tokens, odd)
	}
	got := coverage(t, run(t, audit.Auditor{}, seenAccount(f)), 0, "service-token-unused")
	if !strings.HasPrefix(got.Detail, "could not tell for 50; service_token 1000 \"odd\\n\": ") || len(got.Detail) > 400 {
		t.Errorf("%q", got.Detail)
	}
}

// No rules, no answer: nothing else tells whether restrictions are on.
func TestNoIPRules(t *testing.T) {
	f := seen()
	f.rules = nil
	r := run(t, audit.Auditor{}, seenAccount(f))
	for _, rule := range []string{"ip-restrictions-off", "ip-restrictions-not-for-service-tokens"} {
		if got := coverage(t, r, 0, rule); got.Outcome != audit.NotVisible {
			t.Errorf("%s: %+v", rule, got)
		}
	}
	if got := coverage(t, r, 0, "ip-rule-allows-all"); got.Outcome != audit.Checked {
		t.Errorf("no rule allows all: %+v", got)
	}
}

// Rules that do not say whether they are enforced are not taken for switched off.
func TestRulesThatDoNotSayWhetherTheyAreEnforced(t *testing.T) {
	f := seen()
	f.rules[0].RuleSetEnabled = nil
	r := run(t, audit.Auditor{}, seenAccount(f))
	for _, rule := range []string{"ip-restrictions-off", "ip-restrictions-not-for-service-tokens"} {
		if got := coverage(t, r, 0, rule); got.Outcome != audit.NotVisible || len(found(r, rule)) != 0 {
			t.Errorf("%s: %+v, found %v", rule, got, found(r, rule))
		}
	}
}

// Which token asks is known from what the caller says, or when there is one.
func TestOwnToken(t *testing.T) {
	unknown := seenAccount(seen())
	unknown.Own = nil
	alone := seen()
	alone.tokens = []dbtcloud.ServiceToken{legacy(5, "auditor")}
	alone.tokens[0].Grants[0].PermissionSet = "account_admin"
	aloneAccount := seenAccount(alone)
	aloneAccount.Own = nil
	personal := seenAccount(seen())
	personal.Own, personal.Credential = nil, audit.PersonalCredential

	if got := coverage(t, run(t, audit.Auditor{}, unknown), 0, "auditor-token-legacy"); got.Outcome != audit.NotVisible {
		t.Errorf("unknown: %+v", got)
	}
	several := seenAccount(seen())
	several.Own = func(dbtcloud.ServiceToken) bool { return true }
	r := run(t, audit.Auditor{}, several)
	if got := coverage(t, r, 0, "auditor-token-legacy"); got.Outcome != audit.NotVisible || len(found(r, "auditor-token-legacy")) != 0 {
		t.Errorf("several: %+v", got)
	}
	r = run(t, audit.Auditor{}, aloneAccount)
	if !slices.Equal(found(r, "auditor-token-legacy"), []int64{5}) || !slices.Equal(found(r, "auditor-overprivileged"), []int64{5}) {
		t.Errorf("alone: %+v", r.Findings)
	}
	r = run(t, audit.Auditor{}, personal)
	if got := coverage(t, r, 0, "auditor-token-legacy"); got.Outcome != audit.Checked {
		t.Errorf("a person's token is no legacy service token: %+v", got)
	}
	if got := coverage(t, r, 0, "auditor-overprivileged"); got.Outcome != audit.NotVisible {
		t.Errorf("what a person may do is not shown: %+v", got)
	}
}

// A place that could not be read, or that holds a value nobody knows, proves
// nothing about the value it holds.
func TestDestinationsThatDoNotTell(t *testing.T) {
	for name, test := range map[string]struct {
		destination audit.Destination
		outcome     audit.Outcome
	}{
		"unreadable": {audit.Destination{Ref: "vault://secret/x#token", For: 1, Err: "sealed"}, audit.Failed},
		"unlabelled": {audit.Destination{Ref: "vault://secret/x#token", For: 1, Unlabelled: true}, audit.NotVisible},
		"empty":      {audit.Destination{Ref: "vault://secret/x#token", For: 1, Empty: true}, audit.Checked},
	} {
		a := seenAccount(seen())
		a.Locator = locator{destinations: []audit.Destination{test.destination}}
		r := run(t, audit.Auditor{}, a)
		if got := coverage(t, r, 0, "stored-value-dead"); got.Outcome != test.outcome || len(found(r, "stored-value-dead")) != 0 {
			t.Errorf("%s: %+v", name, got)
		}
		if !slices.Equal(found(r, "service-token-unmanaged"), []int64{2}) {
			t.Errorf("%s: unmanaged %v", name, found(r, "service-token-unmanaged"))
		}
	}
	for name, test := range map[string]struct {
		destination audit.Destination
		outcome     audit.Outcome
		found       []int64
	}{
		"unreadable": {audit.Destination{Ref: "x", For: 1, ByTemplate: true, Err: "sealed"}, audit.Failed, []int64{2}},
		"unlabelled": {audit.Destination{Ref: "x", For: 1, ByTemplate: true, Unlabelled: true}, audit.Checked, []int64{2}},
		"empty":      {audit.Destination{Ref: "x", For: 1, ByTemplate: true, Empty: true}, audit.Checked, []int64{1, 2}},
	} {
		a := seenAccount(seen())
		a.Locator = locator{destinations: []audit.Destination{test.destination}}
		r := run(t, audit.Auditor{}, a)
		if got := coverage(t, r, 0, "service-token-unmanaged"); got.Outcome != test.outcome || !slices.Equal(found(r, "service-token-unmanaged"), test.found) {
			t.Errorf("%s by the template: %+v, %v", name, got, found(r, "service-token-unmanaged"))
		}
	}
	a := seenAccount(seen())
	a.Locator = nil
	if got := coverage(t, run(t, audit.Auditor{}, a), 0, "service-token-unmanaged"); got.Outcome != audit.NotVisible {
		t.Errorf("no destinations configured: %+v", got)
	}
}

// A name belongs to a replacement that is held nowhere only if all places were
// looked at.
func TestOrphanNeedsAllDestinations(t *testing.T) {
	f := seen()
	flying := modern(90, "x [replaces 1 a1B2]")
	flying.CreatedAt = ago(2 * storeTime)
	f.tokens = append(f.tokens, flying)
	for name, test := range map[string]struct {
		destinations []audit.Destination
		err          error
		orphan       bool
	}{
		"nowhere":              {[]audit.Destination{{Ref: "a", For: 1, TokenID: 1}}, nil, true},
		"held":                 {[]audit.Destination{{Ref: "a", For: 1, TokenID: 90}}, nil, false},
		"one not read":         {[]audit.Destination{{Ref: "a", For: 1, Err: "sealed"}}, nil, false},
		"one of unknown owner": {[]audit.Destination{{Ref: "a", For: 1, Unlabelled: true}}, nil, false},
		"none could be read":   {nil, failure(dbtcloud.KindServer), false},
	} {
		a := seenAccount(f)
		a.Locator = locator{destinations: test.destinations, err: test.err}
		if got := found(run(t, audit.Auditor{}, a), "rotation-unfinished"); (len(got) == 1) != test.orphan {
			t.Errorf("%s: found %v", name, got)
		}
	}
}

// A project that is not in the list is gone only if all of the list was read.
func TestDeadProjectNeedsTheWholeList(t *testing.T) {
	plant := func(change func(*fake)) *audit.Report {
		f := seen()
		nine, ten := int64(9), int64(10)
		token := modern(777, "x")
		token.Grants = []dbtcloud.Grant{{PermissionSet: "developer", ProjectID: &nine}, {PermissionSet: "developer", ProjectID: &ten}}
		f.tokens = append(f.tokens, token)
		change(f)
		return run(t, audit.Auditor{}, seenAccount(f))
	}
	const rule = "service-token-dead-project"
	if r := plant(func(*fake) {}); !slices.Equal(found(r, rule), []int64{777}) {
		t.Errorf("whole: %v", found(r, rule))
	}
	r := plant(func(f *fake) {
		f.errs["projects"], f.cutAt = failure(dbtcloud.KindMalformed), map[string]int{"projects": 1}
	})
	if got := coverage(t, r, 0, rule); got.Outcome != audit.Failed || len(found(r, rule)) != 0 || len(r.Undetermined) != 0 {
		t.Errorf("read in part: %+v, found %v", got, found(r, rule))
	}
	r = plant(func(f *fake) { f.projects = nil })
	if got := coverage(t, r, 0, rule); got.Outcome != audit.NotVisible || len(found(r, rule)) != 0 {
		t.Errorf("no project is shown: %+v, found %v", got, found(r, rule))
	}
}

// An item with an empty list of grants is asked about: one was recorded of a
// token that had some.
func TestEmptyGrantsAreLookedUp(t *testing.T) {
	f := seen()
	odd := modern(777, "x")
	odd.Grants = nil
	f.tokens = append(f.tokens, odd, modern(778, "y"))
	f.grants[777] = []dbtcloud.Grant{{PermissionSet: "owner", State: dbtcloud.Active}}
	r := run(t, audit.Auditor{}, seenAccount(f))
	if got := found(r, "service-token-no-permissions"); len(got) != 0 {
		t.Errorf("without permissions: %v", got)
	}
	if got := found(r, "service-token-overprivileged"); !slices.Equal(got, []int64{777}) {
		t.Errorf("overprivileged: %v", got)
	}
}
