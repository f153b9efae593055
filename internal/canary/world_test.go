package canary_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tokenwarden/tokenwarden/internal/canary"
	"github.com/tokenwarden/tokenwarden/internal/dbtcloud"
	"github.com/tokenwarden/tokenwarden/internal/dbtcloud/dbtcloudtest"
	"github.com/tokenwarden/tokenwarden/secrets"
)

var _ canary.Client = (*dbtcloud.Client)(nil)

const (
	accountID = 12345
	host      = "https://ab123.us1.dbt.com"
)

// world is an account with two tokens of its own and a project. It is made in a
// synctest bubble, so all its time is virtual.
type world struct {
	t        *testing.T
	sim      *dbtcloudtest.Sim
	admin    secrets.Value
	runs     int
	progress func(string)
}

func newWorld(t *testing.T, change ...func(*dbtcloudtest.Options)) *world {
	t.Helper()
	o := dbtcloudtest.Options{Rand: rand.NewChaCha8([32]byte{1})}
	for _, f := range change {
		f(&o)
	}
	w := &world{t: t, sim: dbtcloudtest.New(o)}
	seed := dbtcloudtest.SeedAccount{
		ID: accountID, Name: "prod",
		Projects: []dbtcloudtest.SeedProject{{ID: 12, Name: "finance"}, {ID: 11, Name: "jaffle"}},
		ServiceTokens: []dbtcloudtest.SeedToken{
			{ID: 700, Name: "admin", CreatedAt: json.RawMessage(`"2024-01-01T00:00:00Z"`), Grants: []dbtcloudtest.SeedGrant{{PermissionSet: "account_admin"}}},
			{ID: 701, Name: "Airflow", CreatedAt: json.RawMessage(`"2024-01-01T00:00:00Z"`), Grants: []dbtcloudtest.SeedGrant{{PermissionSet: "job_admin"}}},
		},
	}
	if err := w.sim.Load(dbtcloudtest.Seed{Accounts: []dbtcloudtest.SeedAccount{seed}}); err != nil {
		t.Fatal(err)
	}
	w.admin = secrets.NewValue(w.sim.AdminToken())
	return w
}

// canary is one process that measures.
func (w *world) canary() *canary.Canary {
	w.t.Helper()
	service, err := dbtcloud.New(dbtcloud.Config{Host: host, AccountID: accountID, Transport: w.sim, Rand: func() float64 { return 0.5 }})
	if err != nil {
		w.t.Fatal(err)
	}
	w.runs++
	replies := &canary.Replies{}
	return &canary.Canary{
		Host: host, Replies: replies, Client: service.As(w.admin).Observed(replies.Note),
		As:    func(v secrets.Value) canary.Login { return service.As(v).Observed(replies.Note) },
		Now:   time.Now,
		Sleep: sleep, Rand: rand.NewChaCha8([32]byte{byte(w.runs)}), Progress: w.progress,
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// run measures, with the time that a command has, and looks that the report
// tells no secret.
func (w *world) run() canary.Report {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 15*time.Minute)
	defer cancel()
	return w.runIn(ctx)
}

func (w *world) runIn(ctx context.Context) canary.Report {
	w.t.Helper()
	r := w.canary().Run(ctx)
	shown := w.shown(r)
	for _, t := range w.sim.Tokens() {
		for what, secret := range map[string]string{"a value": t.Value, "a uid": t.UID, "part of a value": t.Value[len(t.Value)-12:]} {
			if secret != "" && strings.Contains(shown, secret) {
				w.t.Errorf("the report holds %s of token %d:\n%s", what, t.ID, shown)
			}
		}
	}
	for _, identifying := range []string{"ab123", fmt.Sprint(accountID), "jaffle", "Airflow"} {
		if strings.Contains(shown, identifying) {
			w.t.Errorf("the report says whose account it is (%s):\n%s", identifying, shown)
		}
	}
	return r
}

func (w *world) shown(r canary.Report) string {
	w.t.Helper()
	b, err := json.Marshal(r)
	if err != nil {
		w.t.Fatal(err)
	}
	var markdown strings.Builder
	if err := canary.WriteMarkdown(&markdown, r); err != nil {
		w.t.Fatal(err)
	}
	return string(b) + "\n" + markdown.String()
}

// living lists the canaries that are active.
func (w *world) living() []int64 {
	var ids []int64
	for _, t := range w.sim.Tokens() {
		if t.Active() && t.ID != 700 && t.ID != 701 {
			ids = append(ids, t.ID)
		}
	}
	return ids
}

func line(r canary.Report, name string) canary.Measurement {
	i := slices.IndexFunc(r.Measurements, func(m canary.Measurement) bool { return m.Name == name })
	if i < 0 {
		return canary.Measurement{}
	}
	return r.Measurements[i]
}

// bubble runs a test in virtual time.
func bubble(t *testing.T, f func(*testing.T)) {
	t.Helper()
	synctest.Test(t, f)
}
