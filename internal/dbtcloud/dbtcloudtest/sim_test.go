package dbtcloudtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"
)

// clock is a time that tests move by hand.
type clock struct{ t time.Time }

func (c *clock) now() time.Time          { return c.t }
func (c *clock) advance(d time.Duration) { c.t = c.t.Add(d) }

func newClock() *clock {
	return &clock{time.Date(2026, 11, 23, 2, 15, 4, 123456789, time.UTC)}
}

// newSim returns a simulator with account 1, a clock that tests move, and
// values that are the same in every run.
func newSim(t testing.TB, change ...func(*Options)) (*Sim, *clock) {
	t.Helper()
	c := newClock()
	o := Options{Now: c.now, Rand: rand.NewChaCha8([32]byte{1})}
	for _, f := range change {
		f(&o)
	}
	return New(o), c
}

// got is a reply as a client sees it.
type got struct {
	code    int
	header  http.Header
	body    string
	message string // user_message
	data    json.RawMessage
	extra   struct {
		Pagination struct {
			Count int `json:"count"`
			Total int `json:"total_count"`
		} `json:"pagination"`
		Failed []string `json:"failed_cidrs"`
		Known  []string `json:"cidrs_already_exists"`
	}
}

// send makes one request in process; body may be nil, a string, or anything
// that marshals.
func send(t testing.TB, s http.RoundTripper, value, method, path string, body any) got {
	t.Helper()
	g, err := try(t, s, value, method, path, body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return g
}

func try(t testing.TB, s http.RoundTripper, value, method, path string, body any) (got, error) {
	t.Helper()
	var sent []byte
	switch b := body.(type) {
	case nil:
	case string:
		sent = []byte(b)
	default:
		var err error
		if sent, err = json.Marshal(b); err != nil {
			t.Fatal(err)
		}
	}
	r, err := http.NewRequestWithContext(t.Context(), method, "https://sim.example"+path, bytes.NewReader(sent))
	if err != nil {
		t.Fatal(err)
	}
	if value != "" {
		r.Header.Set("Authorization", "Token "+value)
	}
	reply, err := s.RoundTrip(r)
	if err != nil {
		return got{}, err
	}
	return readReply(t, reply)
}

func readReply(t testing.TB, reply *http.Response) (got, error) {
	t.Helper()
	defer reply.Body.Close()
	text, err := io.ReadAll(reply.Body)
	if err != nil {
		return got{}, err
	}
	g := got{code: reply.StatusCode, header: reply.Header, body: string(text)}
	if strings.HasPrefix(reply.Header.Get("Content-Type"), "application/json") {
		var e struct {
			Status struct {
				Code    int    `json:"code"`
				Success bool   `json:"is_success"`
				Message string `json:"user_message"`
			} `json:"status"`
			Data  json.RawMessage `json:"data"`
			Extra json.RawMessage `json:"extra"`
		}
		if err := json.Unmarshal(text, &e); err != nil {
			t.Fatalf("no envelope: %v in %s", err, text)
		}
		if e.Status.Code != g.code || e.Status.Success != (g.code < 400) {
			t.Fatalf("status %d, and the envelope says %+v", g.code, e.Status)
		}
		if e.Extra != nil {
			if err := json.Unmarshal(e.Extra, &g.extra); err != nil {
				t.Fatal(err)
			}
		}
		g.message, g.data = e.Status.Message, e.Data
	}
	return g, nil
}

// as unmarshals the data of a reply.
func as[T any](t testing.TB, g got) (v T) {
	t.Helper()
	if err := json.Unmarshal(g.data, &v); err != nil {
		t.Fatalf("%v in %s", err, g.body)
	}
	return v
}

type fields map[string]json.RawMessage

func tokenPath(id int64) string { return fmt.Sprintf("/api/v3/accounts/1/service-tokens/%d/", id) }

const (
	tokensPath   = "/api/v3/accounts/1/service-tokens/"
	mappingsList = "/api/v3/accounts/1/" + mappingsPath
)

func want(t testing.TB, g got, code int) {
	t.Helper()
	if g.code != code {
		t.Fatalf("answered %d, want %d: %s", g.code, code, g.body)
	}
}

func TestNewHasOneAccountAndItsAdmin(t *testing.T) {
	s, _ := newSim(t)
	if s.AccountID() != 1 || len(s.Tokens()) != 1 {
		t.Fatalf("account %d with %d tokens", s.AccountID(), len(s.Tokens()))
	}
	value := s.AdminToken()
	if !strings.HasPrefix(value, "dbtc_") || len(value) != 55 || strings.Trim(value[5:], tokenAlphabet) != "" {
		t.Errorf("the admin's value has an unlikely form: %d characters", len(value))
	}
	want(t, send(t, s, value, "GET", tokensPath, nil), 200)
}

func TestZeroOptionsWork(t *testing.T) {
	s := New(Options{})
	g := send(t, s, s.AdminToken(), "POST", tokensPath, `{"name":"x"}`)
	want(t, g, 201)
	if New(Options{}).AdminToken() == s.AdminToken() {
		t.Error("two simulators made the same value")
	}
}

func TestSameRandomnessSameValues(t *testing.T) {
	a, _ := newSim(t)
	b, _ := newSim(t)
	if a.AdminToken() != b.AdminToken() {
		t.Error("values differ for the same source")
	}
}

// Recorded: account_list_response.json. The provider starts with this request.
func TestAccounts(t *testing.T) {
	s, _ := newSim(t)
	for _, version := range []string{"v2", "v3"} {
		g := send(t, s, s.AdminToken(), "GET", "/api/"+version+"/accounts/", nil)
		want(t, g, 200)
		list := as[[]fields](t, g)
		if len(list) != 1 || string(list[0]["id"]) != "1" || string(list[0]["state"]) != "1" {
			t.Errorf("%s: %s", version, g.body)
		}
		want(t, send(t, s, s.AdminToken(), "GET", "/api/"+version+"/accounts/1/", nil), 200)
		want(t, send(t, s, s.AdminToken(), "GET", "/api/"+version+"/accounts/2/", nil), 404)
	}
}

func TestPathsOutsideTheAPI(t *testing.T) {
	s, _ := newSim(t)
	for path, code := range map[string]int{
		"/v3/accounts/":                            404, // the base is /api (docs)
		"/api/v4/accounts/":                        404,
		"/api/v3/accounts/1/jobs/":                 404,
		"/api/v3/accounts/one/":                    404,
		"/api/v3/accounts/1/ip-restrictions/5/":    404, // no slash there (spec)
		"/api/v3/accounts/99999999999999999999999": 404,
		"/api/": 404,
		"/":     404,
	} {
		g := send(t, s, s.AdminToken(), "GET", path, nil)
		if g.code != code || !strings.Contains(g.body, "<html>") {
			t.Errorf("GET %s: %d %s, want a page with %d", path, g.code, g.body, code)
		}
	}
	want(t, send(t, s, s.AdminToken(), "PATCH", tokensPath, nil), 405)
}

// Spec: all collection paths end in "/". Django redirects a GET that lacks it;
// anything else would lose its body.
func TestMissingSlash(t *testing.T) {
	s, _ := newSim(t)
	g := send(t, s, s.AdminToken(), "GET", "/api/v3/accounts/1/service-tokens?state=1&limit=2", nil)
	want(t, g, 301)
	if to := g.header.Get("Location"); to != tokensPath+"?state=1&limit=2" {
		t.Errorf("redirected to %q", to)
	}
	want(t, send(t, s, s.AdminToken(), "POST", "/api/v3/accounts/1/service-tokens", `{"name":"x"}`), 404)
	want(t, send(t, s, s.AdminToken(), "DELETE", strings.TrimSuffix(tokenPath(1001), "/"), nil), 404)
	if n := len(s.Tokens()); n != 1 {
		t.Errorf("%d tokens", n)
	}
}

// Spec: limit is at most 100; extra.pagination counts.
func TestPages(t *testing.T) {
	s, _ := newSim(t)
	for i := range 249 {
		id, _ := s.AddToken(SeedToken{Name: fmt.Sprintf("token %d", i)})
		if i%5 == 0 {
			s.Delete(id)
		}
	}
	for _, tt := range []struct {
		query        string
		count, total int
	}{
		{"", 100, 250},
		{"?limit=1000", 100, 250},
		{"?limit=7", 7, 250},
		{"?limit=0", 100, 250},
		{"?limit=many", 100, 250},
		{"?offset=200", 50, 250},
		{"?offset=250", 0, 250},
		{"?offset=9999", 0, 250},
		{"?state=1&offset=100", 100, 200},
		{"?state=2", 50, 50},
		{"?state=2&limit=10&offset=45", 5, 50},
	} {
		g := send(t, s, s.AdminToken(), "GET", tokensPath+tt.query, nil)
		items := as[[]fields](t, g)
		if p := g.extra.Pagination; len(items) != tt.count || p.Count != tt.count || p.Total != tt.total {
			t.Errorf("%q: %d items, pagination %+v, want %d of %d", tt.query, len(items), p, tt.count, tt.total)
		}
	}
	seen := map[string]bool{}
	for offset := 0; offset < 250; offset += 100 {
		for _, item := range as[[]fields](t, send(t, s, s.AdminToken(), "GET", fmt.Sprintf("%s?offset=%d", tokensPath, offset), nil)) {
			seen[string(item["id"])] = true
		}
	}
	if len(seen) != 250 {
		t.Errorf("three pages show %d of 250 tokens", len(seen))
	}
}

// Provider: an item that is deleted between two pages moves the rest up, so
// that offset paging misses one.
func TestOffsetPagingSkipsAfterADeletion(t *testing.T) {
	s, _ := newSim(t, func(o *Options) { o.PageCap = 2 })
	admin := s.AdminToken()
	var ids []int64
	for i := range 4 {
		id, _ := s.AddToken(SeedToken{Name: fmt.Sprint(i)})
		ids = append(ids, id)
	}
	first := as[[]fields](t, send(t, s, admin, "GET", tokensPath+"?state=1", nil))
	s.Delete(ids[0])
	second := as[[]fields](t, send(t, s, admin, "GET", tokensPath+"?state=1&offset=2", nil))
	if len(first) != 2 || len(second) != 2 || string(second[0]["id"]) != fmt.Sprint(ids[2]) {
		t.Errorf("first %v, then %v", first, second)
	}
}

// Every reply has a Date in whole seconds; ages are reckoned against it.
func TestDateHeader(t *testing.T) {
	s, _ := newSim(t)
	for _, path := range []string{tokensPath, "/nowhere", "/api/v3/accounts/2/users/"} {
		if date := send(t, s, s.AdminToken(), "GET", path, nil).header.Get("Date"); date != "Mon, 23 Nov 2026 02:15:04 GMT" {
			t.Errorf("%s: Date %q", path, date)
		}
	}
	s.Configure(func(o *Options) { o.NoDateHeader = true })
	if _, there := send(t, s, s.AdminToken(), "GET", tokensPath, nil).header["Date"]; there {
		t.Error("NoDateHeader has one")
	}
}

// Recorded: space or T, fraction or none, Z or an offset, within one version.
func TestDatesComeInEveryForm(t *testing.T) {
	at := time.Date(2025, 8, 12, 2, 23, 9, 391280999, time.FixedZone("", 3600))
	for variant, form := range []string{
		`"2025-08-12 01:23:09.391280+00:00"`, `"2025-08-12T01:23:09.391280+00:00"`, `"2025-08-12T01:23:09.391280Z"`,
	} {
		if got := string(writeDate(at, int64(variant))); got != form {
			t.Errorf("variant %d: %s, want %s", variant, got, form)
		}
	}
	if got := string(writeDate(at.Truncate(time.Second), 3)); got != `"2025-08-12 01:23:09+00:00"` {
		t.Errorf("whole second: %s", got)
	}
}
