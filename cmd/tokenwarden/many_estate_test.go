package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/tokenwarden/tokenwarden/internal/dbtcloud/dbtcloudtest"
	"github.com/tokenwarden/tokenwarden/rotate/guarantee"
	"github.com/tokenwarden/tokenwarden/secrets"
	"github.com/tokenwarden/tokenwarden/secrets/secretstest"
)

// estate is an account with many legacy tokens, their store, and what goes wrong
// there, in simulated time.
type estate struct {
	t      *testing.T
	draw   *rand.Rand
	sim    *dbtcloudtest.Sim
	memory *secretstest.Memory
	watch  *guarantee.Many
	places map[int64][]secrets.Ref // of each token that is to be rotated
	own    int64                   // the token that the program authenticates with
	env    environment
	cancel context.CancelFunc // SIGTERM for the run under way

	changes   int // calls of the store in this run that change something
	downFrom  int // of those, the one from which on the store is down; 0: never
	downFor   int // how many calls find it down then
	downCalls int // how many more do

	stdout, stderr                                 bytes.Buffer
	runs, requests, most, killed, stopped, reached int
}

const estateAccount = 7

// death kills the process in the middle of a request.
type death struct{}

func newEstate(t *testing.T, tokens int, seed uint64) *estate {
	t.Helper()
	e := &estate{t: t, draw: rand.New(rand.NewPCG(seed, 7)), memory: &secretstest.Memory{}, places: map[int64][]secrets.Ref{}}
	project, everywhere := int64(5), true
	account := dbtcloudtest.SeedAccount{ID: estateAccount, Name: "many", Projects: []dbtcloudtest.SeedProject{{ID: project, Name: "five"}}}
	sets := []string{"job_admin", "job_viewer", "developer", "git_admin", "something_new", "readonly"}
	for i := range tokens {
		token := dbtcloudtest.SeedToken{
			ID: int64(1000 + i), Name: fmt.Sprintf("pipeline %d", i),
			CreatedAt: json.RawMessage(fmt.Sprintf("%q", time.Date(2021, 1, 1, 0, e.draw.IntN(1_000_000), 0, 0, time.UTC).Format(time.RFC3339))),
			Grants:    []dbtcloudtest.SeedGrant{{PermissionSet: sets[i%len(sets)], ProjectID: &project}, {PermissionSet: "owner", AllProjects: &everywhere, State: 2}},
		}
		if i == 0 {
			token.Name, token.Grants = "our own", []dbtcloudtest.SeedGrant{{PermissionSet: "account_admin", AllProjects: &everywhere}}
		}
		account.ServiceTokens = append(account.ServiceTokens, token)
	}
	e.sim = dbtcloudtest.New(dbtcloudtest.Options{
		Rand: rand.NewChaCha8([32]byte{7}), Latency: 50 * time.Millisecond,
		RatePerMinute: 100, RatePerCredential: true, Cooldown: 5 * time.Minute,
	})
	if err := e.sim.Load(dbtcloudtest.Seed{Accounts: []dbtcloudtest.SeedAccount{account}}); err != nil {
		t.Fatal(err)
	}
	e.own, _ = e.sim.TokenByValue(e.sim.AdminToken())
	e.fill()
	e.watch = guarantee.NewMany(e.sim, e.memory, e.places)
	e.environment(t, seed)
	return e
}

// fill stores each token's value, labelled as its own, every tenth in two places.
func (e *estate) fill() {
	for _, token := range e.sim.Tokens() {
		name := strings.ReplaceAll(token.Name, " ", "-")
		refs := []string{"vault://secret/dbt/many/" + name + "#token"}
		if token.ID%10 == 1 {
			refs = append(refs, "vault://secret/other/"+name+"#token")
		}
		value := secrets.NewValue(token.Value)
		for _, text := range refs {
			ref, err := secrets.ParseRef(text)
			if err != nil {
				e.t.Fatal(err)
			}
			label := secrets.Labels{value.Fingerprint(estateAccount): {TokenID: token.ID, AccountID: estateAccount}}
			e.memory.Set(ref, token.Value)
			if err := e.memory.Label(context.Background(), ref, label, nil); err != nil {
				e.t.Fatal(err)
			}
			e.places[token.ID] = append(e.places[token.ID], ref)
		}
	}
}

// environment is that of a cron job, but for the clock and the network.
func (e *estate) environment(t *testing.T, seed uint64) {
	folder := t.TempDir()
	var entries strings.Builder
	for _, token := range e.sim.Tokens() {
		if refs := e.places[token.ID]; len(refs) > 1 {
			fmt.Fprintf(&entries, "      - {name: %q, destinations: [%q, %q]}\n", token.Name, refs[0], refs[1])
		}
	}
	writeConfiguration(t, folder, fmt.Sprintf(`accounts:
  - name: many
    id: %d
    host: https://ab123.us1.dbt.com
    token: %s
    store: vault://secret/dbt/{account}/{name}#token
    tokens:
%s`, estateAccount, e.places[e.own][0], &entries))
	nothing := func(string) (string, bool) { return "", false }
	jitter := rand.New(rand.NewPCG(seed, 8))
	e.env = environment{
		stdin: strings.NewReader(""), stdout: &e.stdout, stderr: &e.stderr, lookup: nothing,
		environ: func() []string { return nil }, dir: func() (string, error) { return folder, nil },
		now: time.Now, sleep: sleep, rand: rand.NewChaCha8([32]byte{byte(seed)}), jitter: jitter.Float64, transport: e.sim,
	}
}

// run is one process: a command with its own stores, limits and memory.
func (e *estate) run(args ...string) (out said) {
	e.t.Helper()
	e.runs++
	e.watch.Begin()
	e.stdout.Reset()
	e.stderr.Reset()
	ctx, cancel := context.WithCancel(context.Background())
	e.cancel = cancel
	func() {
		defer cancel()
		defer func() {
			switch r := recover().(type) {
			case nil:
			case death:
				out.dead = true
			default:
				panic(r)
			}
		}()
		a := newApp(e.env)
		a.stores.opened = map[string]secrets.Store{secrets.Vault: &secretstest.Intercept{Store: e.watch.Through(e.memory), Before: e.store}}
		err := a.library().RunContext(ctx, append([]string{program}, args...))
		if err != nil {
			complain(&e.stderr, err)
		}
		out.code = codeOf(err)
	}()
	e.countRequests()
	e.calm()
	if ids := e.watch.Of(e.own).Secrets(e.stdout.String() + e.stderr.String()); len(ids) > 0 {
		e.t.Errorf("the values of tokens %d were printed", ids)
	}
	if out.dead {
		e.killed++
		return out
	}
	if err := out.read(e.stdout.String()); err != nil {
		e.t.Errorf("%v in %s%s", err, &e.stdout, &e.stderr)
	}
	for _, l := range out.LeftOut {
		if l.Reason == stopped {
			e.stopped++
			break
		}
	}
	return out
}

// calm ends what goes wrong.
func (e *estate) calm() {
	e.sim.Plan()
	for _, token := range e.sim.Tokens() {
		e.sim.Restore(token.ID)
	}
	e.changes, e.downFrom, e.downCalls = 0, 0, 0
}

// disturb plans what goes wrong in the next run: faults of dbt Cloud at random
// requests, and one kill, SIGTERM, or time without the store.
func (e *estate) disturb(faults, within int, changing ...string) {
	rules := []dbtcloudtest.Rule{}
	for range faults {
		r := e.fault()
		r.Nth = 1 + e.draw.IntN(within)
		rules = append(rules, r)
	}
	at := dbtcloudtest.Rule{Operation: changing[e.draw.IntN(len(changing))], Nth: 1 + e.draw.IntN(20)}
	switch e.draw.IntN(4) {
	case 0:
		at.Before = func() { panic(death{}) }
	case 1:
		at.After = func() { panic(death{}) }
	case 2:
		at.Before = func() { e.cancel() }
	default:
		e.downFrom, e.downFor = 1+e.draw.IntN(200), 30
	}
	e.sim.Plan(append([]dbtcloudtest.Rule{at}, rules...)...)
}

func (e *estate) fault() dbtcloudtest.Rule {
	answer := func(status int) dbtcloudtest.Rule {
		return dbtcloudtest.Rule{Fault: dbtcloudtest.StatusBefore, Status: status, RetryAfter: 20 * time.Second}
	}
	all := []dbtcloudtest.Rule{
		answer(400), answer(401), answer(403), answer(404), answer(429), answer(500), answer(503),
		{Fault: dbtcloudtest.StatusAfter, Status: 429}, {Fault: dbtcloudtest.StatusAfter, Status: 500},
		{Fault: dbtcloudtest.TimeoutBefore}, {Fault: dbtcloudtest.TimeoutAfter}, {Fault: dbtcloudtest.ResetBefore},
		{Fault: dbtcloudtest.ResetAfter}, {Fault: dbtcloudtest.HalfBody}, {Fault: dbtcloudtest.HTML},
		{Fault: dbtcloudtest.HTMLAfter}, {Fault: dbtcloudtest.LostPermission},
	}
	return all[e.draw.IntN(len(all))]
}

// store breaks the calls of a store that is down. What it counts comes one after
// the other, so that a seed gives the same course.
func (e *estate) store(_ context.Context, c secretstest.Call) error {
	if c.Op == secretstest.Write || c.Op == secretstest.Label {
		if e.changes++; e.changes == e.downFrom {
			e.downCalls = e.downFor
		}
	}
	if e.downCalls > 0 {
		e.downCalls--
		return fmt.Errorf("%w: injected", secrets.ErrUnavailable)
	}
	return nil
}
