package config

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/tokenwarden/tokenwarden/secrets"
)

// account is a valid beginning of three lines that a test adds to.
const account = `accounts:
  - name: prod
    id: 1
    token: env://DBT_CLOUD_TOKEN
`

func mustRef(t *testing.T, s string) secrets.Ref {
	t.Helper()
	r, err := secrets.ParseRef(s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func mustLoad(t *testing.T, text string) Config {
	t.Helper()
	c, err := Load("t.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestExamplesLoad(t *testing.T) {
	for _, name := range []string{"tokenwarden.yaml", "minimal.yaml"} {
		path := "../../examples/config/" + name
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		c, err := Load(path, data)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Unfilled(); err != nil {
			t.Errorf("an entry of the example is not filled in: %v", err)
		}
	}
}

func TestLoadFullExample(t *testing.T) {
	data, err := os.ReadFile("../../examples/config/tokenwarden.yaml")
	if err != nil {
		t.Fatal(err)
	}
	c, err := Load("x", data)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Accounts) != 2 || len(c.Accounts[0].Tokens) != 3 {
		t.Fatalf("read %+v", c.Accounts)
	}
	a, airflow, report, tf := c.Accounts[0], c.Accounts[0].Tokens[0], c.Accounts[0].Tokens[1], c.Accounts[0].Tokens[2]
	expires := time.Date(2027, 3, 31, 0, 0, 0, 0, time.UTC)
	for _, x := range []struct {
		what      string
		got, want any
	}{
		{"label", a.Name, "prod"},
		{"id", a.ID, int64(12345)},
		{"host", a.Host, "https://ab123.us1.dbt.com"},
		{"token", a.Token, mustRef(t, "env://DBT_CLOUD_TOKEN")},
		{"rate", a.RequestsPerMinute, 100},
		{"name", airflow.Name, "Airflow prod"},
		{"destinations", airflow.Destinations, []secrets.Ref{mustRef(t, "vault://secret/dbt/airflow#token"), mustRef(t, "awssm://prod/dbt/airflow?region=eu-west-1#token")}},
		{"after_store", airflow.AfterStore, []string{"kubectl", "rollout", "restart", "deployment/airflow"}},
		{"entry id", report.ID, int64(777)},
		{"never", tf.Never, true},
		{"reason", tf.Reason, "Terraform would create it again"},
		{"fail_on", c.Audit.FailOn, "medium"},
		{"max_age", c.Audit.MaxAge, 365 * 24 * time.Hour},
		{"per set", c.Audit.MaxAgeByPermissionSet, map[string]time.Duration{"account_admin": 90 * 24 * time.Hour}},
		{"unused_for", c.Audit.UnusedFor, 90 * 24 * time.Hour},
		{"lookups", c.Audit.Lookups, 50},
		{"disable", c.Audit.Disable, []string{"service-token-duplicate-name"}},
		{"suppress", c.Audit.Suppress, []Suppression{{Rule: "service-token-overprivileged", Name: "Terraform *",
			Reason: "it creates projects", Owner: "platform team", Expires: expires, Line: c.Audit.Suppress[0].Line}}},
		{"rotate", c.Rotate, Rotate{Overlap: 24 * time.Hour, Quiet: 24 * time.Hour, Max: 5, OrphanMinAge: 10 * time.Minute}},
		{"slack", *c.Notify.Slack, Slack{Token: mustRef(t, "env://SLACK_BOT_TOKEN"), Channel: "C0123456789"}},
		{"remind", c.Notify.Remind, 7 * 24 * time.Hour},
		{"owners", c.Notify.Owners, []Owner{{"Airflow *", "U0123456789"}, {"*", "C0123456789"}}},
		{"heartbeat", c.Notify.Heartbeat, mustRef(t, "env://HEARTBEAT_URL")},
		{"state", c.State, mustRef(t, "file:///var/lib/tokenwarden/state.json")},
		{"lock", c.Lock, "/var/lib/tokenwarden/nightly.lock"},
		{"metrics", c.Textfile, "/var/lib/node_exporter/textfile/tokenwarden.prom"},
	} {
		if !reflect.DeepEqual(x.got, x.want) {
			t.Errorf("%s: got %#v, want %#v", x.what, x.got, x.want)
		}
	}
	if until := c.Audit.Suppress[0].Until(); !until.Equal(expires.Add(24 * time.Hour)) {
		t.Error("a suppression holds to the end of the day it names")
	}
}

func TestLoadDefaults(t *testing.T) {
	c := mustLoad(t, account+"audit:\nnotify: ~\n")
	want := Default()
	want.Path = "t.yaml"
	want.Accounts = []Account{{Name: "prod", ID: 1, Host: DefaultHost, Token: mustRef(t, "env://DBT_CLOUD_TOKEN"), RequestsPerMinute: 100, Line: 2}}
	if !reflect.DeepEqual(c, want) {
		t.Errorf("got %+v\nwant %+v", c, want)
	}
	if c.Audit.FailOn != "medium" || c.Audit.MaxAge != 0 || c.Rotate.Max != 5 || c.Rotate.Overlap != 24*time.Hour || c.Rotate.Quiet != 24*time.Hour {
		t.Errorf("defaults are %+v %+v", c.Audit, c.Rotate)
	}
}

func TestLoadAccepts(t *testing.T) {
	for name, text := range map[string]string{
		"byte order mark":    "\ufeff" + account,
		"carriage returns":   strings.ReplaceAll(account, "\n", "\r\n"),
		"document markers":   "---\n" + account + "...\n",
		"comments only tail": account + "    tokens:\n      # - name: x\n",
		"flow style":         "{accounts: [{name: prod, id: 1, token: 'env://T', tokens: [{name: a}, {name: b}]}]}",
		"loopback":           account + "    host: http://127.0.0.1:8080/api\n",
		"zero durations":     account + "rotate: {overlap: 0, quiet: 0s, orphan_min_age: 0d}\n",
		"webhook":            account + "notify: {slack: {webhook: env://SLACK_WEBHOOK_URL}}\n",
		"writable state":     account + "state: vault://secret/tokenwarden/state#json\n",
		"same id, two hosts": account + "  - {name: b, id: 1, host: 'https://x.eu1.dbt.com', token: env://B}\n",
		"two age keys":       account + "    tokens: [{name: a, destinations: ['age:///s#a']}, {name: b, destinations: ['age:///s#b']}]\n",
	} {
		if _, err := Load("t.yaml", []byte(text)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestErrorIsTyped(t *testing.T) {
	_, err := Load("t.yaml", []byte(account+"rotate: {maxx: 1}\naudit: {fail_on: bad}\n"))
	var e *Error
	if !errors.As(err, &e) || e.Path != "t.yaml" || len(e.Problems) != 2 || e.Problems[0].Line != 5 || e.Problems[1].Line != 6 {
		t.Fatalf("got %#v", err)
	}
}

// Whatever stands before a problem, its line is counted right.
func TestLineNumbers(t *testing.T) {
	for _, before := range []string{
		"", "# comment\n", "\n\n", "  # a\n\n# b\n",
		"    tokens: # why\n    # more\n    - name: a # x\n\n      reason: r\n      rotate: never\n",
		"    tokens:\n    - name: |\n        a\n\n        b\n\n",
		"    tokens:\n    - name: >-\n        a\n        b\n        # no comment\n",
		"    tokens:\n    - name: \"a\n        b\n\n        c\"\n",
		"    tokens:\n    - name: 'a\n\n        b'\n",
		"    tokens:\n    - name: a\n        b\n        c\n",
		"    tokens: [\n      {name: a,\n      destinations: []},\n\n      # x\n      {id: 2}\n    ]\n",
	} {
		for _, end := range []string{"\n", "\r\n", "\r"} {
			text := account + before
			want := fmt.Sprintf("t.yaml:%d: colour: unknown key\nt.yaml:%d: rotate.max: expected a whole number from 1 to 2147483647",
				strings.Count(text, "\n")+1, strings.Count(text, "\n")+3)
			_, err := Load("t.yaml", []byte(strings.ReplaceAll(text+"colour: red\nrotate:\n  max: -1\n", "\n", end)))
			if err == nil || err.Error() != want {
				t.Errorf("after %q with %q: got\n%v\nwant\n%s", before, end, err, want)
			}
		}
	}
}

func TestCheckRules(t *testing.T) {
	c := mustLoad(t, account+"audit:\n  disable: [service-token-legacy, service-token-legcy]\n  suppress:\n    - {rule: nothing-known, name: a, reason: r, owner: o, expires: 2027-01-01}\n")
	got := c.CheckRules([]string{"service-token-legacy", "user-api-key-in-use"}).Error()
	want := "t.yaml:6: audit.disable[1]: unknown rule (did you mean service-token-legacy?): see tokenwarden rules\n" +
		"t.yaml:8: audit.suppress[0].rule: unknown rule: see tokenwarden rules"
	if got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
	if err := c.CheckRules([]string{"service-token-legacy", "service-token-legcy", "nothing-known"}); err != nil {
		t.Error(err)
	}
}

func TestPattern(t *testing.T) {
	for _, x := range []struct {
		pattern Pattern
		name    string
		want    bool
	}{
		{"Airflow prod", "Airflow prod", true},
		{"Airflow prod", "Airflow prod 2", false},
		{"Airflow *", "Airflow prod/eu", true},
		{"* [replaces *]", "a [replaces 777 k3xq]", true},
		{"a[b]", "ab", false},
		{"a*c*e", "abcde", true},
		{"a*c*e", "abde", false},
		{"*", "", true},
	} {
		if got := x.pattern.Match(x.name); got != x.want {
			t.Errorf("%q matches %q: %v", x.pattern, x.name, got)
		}
	}
}
