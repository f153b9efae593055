package vaulttest

import (
	"encoding/json"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// mount is one KV engine.
type mount struct {
	kind, version string
	max           int
	cas           bool
	deleteAfter   time.Duration // negative: switched off for all secrets
	secrets       map[string]*secret
}

// secret is a path with its versions and settings.
type secret struct {
	current, oldest  int
	versions         map[int]*version
	max              int
	cas              bool
	deleteAfter      time.Duration
	custom           map[string]string
	created, updated time.Time
}

type version struct {
	data      []byte // JSON
	created   time.Time
	deletion  time.Time // zero: none
	destroyed bool
}

func (v *version) gone(now time.Time) bool {
	return v.destroyed || !v.deletion.IsZero() && v.deletion.Before(now)
}

// fields decodes as Vault does, which makes numbers 64 bit floats.
func (v *version) fields() map[string]any {
	var fields map[string]any
	_ = json.Unmarshal(v.data, &fields)
	return fields
}

func (v *version) describe(number int, custom map[string]string) map[string]any {
	return map[string]any{
		"version": number, "created_time": stamp(v.created), "deletion_time": stamp(v.deletion),
		"destroyed": v.destroyed, "custom_metadata": custom,
	}
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

func (c *call) serveKV(m *mount, mountName, path string) answer {
	kind, name, _ := strings.Cut(path, "/")
	if kind == "config" && name == "" {
		return c.serveConfig(m)
	}
	if name == "" {
		return fail(http.StatusNotFound, "no handler for route \""+c.path+"\". route entry not found.")
	}
	var a answer
	var changed bool
	switch kind + " " + c.op {
	case "data read":
		return c.readData(m.secrets[name])
	case "data update":
		a, changed = c.writeData(m, name)
	case "data patch":
		a, changed = c.patchData(m, name)
	case "data delete":
		a, changed = c.deleteCurrent(m.secrets[name])
	case "metadata read":
		return c.readMetadata(m.secrets[name])
	case "metadata update":
		a, changed = c.writeMetadata(m, name)
	case "metadata patch":
		a, changed = c.patchMetadata(m.secrets[name])
	case "metadata delete":
		changed = m.secrets[name] != nil
		delete(m.secrets, name)
		a = none()
	case "delete update", "undelete update", "destroy update":
		a, changed = c.markVersions(m.secrets[name], kind)
	default:
		return fail(http.StatusMethodNotAllowed, "unsupported operation")
	}
	if changed && c.Observe != nil {
		c.Observe(m.secrets[name].outside(join(mountName, name), c.now()))
	}
	return a
}

func (c *call) readData(s *secret) answer {
	if s == nil {
		return notFound()
	}
	number := s.current
	if n, _ := strconv.Atoi(c.query.Get("version")); n > 0 {
		number = n
	}
	v := s.versions[number]
	if v == nil {
		return notFound()
	}
	data := map[string]any{"data": nil, "metadata": v.describe(number, s.custom)}
	if v.gone(c.now()) {
		return answer{status: http.StatusNotFound, data: data}
	}
	data["data"] = v.fields()
	return ok(data)
}

func (c *call) writeData(m *mount, name string) (answer, bool) {
	fields, given := c.body["data"].(map[string]any)
	if !given {
		return fail(http.StatusBadRequest, "no data provided"), false
	}
	s := m.secrets[name]
	if s == nil {
		s = &secret{created: c.now()}
	}
	if refusal := c.checkAndSet(m, s); refusal != "" {
		return fail(http.StatusBadRequest, refusal), false
	}
	m.secrets[name] = s
	return c.addVersion(m, s, fields), true
}

// checkAndSet compares the cas option, if there is one, with the current
// version, deleted or not.
func (c *call) checkAndSet(m *mount, s *secret) string {
	options, _ := c.body["options"].(map[string]any)
	cas, given := options["cas"]
	number, isNumber := cas.(json.Number)
	switch n, err := strconv.Atoi(number.String()); {
	case given && (!isNumber || err != nil):
		return "error parsing check-and-set parameter"
	case given && n != s.current:
		return "check-and-set parameter did not match the current version"
	case !given && (m.cas || s.cas):
		return "check-and-set parameter required for this call"
	}
	return ""
}

func (c *call) addVersion(m *mount, s *secret, fields map[string]any) answer {
	data, _ := json.Marshal(fields)
	v := &version{data: data, created: c.now()}
	if after := deleteAfter(m.deleteAfter, s.deleteAfter); after > 0 {
		v.deletion = v.created.Add(after)
	}
	if s.versions == nil {
		s.versions = map[int]*version{}
	}
	s.current++
	s.versions[s.current] = v
	s.updated = v.created
	keep := max(m.max, s.max)
	if keep == 0 {
		keep = 10
	}
	if s.current-s.oldest >= keep {
		for i := s.oldest; i <= s.current-keep; i++ {
			delete(s.versions, i)
		}
		s.oldest = s.current - keep + 1
	}
	return ok(v.describe(s.current, s.custom))
}

// deleteAfter is the smaller of the two that are not zero, unless the mount
// switched it off.
func deleteAfter(mount, own time.Duration) time.Duration {
	switch {
	case mount < 0:
		return 0
	case mount == 0 || own != 0 && own < mount:
		return own
	default:
		return mount
	}
}

// patchData applies a JSON merge patch to the current version.
func (c *call) patchData(m *mount, name string) (answer, bool) {
	patch, given := c.body["data"].(map[string]any)
	s := m.secrets[name]
	switch {
	case !given:
		return fail(http.StatusBadRequest, "no data provided"), false
	case s == nil:
		return notFoundBare(), false
	}
	if refusal := c.checkAndSet(m, s); refusal != "" {
		return fail(http.StatusBadRequest, refusal), false
	}
	v := s.versions[s.current]
	if v == nil {
		return notFoundBare(), false
	}
	if v.gone(c.now()) {
		return answer{status: http.StatusNotFound, data: v.describe(s.current, s.custom)}, false
	}
	return c.addVersion(m, s, mergePatch(v.fields(), patch)), true
}

// mergePatch is RFC 7396.
func mergePatch(into, patch map[string]any) map[string]any {
	into = maps.Clone(into)
	if into == nil {
		into = map[string]any{}
	}
	for key, v := range patch {
		switch v := v.(type) {
		case nil:
			delete(into, key)
		case map[string]any:
			inner, _ := into[key].(map[string]any)
			into[key] = mergePatch(inner, v)
		default:
			into[key] = v
		}
	}
	return into
}

func (c *call) deleteCurrent(s *secret) (answer, bool) {
	if s == nil || s.versions[s.current] == nil || s.versions[s.current].gone(c.now()) {
		return none(), false
	}
	s.versions[s.current].deletion = c.now()
	return none(), true
}

// markVersions serves delete/, undelete/ and destroy/.
func (c *call) markVersions(s *secret, kind string) (answer, bool) {
	list, _ := c.body["versions"].([]any)
	if len(list) == 0 {
		return fail(http.StatusBadRequest, "No version number provided"), false
	}
	if s == nil {
		return none(), false
	}
	for _, item := range list {
		number, _ := item.(json.Number)
		text, isText := item.(string)
		if !isText {
			text = number.String()
		}
		n, _ := strconv.Atoi(text)
		v := s.versions[n]
		switch {
		case v == nil || v.destroyed:
		case kind == "delete" && !v.gone(c.now()):
			v.deletion = c.now()
		case kind == "undelete":
			v.deletion = time.Time{}
		case kind == "destroy":
			v.destroyed, v.data = true, nil
		}
	}
	return none(), true
}
