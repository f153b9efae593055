package dbtcloud

import (
	"errors"
	"strings"
	"testing"
)

func TestHostIsNormalised(t *testing.T) {
	for in, want := range map[string]string{
		"https://ab123.us1.dbt.com":         "https://ab123.us1.dbt.com",
		" https://AB123.us1.dbt.com/api/ ":  "https://ab123.us1.dbt.com",
		"https://cloud.getdbt.com/api":      "https://cloud.getdbt.com",
		"HTTPS://dbt.example.org:443":       "https://dbt.example.org",
		"https://dbt.example.com:443//":     "https://dbt.example.com",
		"https://dbt.example.com:8443/api":  "https://dbt.example.com:8443",
		"https://10.0.0.7/":                 "https://10.0.0.7",
		"https://[2001:db8::1]:443/api":     "https://[2001:db8::1]",
		"https://[2001:db8::1]:8443":        "https://[2001:db8::1]:8443",
		"http://localhost:8080":             "http://localhost:8080",
		"http://127.0.0.1:80/api":           "http://127.0.0.1",
		"http://127.8.9.1:1":                "http://127.8.9.1:1",
		"http://[::1]:8080/api":             "http://[::1]:8080",
		"http://[::1]":                      "http://[::1]",
		"http://[::ffff:127.0.0.1]:8080":    "http://[::ffff:127.0.0.1]:8080",
		"https://single_tenant.example.com": "https://single_tenant.example.com",
	} {
		s, err := New(Config{Host: in, AccountID: 1})
		if err != nil || s.Host() != want {
			t.Errorf("%q became %v, %v; want %q", in, s, err, want)
		}
	}
}

func TestHostIsRefused(t *testing.T) {
	for want, given := range map[error][]string{
		errHost: {
			"", "ab123.us1.dbt.com", "localhost:8080", "ftp://ab123.us1.dbt.com", "https://", "https:///api", "mailto:a@b", "javascript:alert(1)",
			"https://user:hunter2@ab123.us1.dbt.com", "https://hunter2@ab123.us1.dbt.com", "http://localhost@evil.com",
			"https://ab123.us1.dbt.com?token=hunter2", "https://ab123.us1.dbt.com/#hunter2", "https://ab123.us1.dbt.com/?", "https://a?",
			"https://ab123.us1.dbt.com/api/hunter2", "https://ab123.us1.dbt.com/deploy/1/projects", "https://a/b", "https://a/api/v2",
			"https://hunter2\x1b[31m.dbt.com", "https://hun\u202eter2.dbt.com", "https://a b.dbt.com", "https://a:", "https://a:x",
			"https://%zz", "https://[::1%25eth0]",
		},
		errPlainHTTP: {
			"http://ab123.us1.dbt.com", "http://10.0.0.7", "http://0.0.0.0", "http://localhost.evil.com", "http://127.0.0.1.evil.com",
			"http://127.1", "http://[2001:db8::1]", "http://[::ffff:10.0.0.1]",
		},
	} {
		for _, in := range given {
			_, err := New(Config{Host: in, AccountID: 1})
			if !errors.Is(err, want) {
				t.Errorf("%q: %v, want %v", in, err, want)
				continue
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%q: the error repeats it: %v", in, err)
			}
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

func TestConfigIsChecked(t *testing.T) {
	for name, cfg := range map[string]Config{
		"no account":        {},
		"negative account":  {AccountID: -1},
		"negative rate":     {AccountID: 1, PerMinute: -1},
		"rate over 5,000":   {AccountID: 1, PerMinute: 5001},
		"negative burst":    {AccountID: 1, Burst: -1},
		"burst over 5,000":  {AccountID: 1, Burst: 5001},
		"negative patience": {AccountID: 1, GiveUp: -1},
	} {
		cfg.Host = testHost
		if _, err := New(cfg); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	s, err := New(Config{Host: testHost, AccountID: 1, PerMinute: 5000, Burst: 5000})
	if err != nil || s.account != 1 {
		t.Errorf("the vendor's limit: %v, %v", s, err)
	}
}
