package notify

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tokenwarden/tokenwarden/secrets"
)

const pingPath = "/5bf66975-d4c7-4bf5-bcc8-b8d8a82ea278"

func TestHeartbeat(t *testing.T) {
	t.Parallel()
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Method+" "+r.URL.RequestURI())
		fmt.Fprint(w, "OK")
	}))
	defer server.Close()
	for _, query := range []string{"", "?rid=1"} {
		asked = nil
		h, ctx := Heartbeat{URL: secrets.NewValue(server.URL + pingPath + query + "\n")}, t.Context()
		err := errors.Join(h.Start(ctx), h.Done(ctx, 0), h.Done(ctx, 2), h.Done(ctx, 75), h.Done(ctx, -1), h.Done(ctx, 300), h.Drill(ctx))
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		for _, suffix := range []string{"/start", "", "/2", "/75", "/255", "/255", "/log"} {
			want = append(want, "GET "+pingPath+suffix+query)
		}
		if !slices.Equal(asked, want) {
			t.Errorf("asked %q, want %q", asked, want)
		}
	}
}

func TestHeartbeatFails(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer func(http.ResponseWriter)
		tries  int
		says   string
	}{
		"no such check":   {func(w http.ResponseWriter) { w.WriteHeader(http.StatusNotFound) }, 1, "HTTP 404"},
		"no such check 2": {func(w http.ResponseWriter) { fmt.Fprint(w, "OK (not found)") }, 1, "there is no such check"},
		"too often":       {func(w http.ResponseWriter) { fmt.Fprint(w, "OK (rate limited)") }, 1, "pinged too often"},
		"down":            {func(w http.ResponseWriter) { w.WriteHeader(http.StatusBadGateway) }, pingTries, "HTTP 502"},
		"throttled":       {func(w http.ResponseWriter) { w.WriteHeader(http.StatusTooManyRequests) }, pingTries, "HTTP 429"},
		"reset":           {func(http.ResponseWriter) { panic(http.ErrAbortHandler) }, pingTries, "EOF"},
		"elsewhere":       {func(w http.ResponseWriter) { w.Header().Set("Location", "/x"); w.WriteHeader(http.StatusFound) }, 1, "HTTP 302"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var tries atomic.Int32
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { tries.Add(1); c.answer(w) }))
			defer server.Close()
			clock := &fakeTime{t: night0}
			h := Heartbeat{URL: secrets.NewValue(server.URL + pingPath), Clock: clock.clock()}
			err := h.Done(t.Context(), 1)
			if err == nil || !strings.Contains(err.Error(), c.says) || int(tries.Load()) != c.tries {
				t.Fatalf("%d tries, %v", tries.Load(), err)
			}
			checkSilent(t, err, server.URL+pingPath)
		})
	}
}

// A watchdog that is slow must not hold a night up.
func TestHeartbeatTimeout(t *testing.T) {
	t.Parallel()
	h := Heartbeat{URL: secrets.NewValue("https://hc-ping.com" + pingPath), Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		end, limited := r.Context().Deadline()
		if left := time.Until(end); !limited || left > pingTimeout || left < pingTimeout-5*time.Second {
			t.Errorf("a request may take %s", left)
		}
		return nil, context.DeadlineExceeded
	}), Clock: (&fakeTime{t: night0}).clock()}
	err := h.Start(t.Context())
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	checkSilent(t, err, "https://hc-ping.com"+pingPath)
	for _, url := range []string{"", "hc-ping.com" + pingPath, "https://hc-ping.com:x" + pingPath} {
		if err := (Heartbeat{URL: secrets.NewValue(url)}).Start(t.Context()); err == nil || strings.Contains(err.Error(), "5bf66975") {
			t.Errorf("%q: %v", url, err)
		}
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestDrillSaysWhoAnswered(t *testing.T) {
	t.Parallel()
	ws, clock := newWorkspace(t), &fakeTime{t: night0}
	h := newHook(t)
	h.answer = func(w http.ResponseWriter) { w.WriteHeader(http.StatusNotFound); fmt.Fprint(w, "no_service") }
	answers := Drill(t.Context(), ws.bot(clock), h.webhook(t, clock), Heartbeat{
		URL: secrets.NewValue("https://hc-ping.com" + pingPath), Clock: clock.clock(),
		Transport: roundTrip(func(*http.Request) (*http.Response, error) { return nil, errors.New("no route to host") }),
	})
	if len(answers) != 3 || answers[0].Err != nil || answers[1].Err == nil || answers[2].Err == nil {
		t.Errorf("%+v", answers)
	}
	var methods []string
	for _, c := range ws.take() {
		methods = append(methods, c.Method)
		if !strings.Contains(c.Text, "DRILL") && c.Method == "chat.postMessage" {
			t.Errorf("not marked as a drill: %q", c.Text)
		}
	}
	if want := []string{"chat.postMessage", "chat.postMessage", "files.completeUploadExternal"}; !slices.Equal(methods, want) {
		t.Errorf("the drill took another way: %q", methods)
	}
}
