package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tokenwarden/tokenwarden/secrets"
)

const hookPath = "/services/T01234567/B01234567/abcdefghijklmnopqrstuvwx"

// hook is an incoming webhook.
type hook struct {
	*httptest.Server
	mu     sync.Mutex
	answer func(w http.ResponseWriter)
	posts  []call
}

func newHook(t *testing.T) *hook {
	t.Helper()
	h := &hook{}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != hookPath || r.Header.Get("User-Agent") != "tokenwarden" {
			t.Errorf("%s by %s", r.URL, r.UserAgent())
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		raw, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		if h.answer != nil {
			h.answer(w)
			return
		}
		var c call
		var blocks struct{ Blocks json.RawMessage }
		if err := errors.Join(json.Unmarshal(raw, &c), json.Unmarshal(raw, &blocks)); err != nil {
			t.Error(err)
		}
		checkBlocks(t, string(blocks.Blocks))
		h.posts = append(h.posts, c)
		fmt.Fprint(w, "ok")
	}))
	t.Cleanup(h.Close)
	return h
}

// reply changes what the hook answers; nil: ok.
func (h *hook) reply(answer func(http.ResponseWriter)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.answer = answer
}

func (h *hook) webhook(t *testing.T, f *fakeTime) *Webhook {
	t.Helper()
	w, err := NewWebhook(WebhookConfig{URL: secrets.NewValue(h.URL + hookPath), Clock: f.clock()})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestWebhook(t *testing.T) {
	t.Parallel()
	h, clock := newHook(t), &fakeTime{t: night0}
	n := Notifier{Channel: h.webhook(t, clock), States: FileState{Path: filepath.Join(t.TempDir(), "state.json")}, Clock: clock.clock()}
	night := Night{Account: "1", Name: "prod"}
	if _, err := n.Ensure(t.Context(), []Night{night}); err != nil {
		t.Fatal(err)
	}
	for i := range 130 {
		night.Alerts = append(night.Alerts, alert(fmt.Sprintf("%03d", i), High))
	}
	result, err := n.Ensure(t.Context(), []Night{night})
	if err != nil || len(h.posts) != 1 || result.Accounts[0].Told != 130 {
		t.Fatalf("%d posts, %+v, %v", len(h.posts), result, err)
	}
	text := render(t, h.posts[0].Blocks)
	if h.posts[0].Text != "prod: 130 new; worst: high" || !strings.Contains(text, "more that do not fit here") {
		t.Error(text)
	}
	shown := strings.Count(text, "**New, high:**")
	if shown < 15 || !strings.Contains(text, fmt.Sprintf("and %d more", 130-shown)) {
		t.Errorf("%d are shown:\n%s", shown, text)
	}
	if _, err := n.Ensure(t.Context(), []Night{night}); err != nil || len(h.posts) != 1 {
		t.Errorf("said again: %d posts, %v", len(h.posts), err)
	}
}

func TestWebhookDownThenUp(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer func(http.ResponseWriter)
		says   string
	}{
		"refused":  {func(w http.ResponseWriter) { w.WriteHeader(http.StatusForbidden); fmt.Fprint(w, "invalid_token") }, "not valid"},
		"gone":     {func(w http.ResponseWriter) { w.WriteHeader(http.StatusNotFound); fmt.Fprint(w, "no_service") }, "make a new one"},
		"down":     {func(w http.ResponseWriter) { w.WriteHeader(http.StatusBadGateway); fmt.Fprint(w, "<html>") }, "HTTP 502"},
		"a portal": {func(w http.ResponseWriter) { fmt.Fprint(w, "<html>Sign in to the guest network</html>") }, "not Slack's"},
		"another":  {func(w http.ResponseWriter) { fmt.Fprint(w, "okay") }, "not Slack's"},
		"elsewhere": {func(w http.ResponseWriter) {
			w.Header().Set("Location", "https://evil.example/")
			w.WriteHeader(http.StatusTemporaryRedirect)
		}, "HTTP 307"},
		"reset": {func(http.ResponseWriter) { panic(http.ErrAbortHandler) }, "EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, clock := newHook(t), &fakeTime{t: night0}
			n := Notifier{Channel: h.webhook(t, clock), States: FileState{Path: filepath.Join(t.TempDir(), "state.json")}, Clock: clock.clock()}
			nights := []Night{{Account: "1", Name: "prod", Alerts: []Alert{alert("a", High)}}}
			h.reply(c.answer)
			_, err := n.Ensure(t.Context(), nights)
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("%v, want something of %q", err, c.says)
			}
			checkSilent(t, err, h.URL+hookPath)
			h.reply(nil)
			if _, err := n.Ensure(t.Context(), nights); err != nil || len(h.posts) != 1 {
				t.Errorf("up: %d posts, %v", len(h.posts), err)
			}
		})
	}
}

// checkSilent fails when an error, or anything it wraps, gives a secret URL away.
func checkSilent(t *testing.T, err error, url string) {
	t.Helper()
	parts := strings.Split(strings.TrimPrefix(url[strings.Index(url, "//")+2:], "/"), "/")
	for _, verb := range []string{"%v", "%+v", "%#v", "%q"} {
		said := fmt.Sprintf(verb, err)
		for cause := err; cause != nil; cause = errors.Unwrap(cause) {
			said += fmt.Sprintf(verb, cause)
		}
		for _, part := range parts[1:] {
			if len(part) >= 6 && strings.Contains(said, part) {
				t.Errorf("%s says %q: %s", verb, part, said)
			}
		}
	}
}

func TestWebhookThrottled(t *testing.T) {
	t.Parallel()
	h, clock := newHook(t), &fakeTime{t: night0}
	h.answer = func(w http.ResponseWriter) {
		h.answer = nil
		w.Header().Set("Retry-After", "20")
		w.WriteHeader(http.StatusTooManyRequests)
	}
	if _, err := h.webhook(t, clock).Announce(t.Context(), drill(night0)); err != nil || len(h.posts) != 1 || clock.slept != 20*time.Second {
		t.Errorf("%d posts after %s, %v", len(h.posts), clock.slept, err)
	}
}

// A transport's error carries the whole URL; none of ours does.
func TestErrorsSayNoURL(t *testing.T) {
	t.Parallel()
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	for _, url := range []string{gone.URL + hookPath, "https://no-such-host.invalid" + hookPath + "?token=qwertyuiop"} {
		w, err := NewWebhook(WebhookConfig{URL: secrets.NewValue(url)})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		_, err = w.Announce(ctx, drill(night0))
		if err == nil {
			t.Fatal("no error")
		}
		checkSilent(t, err, url)
		if said := fmt.Sprintf("%v %+v %#v", w, w, w); strings.Contains(said, "abcdefghijklmnopqrstuvwx") {
			t.Errorf("the webhook prints its URL: %s", said)
		}
	}
	for _, url := range []string{"", "hooks.slack.com" + hookPath, "http://hooks.slack.com" + hookPath, "https://hooks.slack.com:port" + hookPath, "ftp://x" + hookPath, "https://u:secretpassword@x" + hookPath, "https://x/%zzabcdefghijk"} {
		_, err := NewWebhook(WebhookConfig{URL: secrets.NewValue(url)})
		if err == nil {
			t.Errorf("%q was taken", url)
			continue
		}
		if strings.Contains(err.Error(), "abcdefghijk") || strings.Contains(err.Error(), "secretpassword") {
			t.Errorf("says too much: %v", err)
		}
	}
}
