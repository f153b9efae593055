package canary

import (
	"strings"
	"testing"
	"time"

	"github.com/tokenwarden/tokenwarden/internal/dbtcloud"
	"github.com/tokenwarden/tokenwarden/secrets"
)

func TestJudge(t *testing.T) {
	const s = time.Second
	yes, no := true, false
	wait := func(held, first bool, after time.Duration) *waitFact {
		return &waitFact{held: held, first: first, after: after}
	}
	for _, c := range []struct {
		name    string
		facts   facts
		seen    string
		verdict Verdict
	}{
		{ofGrants, facts{}, "not reached", NotMeasured},
		{ofGrants, facts{grants: &grantsFact{rows: 1, equal: true}}, "honoured", Holds},
		{ofGrants, facts{grants: &grantsFact{rows: 1, equal: true, posted: true}}, "ignored; set by the permissions POST and read back", Holds},
		{ofGrants, facts{grants: &grantsFact{posted: true}}, "did not set them either", Fails},
		{ofGrants, facts{grants: &grantsFact{rows: 1}}, "others than were asked for (rows: 1)", Fails},
		{ofGrants, facts{grants: &grantsFact{rows: 3, posted: true}}, "the permissions POST set others", Fails},
		{ofEcho, facts{echo: &echoFact{"abc", "abc", "abc"}}, "verbatim", Holds},
		{ofEcho, facts{echo: &echoFact{"abc", "ab", "abc"}}, "changed in the reply", Fails},
		{ofEcho, facts{echo: &echoFact{"abc", "ab", "ab"}}, "cut to 2 characters of 3", Fails},
		{ofEcho, facts{echo: &echoFact{"abc", "abc", "xyz"}}, "changed", Fails},
		{ofLength, facts{length: &lengthFact{longest: 1024, most: true}}, "1024 or more characters, in a rename", Holds},
		{ofLength, facts{length: &lengthFact{longest: 100, beyond: "cut"}}, "100 characters, in a rename; a longer name is cut", Holds},
		{ofLength, facts{length: &lengthFact{longest: 99, beyond: "refused"}}, "99 characters, in a rename; a longer name is refused", Fails},
		{ofNames, facts{names: &namesFact{duplicate: true}}, "accepted", Holds},
		{ofNames, facts{names: &namesFact{duplicate: true, changed: true}}, "changed name", Fails},
		{ofNames, facts{names: &namesFact{}}, "was not measured", Holds},
		{ofNames, facts{names: &namesFact{reuse: &yes}}, "free again", Holds},
		{ofNames, facts{names: &namesFact{reuse: &no}}, "deleted token too", Fails},
		{ofCreatedAt, facts{createdAt: new(1900 * time.Millisecond)}, "1.9s from", Holds},
		{ofCreatedAt, facts{createdAt: new(time.Hour)}, "1h0m0s from", Fails},
		{ofValue, facts{value: &valueFact{prefix: "dbtc_", length: 50, probed: true}}, "dbtc_ and 50 characters", Holds},
		{ofValue, facts{value: &valueFact{length: 40, probed: true}}, "40 characters without a known prefix", Holds},
		{ofValue, facts{value: &valueFact{length: 41}}, "not of the form", Fails},
		{ofUID, facts{value: &valueFact{uid: atStart}}, "beginning", Holds},
		{ofUID, facts{value: &valueFact{uid: withPrefix}}, "with the prefix", Fails},
		{ofUID, facts{value: &valueFact{uid: atEnd}}, "end", Fails},
		{ofUID, facts{value: &valueFact{uid: inMiddle}}, "middle", Fails},
		{ofUID, facts{value: &valueFact{uid: whole}}, "whole", Fails},
		{ofUID, facts{value: &valueFact{uid: nowhere}}, "no", Fails},
		{ofUID, facts{value: &valueFact{uid: noUID}}, "has no uid", Fails},
		{ofUID, facts{value: &valueFact{uid: tooShort}}, "too short", Fails},
		{ofFields, facts{fields: &[]string{}}, "none", Holds},
		{ofFields, facts{fields: &[]string{"a", "b"}}, "a, b", Holds},
		{ofUnused, facts{unused: new(dbtcloud.Null)}, "null", Holds},
		{ofUnused, facts{unused: new(dbtcloud.Absent)}, "absent", Fails},
		{ofUnused, facts{unused: new(dbtcloud.Known)}, "a date", Fails},
		{ofUnused, facts{unused: new(dbtcloud.Unreadable)}, "no date", Fails},
		{ofAccepted, facts{accepted: wait(true, true, 0)}, "at the first look, 0s after the create", Holds},
		{ofAccepted, facts{accepted: wait(true, false, 15*s)}, "within 15s", Holds},
		{ofAccepted, facts{accepted: wait(true, false, 16*s)}, "within 16s", Fails},
		{ofAccepted, facts{accepted: wait(false, false, 120*s)}, "not within 2m0s", Fails},
		{ofLastUsed, facts{lastUsed: &useFact{presence: dbtcloud.Known, uses: 3, atOnce: 3, shown: true}}, "3 of them at the first look", Holds},
		{ofLastUsed, facts{lastUsed: &useFact{presence: dbtcloud.Known, uses: 3, atOnce: 2, shown: true}}, "2 of them", Fails},
		{ofLastUsed, facts{lastUsed: &useFact{presence: dbtcloud.Known, uses: 3, apart: -time.Minute, after: 120 * s}}, "-1m0s from the use when looked at 2m0s after it", Fails},
		{ofLastUsed, facts{lastUsed: &useFact{presence: dbtcloud.Null, uses: 3, after: 120 * s}}, "still null 2m0s after a use", Fails},
		{ofLastUsed, facts{lastUsed: &useFact{presence: dbtcloud.Absent}}, "absent after use", Fails},
		{ofLastUsed, facts{lastUsed: &useFact{presence: dbtcloud.Known, undated: true}}, "no Date", Fails},
		{ofDeletion, facts{deletion: &deletionFact{status: 204}}, "204 without a body", Holds},
		{ofDeletion, facts{deletion: &deletionFact{status: 200, body: true}}, "200 with a body", Holds},
		{ofGone, facts{gone: &goneFact{life: deleted, after: 6 * s}}, "200 with state 2, 6s after", Holds},
		{ofGone, facts{gone: &goneFact{life: notFound}}, "404", Holds},
		{ofGone, facts{gone: &goneFact{life: notFound, after: 7 * s}}, "404, 7s after", Fails},
		{ofGone, facts{gone: &goneFact{life: active, after: 120 * s}}, "still active 2m0s after", Fails},
		{ofRefused, facts{refused: wait(true, true, 0)}, "401 at the look 0s after", Holds},
		{ofRefused, facts{refused: wait(false, false, 120*s)}, "still works", Fails},
		{ofDates, facts{replies: &repliesFact{all: 9}}, "on all 9 replies", Holds},
		{ofDates, facts{replies: &repliesFact{all: 9, undated: 1}}, "missing on 1 of 9", Fails},
		{ofLimits, facts{replies: &repliesFact{all: 9}}, "none", Holds},
		{ofLimits, facts{replies: &repliesFact{all: 9, throttled: 2, limits: []string{"Retry-After: 5"}}}, "Retry-After: 5; throttled 2 times", Holds},
	} {
		met := false
		for _, m := range judge(c.facts, nil) {
			if m.Name != c.name {
				continue
			}
			met = true
			if !strings.Contains(m.Seen, c.seen) || m.Verdict != c.verdict || m.Assumed == "" {
				t.Errorf("%s: %q %s, expected %q %s", c.name, m.Seen, m.Verdict, c.seen, c.verdict)
			}
		}
		if !met {
			t.Errorf("%s is not in the report", c.name)
		}
	}
}

// What was not measured says why, and is never taken for what holds.
func TestJudgeNothing(t *testing.T) {
	all := judge(facts{}, map[string]string{ofGone: "failed, see above"})
	if len(all) != len(assumptions()) {
		t.Errorf("%d measurements", len(all))
	}
	for _, m := range all {
		if m.Verdict != NotMeasured || m.Name == ofGone != (m.Seen == "failed, see above") {
			t.Errorf("%+v", m)
		}
	}
}

func TestExitCode(t *testing.T) {
	of := func(v Verdict) []Measurement { return []Measurement{{Verdict: Holds}, {Verdict: v}} }
	for want, reports := range map[int][]Report{
		0: {{}, {Measurements: of(Holds)}, {Measurements: of(NotMeasured)}},
		1: {{Measurements: of(Fails)}, {Notices: []string{"x"}}},
		2: {{Measurements: of(Fails), Errors: []string{"x"}}, {Left: []Left{{TokenID: 1}}}},
	} {
		for _, r := range reports {
			if got := r.ExitCode(); got != want {
				t.Errorf("%+v: %d, expected %d", r, got, want)
			}
		}
	}
}

// A value's form tells nothing of the value.
func TestFormOf(t *testing.T) {
	const long = "dbtc_ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	for _, c := range []struct {
		value, uid string
		want       valueFact
	}{
		{long, "ABCDEFGH", valueFact{"dbtc_", 52, true, atStart}},
		{long, "stuvwxyz", valueFact{"dbtc_", 52, true, atEnd}},
		{long, "MNOPQRST", valueFact{"dbtc_", 52, true, inMiddle}},
		{long, long, valueFact{"dbtc_", 52, true, whole}},
		{long, long[5:], valueFact{"dbtc_", 52, true, whole}},
		{long, "0123456", valueFact{"dbtc_", 52, true, nowhere}},
		{long, "dbtc_A", valueFact{"dbtc_", 52, true, withPrefix}},
		{long, "ABC", valueFact{"dbtc_", 52, true, tooShort}},
		{long, "", valueFact{"dbtc_", 52, true, noUID}},
		{"0123456789abcdef0123456789abcdef01234567", "012345", valueFact{"", 40, true, atStart}},
		{"not a token", "not a token", valueFact{"", 11, false, whole}},
	} {
		if got := *formOf(secrets.NewValue(c.value), c.uid); got != c.want {
			t.Errorf("uid %q: %+v, expected %+v", c.uid, got, c.want)
		}
	}
}

func TestHostKind(t *testing.T) {
	for host, want := range map[string]string{
		"https://ab123.us1.dbt.com": "PREFIX.us1.dbt.com", "https://cloud.getdbt.com": "cloud.getdbt.com", "https://emea.dbt.com": "emea.dbt.com",
		"https://dbt.acme.example": "another host", "http://127.0.0.1:4711": "another host", "https://a.b.us1.dbt.com": "another host", "": "another host",
	} {
		if got := HostKind(host); got != want {
			t.Errorf("%q: %q, expected %q", host, got, want)
		}
	}
}

func TestPlain(t *testing.T) {
	if got := plain("a`b|c\nd\x1b[31m\u202ee"); got != "a'b'c d\ufffd[31m\ufffde" {
		t.Errorf("%q", got)
	}
}

func TestNames(t *testing.T) {
	name := nameOf("ab2c")
	for turn := range 2 {
		if l := longer(name, 100, turn); len(l) != 100 || nonceOf(l) != "ab2c" {
			t.Errorf("%q", l)
		}
	}
	if longer(name, 100, 1) == longer(name, 100, 2) {
		t.Error("two turns make one name")
	}
}
