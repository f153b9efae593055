package guarantee

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/tokenwarden/tokenwarden/internal/dbtcloud/dbtcloudtest"
	"github.com/tokenwarden/tokenwarden/secrets"
	"github.com/tokenwarden/tokenwarden/secrets/secretstest"
)

// observe hears of each request before and after its effect, with the simulator
// locked.
func (w *Watch) observe(e dbtcloudtest.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if e.Phase == dbtcloudtest.Before {
		t, _ := e.View.Token(tokenOf(e.Request.Path))
		w.dying = e.Request.Operation == "delete-token" && t.Active()
		return
	}
	w.learn(e.Request)
	if e.Request.Method != http.MethodGet {
		w.strangers(e.View)
		w.retirement(e)
		w.dismissal(e)
	}
	w.destinations(e.View)
}

// Changed is told of each change of a store when it is made. It looks at the
// simulator, so it must not be called from there.
func (w *Watch) Changed(c secretstest.Change) {
	w.mu.Lock()
	var before, after *place
	for i := range w.places {
		p := &w.places[i]
		if p.ref.Object() != c.Ref.Object() {
			continue
		}
		was := *p
		p.value, p.labels = c.Value(p.ref), c.Labels
		if p.ref != c.Ref {
			continue // another field of the object: its value stays
		}
		before, after = &was, p
		switch c.By {
		case secretstest.Write:
			p.ours = true
			w.stored[p.value.Reveal()] = true
		case secretstest.ByHand:
			p.ours = false
		}
	}
	switch {
	case after == nil && c.By != secretstest.ByHand:
		w.broken("places", "%s was changed, which is no destination", c.Ref)
	case c.By == secretstest.Write:
		w.run.readBack, w.run.permissions = map[string]secrets.Value{}, map[int64]bool{}
	}
	w.mu.Unlock()

	if c.By == secretstest.Write && after != nil {
		w.written(*before, *after)
	}
	now := snapshot{}
	for _, t := range w.sim.Tokens() {
		now[t.ID] = t
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.destinations(now)
}

// snapshot is the tokens of one moment.
type snapshot map[int64]dbtcloudtest.Token

func (s snapshot) Token(id int64) (dbtcloudtest.Token, bool) {
	t, ok := s[id]
	return t, ok
}

func (s snapshot) TokenByValue(value string) (int64, bool) {
	for id, t := range s {
		if t.Value == value {
			return id, t.Active()
		}
	}
	return 0, false
}

// destinations is G1.
func (w *Watch) destinations(now world) {
	for _, p := range w.places {
		if !p.ours {
			continue
		}
		id, active := now.TokenByValue(p.value.Reveal())
		if !active {
			w.broken("G1", "%s holds the value of token %d, which is not active", p.ref, id)
			continue
		}
		if t, _ := now.Token(id); !slices.Equal(permissions(t), w.want) {
			w.broken("G1", "%s holds the value of token %d, which may do %q instead of %q", p.ref, id, permissions(t), w.want)
		}
	}
}

// written is G7 and G8: whose value was overwritten, and by a value of whom.
func (w *Watch) written(before, after place) {
	held, _ := w.sim.TokenByValue(before.value.Reveal())
	holds, _ := w.sim.TokenByValue(after.value.Reveal())
	w.mu.Lock()
	defer w.mu.Unlock()
	if !before.value.Empty() {
		label, known := before.labels[before.value.Fingerprint(w.account)]
		switch {
		case held == 0 || !w.family(held):
			w.broken("G7", "%s held the value of token %d, which was overwritten", before.ref, held)
		case !known || label.TokenID != held:
			w.broken("G8", "%s was overwritten, and no label said that it held the value of token %d", before.ref, held)
		}
	}
	if label, known := after.labels[after.value.Fingerprint(w.account)]; !known || label.TokenID != holds || label.AccountID != w.account {
		w.broken("labels", "%s was written with the value of token %d before a label said whose that is", after.ref, holds)
	}
}

// strangers are the tokens that a rotation has no business with.
func (w *Watch) strangers(now world) {
	for id, was := range w.others {
		is, _ := now.Token(id)
		if !is.Active() || is.Name != was.Name || !slices.Equal(permissions(is), permissions(was)) {
			w.broken("strangers", "token %d %q was changed", id, was.Name)
		}
	}
}

// learn notes what a run has seen, if the service's own answer reached it.
func (w *Watch) learn(r dbtcloudtest.Request) {
	delivered := r.Fault == dbtcloudtest.NoFault || r.Fault == dbtcloudtest.LostPermission
	if !delivered || r.Status == http.StatusUnauthorized {
		return
	}
	w.run.authenticated[r.TokenID] = true
	if r.Operation == "get-permissions" && r.Status == http.StatusOK {
		w.run.permissions[tokenOf(r.Path)] = true
	}
}

// tokenOf takes the token's id out of a path below service-tokens/.
func tokenOf(path string) int64 {
	_, rest, _ := strings.Cut(path, "/service-tokens/")
	digits, _, _ := strings.Cut(rest, "/")
	id, _ := strconv.ParseInt(digits, 10, 64) // 0 is no token's id
	return id
}

// retirement is G2, at the moment when the old token goes by a request.
func (w *Watch) retirement(e dbtcloudtest.Event) {
	old, _ := e.View.Token(w.old)
	lived := w.oldLives
	w.oldLives = old.Active()
	if !lived || w.oldLives {
		return
	}
	if w.undo {
		w.broken("G2", "token %d was deleted, whose place was to be taken back", w.old)
	}
	first, _ := e.View.TokenByValue(w.places[0].value.Reveal())
	replacement, _ := e.View.Token(first)
	switch {
	case first == w.old || !w.family(first):
		w.broken("G2", "token %d was deleted while %s held the value of token %d", w.old, w.places[0].ref, first)
		return
	case !replacement.Active() || !slices.Equal(permissions(replacement), w.want):
		w.broken("G2", "token %d was deleted while its replacement %d was not an active equal of it", w.old, first)
	}
	for _, p := range w.places {
		if !p.value.Equal(w.places[0].value) {
			w.broken("G2", "token %d was deleted before %s held the value of its replacement %d", w.old, p.ref, first)
		}
	}
	if e.Request.Fault == dbtcloudtest.TimeoutLate {
		return // the run that asked for it may be over
	}
	for _, p := range w.places {
		if !w.blind && !w.run.readBack[p.ref.Place()].Equal(p.value) {
			w.broken("G2", "token %d was deleted before the value of %s was read back", w.old, p.ref)
		}
	}
	for _, id := range []int64{w.old, first} {
		if !w.run.permissions[id] {
			w.broken("G2", "token %d was deleted before the permissions of token %d were read once more", w.old, id)
		}
	}
	if !w.run.authenticated[first] {
		w.broken("G2", "token %d was deleted before the value of its replacement %d had authenticated", w.old, first)
	}
}

// dismissal is G2 for an undo, at the moment when a replacement goes by a request
// whose value consumers may have read.
func (w *Watch) dismissal(e dbtcloudtest.Event) {
	gone, _ := e.View.Token(tokenOf(e.Request.Path))
	if !w.undo || !w.dying || gone.Active() || gone.ID == w.old || !w.stored[gone.Value] {
		return
	}
	old, _ := e.View.Token(w.old)
	late := e.Request.Fault == dbtcloudtest.TimeoutLate // the run that asked for it may be over
	for _, p := range w.places {
		switch {
		case p.value.Reveal() != old.Value || !old.Active():
			w.broken("G2", "replacement %d was deleted before %s held the value of the living token %d", gone.ID, p.ref, w.old)
		case !late && !w.blind && !w.run.readBack[p.ref.Place()].Equal(p.value):
			w.broken("G2", "replacement %d was deleted before the value of %s was read back", gone.ID, p.ref)
		}
	}
	if !late && !w.run.authenticated[w.old] {
		w.broken("G2", "replacement %d was deleted before the value of token %d had authenticated", gone.ID, w.old)
	}
}

// Through returns the store that the rotations are to use, which tells the watch
// what they read.
func (w *Watch) Through(s secrets.Store) secrets.Store {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.blind = false
	return watchedStore{Store: s, watch: w}
}

type watchedStore struct {
	secrets.Store
	watch *Watch
}

func (s watchedStore) Read(ctx context.Context, ref secrets.Ref) (secrets.Content, error) {
	content, err := s.Store.Read(ctx, ref)
	if err == nil {
		s.watch.mu.Lock()
		defer s.watch.mu.Unlock()
		s.watch.run.readBack[ref.Place()] = content.Value
	}
	return content, err
}
