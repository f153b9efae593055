package awssm

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/tokenwarden/tokenwarden/secrets"
)

func TestContent(t *testing.T) {
	for _, c := range []struct{ text, name, value, want string }{
		{"", "", "v", "v"},
		{`{"a":1}`, "", "v", "v"},
		{"", "k", "v", `{"k":"v"}`},
		{" \n", "k", "v", `{"k":"v"}`},
		{"{}", "k", "v", `{"k":"v"}`},
		{"{ }", "k", "v", `{ "k":"v"}`},
		{`{"k":"old"}`, "k", "v", `{"k":"v"}`},
		{`{"k":null}`, "k", "v", `{"k":"v"}`},
		{`{"a":1}`, "k", "v", `{"a":1,"k":"v"}`},
		{"{\n  \"a\": [1, {\"k\": \"inner\"}]\n}\n", "k", "v", "{\n  \"a\": [1, {\"k\": \"inner\"}],\"k\":\"v\"\n}\n"},
		{"{\"a\":1e999,\t\"k\" :  \"old\"  , \"b\":\"\\ud800<\"}", "k", "v", "{\"a\":1e999,\t\"k\" :  \"v\"  , \"b\":\"\\ud800<\"}"},
		{`{"\u006b":"old"}`, "k", "v", `{"\u006b":"v"}`},
		{`{"a":1,"a":2,"k":"old"}`, "k", "v", `{"a":1,"a":2,"k":"v"}`},
		{`{"k":"old"}`, "k", `<"\` + "\n" + `&>`, `{"k":"<\"\\\n&>"}`},
		{`{}`, `a"b`, "v", `{"a\"b":"v"}`},
	} {
		got, err := withField(c.text, c.name, secrets.NewValue(c.value))
		if err != nil || got != c.want {
			t.Errorf("%s with %s: %s, %v, want %s", c.text, c.name, got, err, c.want)
		}
		if back, err := field(got, c.name); err != nil || back.Reveal() != c.value {
			t.Errorf("%s reads back as %q, %v", got, back.Reveal(), err)
		}
	}
}

func TestContentRefused(t *testing.T) {
	for _, text := range []string{
		"hidden", `"hidden"`, `["hidden"]`, "null", "1", "{", `{"k":"hidden"`, `{"k":"hidden"}x`, `{"k":"hidden"}{}`,
		`{"k":"a","k":"b"}`, `{"k":1}`, `{"k":["hidden"]}`, `{"k":{}}`, `{"k":true}`, `{hidden:1}`, `{"k":}`,
	} {
		_, err := withField(text, "k", secrets.NewValue("v"))
		if !errors.Is(err, secrets.ErrRefused) || strings.Contains(err.Error(), "hidden") {
			t.Errorf("%s: %v", text, err)
		}
		if _, err := field(text, "k"); !errors.Is(err, secrets.ErrRefused) {
			t.Errorf("reading %s: %v", text, err)
		}
	}
}

// Whatever text is there, either it is refused, or the result differs from it in
// the one key only and reads back.
func FuzzContent(f *testing.F) {
	for _, text := range []string{"", "{}", `{"k":"old"}`, `{"a":[1,2,{"k":3}],"b":null}`, " {\t\"a\" : 1e5 } ", `{"k":"a","K":"b"}`, `{"":"x"}`} {
		f.Add(text, "k", "value")
	}
	f.Fuzz(func(t *testing.T, text, name, value string) {
		if name == "" || value == "" || !utf8.ValidString(text) || !utf8.ValidString(name) || !utf8.ValidString(value) || len(text)+len(value) > maxLength/8 {
			return
		}
		got, err := withField(text, name, secrets.NewValue(value))
		if err != nil {
			return
		}
		if back, err := field(got, name); err != nil || back.Reveal() != value {
			t.Fatalf("%q became %q and reads back as %q, %v", text, got, back.Reveal(), err)
		}
		before, after := map[string]json.RawMessage{}, map[string]json.RawMessage{}
		if strings.TrimSpace(text) != "" {
			if err := json.Unmarshal([]byte(text), &before); err != nil {
				t.Fatalf("%q was taken for an object: %v", text, err)
			}
		}
		if err := json.Unmarshal([]byte(got), &after); err != nil {
			t.Fatalf("%q is no object: %v", got, err)
		}
		delete(before, name)
		delete(after, name)
		if len(before) != len(after) {
			t.Fatalf("%q became %q", text, got)
		}
		for key, raw := range before {
			if string(after[key]) != string(raw) {
				t.Fatalf("%q: %s became %s", key, raw, after[key])
			}
		}
	})
}
