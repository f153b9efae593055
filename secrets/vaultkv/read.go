package vaultkv

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/hashicorp/vault/api"

	"github.com/tokenwarden/tokenwarden/secrets"
)

// version is one version of a secret. Its time of creation tells it from the
// version of that number of an earlier secret: numbers begin at 1 again after
// the metadata was deleted, and cas does not notice.
type version struct {
	number  int
	created string // RFC 3339 as Vault gave it
}

func (v version) encode() secrets.Version {
	if v.number == 0 {
		return ""
	}
	return secrets.Version(strconv.Itoa(v.number) + "@" + v.created)
}

func decodeVersion(v secrets.Version) (version, error) {
	if v == "" {
		return version{}, nil
	}
	number, created, found := strings.Cut(string(v), "@")
	n, err := strconv.Atoi(number)
	if err != nil || !found || n < 1 {
		return version{}, fmt.Errorf("the expected version is not one that Vault gave")
	}
	return version{n, created}, nil
}

// state is what there is at one version of a path.
type state struct {
	version version
	fields  map[string]any // nil when there is no version, or it was deleted or destroyed
	custom  map[string]any // custom metadata, which belongs to no version
}

func (s *Store) read(ctx context.Context, ref secrets.Ref) (secrets.Content, error) {
	p, err := s.locate(ctx, ref)
	if err != nil {
		return secrets.Content{}, err
	}
	current, err := s.current(ctx, p)
	if err != nil {
		return secrets.Content{}, err
	}
	value, err := field(current.fields, ref.Field)
	if err != nil {
		return secrets.Content{}, err
	}
	return secrets.Content{Value: value, Version: current.version.encode(), Labels: labels(current.custom)}, nil
}

// current reads the current version, and where there is none the metadata,
// which can exist before the first version does.
func (s *Store) current(ctx context.Context, p place) (state, error) {
	for range 3 {
		now, err := s.at(ctx, p, 0)
		if err != nil || now.version.number > 0 {
			return now, err
		}
		meta, err := s.metadata(ctx, p)
		if err != nil || meta.version == 0 {
			return state{custom: meta.custom}, err
		}
		// A version came into being between the two requests.
	}
	return state{}, fmt.Errorf("%w: the secret has a current version that Vault does not show", secrets.ErrUnavailable)
}

// at reads the version of that number, 0 for the current one. The zero state
// means that there is no such version.
func (s *Store) at(ctx context.Context, p place, number int) (state, error) {
	r := p.to(http.MethodGet, p.data())
	if number > 0 {
		r.query = url.Values{"version": {strconv.Itoa(number)}}
	}
	secret, err := s.send(ctx, r)
	if err != nil || secret == nil {
		return state{}, err
	}
	meta, _ := secret.Data["metadata"].(map[string]any)
	v, err := versionOf(meta)
	if err != nil {
		return state{}, err
	}
	fields, _ := secret.Data["data"].(map[string]any)
	custom, _ := meta["custom_metadata"].(map[string]any)
	return state{version: v, fields: fields, custom: custom}, nil
}

// versionOf reads what a data read has under "metadata" and a write as a whole.
func versionOf(meta map[string]any) (version, error) {
	n, err := integer(meta["version"])
	created, _ := meta["created_time"].(string)
	if err != nil || n < 1 || created == "" {
		return version{}, fmt.Errorf("Vault's answer names no version: is this a KV engine of version 2?")
	}
	return version{n, created}, nil
}

// metadata is what the settings of a path say; its zero value, that there is
// nothing at the path.
type metadata struct {
	version     int // the current one, 0 before the first
	oldest      int // the first that is kept; 0: not said
	maxVersions int // 0: as the mount says
	deleteAfter string
	custom      map[string]any
}

func (s *Store) metadata(ctx context.Context, p place) (metadata, error) {
	secret, err := s.send(ctx, p.to(http.MethodGet, p.metadata()))
	if err != nil || secret == nil {
		return metadata{}, err
	}
	m, err := settings(secret)
	if err != nil {
		return metadata{}, err
	}
	if m.version, err = integer(secret.Data["current_version"]); err != nil {
		return metadata{}, err
	}
	m.oldest, _ = integer(secret.Data["oldest_version"]) // a bound that saves requests, no more
	m.custom, _ = secret.Data["custom_metadata"].(map[string]any)
	return m, nil
}

// settings reads what a secret's metadata and the mount's config share.
func settings(secret *api.Secret) (m metadata, err error) {
	m.maxVersions, err = integer(secret.Data["max_versions"])
	m.deleteAfter, _ = secret.Data["delete_version_after"].(string)
	return m, err
}

func integer(v any) (int, error) {
	number, _ := v.(json.Number)
	n, err := strconv.Atoi(number.String())
	if err != nil {
		return 0, fmt.Errorf("Vault's answer has something else where a number belongs")
	}
	return n, nil
}
