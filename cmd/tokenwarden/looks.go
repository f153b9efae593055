package main

import (
	"context"
	"fmt"

	"github.com/tokenwarden/tokenwarden/secrets"
)

// looks remembers what destinations held, for as long as nothing is written: to
// find out whose rotations are under way, each is asked about many times.
type looks struct {
	*app
	seen map[string]held // by account and place
}

func newLooks(a *app) *looks { return &looks{app: a, seen: map[string]held{}} }

// all looks at the destinations that were not looked at yet.
func (l *looks) all(ctx context.Context, accountID int64, refs []secrets.Ref) []held {
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
