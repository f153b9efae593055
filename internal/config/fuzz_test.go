package config

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
)

// marker stands for a secret in every position of a value. Its digits and
// slashes keep it from being a plausible key.
const marker = "s3cr3t/S3CR3T+0xDEAD"

// FuzzLoad plants the marker in place of every "SECRET" of the text, and after
// every colon: whatever is wrong with the file, the error does not repeat it,
// unless it stands where a name or a valid reference does.
func FuzzLoad(f *testing.F) {
	seeds := 0
	add := func(s string) { f.Add(s); seeds++ }
	for _, x := range refused {
		if len(x.text) < 4096 {
			add(x.text)
		}
	}
	for _, name := range []string{"tokenwarden.yaml", "minimal.yaml"} {
		data, err := os.ReadFile("../../examples/config/" + name)
		if err != nil {
			f.Fatal(err)
		}
		add(string(data))
	}
	for _, key := range []string{"token", "host", "id", "requests_per_minute", "store", "tokens"} {
		add("accounts:\n  - name: a\n    " + key + ": SECRET\n")
		add("accounts:\n  - name: a\n    " + key + ": [SECRET, {SECRET: SECRET}, \"SECRET\n")
		add("accounts:\n  - name: a\n    " + key + " SECRET\n")
		add("accounts:\n  - name: a\n    " + key + ": |\n SECRET\n   SECRET\n")
		add("accounts:\n  - name: a\n    " + key + ": @SECRET\n")
		add("accounts:\n  - name: a\n    " + key + ": \"\\SECRET\"\n")
	}
	if seeds < 80 {
		f.Fatalf("only %d seeds", seeds)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 20000 {
			return // the parser's time grows faster than the text
		}
		text = strings.ReplaceAll(text, "SECRET", marker)
		c, err := Load("t.yaml", []byte(text))
		if err == nil {
			if len(c.Accounts) == 0 {
				t.Fatal("accepted without an account")
			}
			if _, err := c.Plan("/", map[string][]ActiveToken{c.Accounts[0].Name: {{ID: 1, Name: "a"}, {ID: 2, Name: "b"}}}); err != nil && !errors.As(err, new(*Error)) {
				t.Fatalf("Plan: %v", err)
			}
			return
		}
		var e *Error
		if !errors.As(err, &e) || len(e.Problems) == 0 {
			t.Fatalf("error is %#v", err)
		}
		lines := strings.Count(text, "\n") + strings.Count(text, "\r") - strings.Count(text, "\r\n") + 1
		for _, p := range e.Problems {
			if p.Line < 1 || p.Line > lines {
				t.Errorf("line %d of %d: %s", p.Line, lines, p.What)
			}
		}
		// A name is repeated, in quotes, and so is nothing else.
		if strings.Contains(stripQuoted(err.Error()), marker) {
			t.Errorf("the error repeats a value: %s", err)
		}
	})
}

// stripQuoted removes what stands between double quotes.
func stripQuoted(s string) string {
	var out strings.Builder
	for i, part := range strings.Split(strings.ReplaceAll(s, `\"`, ""), `"`) {
		if i%2 == 0 {
			out.WriteString(part)
		}
	}
	return out.String()
}

// Every scalar of the full example, replaced by the marker one at a time, is
// either a name (and loads) or refused without being repeated.
func TestSecretInEveryPosition(t *testing.T) {
	data, err := os.ReadFile("../../examples/config/tokenwarden.yaml")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(data), "\n")
	refusals := 0
	for i, line := range lines {
		key, _, isKey := strings.Cut(line, ": ")
		if strings.HasPrefix(strings.TrimSpace(line), "#") || !isKey {
			continue
		}
		for j, secret := range []string{marker, leaked, "xoxb-1234-5678-abcdef", "'" + marker + "'", "[" + marker + "]", "{" + marker + "}", `"` + marker} {
			changed := append([]string(nil), lines...)
			changed[i] = key + ": " + secret
			_, err := Load("t.yaml", []byte(strings.Join(changed, "\n")))
			if err == nil {
				continue
			}
			refusals++
			if strings.Contains(err.Error(), strings.Trim(secret, `'"[]{}`)) {
				t.Errorf("line %d, form %d: the error repeats the secret: %v", i+1, j, err)
			}
			if !strings.Contains(err.Error(), "t.yaml:") || j == 1 && !strings.Contains(err.Error(), fmt.Sprintf("t.yaml:%d: the value of a dbt token", i+1)) {
				t.Errorf("line %d, form %d: %v", i+1, j, err)
			}
		}
	}
	if refusals < 150 {
		t.Errorf("only %d refusals", refusals)
	}
}
