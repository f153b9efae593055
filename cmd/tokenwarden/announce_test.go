package main

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tokenwarden/tokenwarden/audit"
	"github.com/tokenwarden/tokenwarden/internal/config"
	"github.com/tokenwarden/tokenwarden/notify"
	"github.com/tokenwarden/tokenwarden/rotate"
)

// What moves by itself every night is no part of an alert's state, or it would be
// announced every night; what people decided is.
func TestAlertOf(t *testing.T) {
	finding := audit.Finding{
		Rule: "service-token-legacy", Severity: audit.High, Message: "created 2021-09-06", Fingerprint: "f1",
		Resource:    audit.Resource{Type: audit.ResourceServiceToken, ID: 901, Name: "Airflow [replaces 777 k3xq]"},
		Remediation: "tokenwarden rotate --token-id 777",
		Evidence:    audit.Evidence{{Key: "created_at", Value: "2021-09-06T07:41:12Z"}, {Key: "last_used", Value: "yesterday"}, {Key: "permission_sets", Value: "owner"}},
	}
	got := alertOf(&finding)
	want := notify.Alert{
		Key: "f1", Rule: "service-token-legacy", Severity: notify.High, Headline: "created 2021-09-06",
		Remedy: "tokenwarden rotate --token-id 777", Owner: "Airflow", Resource: "Airflow",
		Facts: "created_at=2021-09-06T07:41:12Z\npermission_sets=owner",
	}
	if got != want {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	finding.Evidence = audit.Evidence{{Key: "apitoken_last_used", Value: "today"}}
	finding.Remediation = "Delete it in dbt Cloud."
	if got := alertOf(&finding); got.Facts != "" || got.Remedy != "" || got.Headline != "created 2021-09-06. Delete it in dbt Cloud." {
		t.Errorf("a remedy that is no command: %+v", got)
	}
	for s := audit.Info; s <= audit.Critical; s++ {
		if notify.Severity(s).String() != s.String() {
			t.Errorf("%s is %s to people", s, notify.Severity(s))
		}
	}
}

func TestAnnouncedRotations(t *testing.T) {
	a := newApp(environment{dir: func() (string, error) { return "/home/me", nil }})
	a.common.config = "it's.yaml"
	until := time.Date(2026, 2, 1, 3, 0, 0, 0, time.UTC)
	for _, x := range []struct {
		result       rotate.Result
		text, remedy string
	}{
		{rotate.Result{Status: rotate.Pending, Message: "token 7 lives on; tokenwarden rotate --pending ends it then", PendingUntil: &until},
			"token 7 lives on", `tokenwarden rotate --pending --yes --config '/home/me/it'\''s.yaml'`},
		{rotate.Result{Status: rotate.Failed, Error: "the store is sealed"}, "the store is sealed", `tokenwarden rotate --pending --yes --config '/home/me/it'\''s.yaml'`},
		{rotate.Result{Status: rotate.Refused, Account: "a b", OldTokenID: 7, Error: "unknown owner"}, "unknown owner", `tokenwarden rotate --account 'a b' --token-id 7 --dry-run --config '/home/me/it'\''s.yaml'`},
		{rotate.Result{Status: rotate.Rotated, Message: "done", Warnings: []string{"it has another name"}}, "done; it has another name", ""},
	} {
		got := a.announced(x.result)
		if got.Text != x.text || got.Remedy != x.remedy {
			t.Errorf("%s: %q, %q", x.result.Status, got.Text, got.Remedy)
		}
		if pending := x.result.PendingUntil != nil; pending != got.Until.Equal(until) {
			t.Errorf("%s: until %s", x.result.Status, got.Until)
		}
	}
}

// Every account has a night of its own, with a report of its own.
func TestNights(t *testing.T) {
	a := newApp(environment{})
	r := &audit.Report{
		GeneratedAt: time.Date(2026, 1, 31, 2, 0, 0, 0, time.UTC),
		Accounts: []audit.AccountReport{
			{Name: "prod/eu", ID: 1, Host: "https://eu.example", Status: audit.StatusComplete, Coverage: []audit.Coverage{{Check: "a", Outcome: audit.Checked}}},
			{Name: "dev", ID: 1, Host: "https://us.example", Status: audit.StatusFailed, Errors: []string{"sealed"}, Coverage: []audit.Coverage{
				{Check: "a", Outcome: audit.Failed, Detail: "sealed"}, {Check: "b", Outcome: audit.Failed, Detail: "sealed"},
			}},
		},
	}
	nights, err := a.nights(r, &rotating{
		results:  []rotate.Result{{Account: "dev", AccountID: 1, OldTokenID: 7, Status: rotate.Failed}},
		troubles: []error{errors.New("vault://a: sealed")},
	})
	if err != nil || len(nights) != 2 {
		t.Fatalf("%d nights, %v", len(nights), err)
	}
	prod, dev := nights[0], nights[1]
	if prod.Account != "1@eu.example" || dev.Account != "1@us.example" || prod.Problem != "" || !strings.Contains(dev.Problem, "sealed") {
		t.Errorf("%+v\n%+v", prod, dev)
	}
	if prod.Report.Name != "prod-eu-2026-01-31.html" || strings.Contains(string(prod.Report.Body), "us.example") || !strings.Contains(string(dev.Report.Body), "us.example") {
		t.Errorf("reports %s and %s are not each account's own", prod.Report.Name, dev.Report.Name)
	}
	if len(prod.Rotations) != 0 || len(dev.Rotations) != 1 || len(dev.Unchecked) != 2 || len(dev.Coverage.Missing) != 1 || dev.Coverage.Missing[0] != "a, b: error (sealed)" {
		t.Errorf("%+v\n%+v", prod, dev)
	}
	// The trouble is told once, where the account's own problem does not stand already.
	if len(prod.Alerts) != 1 || prod.Alerts[0].Key != cannotRotate || !strings.Contains(prod.Alerts[0].Headline, "vault://a: sealed") || len(dev.Alerts) != 0 {
		t.Errorf("alerts %+v and %+v", prod.Alerts, dev.Alerts)
	}
	// An audit alone has not looked: what stands there is not resolved by it.
	alone, err := a.nights(r, nil)
	if err != nil || len(alone[0].Alerts) != 0 || !slices.Contains(alone[0].Unchecked, cannotRotate) {
		t.Errorf("%+v, %v", alone[0], err)
	}
}

func TestOwner(t *testing.T) {
	who := owner([]config.Owner{{Name: "Airflow *", Slack: "U1"}, {Name: "*", Slack: "C1"}})
	for name, want := range map[string]string{"Airflow prod": "U1", "Looker": "C1", "Airflow": "C1"} {
		if got := who(name); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	if got := owner(nil)("Airflow"); got != "" {
		t.Errorf("nobody is configured, and %s is mentioned", got)
	}
}
