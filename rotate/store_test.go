package rotate_test

import (
	"context"
	"errors"
	"testing"

	"github.com/tokenwarden/tokenwarden/rotate"
	"github.com/tokenwarden/tokenwarden/rotate/guarantee"
	"github.com/tokenwarden/tokenwarden/secrets"
	"github.com/tokenwarden/tokenwarden/secrets/secretstest"
)

// lagging is a store whose reads come from a copy that does not follow.
type lagging struct {
	secrets.Store
	stale bool
	last  secrets.Content
}

func (l *lagging) Read(ctx context.Context, ref secrets.Ref) (secrets.Content, error) {
	if l.stale {
		return l.last, nil
	}
	content, err := l.Store.Read(ctx, ref)
	l.last = content
	return content, err
}

// The value is written, and then nothing can be seen any more: the next write of
// the same value fails its check-and-set because of our own, and that must not
// be taken for somebody else's. The replacement stays.
func TestAWriteThatCannotBeSeen(t *testing.T) {
	for name, breaks := range map[string]func(*lagging) func(context.Context, secretstest.Call) error{
		"reads fail": func(*lagging) func(context.Context, secretstest.Call) error {
			wrote := false
			return func(_ context.Context, c secretstest.Call) error {
				wrote = wrote || c.Op == secretstest.Write
				if wrote && c.Op == secretstest.Read {
					return errors.New("out of sight")
				}
				return nil
			}
		},
		"reads lag behind": func(l *lagging) func(context.Context, secretstest.Call) error {
			return func(_ context.Context, c secretstest.Call) error {
				l.stale = l.stale || c.Op == secretstest.Write
				return nil
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newWorld(t)
				labelled(&cellWorld{world: w})
				watch := guarantee.New(w.sim, w.memory, w.old, w.refs...)
				copied := &lagging{Store: watch.Through(w.memory)}
				r := w.rotator()
				r.Store = func(secrets.Ref) (secrets.Store, error) {
					return &secretstest.Intercept{Store: copied, Before: breaks(copied)}, nil
				}
				w.must(rotate.Failed, w.with(r, w.old, now()))
				if wrong := append(watch.Violations(), watch.Overlapping()...); len(wrong) > 0 {
					t.Error(wrong)
				}
				w.must(rotate.Rotated, w.rotate(now()))
			})
		})
	}
}
