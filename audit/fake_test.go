package audit_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/tokenwarden/tokenwarden/audit"
	"github.com/tokenwarden/tokenwarden/internal/dbtcloud"
)

// now is when the tests' audits run.
var now = time.Date(2026, time.November, 23, 2, 0, 0, 0, time.UTC)

// fake is an account as a credential sees it. Its zero value shows empty lists.
type fake struct {
	tokens   []dbtcloud.ServiceToken
	users    []dbtcloud.User
	projects []dbtcloud.Project
	accounts []dbtcloud.Account
	rules    []dbtcloud.IPRule
	scim     []dbtcloud.SCIMToken
	grants   map[int64][]dbtcloud.Grant
	personal map[int64][]dbtcloud.PersonalAccessToken

	errs   map[string]error         // by list: what its request answers
	cutAt  map[string]int           // by list: the error comes after so many items
	passes map[string]dbtcloud.Pass // by list: what the pass claims
	asked  []string                 // every request, in order
}

func visit[T any](f *fake, list string, items []T, each func(T) error) (dbtcloud.Pass, error) {
	f.asked = append(f.asked, list)
	err := f.errs[list]
	if err != nil {
		items = items[:f.cutAt[list]]
	}
	for _, item := range items {
		if err := each(item); err != nil {
			return dbtcloud.Pass{}, err
		}
	}
	if p, ok := f.passes[list]; ok {
		return p, err
	}
	return dbtcloud.Pass{Read: len(items), Total: len(items), Stable: true}, err
}

func whole[T any](f *fake, list string, items []T) ([]T, error) {
	f.asked = append(f.asked, list)
	if err := f.errs[list]; err != nil {
		return nil, err
	}
	return items, nil
}

func (f *fake) ServiceTokens(_ context.Context, v func(dbtcloud.ServiceToken) error) (dbtcloud.Pass, error) {
	return visit(f, "tokens", f.tokens, v)
}
func (f *fake) Users(_ context.Context, v func(dbtcloud.User) error) (dbtcloud.Pass, error) {
	return visit(f, "users", f.users, v)
}
func (f *fake) Projects(_ context.Context, v func(dbtcloud.Project) error) (dbtcloud.Pass, error) {
	return visit(f, "projects", f.projects, v)
}
func (f *fake) Accounts(context.Context) ([]dbtcloud.Account, error) {
	return whole(f, "accounts", f.accounts)
}
func (f *fake) IPRules(context.Context) ([]dbtcloud.IPRule, error) {
	return whole(f, "ip", f.rules)
}
func (f *fake) SCIMTokens(context.Context) ([]dbtcloud.SCIMToken, error) {
	return whole(f, "scim", f.scim)
}
func (f *fake) Permissions(_ context.Context, id int64) ([]dbtcloud.Grant, error) {
	return whole(f, "permissions", f.grants[id])
}
func (f *fake) PersonalAccessTokens(_ context.Context, id int64) ([]dbtcloud.PersonalAccessToken, error) {
	return whole(f, "personal", f.personal[id])
}

var _ audit.Source = (*fake)(nil)

// failure is an error as the client makes it.
func failure(kind dbtcloud.Kind) error {
	return fmt.Errorf("wrapped: %w", &dbtcloud.Error{Op: "listing", Host: "ab123.us1.dbt.com", Kind: kind})
}

func at(s string) dbtcloud.Timestamp {
	t, err := dbtcloud.ParseTimestamp(s)
	if err != nil {
		panic(err)
	}
	return dbtcloud.At(t)
}

func ago(d time.Duration) dbtcloud.Timestamp { return dbtcloud.At(now.Add(-d)) }

// modern is a token that no rule of the mission flags.
func modern(id int64, name string) dbtcloud.ServiceToken {
	return dbtcloud.ServiceToken{
		ID: id, Name: name, State: dbtcloud.Active, CreatedAt: at("2026-05-01T00:00:00Z"),
		LastUsed: ago(time.Hour), HasGrants: true,
		Grants: []dbtcloud.Grant{{PermissionSet: "job_runner", State: dbtcloud.Active}},
	}
}

// legacy is a token that is older than the vendor's date.
func legacy(id int64, name string) dbtcloud.ServiceToken {
	t := modern(id, name)
	t.CreatedAt = at("2023-05-02T09:00:00Z")
	return t
}

// member is a user who never used an API key.
func member(id int64) dbtcloud.User {
	active := true
	return dbtcloud.User{
		ID: id, Email: fmt.Sprintf("user%d@example.com", id), State: dbtcloud.Active, IsActive: &active,
		APITokenLastUsed: dbtcloud.Timestamp{Presence: dbtcloud.Null},
	}
}

// account is the fake as the account called prod.
func account(f *fake) audit.Account {
	return audit.Account{
		Name: "prod", ID: 12345, Host: "https://ab123.us1.dbt.com", Source: f,
		Credential: audit.ServiceTokenCredential,
	}
}

// run audits accounts with the two rules of the mission only, or with a policy.
func run(t *testing.T, a audit.Auditor, accounts ...audit.Account) *audit.Report {
	t.Helper()
	if a.Now == nil {
		a.Now = func() time.Time { return now }
	}
	report, err := a.Run(t.Context(), accounts)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// coverage is the outcome of one check in the report's n-th account.
func coverage(t *testing.T, r *audit.Report, n int, check string) audit.Coverage {
	t.Helper()
	i := slices.IndexFunc(r.Accounts[n].Coverage, func(c audit.Coverage) bool { return c.Check == check })
	if i < 0 {
		t.Fatalf("account %d has no coverage of %s", n, check)
	}
	return r.Accounts[n].Coverage[i]
}

// found lists the resources that a rule flagged.
func found(r *audit.Report, rule string) []int64 {
	var ids []int64
	for _, f := range r.Findings {
		if f.Rule == rule {
			ids = append(ids, f.Resource.ID)
		}
	}
	return ids
}
