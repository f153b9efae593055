package vaulttest

import (
	"maps"
	"time"
)

// Secret is everything that lies at a path.
type Secret struct {
	Path     string                 // namespace, mount and path with slashes between, without "data"
	Current  int                    // the present version; 0: none
	Versions map[int]map[string]any // the fields of each version that can be read
	Custom   map[string]string      // custom metadata

	MaxVersions int
	CASRequired bool
	DeleteAfter time.Duration
}

// Fields are those of the present version; nil: it is not there or was deleted.
func (s Secret) Fields() map[string]any { return s.Versions[s.Current] }

// Look sees what lies at a path, named as in Secret, without a request: it needs
// no token, and works while the server is sealed.
func (s *Server) Look(path string) (Secret, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name, below, _ := longest(s.mounts, path)
	m := s.mounts[name]
	if m == nil || m.secrets[below] == nil {
		return Secret{Path: path}, false
	}
	return m.secrets[below].outside(path, s.now()), true
}

func (s *secret) outside(path string, now time.Time) Secret {
	if s == nil {
		return Secret{Path: path}
	}
	there := Secret{
		Path: path, Current: s.current, Versions: map[int]map[string]any{}, Custom: maps.Clone(s.custom),
		MaxVersions: s.max, CASRequired: s.cas, DeleteAfter: s.deleteAfter,
	}
	for number, v := range s.versions {
		if !v.gone(now) {
			there.Versions[number] = v.fields()
		}
	}
	return there
}
