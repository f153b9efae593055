package vaultkv

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"github.com/tokenwarden/tokenwarden/secrets"
)

// place is a reference taken apart by where the engine is mounted.
type place struct {
	namespace string
	mount     string // without the slash at its end
	path      string // below the mount
}

func (p place) data() string     { return p.mount + "/data/" + p.path }
func (p place) metadata() string { return p.mount + "/metadata/" + p.path }
func (p place) config() string   { return p.mount + "/config" }

// to begins a request to the namespace of p.
func (p place) to(method, path string) request {
	return request{namespace: p.namespace, method: method, path: path}
}

// mountCache remembers the mounts of KV version 2 that Vault named. Vault never
// has one mount below another, so that a known one which a path begins with is
// the path's.
type mountCache struct {
	sync.Mutex
	known map[[2]string]bool // namespace, mount
}

func (c *mountCache) find(namespace, path string) (mount string, found bool) {
	c.Lock()
	defer c.Unlock()
	for key := range c.known {
		if key[0] == namespace && strings.HasPrefix(path, key[1]+"/") {
			return key[1], true
		}
	}
	return "", false
}

func (c *mountCache) add(namespace, mount string) {
	c.Lock()
	defer c.Unlock()
	if c.known == nil {
		c.known = map[[2]string]bool{}
	}
	c.known[[2]string{namespace, mount}] = true
}

// locate finds the mount of ref, whose path may contain slashes, and makes sure
// that it is of KV version 2: on a version 1 mount the same requests would read
// "nothing there" and write without any check.
func (s *Store) locate(ctx context.Context, ref secrets.Ref) (place, error) {
	if ref.Scheme != secrets.Vault {
		return place{}, fmt.Errorf("%w in Vault: not a vault:// reference", secrets.ErrNotWritable)
	}
	p := place{namespace: cmp.Or(ref.Namespace, s.namespace)}
	mount, known := s.mounts.find(p.namespace, ref.Path)
	if !known {
		var err error
		if mount, err = s.askMount(ctx, p, ref); err != nil {
			return place{}, err
		}
	}
	if ref.Mount != "" && ref.Mount != mount {
		return place{}, fmt.Errorf("%w: the mount of this path is %s, not ?mount=%s", secrets.ErrRefused, printable(mount), ref.Mount)
	}
	path, below := strings.CutPrefix(ref.Path, mount+"/")
	if !below || path == "" {
		return place{}, fmt.Errorf("%w: the reference names the mount %s and no secret in it", secrets.ErrRefused, printable(mount))
	}
	s.mounts.add(p.namespace, mount)
	p.mount, p.path = mount, path
	return p, nil
}

func (s *Store) askMount(ctx context.Context, p place, ref secrets.Ref) (string, error) {
	secret, err := s.send(ctx, p.to(http.MethodGet, "sys/internal/ui/mounts/"+ref.Path))
	switch {
	case errors.Is(err, errPermission) && ref.Mount != "":
		return s.proveMount(ctx, place{namespace: p.namespace, mount: ref.Mount}, err)
	case errors.Is(err, errPermission):
		return "", fmt.Errorf("%w (Vault says the same when there is no such mount: check the reference, the namespace %q, and that a policy of the token gives access to %s)", err, p.namespace, ref.Path)
	case err != nil:
		return "", fmt.Errorf("asking for the mount: %w", err)
	case secret == nil:
		return "", fmt.Errorf("%w: Vault does not say which mount %s is in: add ?mount=MOUNT to the reference", secrets.ErrRefused, ref.Path)
	}
	kind, _ := secret.Data["type"].(string)
	path, _ := secret.Data["path"].(string)
	options, _ := secret.Data["options"].(map[string]any)
	mount := strings.Trim(path, "/")
	switch {
	case mount == "" || !strings.HasPrefix(ref.Path+"/", mount+"/"):
		return "", errors.New("Vault named a mount that the path does not begin with")
	case kind != "kv" && kind != "generic":
		return "", fmt.Errorf("%w: the engine at %s is %q, not a KV engine", secrets.ErrRefused, mount, printable(kind))
	case options["version"] != "2":
		return "", fmt.Errorf("%w: the KV engine at %s is version 1, which can neither check before it sets nor keep previous versions: vault kv enable-versioning %s/", secrets.ErrRefused, mount, mount)
	}
	return mount, nil
}

// proveMount is for servers behind a proxy that keeps sys/internal to itself:
// only version 2 has settings at MOUNT/config.
func (s *Store) proveMount(ctx context.Context, p place, denied error) (string, error) {
	secret, err := s.send(ctx, p.to(http.MethodGet, p.config()))
	if err != nil {
		return "", fmt.Errorf("%w; nor may it read %s", denied, p.config())
	}
	if secret == nil || secret.Data["max_versions"] == nil {
		return "", fmt.Errorf("%w: there is no KV engine of version 2 at %s", secrets.ErrRefused, p.mount)
	}
	return p.mount, nil
}
