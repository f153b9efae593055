package notify

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/tokenwarden/tokenwarden/secrets"
)

// SecretStore is what a SecretState needs of a secrets.Store.
type SecretStore interface {
	Read(ctx context.Context, ref secrets.Ref) (secrets.Content, error)
	Write(ctx context.Context, ref secrets.Ref, w secrets.Write) (secrets.Version, error)
}

// SecretState keeps the state in a secret store, for runs that have no disk or
// several machines. It is no secret: the store is there, and has check-and-set.
type SecretState struct {
	Store SecretStore
	Ref   secrets.Ref // writable and absolute
}

// errForeign: the reference leads to something else, a token perhaps. It is not
// repeated, and not overwritten.
var errForeign = errors.New("there is something that is no alert state, and it is left as it is: name another place, or empty this one")

// Load implements StateStore.
func (s SecretState) Load(ctx context.Context) (State, string, error) {
	content, err := s.Store.Read(ctx, s.Ref)
	if err != nil {
		return State{}, "", err
	}
	text := content.Value.Reveal()
	state, err := Decode([]byte(text))
	if errors.Is(err, ErrBrokenState) && !strings.HasPrefix(text, encodedPrefix) {
		err = errForeign
	}
	if err != nil {
		err = fmt.Errorf("reading %s: %w", s.Ref, err)
	}
	return state, string(content.Version), err
}

// Save implements StateStore. When it is not known whether a write was done, it
// looks.
func (s SecretState) Save(ctx context.Context, state State, expect string) (string, error) {
	b, err := Encode(state, SecretLimit)
	if err != nil {
		return "", fmt.Errorf("writing %s: %w", s.Ref, err)
	}
	value := secrets.NewValue(string(b))
	version, err := s.Store.Write(ctx, s.Ref, secrets.Write{Value: value, Expect: secrets.Version(expect)})
	if err == nil {
		return string(version), nil
	}
	if now, lookErr := s.Store.Read(ctx, s.Ref); lookErr == nil && now.Value.Equal(value) && string(now.Version) != expect {
		return string(now.Version), nil
	}
	if errors.Is(err, secrets.ErrConflict) {
		err = ErrConflict
	}
	return "", fmt.Errorf("writing %s: %w", s.Ref, err)
}
