package vaulttest

import (
	"net/http"
	"strings"
)

// serveSys answers what lies below sys/.
func (c *call) serveSys(path string) answer {
	what, name, _ := strings.Cut(path, "/")
	switch what + " " + c.op {
	case "capabilities-self update":
		return c.capabilitiesSelf()
	case "mounts update":
		return c.enable(strings.Trim(name, "/"))
	case "mounts delete":
		delete(c.mounts, join(c.namespace, strings.Trim(name, "/")))
		return none()
	case "revoke-prefix update":
		c.revoke(strings.TrimPrefix(name, "auth/"))
		return none()
	case "auth update":
		return c.enableLogin(strings.Trim(name, "/"))
	case "policies update":
		return c.writePolicy(strings.TrimPrefix(name, "acl/"))
	}
	return fail(http.StatusNotFound, "no handler for route \"sys/"+path+"\". route entry not found.")
}

func (c *call) capabilitiesSelf() answer {
	list, _ := c.body["paths"].([]any)
	data := map[string]any{}
	for _, item := range list {
		path := text(item)
		data[path] = c.capabilities(c.token, c.namespace, path)
	}
	if len(data) == 1 {
		for _, only := range data {
			data["capabilities"] = only
			break
		}
	}
	if len(data) == 0 {
		return fail(http.StatusBadRequest, "paths must be supplied")
	}
	return ok(data)
}

// enable mounts an engine. No mount may lie in another.
func (c *call) enable(path string) answer {
	kind := text(c.body["type"])
	options, _ := c.body["options"].(map[string]any)
	version := text(options["version"])
	if kind == "kv-v2" {
		kind, version = "kv", "2"
	}
	if kind == "kv" && version == "" {
		version = "1"
	}
	full := join(c.namespace, path)
	for name := range c.mounts {
		if strings.HasPrefix(full+"/", name+"/") || strings.HasPrefix(name+"/", full+"/") {
			return fail(http.StatusBadRequest, "path is already in use at "+name+"/")
		}
	}
	c.mounts[full] = &mount{kind: kind, version: version, secrets: map[string]*secret{}}
	return none()
}

func (c *call) enableLogin(path string) answer {
	full := join(c.namespace, path)
	c.logins[full] = &login{path: full, kind: text(c.body["type"]), namespace: c.namespace, roles: map[string]*role{}}
	return none()
}

// revoke ends the tokens that a login gave.
func (c *call) revoke(login string) {
	for secret, t := range c.tokens {
		if t.login != "" && t.login == join(c.namespace, login) {
			delete(c.tokens, secret)
		}
	}
}

func (c *call) writePolicy(name string) answer {
	p, err := parsePolicy(text(c.body["policy"]))
	if err != nil {
		return fail(http.StatusBadRequest, "failed to parse policy: "+err.Error())
	}
	c.policies[join(c.namespace, name)] = p
	return none()
}
