package vaultkv

import (
	"context"

	"github.com/tokenwarden/tokenwarden/secrets"
)

// recall goes back from the version before the current one. Those that are
// deleted or destroyed have no fields, and their place in the list of versions
// says so, but they may become so at any time: they are asked for and passed
// over. Only what the policy allows anyway is read: metadata, and data by version.
func (s *Store) recall(ctx context.Context, ref secrets.Ref, accept func(secrets.Value) bool) (secrets.Value, error) {
	p, err := s.locate(ctx, ref)
	if err != nil {
		return secrets.Value{}, err
	}
	meta, err := s.metadata(ctx, p)
	if err != nil {
		return secrets.Value{}, err
	}
	for number := meta.version - 1; number > 0 && number >= meta.oldest; number-- {
		then, err := s.at(ctx, p, number)
		if err != nil {
			return secrets.Value{}, err
		}
		// A field that holds no text there is none that this program wrote.
		text, _ := then.fields[ref.Field].(string)
		if value := secrets.NewValue(text); !value.Empty() && accept(value) {
			return value, nil
		}
	}
	return secrets.Value{}, nil
}
