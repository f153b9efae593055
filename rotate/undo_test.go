package rotate

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/tokenwarden/tokenwarden/internal/dbtcloud"
	"github.com/tokenwarden/tokenwarden/secrets"
)

// undone is the state at the beginning of an undo in the overlap: the only
// destination holds the value of 901, which nobody has used.
func undone(change func(*state)) *state {
	return stored(func(s *state) {
		s.undo = undoing{asked: true, leaver: 901, value: secrets.NewValue("dbtc_old"), proved: true}
		change(s)
	})
}

// allBack is the state when every destination holds the old token's value again.
func allBack(change func(*state)) *state {
	return undone(func(s *state) {
		s.destinations[0], s.run.changed = back(901), true
		change(s)
	})
}

func usedAt(at dbtcloud.Timestamp) func(*state) {
	return func(s *state) { s.replacements[0].token.LastUsed = at }
}

func TestNextOfAnUndo(t *testing.T) {
	nothing := func(*state) {}
	over := func(s *state) { s.replacements = nil }
	for name, c := range map[string]struct {
		s      *state
		do     action
		status Status
		token  int64
		says   string
	}{
		// The way of an undisturbed undo.
		"first of all the stores are asked": {s: undone(func(s *state) { s.run.preflighted, s.undo.proved = false, false }), do: preflight},
		"not found yet: look for it":        {s: undone(func(s *state) { s.undo.value, s.undo.proved = secrets.Value{}, false }), do: recall},
		"found, not proved: prove it":       {s: undone(func(s *state) { s.undo.proved = false }), do: recall},
		"proved elsewhere, not at hand":     {s: undone(func(s *state) { s.undo.value = secrets.Value{} }), do: recall},
		"found and proved: put it back":     {s: undone(nothing), do: putBack},
		"the arbiter has it: the others too": {s: undone(func(s *state) {
			s.destinations = []destination{back(901), held(ofReplacement, 901)}
		}), do: putBack},
		"one never had another: fenced as well":   {s: undone(func(s *state) { s.destinations = []destination{back(901), held(ofOld, 777)} }), do: putBack},
		"all have it, a command: run it":          {s: allBack(func(s *state) { s.hasCommand = true }), do: afterStore},
		"the command ran: go on":                  {s: allBack(func(s *state) { s.hasCommand, s.destinations[0].undoes[0].Ready = true, true }), do: verify},
		"all have it: read everything":            {s: allBack(nothing), do: verify, token: 901},
		"and read: the replacement goes":          {s: allBack(func(s *state) { s.run.fresh = true }), do: dismiss, token: 901},
		"gone: list once more":                    {s: allBack(over), do: sweep},
		"swept: done":                             {s: allBack(func(s *state) { over(s); s.run.swept = true }), do: stop, status: Undone},
		"found undone: unchanged":                 {s: allBack(func(s *state) { over(s); s.run.changed = false }), do: stop, status: Unchanged},
		"never rotated: unchanged":                {s: undone(func(s *state) { over(s); s.destinations[0], s.undo.leaver = held(ofOld, 777), 0 }), do: stop, status: Unchanged},
		"the replacement is dead, its value held": {s: undone(func(s *state) { over(s); s.destinations[0] = held(ofDead, 901) }), do: putBack},
		"an undo of an older one is none of it": {s: undone(func(s *state) {
			s.destinations[0] = held(ofOld, 777)
			s.destinations[0].undoes = back(800).undoes
			over(s)
		}), do: stop, status: Unchanged},

		// When the replacement goes.
		"used by its maker alone: at once": {s: allBack(usedAt(dbtcloud.At(noon.Add(-30*time.Hour + time.Minute)))), do: verify},
		"taken up: it stays":               {s: allBack(usedAt(dbtcloud.At(noon.Add(-6*time.Hour - time.Minute)))), do: stop, status: Pending, token: 901},
		"taken up, and quiet since":        {s: allBack(usedAt(dbtcloud.At(noon.Add(-25 * time.Hour)))), do: verify},
		"used after the overlap: a person": {s: allBack(usedAt(dbtcloud.At(noon.Add(-time.Hour)))), do: stop, status: Refused, says: "--now"},
		"use not shown: a person":          {s: allBack(usedAt(dbtcloud.Timestamp{})), do: stop, status: Refused, says: "--now"},
		"use not shown, in the overlap": {s: allBack(func(s *state) {
			usedAt(dbtcloud.Timestamp{})(s)
			s.destinations[0].undoes[0].Until = noon.Add(time.Hour)
		}), do: stop, status: Pending},
		"taken up, --now: at once": {s: allBack(func(s *state) { usedAt(dbtcloud.At(noon))(s); s.policy.Now = true }), do: verify},
		"a deletion was announced, and nobody saw its end": {s: allBack(func(s *state) {
			s.announced = noon.Add(-time.Hour)
			s.destinations[0].undoes[0].Until = noon.Add(time.Hour)
		}), do: stop, status: Pending},
		"404 for the replacement: nothing is concluded": {s: allBack(func(s *state) { s.replacements[0].unseen = true }), do: stop, status: Failed, says: "404"},

		// What stands in the way.
		"deleted: too late":     {s: undone(func(s *state) { s.old.life = gone }), do: stop, status: Refused, says: "too late"},
		"nowhere":               {s: undone(func(s *state) { s.old.life = unseen; over(s) }), do: stop, status: Refused, says: "not to be found"},
		"404 for both":          {s: undone(func(s *state) { s.old.life = unseen }), do: stop, status: Failed, says: "permission"},
		"in no version":         {s: undone(func(s *state) { s.undo.why = "no version" }), do: stop, status: Refused, says: "no version"},
		"another token's value": {s: undone(func(s *state) { s.destinations = append(s.destinations, held(ofAnotherToken, 700)) }), do: stop, status: Refused, says: "700"},
		"a value of unknown owner": {s: undone(func(s *state) {
			s.destinations = append(s.destinations, held(unknown, 0))
		}), do: stop, status: Refused, says: "unknown owner"},
		"a value without its label": {s: undone(func(s *state) { s.destinations[0].unlabelled = true }), do: stop, status: Refused, says: "unknown owner"},
		"the destinations disagree": {s: undone(func(s *state) {
			s.destinations = append(s.destinations, held(ofReplacement, 902))
			s.replacements = append(s.replacements, made(902, time.Hour))
		}), do: stop, status: Refused, says: "disagree"},
		"empty, and nothing to bring back":      {s: undone(func(s *state) { over(s); s.destinations[0] = held(empty, 0) }), do: stop, status: Refused, says: "empty"},
		"empty beside another: a first write":   {s: undone(func(s *state) { s.destinations = []destination{back(901), held(empty, 0)} }), do: putBack},
		"the replacement's own id":              {s: undone(func(s *state) { s.old.inFlightOf = 700 }), do: stop, status: Refused, says: "--undo --token-id 700"},
		"no server time":                        {s: undone(func(s *state) { s.now = time.Time{} }), do: stop, status: Refused, says: "Date"},
		"about to be deleted: nothing is begun": {s: undone(func(s *state) { s.announced = noon.Add(-time.Minute) }), do: stop, status: Refused, says: "2026-11-23T12:09:00Z"},
		"… though a person rolled the first back": {s: undone(func(s *state) {
			s.announced = noon.Add(-time.Minute)
			s.destinations = []destination{held(ofOld, 777), held(ofReplacement, 901)}
		}), do: stop, status: Refused, says: "about to delete"},
		"… long ago: it did not come to that":    {s: undone(func(s *state) { s.announced = noon.Add(-announcementLife) }), do: putBack},
		"… when the value is back: go on":        {s: allBack(func(s *state) { s.announced, s.policy.Now = noon.Add(-time.Minute), true }), do: verify},
		"our own credential, elsewhere":          {s: undone(func(s *state) { s.undo.own = 901 }), do: stop, status: Refused, says: "locked out"},
		"our own, and the old one may not do it": {s: undone(func(s *state) { s.undo.own, s.credentialInDestination = 901, true }), do: stop, status: Refused, says: "locked out"},
		"our own, in a destination": {s: undone(func(s *state) {
			s.undo.own, s.credentialInDestination = 901, true
			s.old.permissions.Grants = []dbtcloud.Grant{{PermissionSet: "owner", AllProjects: true}}
		}), do: putBack},
		"a difference in permissions is none":      {s: undone(func(s *state) { s.replacements[0].checked, s.replacements[0].problem = false, "missing: x" }), do: putBack},
		"a token that could not be copied is fine": {s: undone(func(s *state) { s.old.problem, s.old.permissions = "x", Permissions{} }), do: putBack},
		"too little time to begin":                 {s: undone(func(s *state) { s.run.stopping = "x" }), do: stop, status: Failed},
		"too little time, and begun: go on":        {s: allBack(func(s *state) { s.run.stopping = "x" }), do: verify},
		"interrupted":                              {s: undone(func(s *state) { s.run.interrupted = true }), do: stop, status: Failed, says: "put-back"},
		"failed":                                   {s: undone(func(s *state) { s.run.failure = "x" }), do: stop, status: Failed},
		"an unclear write: the same again":         {s: undone(func(s *state) { s.destinations[0].mayArrive = true }), do: putBack},
		"unclear for good: both stay":              {s: undone(func(s *state) { s.destinations[0].mayArrive, s.run.stores = true, maxStores }), do: stop, status: Failed},

		// Orphans beside it.
		"an orphan waits until the values are back": {s: undone(func(s *state) { s.replacements = append(s.replacements, made(902, time.Minute)) }), do: putBack},
		"… and until the replacement is gone":       {s: allBack(func(s *state) { s.replacements = append(s.replacements, made(902, time.Hour)) }), do: verify, token: 901},
		"… unless that stays": {s: allBack(func(s *state) {
			usedAt(dbtcloud.At(noon.Add(-7 * time.Hour)))(s)
			s.replacements = append(s.replacements, made(902, time.Hour))
		}), do: fence},
		"an orphan alone: fence first": {s: undone(func(s *state) {
			s.destinations[0], s.replacements = held(ofOld, 777), []replacement{made(902, time.Hour)}
		}), do: fence},
		"an orphan alone, fenced: drop": {s: undone(func(s *state) {
			s.destinations[0], s.replacements = held(ofOld, 777), []replacement{made(902, time.Hour, fenced)}
		}), do: drop, token: 902},
		"a young orphan alone: wait": {s: undone(func(s *state) {
			s.destinations[0], s.replacements = held(ofOld, 777), []replacement{made(902, time.Minute)}
		}), do: stop, status: Refused, says: "again"},
	} {
		t.Run(name, func(t *testing.T) {
			before := c.s.run
			got := next(c.s)
			if got.do != c.do || got.status != c.status || c.token != 0 && got.token != c.token || !strings.Contains(got.because, c.says) {
				t.Errorf("next: %+v\nwant: %s %s %d %q", got, c.do, c.status, c.token, c.says)
			}
			if again := next(c.s); !reflect.DeepEqual(got, again) || !reflect.DeepEqual(before, c.s.run) {
				t.Error("next is not pure")
			}
		})
	}
}

// What is kept beside an object is bounded: the notes of undoes that are over go
// first, whoever's they are, and what tells which token succeeded which stays as
// long as it may.
func TestNotesOfUndoesArePrunedFirst(t *testing.T) {
	u := &run{latest: &Survey{Stable: true}, account: 1}
	u.s.old.id = 777
	c := secrets.Content{Labels: secrets.Labels{}}
	dead := func(n int) {
		for i := range n {
			fp := secrets.NewValue(strings.Repeat("x", i+1)).Fingerprint(1)
			c.Labels[fp] = secrets.Label{TokenID: int64(i + 1), AccountID: 1, Written: noon.Add(time.Duration(i) * time.Hour)}
		}
	}
	dead(maxLabels - 1)
	over, under := secrets.UndoEntry(1, 901), secrets.UndoEntry(1, 902)
	c.Labels[over] = secrets.Label{TokenID: 777, AccountID: 1, Undoes: 901}
	c.Labels[under] = secrets.Label{TokenID: 777, AccountID: 1, Undoes: 902, Written: noon}
	if got := u.prunable(c); len(got) != 1+(maxLabels-1)/2 || got[0] != over {
		t.Errorf("%v goes", got)
	}
	delete(c.Labels, under)
	if got := u.prunable(c); len(got) != 1 || got[0] != over {
		t.Errorf("%v goes, and there is room without", got)
	}
}
