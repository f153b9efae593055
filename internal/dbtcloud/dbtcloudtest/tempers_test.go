package dbtcloudtest

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// made creates a token of that name with one permission set.
func made(t *testing.T, s *Sim, name, set string) got {
	t.Helper()
	return send(t, s, s.AdminToken(), "POST", tokensPath, `{"name": "`+name+`", "permission_grants": [{"permission_set": "`+set+`"}]}`)
}

func nameOf(t *testing.T, g got) string { return strings.Trim(string(as[fields](t, g)["name"]), `"`) }

// What becomes of a name is not documented: kept, cut, refused or changed.
func TestNamesCutRefusedChanged(t *testing.T) {
	long := strings.Repeat("n", 30)
	for _, c := range []struct {
		name   string
		change func(*Options)
		code   int
		want   string
	}{
		{"kept", func(*Options) {}, 201, long},
		{"cut", func(o *Options) { o.MaxNameLength = 20 }, 201, long[:20]},
		{"refused", func(o *Options) { o.MaxNameLength, o.RefuseLongNames = 20, true }, 400, ""},
		{"just fits", func(o *Options) { o.MaxNameLength, o.RefuseLongNames = 30, true }, 201, long},
		{"changed", func(o *Options) { o.ChangeName = strings.ToUpper }, 201, strings.ToUpper(long)},
	} {
		s, _ := newSim(t, c.change)
		g := made(t, s, long, "job_viewer")
		if g.code != c.code || c.code == 201 && nameOf(t, g) != c.want {
			t.Errorf("%s: %d %s", c.name, g.code, g.body)
		}
	}
}

// Whether names are unique is not documented, and if so, among whom.
func TestNamesThatStayTaken(t *testing.T) {
	for stay, code := range map[bool]int{false: 201, true: 400} {
		s, _ := newSim(t, func(o *Options) { o.UniqueNames, o.NamesStayTaken = true, stay })
		want(t, made(t, s, "one", "job_viewer"), 201)
		want(t, made(t, s, "one", "job_viewer"), 400)
		s.Delete(s.ActiveByName("one")[0].ID)
		want(t, made(t, s, "one", "job_viewer"), code)
	}
}

func TestSetsThatAPlanDoesNotHave(t *testing.T) {
	s, _ := newSim(t, func(o *Options) { o.RefuseSets = []string{"metadata_only"} })
	want(t, made(t, s, "a", "metadata_only"), 400)
	want(t, made(t, s, "a", "job_viewer"), 201)
}

func TestStrangersToAdminAPI(t *testing.T) {
	s, _ := newSim(t, func(o *Options) { o.StrangersToAdminAPI = []string{"metadata_only"} })
	for set, code := range map[string]int{"metadata_only": 401, "job_viewer": 200} {
		want(t, made(t, s, set, set), 201)
		want(t, send(t, s, s.ValueOf(s.ActiveByName(set)[0].ID), "GET", "/api/v3/accounts/", nil), code)
	}
}

func TestMoreFieldsAndHeaders(t *testing.T) {
	s, _ := newSim(t, func(o *Options) {
		o.ItemsWithMore = []string{"expires_at"}
		o.LimitHeaders = http.Header{"X-Ratelimit-Limit": {"100"}}
		o.UIDOf = func(value string) string { return value[len(value)-8:] }
	})
	want(t, made(t, s, "a", "job_viewer"), 201)
	id := s.ActiveByName("a")[0].ID
	g := send(t, s, s.AdminToken(), "GET", tokenPath(id), nil)
	if item := as[fields](t, g); string(item["expires_at"]) != "null" || !strings.HasSuffix(s.ValueOf(id), strings.Trim(string(item["uid"]), `"`)) {
		t.Errorf("%s", g.body)
	}
	if g.header.Get("X-Ratelimit-Limit") != "100" || g.header.Get("Date") == "" {
		t.Errorf("%v", g.header)
	}
}

// A single token may be read from a copy that lags behind.
func TestStaleItems(t *testing.T) {
	s, c := newSim(t, func(o *Options) { o.StaleItems = 3 * time.Second })
	want(t, made(t, s, "a", "job_viewer"), 201)
	id := s.ActiveByName("a")[0].ID
	want(t, send(t, s, s.AdminToken(), "GET", tokenPath(id), nil), 404)
	c.advance(4 * time.Second)
	want(t, send(t, s, s.AdminToken(), "DELETE", tokenPath(id), nil), 204)
	for _, state := range []string{"1", "2"} {
		if got := string(as[fields](t, send(t, s, s.AdminToken(), "GET", tokenPath(id), nil))["state"]); got != state {
			t.Errorf("state %s, expected %s", got, state)
		}
		c.advance(4 * time.Second)
	}
}
