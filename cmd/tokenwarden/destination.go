package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/tokenwarden/tokenwarden/internal/config"
	"github.com/tokenwarden/tokenwarden/secrets"
)

// held is what one destination holds, as far as it could be seen. The value
// itself stays with the store.
type held struct {
	ref    secrets.Ref
	empty  bool
	label  secrets.Label  // whose value it is; zero: unknown
	labels secrets.Labels // all entries, past ones too
	err    error
}

// look reads a destination and tells whose value is there, by its label.
func (a *app) look(ctx context.Context, accountID int64, ref secrets.Ref) held {
	h := held{ref: ref}
	dir, err := a.env.dir()
	if err != nil {
		h.err = err
		return h
	}
	h.ref = ref.Absolute(dir)
	store, err := a.store(h.ref)
	if err != nil {
		h.err = err
		return h
	}
	content, err := store.Read(ctx, h.ref)
	h.err, h.empty, h.labels = err, content.Value.Empty(), content.Labels
	if !h.empty {
		h.label = content.Labels[content.Value.Fingerprint(accountID)]
	}
	return h
}

func (h held) String() string {
	switch {
	case h.err != nil:
		return h.err.Error()
	case h.empty:
		return "empty"
	case h.label.TokenID == 0:
		return "a value of unknown owner"
	}
	text := fmt.Sprintf("token %d", h.label.TokenID)
	if h.label.Replaces != 0 {
		text += fmt.Sprintf(", which replaces %d", h.label.Replaces)
	}
	if !h.label.Until.IsZero() {
		text += ", overlap until " + h.label.Until.Format(time.RFC3339)
	}
	return text
}

// follows reports whether the labels lead from token old to the token whose
// value is held.
func (h held) follows(old int64) bool {
	replaces := map[int64]int64{}
	for _, l := range h.labels {
		if l.Replaces != 0 { // an entry without may be one that stands for no value
			replaces[l.TokenID] = l.Replaces
		}
	}
	for id, hops := h.label.TokenID, 0; id != 0 && hops <= len(replaces); hops++ {
		if id = replaces[id]; id == old {
			return true
		}
	}
	return false
}

// fits reports whether no label says that the value is any but one of the tokens',
// or but that of a replacement, whatever people call it.
func (h held) fits(tokens []config.ActiveToken) bool {
	return h.label.TokenID == 0 || slices.ContainsFunc(tokens, func(t config.ActiveToken) bool {
		return t.ID == h.label.TokenID || h.follows(t.ID)
	})
}

// lookAll looks at many destinations side by side.
func (a *app) lookAll(ctx context.Context, accountID int64, refs []secrets.Ref) []held {
	all := make([]held, len(refs))
	var group errgroup.Group
	group.SetLimit(8) // a secret store is shared, too
	for i, ref := range refs {
		group.Go(func() error {
			all[i] = a.look(ctx, accountID, ref)
			return nil
		})
	}
	_ = group.Wait() // what went wrong is in each
	return all
}

// lookCache remembers what destinations held, for as long as nothing is written:
// to find out whose rotations are under way, each is asked about many times.
type lookCache struct {
	*app
	seen map[string]held // by account and place
}

func newLookCache(a *app) *lookCache { return &lookCache{app: a, seen: map[string]held{}} }

// all looks at the destinations that were not looked at yet.
func (l *lookCache) all(ctx context.Context, accountID int64, refs []secrets.Ref) []held {
	key := func(ref secrets.Ref) string { return fmt.Sprint(accountID, " ", ref.Place()) }
	var fresh []secrets.Ref
	for _, ref := range refs {
		if _, known := l.seen[key(ref)]; !known {
			fresh = append(fresh, ref)
		}
	}
	for i, h := range l.lookAll(ctx, accountID, fresh) {
		l.seen[key(fresh[i])] = h
	}
	found := make([]held, len(refs))
	for i, ref := range refs {
		found[i] = l.seen[key(ref)]
	}
	return found
}

func joinRefs(refs []secrets.Ref) string {
	var texts []string
	for _, r := range refs {
		texts = append(texts, r.String())
	}
	return strings.Join(texts, ", ")
}
