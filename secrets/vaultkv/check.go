package vaultkv

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/tokenwarden/tokenwarden/secrets"
)

// maxCustomMetadata is how many keys Vault documents for one secret's custom
// metadata. A patch is not counted against it (vault-plugin-secrets-kv
// v0.25.0), but its owner's next `vault kv metadata put` would be.
const maxCustomMetadata = 64

// check goes from what every use needs to what only a write needs.
func (s *Store) check(ctx context.Context, ref secrets.Ref) error {
	p, err := s.locate(ctx, ref)
	if err != nil {
		return err
	}
	current, err := s.current(ctx, p)
	if err != nil {
		return err
	}
	if _, err := field(current.fields, ref.Field); err != nil {
		return err
	}
	for name, v := range current.fields {
		if !faithful(v) {
			return unfaithful(name)
		}
	}
	if err := s.mayWrite(ctx, p); err != nil {
		return err
	}
	return s.keepsVersions(ctx, p)
}

// mayWrite asks Vault what the token may do. Creating is asked for even where
// the secret exists: it may be gone by the time of the write.
func (s *Store) mayWrite(ctx context.Context, p place) error {
	needed := []struct {
		path         string
		capabilities []string
	}{
		{p.data(), []string{"read", "create", "update"}},
		{p.metadata(), []string{"read", "create", "patch"}},
		{p.config(), []string{"read"}},
	}
	r := p.to(http.MethodPut, "sys/capabilities-self")
	var paths []string
	for _, n := range needed {
		paths = append(paths, n.path)
	}
	r.body = map[string]any{"paths": paths}
	secret, err := s.send(ctx, r)
	if err != nil {
		return fmt.Errorf("asking what the token may do: %w", err)
	}
	if secret == nil {
		return fmt.Errorf("%w: Vault does not say what the token may do", secrets.ErrNotWritable)
	}
	var missing []string
	for _, n := range needed {
		granted, _ := secret.Data[n.path].([]any)
		if slices.Contains(granted, any("root")) {
			continue
		}
		var lacks []string
		for _, c := range n.capabilities {
			if !slices.Contains(granted, any(c)) {
				lacks = append(lacks, c)
			}
		}
		if len(lacks) > 0 {
			missing = append(missing, strings.Join(lacks, ", ")+" on "+n.path)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("%w: the token's policies lack %s", secrets.ErrNotWritable, strings.Join(missing, "; "))
	}
	return nil
}

// keepsVersions makes sure that a write leaves the version before it in place,
// and for good.
func (s *Store) keepsVersions(ctx context.Context, p place) error {
	own, err := s.metadata(ctx, p)
	if err != nil {
		return err
	}
	secret, err := s.send(ctx, p.to(http.MethodGet, p.config()))
	if err != nil || secret == nil {
		return fmt.Errorf("reading the settings of the mount: %w", orRefused(err))
	}
	mount, err := settings(secret)
	if err != nil {
		return err
	}
	switch {
	case own.maxVersions == 1:
		return fmt.Errorf("%w: the secret keeps one version (max_versions=1), so that a write destroys the value before it: vault kv metadata patch -max-versions=10 %s/%s", secrets.ErrRefused, p.mount, p.path)
	case own.maxVersions == 0 && mount.maxVersions == 1:
		return fmt.Errorf("%w: the mount keeps one version of each secret (max_versions=1), so that a write destroys the value before it: vault write %s max_versions=10", secrets.ErrRefused, p.config())
	case off(mount.deleteAfter): // the mount's word holds for every secret in it
	case !zero(own.deleteAfter):
		return fmt.Errorf("%w: Vault deletes the secret's versions after a time (delete_version_after), the current one too: vault kv metadata patch -delete-version-after=0s %s/%s", secrets.ErrRefused, p.mount, p.path)
	case !zero(mount.deleteAfter):
		return fmt.Errorf("%w: Vault deletes versions in this mount after a time (delete_version_after), the current one too: vault write %s delete_version_after=0s", secrets.ErrRefused, p.config())
	}
	if used := len(own.custom); used+secrets.SpareLabels > maxCustomMetadata {
		return fmt.Errorf("%w: Vault takes %d keys of custom metadata, the secret has %d, and a rotation needs up to %d more while it is under way: end those that are, remove keys, or keep some of the fields in another secret",
			secrets.ErrTooManyLabels, maxCustomMetadata, used, secrets.SpareLabels)
	}
	return nil
}

// zero and off read delete_version_after, a Go duration: "0s" is the default,
// as nothing is for a secret that does not exist; a negative one switches the
// feature off for a whole mount.
func zero(d string) bool {
	parsed, err := time.ParseDuration(d)
	return d == "" || err == nil && parsed == 0
}

func off(d string) bool {
	parsed, err := time.ParseDuration(d)
	return err == nil && parsed < 0
}

func orRefused(err error) error {
	if err != nil {
		return err
	}
	return fmt.Errorf("%w: there are none", secrets.ErrRefused)
}
