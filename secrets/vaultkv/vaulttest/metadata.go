package vaulttest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"
)

func (c *call) readMetadata(s *secret) answer {
	if s == nil {
		return notFound()
	}
	versions := map[string]any{}
	for number, v := range s.versions {
		versions[strconv.Itoa(number)] = map[string]any{
			"created_time": stamp(v.created), "deletion_time": stamp(v.deletion), "destroyed": v.destroyed,
		}
	}
	return ok(map[string]any{
		"versions": versions, "current_version": s.current, "oldest_version": s.oldest,
		"created_time": stamp(s.created), "updated_time": stamp(s.updated),
		"max_versions": s.max, "cas_required": s.cas, "delete_version_after": s.deleteAfter.String(),
		"custom_metadata": s.custom,
	})
}

// writeMetadata replaces what is given, custom_metadata as a whole. Where there
// is no secret it makes one without a version; but a request that gives
// nothing does nothing.
func (c *call) writeMetadata(m *mount, name string) (answer, bool) {
	set, refusal := c.settings(false)
	if refusal != "" {
		return fail(http.StatusBadRequest, refusal), false
	}
	if set == nil {
		return none(), false
	}
	s := m.secrets[name]
	if s == nil {
		s = &secret{created: c.now(), updated: c.now()}
		m.secrets[name] = s
	}
	if custom, given := c.body["custom_metadata"].(map[string]any); given {
		s.custom = texts(custom)
	}
	set(s)
	return none(), true
}

// patchMetadata merges into what is there, and creates nothing.
func (c *call) patchMetadata(s *secret) (answer, bool) {
	set, refusal := c.settings(true)
	switch {
	case refusal != "":
		return fail(http.StatusBadRequest, refusal), false
	case s == nil:
		return notFoundBare(), false
	case set == nil:
		return none(), false
	}
	if custom, given := c.body["custom_metadata"]; given && custom == nil {
		s.custom = nil
	} else if patch, given := custom.(map[string]any); given {
		old := map[string]any{}
		for key, v := range s.custom {
			old[key] = v
		}
		s.custom = texts(mergePatch(old, patch))
	}
	set(s)
	return none(), true
}

// settings reads the body of a metadata request; set is nil when it has nothing
// in it that Vault knows.
func (c *call) settings(patch bool) (set func(*secret), refusal string) {
	given := false
	for _, key := range []string{"max_versions", "cas_required", "delete_version_after", "custom_metadata"} {
		_, has := c.body[key]
		given = given || has
	}
	if !given {
		return nil, ""
	}
	custom, _ := c.body["custom_metadata"].(map[string]any)
	if refusal := validCustom(custom, patch); refusal != "" {
		return nil, refusal
	}
	after, hasAfter := duration(c.body["delete_version_after"])
	return func(s *secret) {
		if n, is := c.body["max_versions"].(json.Number); is {
			s.max, _ = strconv.Atoi(n.String())
		}
		if cas, is := c.body["cas_required"].(bool); is {
			s.cas = cas
		}
		if hasAfter {
			s.deleteAfter = after
		}
	}, ""
}

// validCustom checks what was sent and not what comes out: a patch can bring
// the number of keys above the limit.
func validCustom(custom map[string]any, patch bool) string {
	const prefix = "custom_metadata validation failed: "
	entries := map[string]string{}
	for key, v := range custom {
		if v == nil && patch {
			continue
		}
		entries[key] = text(v)
	}
	if len(entries) > 64 {
		return fmt.Sprintf("1 error occurred:\n\t* %spayload must contain at most 64 keys, provided %d\n\n", prefix, len(entries))
	}
	unprintable := func(c rune) bool { return !unicode.IsPrint(c) }
	for key, v := range entries {
		switch {
		case key == "" || len(key) > 128:
			return fmt.Sprintf("1 error occurred:\n\t* %slength of key %q is %d but must be 0 < len(key) <= 128\n\n", prefix, key, len(key))
		case v == "" || len(v) > 512:
			return fmt.Sprintf("1 error occurred:\n\t* %slength of value for key %q is %d but must be 0 < len(value) <= 512\n\n", prefix, key, len(v))
		case strings.ContainsFunc(key+v, unprintable):
			return fmt.Sprintf("1 error occurred:\n\t* %skey or value of %q contains unprintable characters\n\n", prefix, key)
		}
	}
	return ""
}

func texts(custom map[string]any) map[string]string {
	all := map[string]string{}
	for key, v := range custom {
		all[key] = text(v)
	}
	return all
}

func text(v any) string {
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}

// duration reads seconds or a Go duration.
func duration(v any) (time.Duration, bool) {
	s := text(v)
	if n, err := strconv.Atoi(s); err == nil {
		return time.Duration(n) * time.Second, true
	}
	d, err := time.ParseDuration(s)
	return d, err == nil
}
