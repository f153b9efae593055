package vaultkv

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"

	"github.com/tokenwarden/tokenwarden/secrets"
)

func TestFaithful(t *testing.T) {
	for text, want := range map[string]bool{
		`1`: true, `-1.5e3`: true, `9007199254740991`: true, `9007199254740992`: false, `-9007199254740993`: false,
		`1e400`: false, `"9007199254740993"`: true, `null`: true, `true`: true,
		`{"a":[1,{"b":12345678901234567890}]}`: false, `{"a":[1,{"b":"c"}]}`: true,
	} {
		decoder := json.NewDecoder(strings.NewReader(text))
		decoder.UseNumber()
		var v any
		if err := decoder.Decode(&v); err != nil {
			t.Fatal(err)
		}
		if got := faithful(v); got != want {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
}

func TestLabels(t *testing.T) {
	good := secrets.Label{TokenID: 901, AccountID: 12345}
	got := labels(map[string]any{
		"tokenwarden-0123456789abcdef": good.Encode(),
		"tokenwarden-aaaaaaaaaaaaaaaa": "token=what",
		"tokenwarden-bbbbbbbbbbbbbbbb": 5,
		"tokenwarden-note":             good.Encode(),
		"owner":                        good.Encode(),
	})
	if len(got) != 1 || got["0123456789abcdef"] != good {
		t.Errorf("labels are %v", got)
	}
}

func FuzzVersion(f *testing.F) {
	for _, seed := range []string{"", "1@2026-11-23T02:15:04.123456789Z", "0@x", "-1@x", "1", "@", "99999999999999999999@x", "1@@"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		v, err := decodeVersion(secrets.Version(text))
		if err != nil {
			if text != "" && strings.Contains(err.Error(), text) && len(text) > 20 {
				t.Errorf("the error repeats the text: %v", err)
			}
			return
		}
		again, err := decodeVersion(v.encode())
		if err != nil || again != v {
			t.Errorf("%q is %v, then %v, %v", text, v, again, err)
		}
	})
}

func FuzzPrintable(f *testing.F) {
	f.Add("1 error occurred:\n\t* permission denied\n\n")
	f.Add("\x1b[31mred\u202e" + strings.Repeat("x", 1000))
	f.Add("\xff\xfe")
	f.Fuzz(func(t *testing.T, text string) {
		got := printable(text)
		if len([]rune(got)) > 301 || strings.ContainsFunc(got, unicode.IsControl) || strings.ContainsRune(got, '\u202e') {
			t.Errorf("%q became %q", text, got)
		}
	})
}
