package vaulttest

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"
)

// serveConfig answers MOUNT/config, the settings for all secrets of a mount.
func (c *call) serveConfig(m *mount) answer {
	switch c.op {
	case "read":
		return ok(map[string]any{"max_versions": m.max, "cas_required": m.cas, "delete_version_after": m.deleteAfter.String()})
	case "update":
		if n, is := c.body["max_versions"].(json.Number); is {
			m.max, _ = strconv.Atoi(n.String())
		}
		if cas, is := c.body["cas_required"].(bool); is {
			m.cas = cas
		}
		if after, given := duration(c.body["delete_version_after"]); given {
			m.deleteAfter = max(after, -time.Second)
		}
		return none()
	}
	return fail(http.StatusMethodNotAllowed, "unsupported operation")
}
