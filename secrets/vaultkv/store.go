// Package vaultkv keeps secrets in HashiCorp Vault: vault://MOUNT/PATH#FIELD is
// a field of a secret of the KV engine, version 2. Version 1 is refused, having
// neither check-and-set nor previous versions.
//
// Every write is a check-and-set (cas) on the version that it was decided on.
// Labels are keys of the secret's custom metadata, set and removed by JSON merge
// patch, so that everybody else's metadata stays.
//
// Facts about the server are from Vault's documentation (HTTP API, KV secrets
// engine version 2) and, where that is silent, from the source of
// vault-plugin-secrets-kv v0.15.0 and v0.25.0; package vaulttest lists them as
// rules, which the real server is held to as well.
package vaultkv

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/tokenwarden/tokenwarden/secrets"
)

// Store implements secrets.Store. It logs in on the first call, not before.
type Store struct {
	reads, writes *api.Client // never changed after New; each call works on a copy
	session       *session
	namespace     string
	timeout       time.Duration
	mounts        mountCache
}

var _ secrets.Store = (*Store)(nil)

// New returns a store. Nothing is sent yet: errors are about the settings alone.
func New(cfg Config) (*Store, error) {
	if cfg.Auth == nil {
		return nil, errors.New("no way to log in to Vault is configured")
	}
	reads, writes, err := newClients(cfg)
	if err != nil {
		return nil, err
	}
	now := cfg.Now
	if now == nil {
		now = time.Now
	}
	timeout := cmp.Or(cfg.Timeout, DefaultTimeout)
	return &Store{
		reads:     reads,
		writes:    writes,
		session:   newSession(cfg.Auth, writes.WithNamespace(cfg.Namespace), timeout, now),
		namespace: cfg.Namespace,
		timeout:   timeout,
	}, nil
}

// Read implements secrets.Store. A deleted or destroyed current version reads
// as an empty value that has a version.
func (s *Store) Read(ctx context.Context, ref secrets.Ref) (secrets.Content, error) {
	content, err := s.read(ctx, ref)
	return content, failed("reading", ref, err)
}

// Write implements secrets.Store. The other fields are those of the version
// that w expects, read for this purpose; a newer one is never merged with.
func (s *Store) Write(ctx context.Context, ref secrets.Ref, w secrets.Write) (secrets.Version, error) {
	version, err := s.write(ctx, ref, w)
	return version, failed("writing", ref, err)
}

// Label implements secrets.Store. Before the first value exists it creates the
// secret's metadata, without a version.
func (s *Store) Label(ctx context.Context, ref secrets.Ref, set secrets.Labels, drop []secrets.Fingerprint) error {
	return failed("labelling", ref, s.label(ctx, ref, set, drop))
}

// Recall implements secrets.Store.
func (s *Store) Recall(ctx context.Context, ref secrets.Ref, accept func(secrets.Value) bool) (secrets.Value, error) {
	value, err := s.recall(ctx, ref, accept)
	return value, failed("recalling", ref, err)
}

// Check implements secrets.Store: by reading, and by asking Vault what the
// token may do. It changes nothing.
func (s *Store) Check(ctx context.Context, ref secrets.Ref) error {
	return failed("checking", ref, s.check(ctx, ref))
}

func failed(op string, ref secrets.Ref, err error) error {
	if err == nil {
		return nil
	}
	return &secrets.Error{Op: op, Ref: ref, Err: err}
}
