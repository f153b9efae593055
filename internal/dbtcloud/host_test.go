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
		"https://ab123.us1.dbt.com/api/v2":  "https://ab123.us1.dbt.com",
		"https://dbt.example.com:443//":     "https://dbt.example.com",
		"https://dbt.example.com:8443/api":  "https://dbt.example.com:8443",
		"https://10.0.0.7/":                 "https://10.0.0.7",
		"https://[2001:db8::1]:443/api":     "https://[2001:db8::1]",
		"http://localhost:8080":             "http://localhost:8080",
		"http://127.0.0.1:80/api":           "http://127.0.0.1",
		"http://127.8.9.1:1":                "http://127.8.9.1:1",
		"http://[::1]:8080":                 "http://[::1]:8080",
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
	for _, in := range []string{
		"", "ab123.us1.dbt.com", "localhost:8080", "ftp://ab123.us1.dbt.com", "https://", "https:///api", "mailto:a@b",
		"http://ab123.us1.dbt.com", "http://10.0.0.7", "http://localhost.evil.com", "http://127.0.0.1.evil.com", "http://[2001:db8::1]",
		"https://user:hunter2@ab123.us1.dbt.com", "https://hunter2@ab123.us1.dbt.com", "http://localhost@evil.com",
		"https://ab123.us1.dbt.com?token=hunter2", "https://ab123.us1.dbt.com/#hunter2", "https://ab123.us1.dbt.com/?",
		"https://ab123.us1.dbt.com/api/hunter2", "https://ab123.us1.dbt.com/deploy/1/projects",
		"https://hunter2\x1b[31m.dbt.com", "https://hun\u202eter2.dbt.com", "https://a b.dbt.com",
	} {
		_, err := New(Config{Host: in, AccountID: 1})
		if !errors.Is(err, ErrHost) {
			t.Errorf("%q: %v, want ErrHost", in, err)
			continue
		}
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: the error repeats it: %v", in, err)
		}
	}
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
	if err != nil || s.AccountID() != 1 {
		t.Errorf("the vendor's limit: %v, %v", s, err)
	}
}
