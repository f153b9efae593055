package vaulttest

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// call is one request, served under the server's lock.
type call struct {
	*Server
	namespace string
	path      string // without /v1/
	op        string // read, update, patch, delete
	secret    string // the token as sent
	token     *token
	query     url.Values
	body      map[string]any
}

func (c *call) serve() answer {
	switch {
	case c.sealed:
		return fail(http.StatusServiceUnavailable, "Vault is sealed")
	case c.standby != nil && *c.standby != "":
		return answer{status: http.StatusTemporaryRedirect, location: strings.TrimRight(*c.standby, "/")}
	case c.standby != nil:
		return fail(http.StatusInternalServerError, "local node not active but active cluster node not found")
	case c.op == "":
		return fail(http.StatusMethodNotAllowed)
	}
	c.token = c.find(c.secret)
	if name, path, found := longest(c.logins, join(c.namespace, strings.TrimPrefix(c.path, "auth/"))); found && strings.HasPrefix(c.path, "auth/") {
		return c.serveLogin(c.logins[name], path)
	}
	if strings.HasPrefix(c.path, "sys/internal/ui/mounts/") {
		return c.mountOf(strings.TrimPrefix(c.path, "sys/internal/ui/mounts/"))
	}
	if c.token == nil {
		return fail(http.StatusForbidden, "permission denied")
	}
	name, path, found := longest(c.mounts, join(c.namespace, c.path))
	m := c.mounts[name]
	if op := c.operation(m, path); !c.may(c.token, op, c.path) {
		return fail(http.StatusForbidden, "1 error occurred:\n\t* permission denied\n\n")
	}
	switch {
	case strings.HasPrefix(c.path, "sys/"):
		return c.serveSys(strings.TrimPrefix(c.path, "sys/"))
	case strings.HasPrefix(c.path, "auth/token/"):
		return c.serveToken(strings.TrimPrefix(c.path, "auth/token/"))
	case !found:
		return fail(http.StatusNotFound, "no handler for route \""+c.path+"\". route entry not found.")
	case m.version == "2":
		return c.serveKV(m, name, path)
	case m.version == "1":
		return c.serveKV1(m, path)
	default:
		return fail(http.StatusMethodNotAllowed, "unsupported operation")
	}
}

// operation is the capability that a request needs: "create" for a write to
// what is not there yet.
func (c *call) operation(m *mount, path string) string {
	if c.op != "update" || m == nil {
		return c.op
	}
	kind, name, _ := strings.Cut(path, "/")
	if m.version == "2" && (kind == "data" || kind == "metadata") && m.secrets[name] == nil ||
		m.version == "1" && m.secrets[path] == nil {
		return "create"
	}
	return c.op
}

// longest finds the mount that path lies in, and the rest of the path.
func longest[T any](mounts map[string]T, path string) (name, rest string, found bool) {
	for _, mount := range slices.Sorted(maps.Keys(mounts)) {
		if tail, below := strings.CutPrefix(path+"/", mount+"/"); below && len(mount) >= len(name) {
			name, rest, found = mount, strings.TrimSuffix(tail, "/"), true
		}
	}
	return name, rest, found
}

func join(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(p string) bool { return p == "" }), "/")
}
