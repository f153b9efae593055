package notify

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"
)

var hostile = []string{
	"<!channel>", "<!here|x>", "<@U0123456789>", "@here @channel @everyone", "<https://evil.example|dbt Cloud>", "https://evil.example/x",
	"*bold* _it_ ~s~ `c` ```pre```", ":rotating_light:", "&lt;!channel&gt;", "line\nbreak\r\n# header", "\x1b[31mred\x1b[0m",
	"\u202eelbaton\u202c", "zero\u200bwidth", "nul\x00", "bad\xff\xfeutf8", `{"type":"broadcast","range":"channel"}`, `","type":"user"`,
	strings.Repeat("A", 10_000), "",
}

// checkHostile fails when anything of an alert made of s could ping or format.
func checkHostile(t *testing.T, s string) {
	t.Helper()
	a := Alert{Key: s, Rule: s, Severity: High, Headline: s, Remedy: s, Owner: s, Resource: s}
	night := Night{
		Account: "1", Name: s, Alerts: []Alert{a}, Problem: s, Coverage: Coverage{Checked: 1, Checks: 2, Missing: []string{s}},
		Rotations: []Rotation{{Key: s, Name: s, Status: Failed, Text: s, Remedy: s, Owner: s}},
	}
	known := knows(night0, Alert{Key: "gone", Rule: s, Resource: s})
	m := compose(night, known, Decide(night, known, night0, 0), nil, night0)
	m.Owner = func(string) string { return s } // a pattern that captured the name, say
	head, replies := threaded(m)
	for _, sheet := range append(replies, head, single(m)) {
		raw, err := json.Marshal(sheet.blocks)
		if err != nil {
			t.Fatal(err)
		}
		checkBlocks(t, string(raw))
		var blocks []any
		if err := json.Unmarshal(raw, &blocks); err != nil {
			t.Fatal(err)
		}
		walk(blocks, func(m map[string]any) {
			if kind := m["type"]; (kind == "user" || kind == "usergroup" || kind == "channel") && !slackID.MatchString(s) {
				t.Errorf("%q became a mention: %v", s, m)
			}
			if text, is := m["text"].(string); is {
				for _, r := range text {
					if r != '\n' && r != ' ' && !unicode.IsPrint(r) {
						t.Errorf("%q is shown with %U in it", s, r)
					}
				}
				if s != "\n" && strings.Contains(s, "\n") && strings.Contains(text, s) {
					t.Errorf("%q broke a line", s)
				}
			}
		})
	}
}

func TestHostileNames(t *testing.T) {
	t.Parallel()
	for _, s := range hostile {
		checkHostile(t, s)
	}
}

func FuzzHostile(f *testing.F) {
	for _, s := range hostile {
		f.Add(s)
	}
	f.Fuzz(checkHostile)
}

// The text beside the blocks is what Slack parses: it says counts, and the
// account's name escaped.
func TestFallbackText(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	night := Night{Account: "1", Name: "<!channel> *prod*", Alerts: []Alert{alert("<!here>", High)}}
	if _, err := s.n.Ensure(t.Context(), []Night{night}); err != nil {
		t.Fatal(err)
	}
	for _, c := range s.ws.take() {
		if strings.ContainsAny(c.Text, "<>") || !strings.HasPrefix(c.Text, "&lt;!channel&gt; *prod*: 1 standing") {
			t.Errorf("text: %q", c.Text)
		}
	}
}

func TestMentions(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]string{
		"U0123456789": `"user_id":"U0123456789"`, "W0123456789": `"user_id":"W0123456789"`, "S0123456789": `"usergroup_id":"S0123456789"`,
		"C0123456789": `"channel_id":"C0123456789"`, "G0123456789": `"channel_id":"G0123456789"`,
	} {
		raw, err := json.Marshal(mention(id))
		if err != nil || !strings.Contains(string(raw), want) {
			t.Errorf("%s: %s, %v", id, raw, err)
		}
	}
	for _, id := range []string{"", "here", "@here", "channel", "u0123456789", "U0123456789\n", "U01>", "<@U0123456789>", "X0123456789"} {
		if m := mention(id); m != nil {
			t.Errorf("%q became %v", id, m)
		}
	}
}
