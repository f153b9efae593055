package config

import (
	"strings"
	"testing"
)

func TestFromEnvironment(t *testing.T) {
	for _, x := range []struct {
		name              string
		env               map[string]string
		flags             Flags
		token, host, want string // want: the error
	}{
		{"variables", map[string]string{TokenVariable: "hunter2", AccountVariable: "12345", HostVariable: "https://ab.us1.dbt.com/api/"}, Flags{}, "env://DBT_CLOUD_TOKEN", "https://ab.us1.dbt.com", ""},
		{"other variable", map[string]string{APITokenVariable: "hunter2", AccountVariable: "12345"}, Flags{}, "env://DBT_CLOUD_API_TOKEN", DefaultHost, ""},
		{"both variables", map[string]string{TokenVariable: "a", APITokenVariable: "b", AccountVariable: "12345"}, Flags{}, "env://DBT_CLOUD_TOKEN", DefaultHost, ""},
		{"flags", map[string]string{TokenVariable: "hunter2", AccountVariable: "7", HostVariable: "https://wrong"}, Flags{"vault://secret/dbt", "12345", "http://127.0.0.1:8080"}, "vault://secret/dbt#token", "http://127.0.0.1:8080", ""},
		{"nothing", nil, Flags{}, "", "",
			"no token: set DBT_CLOUD_TOKEN, or give --token-ref, or write a configuration file (tokenwarden config init)\n" +
				"no account: set DBT_CLOUD_ACCOUNT_ID, or give --account-id (the number in the address of your dbt account)"},
		{"wrong flags", nil, Flags{"hunter2", "hunter2", "http://hunter2.example"}, "", "",
			"--token-ref: not a secret reference: expected env://NAME, file:///path, age:///path/store.age#KEY, vault://MOUNT/PATH#FIELD or awssm://NAME?region=R#FIELD\n" +
				"--account-id: expected the account's number\n" +
				"--host: plain http would show the token to the network: it is allowed to loopback addresses only, expected https://"},
		{"wrong variables", map[string]string{TokenVariable: "hunter2", AccountVariable: "-1", HostVariable: "cloud.getdbt.com"}, Flags{}, "", "",
			"DBT_CLOUD_ACCOUNT_ID: expected the account's number\nDBT_CLOUD_HOST_URL: " + hosts},
	} {
		c, err := FromEnvironment(environment(x.env), x.flags)
		if x.want != "" {
			if err == nil || err.Error() != x.want {
				t.Errorf("%s: got\n%v\nwant\n%s", x.name, err, x.want)
			}
			continue
		}
		if err != nil || len(c.Accounts) != 1 {
			t.Errorf("%s: got %v, %v", x.name, c, err)
			continue
		}
		a := c.Accounts[0]
		if a.Token.String() != x.token || a.Host != x.host || a.ID != 12345 || a.Name != EnvironmentLabel || a.RequestsPerMinute != 100 || c.Audit.FailOn != "medium" {
			t.Errorf("%s: got %+v", x.name, a)
		}
		if strings.Contains(a.Token.String(), "hunter2") {
			t.Errorf("%s: holds the value", x.name)
		}
	}
}
