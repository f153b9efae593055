package dbtcloudtest

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// served sends requests of send and try through a real server on loopback.
type served struct{ server *httptest.Server }

func serve(t testing.TB, s *Sim) served {
	t.Helper()
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return served{server}
}

func (v served) RoundTrip(r *http.Request) (*http.Response, error) {
	r.URL.Scheme, r.URL.Host = "http", strings.TrimPrefix(v.server.URL, "http://")
	return v.server.Client().Transport.RoundTrip(r)
}

// The same requests get the same replies, header for header, either way.
func TestBothWaysAgree(t *testing.T) {
	a, _ := newSim(t)
	b, _ := newSim(t)
	real := serve(t, b)
	admin := a.AdminToken()
	if admin != b.AdminToken() {
		t.Fatal("the two are not the same to begin with")
	}
	for _, r := range []struct{ method, path, value, body string }{
		{"GET", "/api/v2/accounts/", admin, ""},
		{"POST", tokensPath, admin, create},
		{"POST", tokensPath, admin, `{"name":`},
		{"GET", tokensPath + "?state=1&limit=1", admin, ""},
		{"GET", tokenPath(1003), admin, ""},
		{"GET", tokenPath(1003) + "permissions/", admin, ""},
		{"PUT", tokenPath(1003), admin, `{"name":"Zürich \u0007 <b>"}`},
		{"DELETE", tokenPath(1003), admin, ""},
		{"GET", tokenPath(1003), admin, ""},
		{"GET", "/api/v3/accounts/1/service-tokens", admin, ""},
		{"GET", "/nowhere", admin, ""},
		{"GET", tokensPath, "wrong", ""},
		{"PATCH", tokensPath, admin, ""},
	} {
		in, over := send(t, a, r.value, r.method, r.path, r.body), send(t, real, r.value, r.method, r.path, r.body)
		if in.code != over.code || in.body != over.body {
			t.Errorf("%s %s:\n%d %s\n%d %s", r.method, r.path, in.code, in.body, over.code, over.body)
		}
		for _, key := range []string{"Date", "Content-Type", "Location", "Content-Length"} {
			if in.header.Get(key) != over.header.Get(key) {
				t.Errorf("%s %s: %s %q and %q", r.method, r.path, key, in.header.Get(key), over.header.Get(key))
			}
		}
	}
}

func TestNoDateOverHTTP(t *testing.T) {
	s, _ := newSim(t, func(o *Options) { o.NoDateHeader = true })
	if _, there := send(t, serve(t, s), s.AdminToken(), "GET", tokensPath, nil).header["Date"]; there {
		t.Error("net/http added a Date")
	}
}

func TestFaultsOverHTTP(t *testing.T) {
	for _, tt := range []struct {
		fault   Fault
		created int
	}{
		{TimeoutBefore, 0}, {TimeoutAfter, 1}, {ResetBefore, 0}, {ResetAfter, 1}, {HalfBody, 1},
	} {
		t.Run(tt.fault.String(), func(t *testing.T) {
			s, _ := newSim(t, func(o *Options) { o.HangLimit = 20 * time.Millisecond })
			s.Plan(Rule{Operation: "create-token", Fault: tt.fault})
			if g, err := try(t, serve(t, s), s.AdminToken(), "POST", tokensPath, create); err == nil {
				t.Errorf("answered %d %s", g.code, g.body)
			}
			if n := len(s.ActiveByName("new")); n != tt.created {
				t.Errorf("%d created", n)
			}
		})
	}
}

// The body's beginning does arrive, as it does from a connection that breaks.
func TestHalfABodyOverHTTP(t *testing.T) {
	s, _ := newSim(t)
	s.Plan(Rule{Fault: HalfBody})
	r, err := http.NewRequestWithContext(t.Context(), "GET", "http://sim"+tokensPath, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Token "+s.AdminToken())
	reply, err := serve(t, s).RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Body.Close()
	text, err := io.ReadAll(reply.Body)
	if err == nil || len(text) == 0 || int64(len(text)) >= reply.ContentLength || reply.StatusCode != 200 {
		t.Errorf("%d: %d of %d bytes, %v", reply.StatusCode, len(text), reply.ContentLength, err)
	}
}

// A client that gives up does not leave the handler behind.
func TestHangEndsWithTheClient(t *testing.T) {
	s, _ := newSim(t, func(o *Options) { o.HangLimit = time.Hour })
	s.Plan(Rule{Fault: TimeoutAfter})
	v := serve(t, s)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, "POST", "http://sim"+tokensPath, strings.NewReader(create))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Token "+s.AdminToken())
	if _, err := v.RoundTrip(r); err == nil {
		t.Fatal("answered")
	}
	done := make(chan struct{})
	go func() { v.server.Close(); close(done) }() // waits for handlers
	select {
	case <-done:
	case <-time.After(5 * time.Second):
		t.Fatal("the handler hangs on")
	}
	if len(s.ActiveByName("new")) != 1 {
		t.Error("TimeoutAfter had no effect")
	}
}

// A cancelled context keeps a request from taking effect.
func TestRoundTripHonoursTheContext(t *testing.T) {
	s, _ := newSim(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r, err := http.NewRequestWithContext(ctx, "POST", "http://sim"+tokensPath, strings.NewReader(create))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Token "+s.AdminToken())
	if _, err := s.RoundTrip(r); err == nil || len(s.ActiveByName("new")) != 0 {
		t.Errorf("error %v, created %d", err, len(s.ActiveByName("new")))
	}
}

// Many clients, observers, hooks and onlookers at once: run with -race.
func TestConcurrency(t *testing.T) {
	s := New(Options{})
	admin := s.AdminToken()
	var mu sync.Mutex
	events := 0
	s.Observe(func(e Event) {
		mu.Lock()
		defer mu.Unlock()
		events++
		e.View.Authenticates(admin)
	})
	s.Plan(Rule{Operation: "get-token", Nth: 5, Times: 3, Fault: StatusBefore, Status: 503}, Rule{Operation: "create-token", Fault: TimeoutLate, Nth: 7, Late: time.Microsecond})
	const clients, each = 8, 20
	var wg sync.WaitGroup
	for c := range clients {
		wg.Go(func() {
			for i := range each {
				name := fmt.Sprintf("c%d-%d", c, i)
				_, _ = try(t, s, admin, "POST", tokensPath, `{"name":"`+name+`","permission_grants":[{"permission_set":"owner"}]}`)
				for _, made := range s.ActiveByName(name) {
					s.Use(made.ID)
					_, _ = try(t, s, made.Value, "GET", tokenPath(made.ID), nil)
					_, _ = try(t, s, admin, "GET", tokensPath+"?state=1", nil)
					if i%2 == 0 {
						_, _ = try(t, s, made.Value, "DELETE", tokenPath(made.ID), nil)
					}
				}
			}
			_ = s.Requests()
			_ = s.Hits()
		})
	}
	wg.Wait()
	if n := len(s.Tokens()); n != 1+clients*each {
		t.Errorf("%d tokens", n)
	}
	ids := map[int64]bool{}
	for _, made := range s.Tokens() {
		ids[made.ID] = true
	}
	if len(ids) != 1+clients*each {
		t.Error("two tokens share an id")
	}
	if events == 0 {
		t.Error("no events")
	}
}

func BenchmarkCreateAndGet(b *testing.B) {
	s := New(Options{})
	admin := s.AdminToken()
	for b.Loop() {
		send(b, s, admin, "POST", tokensPath, create)
		send(b, s, admin, "GET", tokenPath(1001), nil)
	}
}

func BenchmarkListPage(b *testing.B) {
	s := New(Options{})
	for i := range 1000 {
		s.AddToken(SeedToken{Name: fmt.Sprint(i), Grants: []SeedGrant{{PermissionSet: "analyst"}}})
	}
	admin := s.AdminToken()
	for b.Loop() {
		send(b, s, admin, "GET", tokensPath+"?state=1&limit=100&offset=500", nil)
	}
}

func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		New(Options{})
	}
}
