package audit_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tokenwarden/tokenwarden/audit"
	"github.com/tokenwarden/tokenwarden/audit/report"
	"github.com/tokenwarden/tokenwarden/internal/dbtcloud"
	"github.com/tokenwarden/tokenwarden/internal/dbtcloud/dbtcloudtest"
	"github.com/tokenwarden/tokenwarden/secrets"
)

// large is a service with many tokens and users that are made while they are
// asked for, so that what memory is used is the audit's.
type large struct {
	tokens, users int
	requests      int
	written       int
	peak          uint64 // most heap in use at a request
}

func (l *large) RoundTrip(r *http.Request) (*http.Response, error) {
	l.requests++
	l.measure()
	total, item := 1, func(int) string { return `{"id": 1, "name": "one", "state": 1, "plan": "team"}` }
	switch path := r.URL.Path; {
	case strings.HasSuffix(path, "/service-tokens/"):
		total, item = l.tokens, largeToken
	case strings.HasSuffix(path, "/users/"):
		total, item = l.users, largeUser
	case strings.HasSuffix(path, "/ip-restrictions/"), strings.HasSuffix(path, "/scim-config/tokens/"):
		total = 0
	}
	query := r.URL.Query()
	offset, _ := strconv.Atoi(query.Get("offset"))
	limit, _ := strconv.Atoi(query.Get("limit"))
	limit = min(max(limit, 1), 100)
	var body bytes.Buffer
	count := 0
	body.WriteString(`{"status": {"code": 200, "is_success": true}, "data": [`)
	for i := offset; i < min(offset+limit, total); i++ {
		if count++; count > 1 {
			body.WriteByte(',')
		}
		body.WriteString(item(i))
	}
	fmt.Fprintf(&body, `], "extra": {"pagination": {"count": %d, "total_count": %d}}}`, count, total)
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}, "Date": {now.Format(http.TimeFormat)}},
		Body: io.NopCloser(&body), Request: r,
	}, nil
}

// Write takes a report and throws it away. Where it comes in small pieces, not
// each is worth a measurement.
func (l *large) Write(b []byte) (int, error) {
	if l.written++; l.written%1000 == 0 || len(b) > 1<<16 {
		l.measure()
	}
	return len(b), nil
}

// measure notes the memory in use.
func (l *large) measure() {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	l.peak = max(l.peak, m.HeapInuse+m.StackInuse)
}

func largeToken(i int) string {
	year := 2021 + i%5
	return fmt.Sprintf(`{"id": %d, "account_id": 1, "uid": "abcdefgh%d", "name": "pipeline number %d of the data platform", "state": 1,
		"created_at": "%d-03-01 10:00:00.123456+00:00", "updated_at": "2026-03-01T10:00:00Z", "last_used": "2026-11-22T10:00:00Z",
		"metadata_only": false, "webhooks_only": false, "semantic_layer_credentials": [],
		"permission_grants": [{"permission_set": "job_admin", "project_id": %d, "writable_environment_categories": ["all"]},
		{"permission_set": "job_viewer"}, {"permission_set": "account_viewer"}]}`, i+1, i, i, year, i%50+1)
}

func largeUser(i int) string {
	return fmt.Sprintf(`{"id": %d, "state": 1, "email": "somebody.%d@example.com", "first_name": "Some", "last_name": "Body", "is_active": true,
		"last_login": "2026-11-01T00:00:00Z", "apitoken_last_used": "2025-01-01 00:00:00+00:00"}`, i+1, i)
}

// floor is the fewest requests that such an account can be audited with: one per
// 100 tokens, one per 100 users, one per other list.
func (l *large) floor() int {
	const otherLists = 4 // accounts, projects, IP restrictions, SCIM tokens
	return (l.tokens+99)/100 + (l.users+99)/100 + otherLists
}

func (l *large) audit(t testing.TB) *audit.Report {
	service, err := dbtcloud.New(dbtcloud.Config{Host: "https://ab123.us1.dbt.com", AccountID: 1, Transport: l, PerMinute: 5000, Burst: 5000})
	if err != nil {
		t.Fatal(err)
	}
	a := audit.Auditor{Now: func() time.Time { return now }}
	r, err := a.Run(t.Context(), []audit.Account{{Name: "large", ID: 1, Source: service.As(secrets.NewValue("dbtc_x")), Credential: audit.ServiceTokenCredential}})
	if err != nil {
		t.Fatal(err)
	}
	l.measure()
	if !r.Complete || r.Accounts[0].Counts != (audit.Counts{ServiceTokens: l.tokens, Users: l.users}) {
		t.Fatalf("complete %v, %+v", r.Complete, r.Accounts[0])
	}
	return r
}

// The cost of a large account: requests within eight of the floor, and memory
// far below 60 MB. The benchmark writes the report in every format as well.
func TestCostOfALargeAccount(t *testing.T) {
	l := &large{tokens: 5000, users: 1000}
	r := l.audit(t)
	if l.requests > l.floor()+8 {
		t.Errorf("%d requests, the floor is %d", l.requests, l.floor())
	}
	l.write(t, r, "json")
	if limit := uint64(60 << 20); l.peak > limit {
		t.Errorf("%d MB in use", l.peak>>20)
	}
}

func (l *large) write(t testing.TB, r *audit.Report, formats ...string) {
	for _, format := range formats {
		if err := report.Write(l, format, r, report.Options{}); err != nil {
			t.Fatal(err)
		}
	}
}

func BenchmarkLargeAccount(b *testing.B) {
	for b.Loop() {
		l := &large{tokens: 5000, users: 1000}
		r := l.audit(b)
		b.ReportMetric(float64(l.requests)/float64(l.floor()), "requests/floor")
		b.ReportMetric(float64(l.peak)/(1<<20), "peak-MB")
		l.write(b, r, report.Formats()...)
		b.ReportMetric(float64(l.peak)/(1<<20), "peak-MB-with-every-format")
	}
}

// many are accounts of 150 tokens each, in one service that takes 50 ms for a
// request.
func many(t testing.TB, count int) []audit.Account {
	var seed dbtcloudtest.Seed
	for i := range count {
		a := dbtcloudtest.SeedAccount{ID: int64(i + 1), Name: fmt.Sprint("account ", i)}
		for range 149 { // and the one that the simulator adds
			a.ServiceTokens = append(a.ServiceTokens, dbtcloudtest.SeedToken{Name: fmt.Sprint("pipeline ", len(a.ServiceTokens)), Grants: []dbtcloudtest.SeedGrant{{PermissionSet: "job_runner"}}})
		}
		a.Users = []dbtcloudtest.SeedUser{{Email: "somebody@example.com"}}
		seed.Accounts = append(seed.Accounts, a)
	}
	sim := dbtcloudtest.New(dbtcloudtest.Options{})
	if err := sim.Load(seed); err != nil {
		t.Fatal(err)
	}
	sim.Configure(func(o *dbtcloudtest.Options) { o.Latency = 50 * time.Millisecond })
	admins := make(map[int64]int64)
	for _, token := range sim.ActiveByName("simulator admin") {
		admins[token.AccountID] = token.ID
	}
	var accounts []audit.Account
	for _, s := range seed.Accounts {
		accounts = append(accounts, audit.Account{
			Name: s.Name, ID: s.ID, Source: client(t, sim, s.ID, admins[s.ID]), Credential: audit.ServiceTokenCredential,
		})
	}
	return accounts
}

// took is how long an audit of the accounts takes.
func took(t testing.TB, accounts []audit.Account) time.Duration {
	began := time.Now()
	r, err := new(audit.Auditor).Run(t.Context(), accounts)
	if err != nil {
		t.Fatal(err)
	}
	if !r.Complete || r.Accounts[len(accounts)-1].Counts.ServiceTokens != 150 {
		t.Fatalf("complete %v, %+v", r.Complete, r.Accounts[0])
	}
	return time.Since(began)
}

// Sixty accounts take no more than four times what one takes, in virtual time.
func TestAccountsSideBySideAreQuick(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one, sixty := took(t, many(t, 1)), took(t, many(t, 60))
		if one < 300*time.Millisecond || sixty > 4*one {
			t.Errorf("one account %s, sixty %s", one, sixty)
		}
	})
}

func BenchmarkSixtyAccounts(b *testing.B) {
	one := took(b, many(b, 1))
	sixty := many(b, 60)
	for b.Loop() {
		b.ReportMetric(float64(took(b, sixty))/float64(one), "times-one-account")
	}
}
