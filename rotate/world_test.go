package rotate_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tokenwarden/tokenwarden/internal/dbtcloud"
	"github.com/tokenwarden/tokenwarden/internal/dbtcloud/dbtcloudtest"
	"github.com/tokenwarden/tokenwarden/rotate"
	"github.com/tokenwarden/tokenwarden/secrets"
	"github.com/tokenwarden/tokenwarden/secrets/secretstest"
)

const accountID = 12345

// world is one account, one store, and the token that the tests rotate. It is
// made inside a synctest bubble, so its clock is virtual.
type world struct {
	t         *testing.T
	sim       *dbtcloudtest.Sim
	memory    *secretstest.Memory
	shelf     shelf             // what fills and looks at the destinations: the memory itself unless a start puts another in its place
	transport http.RoundTripper // what rotators send with; the simulator itself unless a test puts something before it
	store     secrets.Store     // what rotators are given; the memory itself unless a test puts something before it
	admin     secrets.Value
	old       int64
	refs      []secrets.Ref
	seed      uint64
	logged    *strings.Builder
}

const oldName = "Airflow prod"

func all() *bool { b := true; return &b }

func on(project int64) *int64 { return &project }

func ref(s string) secrets.Ref {
	r, err := secrets.ParseRef(s)
	if err != nil {
		panic(err)
	}
	return r
}

// newWorld has one legacy token with grants of every kind, used an hour ago, and
// one destination that holds its value without a label.
func newWorld(t *testing.T, change ...func(*dbtcloudtest.Options, *dbtcloudtest.SeedAccount)) *world {
	t.Helper()
	w := &world{t: t, memory: &secretstest.Memory{}, refs: []secrets.Ref{ref("vault://secret/dbt/airflow#token")}, logged: &strings.Builder{}}
	w.store, w.shelf = w.memory, memoryShelf{w.memory}
	opts := dbtcloudtest.Options{Rand: rand.NewChaCha8([32]byte{1})}
	account := dbtcloudtest.SeedAccount{
		ID: accountID, Name: "prod",
		Projects: []dbtcloudtest.SeedProject{{ID: 11, Name: "jaffle"}, {ID: 12, Name: "finance"}},
		ServiceTokens: []dbtcloudtest.SeedToken{
			{ID: 700, Name: "someone else's", CreatedAt: json.RawMessage(`"2024-01-01T00:00:00Z"`), Grants: []dbtcloudtest.SeedGrant{{PermissionSet: "readonly", AllProjects: all()}}},
			{
				ID: 777, Name: oldName,
				CreatedAt: json.RawMessage(`"2022-05-05 06:51:10+00:00"`),
				LastUsed:  json.RawMessage(fmt.Sprintf("%q", time.Now().Add(-time.Hour).UTC().Format(time.RFC3339))),
				Grants: []dbtcloudtest.SeedGrant{
					{PermissionSet: "job_admin", ProjectID: on(11)},
					{PermissionSet: "developer", ProjectID: on(12), WritableEnvironmentCategories: json.RawMessage(`["staging","development"]`)},
					{PermissionSet: "git_admin", AllProjects: all(), WritableEnvironmentCategories: json.RawMessage(`[]`)},
					{PermissionSet: "something_new", AllProjects: all(), WritableEnvironmentCategories: json.RawMessage(`["all"]`)},
					{PermissionSet: "owner", AllProjects: all(), State: 2},
				},
				Mappings: []dbtcloudtest.SeedMapping{{ProjectID: 11, CredentialID: 501}},
			},
		},
	}
	for _, c := range change {
		c(&opts, &account)
	}
	w.sim = dbtcloudtest.New(opts)
	if err := w.sim.Load(dbtcloudtest.Seed{Accounts: []dbtcloudtest.SeedAccount{account}}); err != nil {
		t.Fatal(err)
	}
	w.transport = w.sim
	w.admin = secrets.NewValue(w.sim.AdminToken())
	w.old = 777
	w.memory.Set(w.refs[0], w.sim.ValueOf(w.old))
	return w
}

// rotator is a new process on a new machine: nothing but the configuration is
// shared with the others.
func (w *world) rotator() *rotate.Rotator {
	w.t.Helper()
	service, err := dbtcloud.New(dbtcloud.Config{
		Host: "https://dbt.example.com", AccountID: accountID, Transport: w.transport, PerMinute: 5000,
		Rand: func() float64 { return 0.5 }, // retries at the same moments each time
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.seed++
	return &rotate.Rotator{
		Account: rotate.Account{
			Name: "prod", ID: accountID, Credential: w.admin, CredentialRef: ref("env://DBT_CLOUD_TOKEN"),
			As: func(v secrets.Value) rotate.Client { return service.As(v) },
		},
		Store: func(secrets.Ref) (secrets.Store, error) { return w.store, nil },
		Rand:  rand.NewChaCha8([32]byte{byte(w.seed), byte(w.seed >> 8)}),
	}
}

func defaults() rotate.Options {
	return rotate.Options{Overlap: 24 * time.Hour, Quiet: 24 * time.Hour, OrphanMinAge: 10 * time.Minute, Timeout: 15 * time.Minute}
}

func now() rotate.Options {
	o := defaults()
	o.Now = true
	return o
}

func (w *world) rotate(opts rotate.Options) rotate.Result { return w.rotateToken(w.old, opts) }

func (w *world) rotateToken(id int64, opts rotate.Options) rotate.Result {
	w.t.Helper()
	return w.with(w.rotator(), id, opts)
}

func (w *world) with(r *rotate.Rotator, id int64, opts rotate.Options) rotate.Result {
	w.t.Helper()
	survey, err := r.Survey(context.Background())
	if err != nil {
		w.t.Fatal(err)
	}
	return r.Rotate(context.Background(), survey, rotate.Request{TokenID: id, Destinations: w.refs}, opts)
}

// must ends the test unless the rotation came to the status, and returns it.
func (w *world) must(want rotate.Status, got rotate.Result) rotate.Result {
	w.t.Helper()
	if got.Status != want {
		text, _ := json.MarshalIndent(got, "", " ")
		w.t.Fatalf("status %s, want %s:\n%s", got.Status, want, text)
	}
	return got
}

// active lists the active tokens other than the two that nobody touches.
func (w *world) active() []dbtcloudtest.Token {
	return slices.DeleteFunc(w.sim.Tokens(), func(t dbtcloudtest.Token) bool {
		return !t.Active() || t.ID == 700 || t.Name == "simulator admin"
	})
}

// finished checks the end state: one active token with the old one's name and
// permissions, in every destination.
func (w *world) finished(r rotate.Result) {
	w.t.Helper()
	tokens := w.active()
	if len(tokens) != 1 || tokens[0].ID != r.NewTokenID || tokens[0].Name != oldName {
		w.t.Fatalf("active tokens at the end: %+v", tokens)
	}
	w.equal(w.old, r.NewTokenID)
	w.stored(r.NewTokenID)
}

func (w *world) stored(id int64) {
	w.t.Helper()
	for _, ref := range w.refs {
		if got := w.memory.Get(ref); got.Reveal() != w.sim.ValueOf(id) {
			holder, _ := w.sim.TokenByValue(got.Reveal())
			w.t.Fatalf("%s does not hold the value of token %d, but of %d", ref, id, holder)
		}
	}
}

// equal compares what the simulator knows, not what the client read.
func (w *world) equal(a, b int64) {
	w.t.Helper()
	if x, y := w.permissions(a), w.permissions(b); !slices.Equal(x, y) {
		w.t.Fatalf("permissions of %d and %d differ:\n%v\n%v", a, b, x, y)
	}
}

func (w *world) permissions(id int64) []string {
	t, _ := w.sim.Token(id)
	lines := []string{fmt.Sprint(t.MetadataOnly, t.WebhooksOnly)}
	for _, g := range t.ActiveGrants() {
		var categories []string // an absent list and [] are one thing to the service
		if len(g.WritableEnvironmentCategories) > 0 {
			if err := json.Unmarshal(g.WritableEnvironmentCategories, &categories); err != nil {
				w.t.Fatal(err)
			}
		}
		slices.Sort(categories)
		project := int64(0)
		if g.ProjectID != nil {
			project = *g.ProjectID
		}
		lines = append(lines, fmt.Sprint(g.PermissionSet, project, categories))
	}
	// The rows of a deleted token stay; its mappings may have gone with it.
	for _, m := range t.Mappings {
		lines = append(lines, fmt.Sprint("mapping", m.ProjectID, m.CredentialID))
	}
	slices.Sort(lines)
	return slices.Compact(lines)
}
