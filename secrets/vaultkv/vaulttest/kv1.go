package vaulttest

import (
	"encoding/json"
	"net/http"
)

// serveKV1 is version 1: one value per path, written without any check.
func (c *call) serveKV1(m *mount, path string) answer {
	switch c.op {
	case "read":
		if s := m.secrets[path]; s != nil {
			return ok(s.versions[1].fields())
		}
		return notFound()
	case "update":
		data, _ := json.Marshal(c.body)
		m.secrets[path] = &secret{versions: map[int]*version{1: {data: data}}}
		return none()
	case "delete":
		delete(m.secrets, path)
		return none()
	}
	return fail(http.StatusMethodNotAllowed, "unsupported operation")
}
