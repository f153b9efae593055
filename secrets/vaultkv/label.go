package vaultkv

import (
	"context"
	"errors"
	"net/http"

	"github.com/tokenwarden/tokenwarden/secrets"
)

func (s *Store) label(ctx context.Context, ref secrets.Ref, set secrets.Labels, drop []secrets.Fingerprint) error {
	entries := map[string]any{}
	for _, fp := range drop {
		entries[fp.Key()] = nil // removes the key, in a JSON merge patch (RFC 7396)
	}
	for fp, label := range set {
		entries[fp.Key()] = label.Encode()
	}
	if len(entries) == 0 {
		return nil
	}
	p, err := s.locate(ctx, ref)
	if err != nil {
		return err
	}
	r := p.to(http.MethodPatch, p.metadata())
	r.body = map[string]any{"custom_metadata": entries}
	_, err = s.send(ctx, r)
	if !errors.Is(err, errNotFound) || len(set) == 0 {
		return ignoreNotFound(err)
	}
	created := s.createMetadata(ctx, p)
	if _, err = s.send(ctx, r); errors.Is(err, errNotFound) && created != nil {
		return created
	}
	return err
}

// createMetadata makes a secret without a version, which is all that a patch
// can be applied to. It sends a setting at its default and no custom metadata:
// that would replace, as a whole, what somebody else set in this moment. (A
// request without any setting creates nothing.)
func (s *Store) createMetadata(ctx context.Context, p place) error {
	r := p.to(http.MethodPut, p.metadata())
	r.body = map[string]any{"delete_version_after": "0s"}
	_, err := s.send(ctx, r)
	return err
}

func ignoreNotFound(err error) error {
	if errors.Is(err, errNotFound) {
		return nil // nothing there, so that there is nothing to remove
	}
	return err
}
