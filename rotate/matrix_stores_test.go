package rotate_test

import (
	"fmt"
	"strings"
	"time"

	"github.com/tokenwarden/tokenwarden/internal/dbtcloud/dbtcloudtest"
	"github.com/tokenwarden/tokenwarden/rotate"
	"github.com/tokenwarden/tokenwarden/secrets"
)

const (
	inVault, elsewhereInVault, besideInVault = "vault://secret/dbt/airflow#token", "vault://secret/dbt/dagster#token", "vault://secret/dbt/airflow#other"
	inAWS, wholeInAWS, besideInAWS           = "awssm://dbt/airflow?region=eu-west-1#token", "awssm://dbt/plain?region=eu-west-1", "awssm://dbt/airflow?region=eu-west-1#other"
)

// set is a choice of destinations in the real stores.
type set struct {
	name string
	refs []string
	last point // the request that makes the value the present one in the last of them
}

// both reports whether the destinations are in Vault and in AWS.
func (s set) both() bool { return s.name == "AWS and Vault" }

// has reports whether a start is one of the set's.
func (s set) has(start *start) bool { return strings.HasPrefix(start.name, s.name+": ") }

func sets() []set {
	inVaults := func(n int) point { return point{onVault, "write: PUT data", n} }
	// Each write to AWS moves AWSCURRENT, and then takes AWSPENDING away.
	inAWSs := func(n int) point { return point{onAWS, "write: UpdateSecretVersionStage", 2*n - 1} }
	return []set{
		{"Vault", []string{inVault}, inVaults(1)},
		{"Vault, two secrets", []string{inVault, elsewhereInVault}, inVaults(2)},
		{"Vault, two fields", []string{inVault, besideInVault}, inVaults(2)},
		{"AWS, a key", []string{inAWS}, inAWSs(1)},
		{"AWS, the whole string", []string{wholeInAWS}, inAWSs(1)},
		{"AWS, two secrets", []string{inAWS, wholeInAWS}, inAWSs(2)},
		{"AWS, two keys", []string{inAWS, besideInAWS}, inAWSs(2)},
		{"AWS and Vault", []string{inAWS, inVault}, inVaults(1)},
	}
}

// onServers puts a shelf of real stores in the place of the memory; furnished, so
// that there is something of somebody else's beside each destination.
func onServers(furnished bool, lease time.Duration, refs ...string) func(*cellWorld) {
	return func(w *cellWorld) {
		s := &servers{w: w, list: map[string]server{}, told: map[string]string{}, was: map[string]seen{}, before: map[string]seen{}}
		w.refs, w.shelf = nil, s
		for _, text := range refs {
			r := ref(text)
			if s.list[r.Scheme] == nil && r.Scheme == secrets.Vault {
				s.list[r.Scheme] = newVault(w, lease)
			} else if s.list[r.Scheme] == nil {
				s.list[r.Scheme] = newAWS(w)
			}
			w.refs = append(w.refs, r)
		}
		for _, r := range w.refs {
			if furnished {
				s.of(r).furnish(r)
			}
		}
	}
}

// storeStarts are the starts with real stores, each with every set of them. All
// tokens are plain ones: what a token may do is nothing to a store.
func storeStarts() []*start {
	var all []*start
	for _, set := range sets() {
		for _, s := range storeConditions(set) {
			if s.name = set.name + ": " + s.name; s.seed == nil {
				s.seed = plain
			}
			all = append(all, s)
		}
	}
	return all
}

func storeConditions(set set) []*start {
	adopting := now()
	adopting.Adopt = true
	furnished := onServers(true, 0, set.refs...)
	empty := func(w *cellWorld) { w.wasEmpty = true }
	conditions := []*start{
		{name: "labelled", about: "every destination holds the old token's value, labelled", options: now(), shelf: furnished, prepare: filled},
		{name: "unlabelled", about: "… without a label", options: now(), shelf: furnished, prepare: unlabelled},
		{name: "empty", about: "there is nothing at all; `--now --adopt`", options: adopting, shelf: onServers(false, 0, set.refs...), prepare: empty},
		{name: "furnished", about: "there is everything but the value; `--now --adopt`", options: adopting, shelf: furnished, prepare: empty},
		{name: "crowded", about: "there are so many labels that some are taken away", options: now(), shelf: furnished, prepare: crowded},
		{name: "pending", about: "the second run, when the overlap is over", options: defaults(), shelf: furnished, prepare: filled, earlier: func(w *cellWorld) {
			if got := w.execute(); got.ended != string(rotate.Pending) {
				w.t.Fatalf("the earlier run ended %s: %s", got.ended, got.result.Error)
			}
			time.Sleep(25 * time.Hour)
		}},
		{name: "stored", about: "the run before was killed when the value had been stored", options: now(), shelf: furnished, prepare: filled,
			earlier: diesAt(set.last, fault{after: kill})},
		{name: "not all stored", about: "… just before it was stored in the last destination, eleven minutes ago", options: now(), shelf: furnished, prepare: filled,
			earlier: longAgo(diesAt(set.last, fault{before: kill}))},
		{name: "orphan", about: "the run before was killed after its create, eleven minutes ago", options: now(), shelf: furnished, prepare: filled,
			earlier: longAgo(diesAt(point{onService, "create-token", 1}, fault{after: kill}))},
	}
	if set.last.side == onVault {
		conditions = append(conditions, &start{name: "short lease", about: "unlabelled, and the login to Vault lasts 15 s", options: now(),
			shelf: onServers(true, 15*time.Second, set.refs...), prepare: unlabelled, seed: func(o *dbtcloudtest.Options, a *dbtcloudtest.SeedAccount) {
				plain(o, a)
				o.Latency = 2 * time.Second
			}})
	}
	return conditions
}

// longAgo is long enough ago for an orphan to be dropped.
func longAgo(earlier func(*cellWorld)) func(*cellWorld) {
	return func(w *cellWorld) {
		earlier(w)
		time.Sleep(11 * time.Minute)
	}
}

func filled(w *cellWorld) {
	for _, r := range w.refs {
		w.put(r, true)
	}
}

func unlabelled(w *cellWorld) {
	for _, r := range w.refs {
		w.put(r, false)
	}
}

// crowded leaves the labels of tokens that are long gone.
func crowded(w *cellWorld) {
	filled(w)
	for _, r := range w.refs {
		for id := range int64(17) {
			gone := secrets.NewValue(fmt.Sprintf("the value of token %d", id+1)).Fingerprint(accountID)
			w.shelf.Mark(r, secrets.Labels{gone: {TokenID: id + 1, AccountID: accountID, Written: time.Now().Add(-1000 * 24 * time.Hour)}})
		}
	}
}
