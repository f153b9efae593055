package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"
)

// The secrets of a script's Slack and heartbeat.
const (
	slackToken    = "xoxb-000000000000-theslackbottoken"
	slackHook     = "thewebhookssecret"
	slackHookPath = "/services/T01234567/B01234567/" + slackHook
	heartbeat     = "the-heartbeats-secret"
	heartbeatPath = "/ping/" + heartbeat
)

// listeners play Slack, by bot and by webhook, and a healthchecks.io.
type listeners struct {
	mu    sync.Mutex
	down  map[string]bool // "slack", "files", "webhook", "heartbeat"
	heard []post          // since the last "slack forget"
	pings []string        // since the last "pings"
	raw   []byte          // all that was ever sent
}

// post is one thing that was said: the title of a message, or all there is in it.
type post struct{ how, text string }

// cmdSlack starts Slack and a heartbeat, sets the variables that lead there, or
// changes what they do.
func cmdSlack(ts *testscript.TestScript, neg bool, args []string) {
	s := scriptOf(ts)
	switch {
	case !neg && len(args) == 0:
		l := &listeners{down: map[string]bool{}}
		server := httptest.NewServer(l)
		ts.Defer(server.Close)
		ts.Defer(func() {
			l.mu.Lock()
			defer l.mu.Unlock()
			if s.leaked(l.raw) {
				ts.Fatalf("a secret was sent to Slack or to the heartbeat")
			}
		})
		s.listeners = l
		s.elsewhere = append(s.elsewhere, slackToken, slackHook, heartbeat)
		ts.Setenv("SLACK_API_URL", server.URL+"/api/")
		ts.Setenv("SLACK_BOT_TOKEN", slackToken)
		ts.Setenv("SLACK_WEBHOOK_URL", server.URL+slackHookPath)
		ts.Setenv("HEARTBEAT_URL", server.URL+heartbeatPath)
	case !neg && len(args) == 1 && args[0] == "forget":
		s.listeners.forget()
	case !neg && len(args) == 2 && (args[0] == "down" || args[0] == "up"):
		s.listeners.set(args[1], args[0] == "down")
	default:
		ts.Fatalf("usage: slack [forget | down|up slack|files|webhook|heartbeat]")
	}
}

// cmdTold looks for a text in what was posted since the last "slack forget", or
// counts the messages: those at the top, not in threads.
func cmdTold(ts *testscript.TestScript, neg bool, args []string) {
	heard := scriptOf(ts).listeners.since()
	if len(args) == 2 && args[0] == "messages" {
		want, err := strconv.Atoi(args[1])
		ts.Check(err)
		top := slices.DeleteFunc(slices.Clone(heard), func(p post) bool { return strings.Contains(p.how, "thread") || strings.HasPrefix(p.how, "files") })
		if len(top) != want {
			ts.Fatalf("%d messages, expected %d:\n%v", len(top), want, top)
		}
		return
	}
	if len(args) != 1 {
		ts.Fatalf("usage: [!] told REGEXP, or told messages N")
	}
	pattern := regexp.MustCompile("(?m)" + args[0])
	found := slices.ContainsFunc(heard, func(p post) bool { return pattern.MatchString(p.how + ": " + p.text) })
	if found == neg {
		ts.Fatalf("%q was told: %v; all of it:\n%v", args[0], found, heard)
	}
}

// cmdPings compares what the heartbeat heard since the last time: "ok" is a
// plain success.
func cmdPings(ts *testscript.TestScript, neg bool, args []string) {
	l := scriptOf(ts).listeners
	l.mu.Lock()
	defer l.mu.Unlock()
	if neg || !slices.Equal(l.pings, args) {
		ts.Fatalf("the heartbeat heard %v, expected %v", l.pings, args)
	}
	l.pings = nil
}

func (l *listeners) set(who string, down bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.down[who] = down
}

func (l *listeners) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.heard = nil
}

func (l *listeners) since() []post {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.heard)
}

// ServeHTTP answers as Slack and healthchecks.io do.
func (l *listeners) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, "", http.StatusBadRequest)
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.raw = append(l.raw, body...)
	ping, isPing := strings.CutPrefix(r.URL.Path, heartbeatPath)
	method, isAPI := strings.CutPrefix(r.URL.Path, "/api/")
	switch {
	case strings.HasPrefix(method, "files.") && l.down["files"]:
		fmt.Fprint(w, `{"ok": false, "error": "missing_scope"}`)
	case isPing && l.down["heartbeat"], r.URL.Path == slackHookPath && l.down["webhook"], isAPI && l.down["slack"]:
		http.Error(w, "<h1>Sorry</h1>", http.StatusServiceUnavailable)
	case isPing:
		if ping = strings.TrimPrefix(ping, "/"); ping == "" {
			ping = "ok"
		}
		l.pings = append(l.pings, ping)
		fmt.Fprint(w, "OK")
	case r.URL.Path == slackHookPath:
		l.heard = append(l.heard, post{"webhook", words(body)})
		fmt.Fprint(w, "ok")
	case isAPI:
		l.api(w, r, method, body)
	default:
		http.NotFound(w, r)
	}
}

// api answers one method of Slack's Web API.
func (l *listeners) api(w http.ResponseWriter, r *http.Request, method string, body []byte) {
	if method == "upload" {
		l.heard = append(l.heard, post{"files", string(body[:min(len(body), 400)])})
		fmt.Fprint(w, "OK")
		return
	}
	form, err := parseForm(r, body)
	if err != nil || form.Get("token") != slackToken {
		fmt.Fprint(w, `{"ok": false, "error": "invalid_auth"}`)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	switch method {
	case "files.getUploadURLExternal":
		fmt.Fprintf(w, `{"ok": true, "upload_url": "http://%s/api/upload", "file_id": "F1"}`, r.Host)
	case "files.completeUploadExternal":
		l.heard = append(l.heard, post{"files", form.Get("files")})
		fmt.Fprint(w, `{"ok": true, "files": [{"id": "F1"}]}`)
	case "chat.postMessage", "chat.update":
		how := method
		if form.Get("thread_ts") != "" {
			how += " in the thread"
		}
		l.heard = append(l.heard, post{how, words([]byte(form.Get("blocks")))})
		ts := form.Get("ts")
		if ts == "" {
			ts = fmt.Sprintf("1768000000.%06d", len(l.heard))
		}
		fmt.Fprintf(w, `{"ok": true, "channel": %q, "ts": %q}`, form.Get("channel"), ts)
	default:
		fmt.Fprint(w, `{"ok": false, "error": "unknown_method"}`)
	}
}

// words collects what people read of a message: every text in its blocks, one a line.
func words(blocks []byte) string {
	var message any
	if json.Unmarshal(blocks, &message) != nil {
		return ""
	}
	var lines []string
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, item := range v {
				walk(item)
			}
		case map[string]any:
			if kind, _ := v["type"].(string); strings.HasPrefix(kind, "rich_text_") && kind != "rich_text_list" || kind == "header" || kind == "context" {
				lines = append(lines, "\n") // something of its own begins
			}
			for _, key := range []string{"text", "user_id"} {
				if text, is := v[key].(string); is {
					lines = append(lines, text)
				}
			}
			for _, key := range []string{"text", "blocks", "elements"} {
				walk(v[key])
			}
		}
	}
	walk(message)
	return strings.Join(lines, "") + "\n"
}
