package vaultkv

import (
	"context"
	"net/http"
	"net/url"

	"github.com/hashicorp/vault/api"

	"github.com/tokenwarden/tokenwarden/secrets"
)

// request is one call to Vault's HTTP API.
type request struct {
	namespace string
	method    string // GET, PUT or PATCH (a JSON merge patch)
	path      string // without /v1/
	query     url.Values
	body      map[string]any
}

// send logs in where needed and makes the call. The answer is nil for 204 and
// for a 404 that says no more; a GET of a deleted version is a 404 with data.
// The error is typed and in words, see explain.
func (s *Store) send(ctx context.Context, r request) (*api.Secret, error) {
	for first := true; ; first = false {
		token, err := s.session.get(ctx)
		if err != nil {
			return nil, err
		}
		secret, err := r.on(ctx, s.client(r, token))
		if statusOf(err) != http.StatusForbidden {
			return secret, s.explain(ctx, r, err, token, true)
		}
		// Vault says the same for a token that ended as for one that may not do
		// this. It did nothing either way, so that even a write may come again.
		valid := s.session.valid(ctx, token)
		if !valid && first && s.session.drop(ctx, token) {
			continue
		}
		return nil, s.explain(ctx, r, err, token, valid)
	}
}

func (s *Store) client(r request, token secrets.Value) *api.Client {
	base := s.writes
	if r.method == http.MethodGet {
		base = s.reads
	}
	client := base.WithNamespace(r.namespace)
	client.SetToken(token.Reveal())
	return client
}

func (r request) on(ctx context.Context, client *api.Client) (*api.Secret, error) {
	switch r.method {
	case http.MethodGet:
		return client.Logical().ReadWithDataWithContext(ctx, r.path, r.query)
	case http.MethodPatch:
		return client.Logical().JSONMergePatch(ctx, r.path, r.body)
	default:
		return client.Logical().WriteWithContext(ctx, r.path, r.body)
	}
}
