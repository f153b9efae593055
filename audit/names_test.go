package audit_test

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/tokenwarden/tokenwarden/audit"
	"github.com/tokenwarden/tokenwarden/internal/dbtcloud"
)

const storeTime = time.Hour

func FuzzQuote(f *testing.F) {
	for _, s := range []string{"plain", "\x1b[31m", "\u202e", strings.Repeat("é", 200), "a\nb"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		q := audit.Quote(s)
		if len(q) > 2000 || strings.ContainsFunc(q, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("%q", q)
		}
	})
}

// A command to paste does what it says, whatever an account is called.
func TestCommandsAreQuoted(t *testing.T) {
	for name, want := range map[string]string{
		"prod": "prod", "a b": "'a b'", "it's": `'it'\''s'`, "$(rm -rf /)": "'$(rm -rf /)'", "-x": "'-x'", "a;b": "'a;b'",
	} {
		a := account(&fake{tokens: []dbtcloud.ServiceToken{legacy(777, "$(id)")}})
		a.Name = name
		r := run(t, audit.Auditor{}, a)
		i := slices.IndexFunc(r.Findings, func(f audit.Finding) bool { return f.Rule == "service-token-legacy" })
		if got := r.Findings[i].Remediation; got != "tokenwarden rotate --account "+want+" --token-id 777" {
			t.Errorf("%q: %s", name, got)
		}
	}
	a := account(&fake{tokens: []dbtcloud.ServiceToken{legacy(777, "x")}})
	a.Name = ""
	r := run(t, audit.Auditor{}, a)
	i := slices.IndexFunc(r.Findings, func(f audit.Finding) bool { return f.Rule == "service-token-legacy" })
	if got := r.Findings[i].Remediation; got != "tokenwarden rotate --token-id 777" {
		t.Errorf("without a name: %s", got)
	}
}

func TestThresholds(t *testing.T) {
	for _, s := range append(audit.Severities(), audit.Never) {
		if got, err := audit.ParseThreshold(s.String()); err != nil || got != s {
			t.Errorf("%s: %v, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "none", "HIGH", "high ", "\x1b[31m"} {
		if _, err := audit.ParseThreshold(s); err == nil || strings.Contains(err.Error(), "\x1b") {
			t.Errorf("%q: %v", s, err)
		}
	}
}

// A recorded reply goes through as it is: "Anywhere" is three hosts, and the
// rules are not enforced.
func TestRecordedIPRule(t *testing.T) {
	b, err := os.ReadFile("../internal/dbtcloud/testdata/ip_restriction_update_response.json")
	if err != nil {
		t.Fatal(err)
	}
	var reply struct{ Data dbtcloud.IPRule }
	if err := json.Unmarshal(b, &reply); err != nil {
		t.Fatal(err)
	}
	f := seen()
	f.rules = []dbtcloud.IPRule{reply.Data}
	r := run(t, audit.Auditor{}, seenAccount(f))
	if !slices.Equal(found(r, "ip-rule-one-host"), []int64{739}) || !slices.Equal(found(r, "ip-restrictions-off"), []int64{12345}) || len(r.Findings) != 2 {
		t.Errorf("found %+v", r.Findings)
	}
	i := slices.IndexFunc(r.Findings, func(f audit.Finding) bool { return f.Rule == "ip-rule-one-host" })
	if got := r.Findings[i].Evidence[0].Value; got != "0.0.0.0, 52.45.144.63, 54.81.134.249" {
		t.Errorf("evidence %q", got)
	}
}

// Every way to write "everywhere", and what only looks like it.
func TestRangesThatAllowAll(t *testing.T) {
	for cidr, want := range map[dbtcloud.CIDR]bool{
		{CIDR: "0.0.0.0/0"}:             true,
		{CIDR: "10.1.2.3/0"}:            true,
		{CIDR: "::/0"}:                  true,
		{CIDRIPv6: "::/0"}:              true,
		{CIDRIPv6: "::ffff:0.0.0.0/96"}: true,
		{CIDR: "0.0.0.0/0", CIDRIPv6: "::ffff:0.0.0.0/96"}: true,
		{CIDR: "10.0.0.0/8", CIDRIPv6: "::/0"}:             true,
		{CIDR: "0.0.0.0", CIDRIPv6: "::ffff:0.0.0.0/128"}:  false,
		{CIDR: "0.0.0.0/1"}:                                false,
		{CIDR: "::/1"}:                                     false,
		{CIDR: "10.0.0.0/8", CIDRIPv6: "::ffff:a00:0/104"}: false,
	} {
		cidr.State, cidr.Enabled = dbtcloud.Active, true
		for kind, counts := range map[int]bool{1: true, 2: false} {
			f := seen()
			f.rules = append(f.rules, dbtcloud.IPRule{ID: 99, Type: kind, State: dbtcloud.Active, RuleSetEnabled: f.rules[0].RuleSetEnabled,
				EnabledForServiceTokens: f.rules[0].EnabledForServiceTokens, CIDRs: []dbtcloud.CIDR{cidr}})
			got := len(found(run(t, audit.Auditor{}, seenAccount(f)), "ip-rule-allows-all")) == 1
			if got != (want && counts) {
				t.Errorf("%+v, kind %d: %v", cidr, kind, got)
			}
		}
	}
}
