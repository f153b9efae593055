package dbtcloud

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tokenwarden/tokenwarden/secrets"
)

const (
	testHost    = "https://ab123.us1.dbt.com"
	testAccount = 12345
	testToken   = "dbtc_test-credential-0123456789"
)

var serverTime = time.Date(2026, 11, 23, 2, 15, 4, 0, time.UTC)

// fake answers requests in process and remembers them.
type fake struct {
	answer func(n int, r *http.Request) (*http.Response, error) // n counts from 1

	mu     sync.Mutex
	seen   []*http.Request
	bodies []string
}

func (f *fake) RoundTrip(r *http.Request) (*http.Response, error) {
	body := ""
	if r.Body != nil {
		b, _ := io.ReadAll(r.Body)
		body = string(b)
	}
	f.mu.Lock()
	f.seen, f.bodies = append(f.seen, r), append(f.bodies, body)
	n := len(f.seen)
	f.mu.Unlock()
	return f.answer(n, r)
}

func (f *fake) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.seen)
}

// answers gives them one after the other, the last one again and again.
func answers(list ...*http.Response) *fake {
	bodies := make([]string, len(list))
	for i, r := range list {
		b, _ := io.ReadAll(r.Body)
		bodies[i] = string(b)
		r.Body = io.NopCloser(strings.NewReader(bodies[i])) // for whoever uses it again
	}
	return &fake{answer: func(n int, _ *http.Request) (*http.Response, error) {
		i := min(n, len(list)) - 1
		return &http.Response{StatusCode: list[i].StatusCode, Header: list[i].Header.Clone(), Body: io.NopCloser(strings.NewReader(bodies[i]))}, nil
	}}
}

func response(status int, body string, header ...string) *http.Response {
	h := http.Header{"Date": {serverTime.Format(http.TimeFormat)}}
	for i := 0; i+1 < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body))}
}

// ok wraps data in an envelope.
func ok(data string) *http.Response {
	return response(200, `{"status": {"code": 200}, "data": `+data+`}`)
}

func recorded(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func newTestService(t testing.TB, transport http.RoundTripper, change ...func(*Config)) *Service {
	t.Helper()
	cfg := Config{Host: testHost, AccountID: testAccount, Transport: transport}
	for _, f := range change {
		f(&cfg)
	}
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func newTestClient(t testing.TB, transport http.RoundTripper, change ...func(*Config)) *Client {
	t.Helper()
	return newTestService(t, transport, change...).As(secrets.NewValue(testToken))
}

// impatient gives up at the first failure.
func impatient(cfg *Config) {
	cfg.GiveUp = time.Nanosecond
	cfg.Sleep = func(context.Context, time.Duration) error { return nil }
}

func logTo(w io.Writer) func(*Config) {
	return func(cfg *Config) {
		cfg.Log = slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
}

// pages serves a list of n items with the ids 1…n the way the service does.
type pages struct {
	n          int
	limitCap   int  // 0: 100
	noTotal    bool // no pagination in the reply
	ignoring   bool // the offset
	claim      int  // total_count, when not 0, instead of n
	item       func(id int) string
	hideBeyond int // offsets from here on give an empty page; 0: none
}

func (p pages) answer(_ int, r *http.Request) (*http.Response, error) {
	var limit, offset int
	_, _ = fmt.Sscan(r.URL.Query().Get("limit"), &limit)
	_, _ = fmt.Sscan(r.URL.Query().Get("offset"), &offset)
	if p.limitCap > 0 {
		limit = min(limit, p.limitCap)
	}
	if p.ignoring {
		offset = 0
	}
	items := []json.RawMessage{}
	for id := offset + 1; id <= p.n && len(items) < limit && (p.hideBeyond == 0 || offset < p.hideBeyond); id++ {
		text := fmt.Sprintf(`{"id": %d, "name": "token %d", "state": 1}`, id, id)
		if p.item != nil {
			text = p.item(id)
		}
		items = append(items, json.RawMessage(text))
	}
	total := p.n
	if p.claim != 0 {
		total = p.claim
	}
	body := map[string]any{"data": items, "status": map[string]any{"code": 200, "is_success": true}}
	if !p.noTotal {
		body["extra"] = map[string]any{"pagination": map[string]int{"count": len(items), "total_count": total}}
	}
	b, err := json.Marshal(body)
	return response(200, string(b)), err
}

func read(t testing.TB, r *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
