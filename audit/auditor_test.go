package audit_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tokenwarden/tokenwarden/audit"
	"github.com/tokenwarden/tokenwarden/internal/dbtcloud"
)

// After an answer that the next request would get as well, nothing more is
// asked of the account.
func TestGivesUpAfterNoAnswer(t *testing.T) {
	for _, kind := range []dbtcloud.Kind{
		dbtcloud.KindTransport, dbtcloud.KindServer, dbtcloud.KindUnauthorized, dbtcloud.KindIPRestricted,
		dbtcloud.KindRedirect, dbtcloud.KindThrottled, dbtcloud.KindCanceled,
	} {
		t.Run(kind.String(), func(t *testing.T) {
			f := &fake{errs: map[string]error{"tokens": failure(kind)}}
			r := run(t, audit.Auditor{}, account(f))
			if !slices.Equal(f.asked, []string{"tokens"}) {
				t.Errorf("asked for %v", f.asked)
			}
			for _, c := range r.Accounts[0].Coverage {
				if c.Outcome == audit.Checked {
					t.Errorf("%s is checked", c.Check)
				}
			}
			if c := coverage(t, r, 0, "user-api-key-in-use"); c.Outcome != audit.Failed || !strings.HasPrefix(c.Detail, "not tried: ") {
				t.Errorf("coverage of users: %+v", c)
			}
			if r.Accounts[0].Status != audit.StatusFailed {
				t.Errorf("status %s", r.Accounts[0].Status)
			}
		})
	}
}

// Ids of accounts are unique per host only: findings are split by account all the same.
func TestSplit(t *testing.T) {
	first, second := account(&fake{tokens: []dbtcloud.ServiceToken{legacy(7, "x")}}), account(&fake{tokens: []dbtcloud.ServiceToken{legacy(8, "y"), legacy(9, "z")}})
	second.Name, second.Host = "eu", "https://eu.example"
	third := audit.Account{Name: "staging", ID: 2, Err: errors.New("sealed")}
	parts := run(t, audit.Auditor{}, first, second, third).Split()
	for i, want := range []struct {
		name     string
		ids      []int64
		complete bool
	}{{first.Name, []int64{7}, true}, {"eu", []int64{8, 9}, true}, {"staging", nil, false}} {
		p := parts[i]
		if len(p.Accounts) != 1 || p.Accounts[0].Name != want.name || p.Complete != want.complete {
			t.Errorf("part %d: %+v, complete: %v", i, p.Accounts, p.Complete)
		}
		if got := found(p, "service-token-legacy"); !slices.Equal(got, want.ids) {
			t.Errorf("%s: found %v, want %v", want.name, got, want.ids)
		}
		counted := 0
		for _, n := range p.Summary.BySeverity {
			counted += n
		}
		if counted != len(p.Findings) || p.Summary.Checks != len(p.Accounts[0].Coverage) {
			t.Errorf("%s: %d findings, counted %+v", want.name, len(p.Findings), p.Summary)
		}
	}
}

func TestAccountsStandSideBySide(t *testing.T) {
	good := account(&fake{tokens: []dbtcloud.ServiceToken{legacy(7, "x")}})
	broken := audit.Account{Name: "staging", ID: 2, Err: errors.New("reading the credential from vault: sealed")}
	r := run(t, audit.Auditor{}, good, broken)
	if r.Complete || r.ExitCode(audit.Low) != audit.ExitIncomplete {
		t.Error("an account that could not be opened leaves the report complete")
	}
	if got := found(r, "service-token-legacy"); !slices.Equal(got, []int64{7}) {
		t.Errorf("found %v in the other account", got)
	}
	if r.Accounts[0].Status != audit.StatusComplete || r.Accounts[1].Status != audit.StatusFailed {
		t.Errorf("statuses: %s, %s", r.Accounts[0].Status, r.Accounts[1].Status)
	}
	if !slices.ContainsFunc(r.Accounts[1].Errors, func(e string) bool { return strings.Contains(e, "sealed") }) {
		t.Errorf("errors: %q", r.Accounts[1].Errors)
	}
}

func TestNoAccountsIsNotComplete(t *testing.T) {
	if r := run(t, audit.Auditor{}); r.Complete {
		t.Error("nothing was read, and the report is complete")
	}
}

// slow is an account whose every request takes a while.
type slow struct {
	fake
	running, most *atomic.Int64
}

func (s *slow) ServiceTokens(ctx context.Context, v func(dbtcloud.ServiceToken) error) (dbtcloud.Pass, error) {
	if n := s.running.Add(1); n > s.most.Load() {
		s.most.Store(n)
	}
	time.Sleep(time.Second)
	s.running.Add(-1)
	return s.fake.ServiceTokens(ctx, v)
}

func TestParallelIsLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var running, most atomic.Int64
		var accounts []audit.Account
		for i := range 12 {
			a := account(&fake{})
			a.ID, a.Source = int64(i+1), &slow{fake: fake{tokens: []dbtcloud.ServiceToken{modern(1, "x")}}, running: &running, most: &most}
			accounts = append(accounts, a)
		}
		var progress []int
		began := time.Now()
		r := run(t, audit.Auditor{Parallel: 4, Progress: func(done, total int) { progress = append(progress, done) }}, accounts...)
		if most.Load() != 4 || time.Since(began) != 3*time.Second {
			t.Errorf("%d at once, took %s", most.Load(), time.Since(began))
		}
		if len(progress) != 12 || progress[11] != 12 {
			t.Errorf("progress: %v", progress)
		}
		for i := range r.Accounts {
			if r.Accounts[i].ID != int64(i+1) {
				t.Errorf("account %d stands at place %d", r.Accounts[i].ID, i)
			}
		}
	})
}

// jsonFinding is a finding as others read it.
type jsonFinding struct {
	Rule, Severity, Message, Remediation, Fingerprint string
	AccountID                                         int64 `json:"account_id"`
	Resource                                          struct {
		Type, Name string
		ID         int64
	}
	Evidence map[string]string
}

// The JSON's form, from the outside: names, types, and no list that is null.
func TestJSONForm(t *testing.T) {
	empty := run(t, audit.Auditor{}, account(&fake{}), audit.Account{})
	full := run(t, audit.Auditor{}, account(&fake{tokens: []dbtcloud.ServiceToken{legacy(777, "Airflow prod")}}))
	for name, r := range map[string]*audit.Report{"empty": empty, "full": full} {
		b, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(b), "null") {
			t.Errorf("%s: something is null: %s", name, b)
		}
	}
	b, _ := json.Marshal(full)
	var got struct {
		SchemaVersion int       `json:"schema_version"`
		GeneratedAt   time.Time `json:"generated_at"`
		Complete      bool      `json:"complete"`
		Accounts      []struct {
			Name, Host, Status string
			ID                 int64
			Errors             []string
			Coverage           []struct{ Check, Outcome, Detail string }
			Counts             map[string]int
		}
		Findings   []jsonFinding
		Suppressed []any
	}
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	if got.SchemaVersion != 1 || !got.Complete || !got.GeneratedAt.Equal(now) || got.Suppressed == nil {
		t.Errorf("head: %+v", got)
	}
	if a := got.Accounts[0]; a.Name != "prod" || a.ID != 12345 || a.Status != "complete" || a.Counts["service_tokens"] != 1 || a.Counts["users"] != 0 || a.Errors == nil {
		t.Errorf("account: %+v", a)
	}
	i := slices.IndexFunc(got.Findings, func(f jsonFinding) bool { return f.Rule == "service-token-legacy" })
	if f := got.Findings[i]; f.Severity != "high" || f.AccountID != 12345 || f.Resource.Type != "service_token" || f.Resource.ID != 777 || f.Evidence["created_at"] == "" || f.Fingerprint == "" {
		t.Errorf("finding: %+v", f)
	}
	var back audit.Report
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatal(err)
	}
	again, _ := json.Marshal(&back)
	if string(again) != string(b) {
		t.Errorf("read back and written again it differs:\n%s\n%s", b, again)
	}
}

// The fingerprint stays when everything about a token changes but its identity.
func TestFingerprintIsStable(t *testing.T) {
	one := run(t, audit.Auditor{}, account(&fake{tokens: []dbtcloud.ServiceToken{legacy(777, "Airflow prod")}}))
	renamed := legacy(777, "renamed")
	renamed.CreatedAt, renamed.LastUsed = at("2020-01-01T00:00:00Z"), dbtcloud.Timestamp{}
	moved := account(&fake{tokens: []dbtcloud.ServiceToken{legacy(1, "other"), renamed}})
	moved.Name, moved.Host = "production", "https://cloud.getdbt.com"
	two := run(t, audit.Auditor{Now: func() time.Time { return now.AddDate(0, 1, 0) }}, moved)
	prints := func(r *audit.Report) (p []string) {
		for _, f := range r.Findings {
			if f.Rule == "service-token-legacy" {
				p = append(p, f.Fingerprint)
			}
		}
		return p
	}
	if a, b := prints(one), prints(two); len(b) != 2 || !slices.Contains(b, a[0]) || b[0] == b[1] {
		t.Errorf("fingerprints %v and %v", a, b)
	}
}
