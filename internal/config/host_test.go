package config

import (
	"strings"
	"testing"
)

func TestParseHost(t *testing.T) {
	for given, want := range map[string]string{
		"https://ab123.us1.dbt.com":       "https://ab123.us1.dbt.com",
		"https://AB123.us1.DBT.com/":      "https://ab123.us1.dbt.com",
		"https://cloud.getdbt.com/api":    "https://cloud.getdbt.com",
		" https://cloud.getdbt.com/api/ ": "https://cloud.getdbt.com",
		"HTTPS://dbt.example.org:443":     "https://dbt.example.org",
		"https://dbt.example.org:8443":    "https://dbt.example.org:8443",
		"https://[2001:db8::1]:8443":      "https://[2001:db8::1]:8443",
		"http://127.0.0.1:8080":           "http://127.0.0.1:8080",
		"http://127.9.9.9":                "http://127.9.9.9",
		"http://[::1]:8080/api":           "http://[::1]:8080",
		"http://[::1]":                    "http://[::1]",
		"http://localhost:1":              "http://localhost:1",
	} {
		if got, err := ParseHost(given); err != nil || got != want {
			t.Errorf("%q: got %q, %v, want %q", given, got, err, want)
		}
	}
	for _, given := range []string{"", "cloud.getdbt.com", "https://", "https:///api", "ftp://a", "https://a/b", "https://a/api/v2", "https://a/?x=1", "https://a?",
		"https://a/#x", "https://me:hunter2@a", "https://hunter2@a", "https://a:", "https://a:x", "https://a b", "https://%zz", "https://[::1%25eth0]", "javascript:alert(1)"} {
		if got, err := ParseHost(given); err != errHost {
			t.Errorf("%q: got %q, %v", given, got, err)
		}
	}
	for _, given := range []string{"http://cloud.getdbt.com", "http://10.0.0.1", "http://0.0.0.0", "http://localhost.example.org", "http://127.0.0.1.nip.io", "http://127.1", "http://[::ffff:10.0.0.1]"} {
		if got, err := ParseHost(given); err != errPlainHTTP {
			t.Errorf("%q: got %q, %v", given, got, err)
		}
	}
}

// What it returns it reads back as the same.
func FuzzParseHost(f *testing.F) {
	for _, s := range []string{"https://a.dbt.com/api", "http://[::1]:1", "https://a:443", "http://127.0.0.1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		h, err := ParseHost(s)
		if err != nil {
			return
		}
		if again, err := ParseHost(h); err != nil || again != h {
			t.Errorf("%q: %q, then %q, %v", s, h, again, err)
		}
		if strings.ContainsAny(strings.TrimPrefix(strings.TrimPrefix(h, "https://"), "http://"), "/@?#") {
			t.Errorf("%q: %q", s, h)
		}
	})
}
