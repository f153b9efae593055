package agefile

import (
	"context"
	"time"

	"github.com/tokenwarden/tokenwarden/secrets"
)

// Entry is a value that a key held before its present one.
type Entry struct {
	Value   secrets.Value
	Written time.Time // by this machine's clock
}

// History returns the values before the present one, the newest first, at most
// ten. Errors are those of Read.
func (s *Store) History(ctx context.Context, ref secrets.Ref) ([]Entry, error) {
	var entries []Entry
	err := s.view(ctx, ref, func(r *record) {
		for _, p := range r.Previous {
			entries = append(entries, Entry{p.Value.Value, p.Written})
		}
	})
	return entries, wrap("reading", ref, err)
}
