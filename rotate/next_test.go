package rotate

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/tokenwarden/tokenwarden/internal/dbtcloud"
	"github.com/tokenwarden/tokenwarden/secrets"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// observed is a living old token 777 whose value the one destination holds, as a
// run sees it after its preflight; cases change it.
func observed(change func(*state)) *state {
	s := &state{
		now: noon,
		old: oldToken{
			id: 777, life: alive, credential: no, looked: noon,
			token:       dbtcloud.ServiceToken{ID: 777, Name: "Airflow", LastUsed: dbtcloud.At(noon.Add(-48 * time.Hour))},
			permissions: Permissions{MetadataOnly: true},
		},
		destinations: []destination{held(ofOld, 777)},
		run:          runFacts{nonce: "abcd", preflighted: true},
		policy: policy{
			Options:    Options{Overlap: 24 * time.Hour, Quiet: 24 * time.Hour, OrphanMinAge: 10 * time.Minute},
			credential: secrets.NewValue("dbtc_admin"),
		},
	}
	change(s)
	return s
}

func held(o owner, token int64) destination {
	d := destination{owner: o, ref: secrets.Ref{Scheme: secrets.Vault, Path: "secret/a", Field: "token"}}
	if o != empty && o != unknown {
		d.label = secrets.Label{TokenID: token, AccountID: 1, Replaces: 777, Written: noon.Add(-30 * time.Hour), Until: noon.Add(-6 * time.Hour)}
	}
	return d
}

func made(id int64, age time.Duration, change ...func(*replacement)) replacement {
	r := replacement{token: dbtcloud.ServiceToken{
		ID: id, Name: "Airflow [replaces 777 wxyz]", State: dbtcloud.Active,
		CreatedAt: dbtcloud.At(noon.Add(-age)), LastUsed: dbtcloud.Timestamp{Presence: dbtcloud.Null},
	}}
	r.lives = true
	for _, c := range change {
		c(&r)
	}
	return r
}

func ours(r *replacement)    { r.mine, r.value = true, secrets.NewValue("dbtc_new") }
func fenced(r *replacement)  { r.fenced = true }
func lost(r *replacement)    { r.mine = true }
func checked(r *replacement) { r.checked, r.proved = true, true }

// stored is the state after the replacement 901 was stored in the only destination.
func stored(change func(*state)) *state {
	return observed(func(s *state) {
		s.destinations = []destination{held(ofReplacement, 901)}
		s.replacements = []replacement{made(901, 30*time.Hour, checked)}
		change(s)
	})
}

func announcedNow(s *state) { s.run.announced = noon }

// anUndoAnnounced is the label that an undo writes before it writes anything else.
func anUndoAnnounced(s *state) {
	s.destinations[0].undoes = []secrets.Label{{TokenID: 777, AccountID: 1, Undoes: 901}}
}

// back is a destination in which an undo took the old token's place back.
func back(from int64) destination {
	d := held(ofOld, 777)
	d.label.Replaces = 0
	d.undoes = []secrets.Label{{TokenID: 777, AccountID: 1, Undoes: from, Written: d.label.Written, Until: d.label.Until}}
	return d
}

func TestNext(t *testing.T) {
	nothing := func(*state) {}
	for name, c := range map[string]struct {
		s      *state
		do     action
		status Status
		token  int64
		says   string
	}{
		// The way of an undisturbed rotation.
		"fresh: create":                     {s: observed(nothing), do: create},
		"first of all the stores are asked": {s: observed(func(s *state) { s.run.preflighted = false }), do: preflight},
		"created: equalise":                 {s: observed(func(s *state) { s.replacements = []replacement{made(901, 0, ours)} }), do: equalise, token: 901},
		"equal, not proved: equalise": {s: observed(func(s *state) {
			s.replacements = []replacement{made(901, 0, ours, checked, func(r *replacement) { r.proved = false })}
		}), do: equalise, token: 901},
		"equal and proved: store": {s: observed(func(s *state) { s.replacements = []replacement{made(901, 0, ours, checked)} }), do: store, token: 901},
		"stored once, and written over: the next run settles it": {s: observed(func(s *state) {
			s.replacements = []replacement{made(901, 0, ours, checked, func(r *replacement) { r.stored = true })}
		}), do: stop, status: Failed, says: "wrote over it"},
		"… and the old token is gone: look whether it lives": {s: observed(func(s *state) {
			s.old.life = gone
			s.replacements = []replacement{made(901, 0, ours, checked, func(r *replacement) { r.stored, r.lives = true, false })}
		}), do: look, token: 901},
		"stored in one of two: the other": {s: stored(func(s *state) { s.destinations = append(s.destinations, held(ofOld, 777)) }), do: store, token: 901},
		"read at different times: look": {s: stored(func(s *state) {
			s.replacements[0].lives = false
			s.destinations = append(s.destinations, held(ofOld, 777))
		}), do: look, token: 901},
		"stored, a command: run it":        {s: stored(func(s *state) { s.hasCommand = true }), do: afterStore, token: 901},
		"stored, quiet: announce it":       {s: stored(nothing), do: announce, token: 901},
		"announced: read everything":       {s: stored(announcedNow), do: confirm, token: 901},
		"announced and read: delete":       {s: stored(func(s *state) { announcedNow(s); s.run.fresh = true }), do: retire, token: 901},
		"announced long ago: once more":    {s: stored(func(s *state) { s.run.announced, s.run.fresh = noon.Add(-announcementUse), true }), do: announce, token: 901},
		"no server time: nothing to say":   {s: stored(func(s *state) { s.now, s.policy.Now = time.Time{}, true }), do: confirm, token: 901},
		"an undo was announced: fence it":  {s: stored(func(s *state) { announcedNow(s); anUndoAnnounced(s); s.run.fresh = true }), do: fence},
		"… and is fenced: read everything": {s: stored(func(s *state) { announcedNow(s); anUndoAnnounced(s); s.run.fenced = true }), do: confirm, token: 901},
		"an undo of another one is nothing": {s: stored(func(s *state) {
			announcedNow(s)
			s.destinations[0].undoes = []secrets.Label{{TokenID: 777, AccountID: 1, Undoes: 800}}
		}), do: confirm, token: 901},
		"an undo is under way: not before its end": {s: stored(func(s *state) { s.destinations[0] = back(901) }), do: stop, status: Refused, says: "--undo"},
		"an undo is over: create":                  {s: observed(func(s *state) { s.destinations[0] = back(901) }), do: create},
		"deleted: rename":                          {s: stored(func(s *state) { s.old.life = gone }), do: rename, token: 901},
		"renamed: list once more":                  {s: stored(func(s *state) { s.old.life, s.run.changed = gone, true; s.replacements[0].token.Name = "Airflow" }), do: sweep},
		"swept: done": {s: stored(func(s *state) {
			s.old.life, s.run.changed, s.run.swept = gone, true, true
			s.replacements[0].token.Name = "Airflow"
		}), do: stop, status: Rotated, token: 901},
		"found finished: unchanged":          {s: stored(func(s *state) { s.old.life = gone; s.replacements[0].token.Name = "Airflow" }), do: stop, status: Unchanged, token: 901},
		"rename refused for ever: done":      {s: stored(func(s *state) { s.old.life, s.run.changed, s.run.swept, s.run.renameRefused = gone, true, true, "no" }), do: stop, status: Rotated, token: 901},
		"dead replacement stored: a new one": {s: observed(func(s *state) { s.destinations[0] = held(ofDead, 901) }), do: create},
		"found stored in one, unchecked: compare": {s: stored(func(s *state) {
			s.replacements[0].checked = false
			s.destinations = append(s.destinations, held(ofOld, 777))
		}), do: equalise, token: 901},
		"found stored in all, unchecked: read everything": {s: stored(func(s *state) { announcedNow(s); s.replacements[0].checked = false }), do: confirm, token: 901},
		"found stored, different: a person":               {s: stored(func(s *state) { s.replacements[0].problem = "missing: x" }), do: stop, status: Refused, says: "missing: x"},
		"the chain's living end":                          {s: observed(func(s *state) { s.old.life, s.successor, s.destinations[0] = gone, 950, held(ofAnotherToken, 950) }), do: stop, status: Unchanged, token: 950, says: "950"},
		"the chain's end is not stored":                   {s: observed(func(s *state) { s.old.life, s.successor = gone, 950 }), do: stop, status: Refused, says: "950"},

		// What a run must clear up of its own.
		"create without an answer: look": {s: observed(func(s *state) { s.run.mayHaveCreated = true }), do: lookUp},
		"its value was lost: remove":     {s: observed(func(s *state) { s.replacements = []replacement{made(901, 0, lost)} }), do: remove, token: 901},
		"not equal: remove": {s: observed(func(s *state) {
			s.replacements = []replacement{made(901, 0, ours, func(r *replacement) { r.problem = "no" })}
		}), do: remove, token: 901},
		"a failure before the store: remove": {s: observed(func(s *state) { s.replacements, s.run.failure = []replacement{made(901, 0, ours)}, "x" }), do: remove, token: 901},
		"another run stored first: remove":   {s: stored(func(s *state) { s.replacements = append(s.replacements, made(902, 0, ours, checked)) }), do: remove, token: 902},
		"another run stored a higher id: remove": {s: observed(func(s *state) {
			s.destinations = []destination{held(ofReplacement, 902)}
			s.replacements = []replacement{made(901, 0, ours, checked), made(902, 0)}
		}), do: remove, token: 901},
		"another run has the lower id: remove": {s: observed(func(s *state) {
			s.replacements = []replacement{made(901, 0), made(902, 0, ours, checked)}
			s.run.creates = 1
		}), do: remove, token: 902},
		"this run has the lower id: store": {s: observed(func(s *state) {
			s.replacements = []replacement{made(901, 0, ours, checked), made(902, 0)}
			s.run.creates = 1
		}), do: store, token: 901},
		"an unclear write: the same again": {s: observed(func(s *state) {
			s.replacements = []replacement{made(901, 0, ours, checked)}
			s.destinations[0].mayArrive, s.run.stores = true, 1
		}), do: store, token: 901},
		"unclear for good: both stay": {s: observed(func(s *state) {
			s.replacements = []replacement{made(901, 0, ours, checked)}
			s.destinations[0].mayArrive, s.run.stores = true, maxStores
		}), do: stop, status: Failed},
		"beaten: trying again could pass a fence": {s: observed(func(s *state) {
			s.run.beaten, s.run.creates, s.replacements = "a write", 1, []replacement{made(901, time.Minute, ours, checked)}
		}), do: remove, token: 901},
		"withdrawn: a person or the other run":     {s: observed(func(s *state) { s.run.withdrawn = "another run" }), do: stop, status: Refused},
		"withdrawn, the other one stored: go on":   {s: stored(func(s *state) { announcedNow(s); s.run.withdrawn = "another run" }), do: confirm, token: 901},
		"failed":                                   {s: observed(func(s *state) { s.run.failure = "x" }), do: stop, status: Failed},
		"interrupted with nothing in flight: stop": {s: observed(func(s *state) { s.run.interrupted = true }), do: stop, status: Failed},
		"interrupted with one in flight: go on":    {s: observed(func(s *state) { s.run.interrupted = true; s.replacements = []replacement{made(901, 0, ours, checked)} }), do: store, token: 901},
		"too little time to begin":                 {s: observed(func(s *state) { s.run.stopping = "x" }), do: stop, status: Failed},
		"too many creates without an answer":       {s: observed(func(s *state) { s.run.creates = maxCreates }), do: stop, status: Failed},

		// Orphans of other runs.
		"young orphan: wait":       {s: observed(func(s *state) { s.replacements = []replacement{made(901, time.Minute)} }), do: stop, status: Refused, says: "again"},
		"old orphan: fence first":  {s: observed(func(s *state) { s.replacements = []replacement{made(901, time.Hour)} }), do: fence},
		"old orphan, fenced: drop": {s: observed(func(s *state) { s.replacements = []replacement{made(901, time.Hour, fenced)} }), do: drop, token: 901},
		"another orphan, not fenced: once more": {s: observed(func(s *state) {
			s.replacements = []replacement{made(901, time.Hour), made(902, 2*time.Hour, fenced)}
		}), do: fence},
		"used orphan: a person": {s: observed(func(s *state) {
			s.replacements = []replacement{made(901, time.Hour, func(r *replacement) { r.token.LastUsed = dbtcloud.At(noon) })}
		}), do: stop, status: Refused, says: "used"},
		"orphan of unknown age: stays": {s: observed(func(s *state) {
			s.replacements = []replacement{made(901, time.Hour, func(r *replacement) { r.token.CreatedAt = dbtcloud.Timestamp{} })}
		}), do: stop, status: Refused},
		"no server time: nothing goes": {s: observed(func(s *state) {
			s.now, s.policy.Now, s.replacements = time.Time{}, true, []replacement{made(901, time.Hour)}
		}), do: stop, status: Refused},
		"orphan, nothing stored: create": {s: observed(func(s *state) {
			s.destinations[0] = held(empty, 0)
			s.replacements = []replacement{made(901, time.Hour)}
		}), do: create},
		"orphan, unknown value: prove": {s: observed(func(s *state) {
			s.destinations[0] = held(unknown, 0)
			s.replacements = []replacement{made(901, time.Hour)}
		}), do: prove},
		"min age 0: at once": {s: observed(func(s *state) {
			s.policy.OrphanMinAge = 0
			s.replacements = []replacement{made(901, -900*time.Millisecond)}
		}), do: fence},

		// Whose value, and whose credential.
		"unknown value: prove":                 {s: observed(func(s *state) { s.destinations[0] = held(unknown, 0) }), do: prove},
		"unknown value, --adopt":               {s: observed(func(s *state) { s.destinations[0], s.policy.Adopt = held(unknown, 0), true }), do: adopt},
		"unknown value, not proved":            {s: observed(func(s *state) { s.destinations[0] = held(unknown, 0); s.destinations[0].unproved = "x" }), do: stop, status: Refused, says: "--adopt"},
		"unknown value, old gone":              {s: stored(func(s *state) { s.old.life = gone; s.destinations = append(s.destinations, held(unknown, 0)) }), do: stop, status: Refused, says: "unknown owner"},
		"another token's: never":               {s: observed(func(s *state) { s.destinations[0], s.policy.Adopt = held(ofAnotherToken, 700), true }), do: stop, status: Refused, says: "700"},
		"our own credential, elsewhere":        {s: observed(func(s *state) { s.old.credential = yes }), do: stop, status: Refused, says: "locked out"},
		"our own credential, in a destination": {s: observed(func(s *state) { s.old.credential, s.credentialInDestination = yes, true }), do: create},
		"maybe our own: find out":              {s: observed(func(s *state) { s.old.credential = maybe }), do: identify},
		"maybe our own, for good":              {s: observed(func(s *state) { s.old.credential, s.old.identified = maybe, true }), do: stop, status: Refused, says: "may be"},

		// What cannot be rotated.
		"no permission":         {s: observed(func(s *state) { s.old.permissions = Permissions{} }), do: stop, status: Refused},
		"uncopyable":            {s: observed(func(s *state) { s.old.problem = "x" }), do: stop, status: Refused, says: "x"},
		"in flight itself":      {s: observed(func(s *state) { s.old.inFlightOf = 700 }), do: stop, status: Refused, says: "700"},
		"nowhere":               {s: observed(func(s *state) { s.old.life = unseen }), do: stop, status: Refused},
		"404 for both":          {s: stored(func(s *state) { s.old.life = unseen }), do: stop, status: Failed, says: "permission"},
		"deleted, value lost":   {s: observed(func(s *state) { s.old.life = gone; s.replacements = []replacement{made(901, time.Hour)} }), do: stop, status: Refused, says: "901"},
		"deleted, nothing":      {s: observed(func(s *state) { s.old.life = gone }), do: stop, status: Refused},
		"deleted, ours at hand": {s: observed(func(s *state) { s.old.life = gone; s.replacements = []replacement{made(901, 0, ours, checked)} }), do: store, token: 901},
		"personal token":        {s: observed(func(s *state) { s.policy.credential = secrets.NewValue("dbtu_x") }), do: stop, status: Refused, says: "personal"},
		"empty and --now":       {s: observed(func(s *state) { s.destinations[0], s.policy.Now = held(empty, 0), true }), do: stop, status: Refused, says: "--adopt"},
	} {
		t.Run(name, func(t *testing.T) {
			before := *c.s
			got := next(c.s)
			if got.do != c.do || got.status != c.status || c.token != 0 && got.token != c.token || !strings.Contains(got.because, c.says) {
				t.Errorf("next: %+v\nwant: %s %s %d %q", got, c.do, c.status, c.token, c.says)
			}
			if again := next(c.s); !reflect.DeepEqual(got, again) || !reflect.DeepEqual(before.run, c.s.run) {
				t.Error("next is not pure")
			}
		})
	}
}

func TestWait(t *testing.T) {
	used := dbtcloud.At
	h := time.Hour
	for name, c := range map[string]struct {
		change func(*state)
		free   bool
		status Status
		until  time.Time
	}{
		"overlap over and quiet":            {change: func(*state) {}, free: true},
		"within the overlap":                {change: func(s *state) { s.destinations[0].label.Until = noon.Add(h) }, status: Pending, until: noon.Add(h)},
		"the label's overlap outlasts ours": {change: func(s *state) { s.policy.Overlap = 0; s.destinations[0].label.Until = noon.Add(h) }, status: Pending, until: noon.Add(h)},
		"a flag shortens it": {change: func(s *state) {
			s.policy.Overlap, s.policy.OverlapSet = 0, true
			s.destinations[0].label.Until = noon.Add(h)
		}, free: true},
		"a flag lengthens it": {change: func(s *state) { s.policy.Overlap, s.policy.OverlapSet = 40*h, true }, status: Pending, until: noon.Add(10 * h)},
		"used before the store": {change: func(s *state) {
			s.destinations[0].label.Written = noon.Add(-h)
			s.destinations[0].label.Until = noon
			s.old.token.LastUsed = used(noon.Add(-2 * h))
		}, status: Pending, until: noon.Add(22 * h)},
		"used within the overlap": {change: func(s *state) { s.old.token.LastUsed = used(noon.Add(-10 * h)) }, status: Pending, until: noon.Add(14 * h)},
		"quiet by now, but not when it was looked at": {change: func(s *state) {
			s.old.looked = noon.Add(-2 * h)
			s.old.token.LastUsed = used(noon.Add(-25 * h))
		}, status: Pending, until: noon.Add(-h)},
		"used after the overlap": {change: func(s *state) { s.old.token.LastUsed = used(noon.Add(-2 * h)) }, status: Refused},
		"used after it, but not asked": {change: func(s *state) {
			s.policy.Quiet, s.policy.QuietSet = 0, true
			s.old.token.LastUsed = used(noon.Add(-2 * h))
		}, free: true},
		"never used":           {change: func(s *state) { s.old.token.LastUsed = dbtcloud.Timestamp{Presence: dbtcloud.Null} }, free: true},
		"use not shown":        {change: func(s *state) { s.old.token.LastUsed = dbtcloud.Timestamp{} }, status: Refused},
		"use unreadable":       {change: func(s *state) { s.old.token.LastUsed = dbtcloud.Timestamp{Presence: dbtcloud.Unreadable} }, status: Refused},
		"use not shown, --now": {change: func(s *state) { s.old.token.LastUsed = dbtcloud.Timestamp{}; s.policy.Now = true }, free: true},
		"first write, quiet lowered": {change: func(s *state) {
			s.destinations[0].label.First = true
			s.policy.Quiet = h
			s.old.token.LastUsed = used(noon.Add(-23 * h))
		}, status: Pending, until: noon.Add(h)},
		"first write, never used, just now": {change: func(s *state) {
			l := &s.destinations[0].label
			l.First, l.Written, l.Until = true, noon.Add(-h), noon
			s.old.token.LastUsed = dbtcloud.Timestamp{Presence: dbtcloud.Null}
		}, status: Pending, until: noon.Add(23 * h)},
		"first write, adopted, --now": {change: func(s *state) { s.destinations[0].label.First, s.policy.Adopt, s.policy.Now = true, true, true }, free: true},
		"the latest of several destinations": {change: func(s *state) {
			d := held(ofReplacement, 901)
			d.label.Until = noon.Add(2 * h)
			s.destinations = append(s.destinations, d)
		}, status: Pending, until: noon.Add(2 * h)},
		"no server time, --now": {change: func(s *state) { s.now, s.policy.Now = time.Time{}, true }, free: true},
	} {
		t.Run(name, func(t *testing.T) {
			s := stored(c.change)
			st, free := s.wait(&s.replacements[0])
			if free != c.free || st.status != c.status || !st.until.Equal(c.until) {
				t.Errorf("wait: %v %+v, want %v %s %s", free, st, c.free, c.status, c.until)
			}
		})
	}
}
