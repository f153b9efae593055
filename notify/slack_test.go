package notify

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/slack-go/slack/slacktest"

	"github.com/tokenwarden/tokenwarden/secrets"
)

const (
	botToken    = "xoxb-123456789012-abcdefghijklmnop"
	testChannel = "C0123456789"
)

// call is one request to Slack, as far as it matters.
type call struct {
	Method string            `json:"method"`
	Thread string            `json:"thread_ts,omitempty"`
	TS     string            `json:"ts,omitempty"`
	Text   string            `json:"text,omitempty"`
	File   string            `json:"file,omitempty"`
	Blocks []json.RawMessage `json:"blocks,omitempty"`
}

// workspace is slacktest with its handlers replaced: it remembers what was
// posted, refuses what Slack refuses, and fails when it is told to.
type workspace struct {
	*slacktest.Server
	t     *testing.T
	mu    sync.Mutex
	calls []call
	count int
	file  string
	// answer may take a request over: true means that it did.
	answer func(n int, method string, w http.ResponseWriter) bool
}

func newWorkspace(t *testing.T) *workspace {
	t.Helper()
	ws := &workspace{t: t}
	ws.Server = slacktest.NewTestServer(func(c slacktest.Customize) {
		for _, method := range []string{"chat.postMessage", "chat.update", "files.getUploadURLExternal", "files.completeUploadExternal"} {
			c.Handle("/"+method, ws.handle(method))
		}
		c.Handle("/upload/F1", ws.upload)
	})
	ws.Start()
	t.Cleanup(ws.Stop)
	return ws
}

// reply changes what takes requests over; nil: nothing.
func (ws *workspace) reply(answer func(n int, method string, w http.ResponseWriter) bool) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	ws.answer = answer
}

func (ws *workspace) handle(method string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ws.mu.Lock()
		defer ws.mu.Unlock()
		ws.count++
		if err := r.ParseForm(); err != nil {
			ws.t.Error(err)
		}
		if got := r.Form.Get("token"); got != botToken {
			ws.t.Errorf("%s: another token", method)
		}
		if ws.answer != nil && ws.answer(ws.count, method, w) {
			return
		}
		c := call{Method: method, Thread: r.Form.Get("thread_ts"), TS: r.Form.Get("ts"), Text: r.Form.Get("text")}
		if raw := r.Form.Get("blocks"); raw != "" {
			if err := json.Unmarshal([]byte(raw), &c.Blocks); err != nil {
				ws.t.Error(err)
			}
			checkBlocks(ws.t, raw)
		}
		w.Header().Set("Content-Type", "application/json")
		switch method {
		case "files.getUploadURLExternal":
			fmt.Fprintf(w, `{"ok":true,"upload_url":%q,"file_id":"F1"}`, ws.GetAPIURL()+"upload/F1")
			return
		case "files.completeUploadExternal":
			c.File = r.Form.Get("channel_id") + ": " + ws.file
			fmt.Fprint(w, `{"ok":true,"files":[{"id":"F1","title":"report"}]}`)
		default:
			if r.Form.Get("channel") != testChannel {
				ws.t.Errorf("another channel: %q", r.Form.Get("channel"))
			}
			ts := fmt.Sprintf("1768000000.%06d", ws.count)
			if method == "chat.update" {
				ts = c.TS
			}
			fmt.Fprintf(w, `{"ok":true,"channel":%q,"ts":%q}`, testChannel, ts)
		}
		ws.calls = append(ws.calls, c)
	}
}

func (ws *workspace) upload(w http.ResponseWriter, r *http.Request) {
	file, header, err := r.FormFile("file")
	if err != nil {
		ws.t.Error(err)
		return
	}
	body, err := io.ReadAll(file)
	if err != nil {
		ws.t.Error(err)
	}
	ws.mu.Lock()
	defer ws.mu.Unlock()
	ws.file = header.Filename + ": " + string(body)
	fmt.Fprint(w, "OK - 12")
}

// take returns what was posted since the last take.
func (ws *workspace) take() []call {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	calls := ws.calls
	ws.calls = nil
	return calls
}

// fakeTime is a clock that sleeps by moving on.
type fakeTime struct {
	mu    sync.Mutex
	t     time.Time
	slept time.Duration
}

func (f *fakeTime) clock() Clock {
	return Clock{
		Now: func() time.Time { f.mu.Lock(); defer f.mu.Unlock(); return f.t },
		Sleep: func(ctx context.Context, d time.Duration) error {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.t, f.slept = f.t.Add(d), f.slept+d
			return ctx.Err()
		},
	}
}

func (f *fakeTime) pass(d time.Duration) { f.mu.Lock(); f.t = f.t.Add(d); f.mu.Unlock() }

func (ws *workspace) bot(f *fakeTime) *Bot {
	ws.t.Helper()
	b, err := NewBot(BotConfig{Token: secrets.NewValue(botToken), Channel: testChannel, APIURL: ws.GetAPIURL(), Clock: f.clock()})
	if err != nil {
		ws.t.Fatal(err)
	}
	return b
}

// checkBlocks fails when Slack would refuse the blocks, and when anything in
// them is parsed for markup.
func checkBlocks(t *testing.T, raw string) {
	t.Helper()
	var blocks []map[string]any
	if err := json.Unmarshal([]byte(raw), &blocks); err != nil {
		t.Fatal(err)
	}
	if len(blocks) == 0 || len(blocks) > 50 {
		t.Errorf("%d blocks", len(blocks))
	}
	if len(raw) > 13_200 {
		t.Errorf("%d characters over all blocks", len(raw))
	}
	for _, b := range blocks {
		var texts int
		walk(b, func(m map[string]any) {
			text, _ := m["text"].(string)
			texts += utf8.RuneCountInString(text)
			if m["type"] == "mrkdwn" || m["type"] == "broadcast" || m["type"] == "link" || m["emoji"] == true {
				t.Errorf("parsed or pinging: %v", m)
			}
			if kind := m["type"]; (kind == "text" || kind == "plain_text") && text == "" {
				t.Errorf("an empty text, which Slack refuses: %v", b)
			}
		})
		if texts > 3000 {
			t.Errorf("%d characters in one block", texts)
		}
		if header, is := b["text"].(map[string]any); is && b["type"] == "header" {
			if n := utf8.RuneCountInString(header["text"].(string)); n > 150 {
				t.Errorf("a header of %d characters", n)
			}
		}
	}
}

// walk visits every object in v.
func walk(v any, visit func(map[string]any)) {
	switch v := v.(type) {
	case map[string]any:
		visit(v)
		for _, child := range v {
			walk(child, visit)
		}
	case []any:
		for _, child := range v {
			walk(child, visit)
		}
	}
}

// render writes blocks as people see them.
func render(t *testing.T, blocks []json.RawMessage) string {
	t.Helper()
	var out strings.Builder
	for _, raw := range blocks {
		var b map[string]any
		if err := json.Unmarshal(raw, &b); err != nil {
			t.Fatal(err)
		}
		renderBlock(&out, b, "")
	}
	return out.String()
}

func renderBlock(out *strings.Builder, b map[string]any, indent string) {
	elements, _ := b["elements"].([]any)
	switch b["type"] {
	case "header":
		fmt.Fprintf(out, "# %s\n", b["text"].(map[string]any)["text"])
	case "context":
		fmt.Fprintf(out, "  (%s)\n", elements[0].(map[string]any)["text"])
	case "rich_text":
		for _, e := range elements {
			renderBlock(out, e.(map[string]any), indent)
		}
	case "rich_text_list":
		for _, e := range elements {
			out.WriteString("  • ")
			renderBlock(out, e.(map[string]any), indent)
		}
	default:
		var line strings.Builder
		for _, e := range elements {
			line.WriteString(renderElement(e.(map[string]any)))
		}
		s := strings.TrimSuffix(line.String(), "\n")
		if b["type"] == "rich_text_preformatted" {
			s = "    $ " + s
		}
		out.WriteString(s + "\n")
	}
}

func renderElement(e map[string]any) string {
	text, _ := e["text"].(string)
	style, _ := e["style"].(map[string]any)
	switch {
	case e["type"] == "user":
		return fmt.Sprintf("@[user %s]", e["user_id"])
	case e["type"] == "channel":
		return fmt.Sprintf("#[channel %s]", e["channel_id"])
	case style["bold"] == true:
		return "**" + strings.TrimSpace(text) + "** "
	case style["code"] == true:
		return "`" + text + "`"
	}
	return text
}
