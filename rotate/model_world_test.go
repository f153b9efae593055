package rotate_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/tokenwarden/tokenwarden/internal/dbtcloud/dbtcloudtest"
	"github.com/tokenwarden/tokenwarden/rotate"
	"github.com/tokenwarden/tokenwarden/secrets"
	"github.com/tokenwarden/tokenwarden/secrets/secretstest"
)

// model is one world in which everything may happen: an account, a store, the
// processes that rotate, the people and the consumers. All of it takes turns, so
// the same draws give the same trace.
type model struct {
	t             *rapid.T
	sim           *dbtcloudtest.Sim
	memory        *secretstest.Memory
	refs          []secrets.Ref
	credentialRef secrets.Ref
	admin         secrets.Value

	server, local time.Duration // how wrong the clocks of dbt Cloud and of our machines are

	calm      bool  // nobody but the tool and its consumers is about
	target    int64 // the token that is to be rotated; its successor takes its place in time
	processes []*modelProcess
	started   int
	last      *modelProcess            // the one that ended the trace
	ended     string                   // how it did
	undoEnded string                   // why the last undo at the end of the trace did not end, if so
	acting    *modelProcess            // whose call takes effect now
	senders   map[string]*modelProcess // of requests, for those that come late
	late      *modelProcess            // whose write comes late now
	lateWrite []lateWrite
	fault     *storeFault

	// What the watch knows, by itself.
	clock        int // counts everything that happens
	changedAt    map[fact]int
	owners       map[string]int64 // by value
	fingerprints map[secrets.Fingerprint]int64
	made         map[int64]made
	order        []int64         // of made
	stored       map[string]bool // values that were in a destination at some time
	held         map[secrets.Ref]secrets.Value
	labels       map[secrets.Ref]secrets.Labels
	good         map[secrets.Ref]goodness
	writtenAt    map[secrets.Ref]written
	wroteAt      map[secrets.Ref]int          // the clock when the tool last wrote a value
	undoneAt     map[secrets.Ref]int          // … and when an undo did
	adopted      map[secrets.Fingerprint]bool // a person said, wrongly, whose it is
	dying        bool
	cut          map[int64]bool  // tokens whose rotations a person broke off: what comes late of them is for a person
	why          map[string]bool // what people did that a refusal may be about
	violations   []string
}

// storeFault strikes the next call of its kind.
type storeFault struct {
	op    secretstest.Op
	after bool
	late  time.Duration // the write lands that much later
}

type lateWrite struct {
	p   *modelProcess
	due time.Time
	ref secrets.Ref
	w   secrets.Write
}

const stranger = 700

// rightsOf are the permissions that people give and take.
func rightsOf(kind string) ([]dbtcloudtest.SeedGrant, []dbtcloudtest.SeedMapping) {
	grants := []dbtcloudtest.SeedGrant{
		{PermissionSet: "job_admin", ProjectID: on(11)},
		{PermissionSet: "developer", AllProjects: all(), WritableEnvironmentCategories: json.RawMessage(`["staging"]`)},
		{PermissionSet: "owner", AllProjects: all(), State: 2},
	}
	mappings := []dbtcloudtest.SeedMapping{{ProjectID: 11, CredentialID: 501}}
	switch kind {
	case "less":
		return grants[:1], mappings
	case "more":
		return append(grants, dbtcloudtest.SeedGrant{PermissionSet: "git_admin", AllProjects: all()}), mappings
	case "another mapping":
		return grants, []dbtcloudtest.SeedMapping{{ProjectID: 12, CredentialID: 502}}
	case "none":
		return nil, nil
	}
	return grants, mappings
}

func newModel(t *rapid.T, places ...string) *model {
	m := &model{
		t: t, target: 777, memory: &secretstest.Memory{}, credentialRef: ref("env://DBT_CLOUD_TOKEN"),
		senders: map[string]*modelProcess{}, changedAt: map[fact]int{}, owners: map[string]int64{},
		fingerprints: map[secrets.Fingerprint]int64{}, made: map[int64]made{}, held: map[secrets.Ref]secrets.Value{},
		labels: map[secrets.Ref]secrets.Labels{}, good: map[secrets.Ref]goodness{}, writtenAt: map[secrets.Ref]written{}, wroteAt: map[secrets.Ref]int{}, undoneAt: map[secrets.Ref]int{},
		adopted: map[secrets.Fingerprint]bool{}, why: map[string]bool{}, cut: map[int64]bool{}, stored: map[string]bool{},
	}
	grants, mappings := rightsOf("as before")
	used := fmt.Sprintf("%q", time.Now().Add(-time.Hour).UTC().Format(time.RFC3339))
	m.sim = dbtcloudtest.New(dbtcloudtest.Options{Rand: rand.NewChaCha8([32]byte{7}), Now: m.serverNow})
	if err := m.sim.Load(dbtcloudtest.Seed{Accounts: []dbtcloudtest.SeedAccount{{
		ID: accountID, Name: "prod", Projects: []dbtcloudtest.SeedProject{{ID: 11, Name: "jaffle"}, {ID: 12, Name: "finance"}},
		ServiceTokens: []dbtcloudtest.SeedToken{
			{ID: stranger, Name: "someone else's", Grants: []dbtcloudtest.SeedGrant{{PermissionSet: "readonly", AllProjects: all()}}},
			{ID: 777, Name: oldName, CreatedAt: json.RawMessage(`"2022-05-05 06:51:10+00:00"`), LastUsed: json.RawMessage(used), Grants: grants, Mappings: mappings},
		},
	}}}); err != nil {
		t.Fatal(err)
	}
	m.admin = secrets.NewValue(m.sim.AdminToken())
	for _, token := range m.sim.Tokens() {
		m.know(token.ID, token.Value, 0)
	}
	m.stored[m.sim.ValueOf(m.target)] = true
	for _, place := range places {
		m.refs = append(m.refs, ref(place))
	}
	m.memory.Changed = m.storeChanged
	for _, ref := range m.refs {
		m.memory.Set(ref, m.sim.ValueOf(m.target))
	}
	m.sim.Observe(m.observe)
	m.judge(nil, "the beginning")
	return m
}

// know takes a token into the watch's own books.
func (m *model) know(id int64, value string, replaces int64) {
	m.owners[value] = id
	m.fingerprints[secrets.NewValue(value).Fingerprint(accountID)] = id
	m.fingerprints[secrets.DeletionEntry(accountID, id)] = id
	m.fingerprints[secrets.UndoEntry(accountID, id)] = replaces
	m.made[id] = made{replaces: replaces, at: m.clock, born: m.serverNow()}
	if id != stranger && value != m.admin.Reveal() {
		m.order = append(m.order, id)
	}
}

func (m *model) serverNow() time.Time { return time.Now().Add(m.server) }

func (m *model) credential() secrets.Value { return m.admin }

// short is a destination's name in the trace.
func (m *model) short(ref secrets.Ref) string {
	return fmt.Sprint("destination ", slices.Index(m.refs, ref)+1)
}

// pass lets time pass, and what is due in it arrive.
func (m *model) pass(d time.Duration) {
	time.Sleep(d)
	m.settle()
}

// settle lets everything land that was held up on its way and is due, as it must
// before anybody else acts.
func (m *model) settle() {
	m.sim.AccountID() // any look settles what is on its way to dbt Cloud
	for i := 0; i < len(m.lateWrite); i++ {
		l := m.lateWrite[i]
		if l.due.After(time.Now()) {
			continue
		}
		m.lateWrite = slices.Delete(m.lateWrite, i, i+1)
		i--
		m.late = l.p
		if _, err := m.memory.Write(context.Background(), l.ref, l.w); err == nil {
			m.t.Logf("a write of %s to %s lands late", l.p.name, m.short(l.ref))
		}
		m.late = nil
	}
}

var errStoreFault = errors.New("injected: the store did not answer")

// strikeStore carries out the fault that is due at a call, if any.
func (m *model) strikeStore(c secretstest.Call, after bool) error {
	p := m.acting
	m.acting = nil
	m.settle()
	m.acting = p
	f := m.fault
	if f == nil || f.op != c.Op || f.after != after {
		return nil
	}
	m.fault = nil
	if f.late > 0 {
		m.lateWrite = append(m.lateWrite, lateWrite{p: p, due: time.Now().Add(f.late), ref: c.Ref, w: c.Write})
	}
	m.t.Logf("the store does not answer: %s %s (after its effect: %v, lands in %s)", c.Op, m.short(c.Ref), after, f.late)
	return fmt.Errorf("%w: %w", secrets.ErrUnavailable, errStoreFault)
}

// active lists the living tokens that this is about.
func (m *model) active() []dbtcloudtest.Token {
	return slices.DeleteFunc(m.sim.Tokens(), func(t dbtcloudtest.Token) bool { return !t.Active() || !slices.Contains(m.order, t.ID) })
}

func (m *model) options(kind string) rotate.Options {
	o := defaults()
	switch kind {
	case "--now":
		o.Now = true
	case "--overlap 0":
		o.Overlap, o.OverlapSet = 0, true
	case "--now --adopt":
		o.Now, o.Adopt = true, true
	case "--adopt":
		o.Adopt = true
	case "--orphan-min-age 0s":
		o.OrphanMinAge = 0
	}
	return o
}
