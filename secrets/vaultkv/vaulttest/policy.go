package vaulttest

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/hashicorp/hcl"
)

// policy maps paths, exact or with a * at the end, to capabilities.
type policy map[string][]string

// defaultPolicy is the part of Vault's policy "default" that is of use here.
var defaultPolicy = policy{
	"auth/token/lookup-self": {"read"},
	"auth/token/renew-self":  {"update"},
	"auth/token/revoke-self": {"update"},
	"sys/capabilities-self":  {"update"},
}

// parsePolicy reads a policy in HCL or JSON.
func parsePolicy(text string) (policy, error) {
	var file struct {
		Path map[string]struct {
			Capabilities []string `hcl:"capabilities"`
		} `hcl:"path"`
	}
	if err := hcl.Decode(&file, text); err != nil {
		return nil, err
	}
	p := policy{}
	for path, rule := range file.Path {
		p[path] = rule.Capabilities
	}
	return p, nil
}

// capabilities returns what a token may do at a path of its namespace or of one
// below: the rule that names the path exactly wins, else the longest that ends
// in *. Rules of several policies for the same pattern add up, "deny" beats all.
func (s *Server) capabilities(t *token, namespace, path string) []string {
	if slices.Contains(t.policies, "root") {
		return []string{"root"}
	}
	path, below := strings.CutPrefix(join(namespace, path), t.namespace)
	if !below {
		return []string{"deny"}
	}
	path = strings.TrimPrefix(path, "/")
	best, granted := "", map[string]bool{}
	for _, name := range t.policies {
		p := s.policies[join(t.namespace, name)]
		if name == "default" {
			p = defaultPolicy
		}
		for pattern, capabilities := range p {
			prefix, open := strings.CutSuffix(pattern, "*")
			if pattern != path && !(open && strings.HasPrefix(path, prefix)) {
				continue
			}
			if best != path && (len(pattern) > len(best) || pattern == path) {
				best, granted = pattern, map[string]bool{}
			}
			if pattern == best {
				for _, c := range capabilities {
					granted[c] = true
				}
			}
		}
	}
	if len(granted) == 0 || granted["deny"] {
		return []string{"deny"}
	}
	return slices.Sorted(maps.Keys(granted))
}

func (c *call) may(t *token, op, path string) bool {
	granted := c.capabilities(t, c.namespace, path)
	return granted[0] == "root" || slices.Contains(granted, op)
}

// reaches reports whether any rule of the token lies in the mount.
func (s *Server) reaches(t *token, mount string) bool {
	for _, name := range t.policies {
		for pattern := range s.policies[join(t.namespace, name)] {
			pattern = join(t.namespace, strings.TrimSuffix(pattern, "*"))
			if strings.HasPrefix(pattern, mount+"/") || strings.HasPrefix(mount+"/", pattern) {
				return true
			}
		}
	}
	return slices.Contains(t.policies, "root")
}

// mountOf answers sys/internal/ui/mounts/PATH, which needs no policy of its own
// and says "permission denied" for what is not there.
func (c *call) mountOf(path string) answer {
	name, _, found := longest(c.mounts, join(c.namespace, path))
	if c.token == nil || !found || !c.reaches(c.token, name) {
		if c.token == nil {
			return fail(http.StatusForbidden, "permission denied")
		}
		return fail(http.StatusForbidden, "preflight capability check returned 403, please ensure client's policies grant access to path \""+path+"/\"")
	}
	m := c.mounts[name]
	data := map[string]any{"type": m.kind, "path": strings.TrimPrefix(strings.TrimPrefix(name, c.namespace), "/") + "/", "options": nil}
	if m.version != "" {
		data["options"] = map[string]any{"version": m.version}
	}
	return ok(data)
}
