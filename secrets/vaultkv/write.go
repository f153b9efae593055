package vaultkv

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"

	"github.com/tokenwarden/tokenwarden/secrets"
)

func (s *Store) write(ctx context.Context, ref secrets.Ref, w secrets.Write) (secrets.Version, error) {
	expected, err := decodeVersion(w.Expect)
	if err != nil {
		return "", err
	}
	if w.Value.Empty() {
		return "", fmt.Errorf("%w: an empty value would read as none", secrets.ErrRefused)
	}
	p, err := s.locate(ctx, ref)
	if err != nil {
		return "", err
	}
	fields, err := s.fieldsAt(ctx, p, expected)
	if err != nil {
		return "", err
	}
	fields[ref.Field] = w.Value.Reveal()

	r := p.to(http.MethodPut, p.data())
	r.body = map[string]any{
		"data":    fields,
		"options": map[string]any{"cas": expected.number}, // 0: only if there is no version yet
	}
	secret, err := s.send(ctx, r)
	if err != nil {
		return "", err
	}
	if secret == nil {
		return "", errors.New("Vault's answer to the write is empty")
	}
	written, err := versionOf(secret.Data)
	if err != nil {
		return "", err
	}
	return written.encode(), nil
}

// fieldsAt returns a copy of the fields at the very version that a write
// expects, for the write to build on. There are none before the first version
// and in a deleted or destroyed one.
func (s *Store) fieldsAt(ctx context.Context, p place, expected version) (map[string]any, error) {
	if expected.number == 0 {
		return map[string]any{}, nil
	}
	then, err := s.at(ctx, p, expected.number)
	if err != nil {
		return nil, err
	}
	if then.version != expected {
		return nil, secrets.ErrConflict // the secret was removed, and perhaps made anew
	}
	for name, v := range then.fields {
		if !faithful(v) {
			return nil, unfaithful(name)
		}
	}
	fields := maps.Clone(then.fields)
	if fields == nil {
		fields = map[string]any{}
	}
	return fields, nil
}

func unfaithful(name string) error {
	return fmt.Errorf("%w: the field %s holds a number too large for Vault to hand out exactly, so that writing beside it would change it: store it as text", secrets.ErrRefused, printable(name))
}
