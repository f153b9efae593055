package vaultkv

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/tokenwarden/tokenwarden/secrets"
)

// session is the login: made on first use, kept for the store's life, renewed
// or made anew when a third of its lease is left. There is no goroutine: the
// next call looks at the clock.
type session struct {
	auth    api.AuthMethod
	timeout time.Duration // of the client
	client  *api.Client   // never repeats a request, at the namespace of the login
	now     func() time.Time
	turn    chan struct{} // a mutex that a cancelled caller need not wait for

	token     secrets.Value
	renewable bool
	first     time.Duration // the lease as first granted
	lease     time.Duration // the lease as last granted; 0: for ever
	ends      time.Time
}

func newSession(auth api.AuthMethod, client *api.Client, timeout time.Duration, now func() time.Time) *session {
	return &session{auth: auth, client: client, timeout: timeout, now: now, turn: make(chan struct{}, 1)}
}

// get returns a token whose lease has not run out.
func (s *session) get(ctx context.Context) (secrets.Value, error) {
	if err := s.lock(ctx); err != nil {
		return secrets.Value{}, err
	}
	defer s.unlock()
	if s.token.Empty() {
		err := s.login(ctx)
		return s.token, err
	}
	if s.lease == 0 || s.ends.Sub(s.now()) > s.lease/3 {
		return s.token, nil
	}
	// A renewal that grants much less than the first lease has met the token's
	// maximum age: time for a new one.
	if s.renewable && s.ends.After(s.now()) && s.renew(ctx) == nil && s.lease > s.first/3 {
		return s.token, nil
	}
	err := s.login(ctx)
	if err != nil && s.ends.After(s.now()) {
		return s.token, nil // the old one still serves
	}
	return s.token, err
}

// drop forgets the token, if it is still the one that failed, and reports
// whether the next get will bring another.
func (s *session) drop(ctx context.Context, failed secrets.Value) bool {
	if s.lock(ctx) != nil {
		return false
	}
	defer s.unlock()
	if !s.token.Equal(failed) {
		return true // somebody else did already
	}
	return s.login(ctx) == nil && !s.token.Equal(failed)
}

func (s *session) login(ctx context.Context) error {
	var body any
	client := s.client.WithNamespace(s.client.Namespace()).WithRequestCallbacks(func(r *api.Request) {
		_ = json.Unmarshal(r.BodyBytes, &body) // what must not be in an error
	})
	secret, err := s.auth.Login(ctx, client)
	if err != nil {
		return loginError(ctx, err, sent(body), s.timeout)
	}
	if secret == nil || secret.Auth == nil || secret.Auth.ClientToken == "" {
		return fmt.Errorf("logging in to Vault: %w: the answer has no token (a second factor is not supported)", secrets.ErrDenied)
	}
	s.token = secrets.NewValue(secret.Auth.ClientToken)
	s.take(secret.Auth)
	s.first = s.lease
	return nil
}

func (s *session) renew(ctx context.Context) error {
	client := s.client.WithNamespace(s.client.Namespace())
	client.SetToken(s.token.Reveal())
	secret, err := client.Auth().Token().RenewSelfWithContext(ctx, int(s.first/time.Second))
	if err != nil || secret == nil || secret.Auth == nil {
		return errors.Join(err, errors.New("not renewed"))
	}
	s.take(secret.Auth)
	return nil
}

func (s *session) take(auth *api.SecretAuth) {
	s.lease = time.Duration(auth.LeaseDuration) * time.Second
	s.ends = s.now().Add(s.lease)
	s.renewable = auth.Renewable
}

func (s *session) lock(ctx context.Context) error {
	select {
	case s.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *session) unlock() { <-s.turn }

// valid asks Vault about a token that was refused something: false when even
// the question what the token is gets refused.
func (s *session) valid(ctx context.Context, token secrets.Value) bool {
	client := s.client.WithNamespace(s.client.Namespace())
	client.SetToken(token.Reveal())
	_, err := client.Auth().Token().LookupSelfWithContext(ctx)
	return statusOf(err) != http.StatusForbidden
}
