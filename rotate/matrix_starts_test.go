package rotate_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/tokenwarden/tokenwarden/internal/dbtcloud/dbtcloudtest"
	"github.com/tokenwarden/tokenwarden/rotate"
	"github.com/tokenwarden/tokenwarden/rotate/guarantee"
	"github.com/tokenwarden/tokenwarden/secrets"
)

// start is a state from which the run sets out into which the faults come.
type start struct {
	name    string
	about   string // for the document
	options rotate.Options
	seed    func(*dbtcloudtest.Options, *dbtcloudtest.SeedAccount)
	prepare func(*cellWorld) // before the watch begins
	earlier func(*cellWorld) // under the watch: what earlier runs did
	undo    bool             // the run is an undo
	pause   time.Duration    // before each run
	shelf   func(*cellWorld) // puts another shelf in the place of the memory
}

// cellWorld is the world of one cell.
type cellWorld struct {
	*world
	watch             *guarantee.Watch
	options           rotate.Options
	pause             time.Duration // before each run
	undo              bool          // the next runs are undoes
	credential        func() (secrets.Value, secrets.Ref)
	afterStoreCommand []string
	commands          int           // how often the command ran
	wronged           []secrets.Ref // destinations that a person wrote a foreign value into
	wasEmpty          bool
	late              bool // something may still arrive that no run can know of
}

func (s *start) world(t *testing.T) *cellWorld {
	var seeds []func(*dbtcloudtest.Options, *dbtcloudtest.SeedAccount)
	if s.seed != nil {
		seeds = append(seeds, s.seed)
	}
	w := &cellWorld{world: newWorld(t, seeds...), options: s.options, pause: s.pause}
	w.credential = func() (secrets.Value, secrets.Ref) { return w.admin, ref("env://DBT_CLOUD_TOKEN") }
	if s.shelf != nil {
		s.shelf(w)
	}
	if s.prepare != nil {
		s.prepare(w)
	}
	w.watch = w.shelf.watched(w)
	if s.earlier != nil {
		s.earlier(w)
	}
	if s.undo {
		w.undoes()
	}
	return w
}

// put makes a destination hold the old token's value, labelled or not.
func (w *cellWorld) put(r secrets.Ref, labelled bool) {
	value := secrets.NewValue(w.sim.ValueOf(w.old))
	w.shelf.Set(r, value.Reveal())
	if labelled {
		label := secrets.Label{TokenID: w.old, AccountID: accountID, Written: time.Now().Add(-90 * 24 * time.Hour)}
		w.shelf.Mark(r, secrets.Labels{value.Fingerprint(accountID): label})
	}
}

func labelled(w *cellWorld) { w.put(w.refs[0], true) }

// second adds a destination, labelled as the first.
func second(place string) func(*cellWorld) {
	return func(w *cellWorld) {
		w.refs = append(w.refs, ref(place))
		for _, r := range w.refs {
			w.put(r, true)
		}
	}
}

// plain is a token with one grant and nothing else, whose rotation takes few
// calls.
func plain(_ *dbtcloudtest.Options, a *dbtcloudtest.SeedAccount) {
	a.ServiceTokens[1].Mappings = nil
	a.ServiceTokens[1].Grants = []dbtcloudtest.SeedGrant{{PermissionSet: "job_admin", ProjectID: on(11)}}
}

// diesAt makes an earlier run that is killed at a point.
func diesAt(p point, f fault) func(*cellWorld) {
	return func(w *cellWorld) {
		w.t.Helper()
		i := &injected{point: p, fault: f}
		if got := w.execute(i); got.ended != killed || !i.reached {
			w.t.Fatalf("the earlier run was to be killed at %s and ended %s", p, got.ended)
		}
	}
}

const otherObject, otherField = "awssm://prod/dbt/airflow?region=eu-west-1#token", "vault://secret/dbt/airflow#other"

// undoes makes what follows an undo.
func (w *cellWorld) undoes() {
	w.undo, w.commands = true, 0
	w.watch.Undo()
}

func starts() []*start {
	atOnce, adopting := now(), now()
	adopting.Adopt = true
	after := fault{after: kill}
	before := fault{before: kill}
	all := []*start{
		{name: "labelled", about: "the destination holds the old token's value, labelled", options: atOnce, prepare: labelled},
		{name: "unlabelled", about: "… without a label: it is proved by last_used", options: atOnce, seed: plain},
		{name: "empty, adopted", about: "the destination is empty; `--now --adopt`", options: adopting, seed: plain, prepare: func(w *cellWorld) {
			w.shelf.Delete(w.refs[0])
			w.wasEmpty = true
		}},
		{name: "empty, overlap", about: "the destination is empty; 24 h of overlap", options: defaults(), seed: plain, prepare: func(w *cellWorld) {
			w.shelf.Delete(w.refs[0])
			w.wasEmpty = true
		}},
		{name: "two objects", about: "two destinations in two stores", options: atOnce, seed: plain, prepare: second(otherObject)},
		{name: "two fields", about: "two destinations that are fields of one secret", options: atOnce, seed: plain, prepare: second(otherField)},
		{name: "flags alone", about: "a token that has nothing but metadata_only", options: atOnce, prepare: labelled, seed: func(_ *dbtcloudtest.Options, a *dbtcloudtest.SeedAccount) {
			a.ServiceTokens[1].Grants, a.ServiceTokens[1].Mappings, a.ServiceTokens[1].MetadataOnly = nil, nil, true
		}},
		{name: "mappings", about: "a token of the semantic layer with two mappings", options: atOnce, prepare: labelled, seed: func(_ *dbtcloudtest.Options, a *dbtcloudtest.SeedAccount) {
			old := &a.ServiceTokens[1]
			old.Grants = []dbtcloudtest.SeedGrant{{PermissionSet: "semantic_layer_only", AllProjects: all(), WritableEnvironmentCategories: json.RawMessage(`[]`)}}
			old.Mappings = []dbtcloudtest.SeedMapping{{ProjectID: 11, CredentialID: 501}, {ProjectID: 12, CredentialID: 502}}
		}},
		{name: "grants ignored", about: "the service ignores permission_grants at create", options: atOnce, prepare: labelled, seed: func(o *dbtcloudtest.Options, a *dbtcloudtest.SeedAccount) {
			plain(o, a)
			o.IgnoreGrantsAtCreate = true
		}},
		{name: "own credential", about: "the token is the run's own credential, read from its destination", options: atOnce, seed: plain, prepare: ownCredential},
		{name: "pending", about: "the second run, when the overlap is over", options: defaults(), seed: plain, prepare: labelled, earlier: func(w *cellWorld) {
			overlapping(w)
			time.Sleep(25 * time.Hour)
		}},
		{name: "stored", about: "the run before was killed when the value had been stored", options: atOnce, seed: plain, prepare: labelled,
			earlier: diesAt(point{onStore, "write", 1}, after)},
		{name: "half stored", about: "… when one of two destinations had been written", options: atOnce, seed: plain, prepare: second(otherObject),
			earlier: diesAt(point{onStore, "write", 2}, before)},
		{name: "orphan", about: "the run before was killed after its create, eleven minutes ago", options: atOnce, seed: plain, prepare: labelled, earlier: func(w *cellWorld) {
			diesAt(point{onService, "create-token", 1}, after)(w)
			time.Sleep(11 * time.Minute)
		}},
		{name: "retired", about: "the run before was killed when the old token had been deleted", options: atOnce, seed: plain, prepare: labelled,
			earlier: diesAt(point{onService, "delete-token", 1}, after)},
		{name: "command", about: "an after_store command is configured", options: atOnce, seed: plain, prepare: func(w *cellWorld) {
			labelled(w)
			w.afterStoreCommand = restart
		}},
	}
	return append(all, undoStarts()...)
}

var restart = []string{"kubectl", "rollout", "restart", "deployment/airflow"}

// ownCredential makes the run's own credential, read from its destination, the
// token that is to be rotated.
func ownCredential(w *cellWorld) {
	w.old, _ = w.sim.TokenByValue(w.admin.Reveal())
	w.sim.Rename(777, "Dagster")
	w.sim.Rename(w.old, oldName)
	w.put(w.refs[0], false)
	w.credential = func() (secrets.Value, secrets.Ref) { return w.memory.Get(w.refs[0]), w.refs[0] }
}

// overlapping is a rotation whose overlap has begun.
func overlapping(w *cellWorld) {
	w.t.Helper()
	if got := w.execute(); got.ended != string(rotate.Pending) {
		w.t.Fatalf("the earlier run ended %s: %s", got.ended, got.result.Error)
	}
}

// undoStarts are those of `rotate --undo`.
func undoStarts() []*start {
	atOnce := now()
	return []*start{
		{name: "undo, pending", about: "`--undo` in the overlap, when nobody has used the new value", options: defaults(), seed: plain, prepare: labelled, earlier: overlapping, undo: true},
		{name: "undo, taken up", about: "… when it was used an hour ago: it stays for 24 h", options: defaults(), seed: plain, prepare: labelled, undo: true, earlier: func(w *cellWorld) {
			overlapping(w)
			time.Sleep(time.Hour)
			w.sim.Use(w.watch.Living()[1].ID)
		}},
		{name: "undo, two objects", about: "… with two destinations in two stores", options: defaults(), seed: plain, prepare: second(otherObject), earlier: overlapping, undo: true},
		{name: "undo, two fields", about: "… that are fields of one secret", options: defaults(), seed: plain, prepare: second(otherField), earlier: overlapping, undo: true},
		{name: "undo, half stored", about: "`--undo` when a rotation was killed after one of two destinations", options: atOnce, seed: plain, prepare: second(otherObject),
			earlier: diesAt(point{onStore, "write", 2}, fault{before: kill}), undo: true},
		{name: "undo, half undone", about: "… when an undo was", options: atOnce, seed: plain, prepare: second(otherObject), undo: true, earlier: func(w *cellWorld) {
			w.options = defaults()
			overlapping(w)
			w.options = atOnce
			w.undoes()
			diesAt(point{onStore, "write", 2}, fault{before: kill})(w)
		}},
		{name: "undo, orphan", about: "… when a rotation was killed after its create, eleven minutes ago", options: atOnce, seed: plain, prepare: labelled, undo: true, earlier: func(w *cellWorld) {
			diesAt(point{onService, "create-token", 1}, fault{after: kill})(w)
			time.Sleep(11 * time.Minute)
		}},
		{name: "undo, announced", about: "… when it was killed before its DELETE, eleven minutes ago", options: atOnce, seed: plain, prepare: labelled, undo: true, earlier: func(w *cellWorld) {
			diesAt(point{onService, "delete-token", 1}, fault{before: kill})(w)
			time.Sleep(11 * time.Minute)
		}},
		{name: "undo, own credential", about: "… of the run's own credential, read from its destination", options: atOnce, seed: plain, prepare: ownCredential, undo: true, earlier: func(w *cellWorld) {
			w.options = defaults()
			overlapping(w)
			w.options = atOnce
		}},
		{name: "undo, command", about: "`--undo` with an after_store command", options: defaults(), seed: plain, undo: true, prepare: func(w *cellWorld) {
			labelled(w)
			w.afterStoreCommand = restart
		}, earlier: overlapping},
	}
}
