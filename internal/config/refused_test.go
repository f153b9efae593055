package config

import (
	"strings"
	"testing"
)

const (
	leaked = "dbtc_0123456789abcdefghijABCDEFGHIJ0123456789_-abcdef"
	refs   = "expected a secret reference (env://NAME, file:///path, age:///path/store.age#KEY, vault://MOUNT/PATH#FIELD or awssm://NAME?region=R#FIELD), not a value"
	dates  = "expected a duration such as 90d, 24h, 15m or 1d12h, not negative"
	hosts  = "expected the account's access URL, such as https://ab123.us1.dbt.com (a trailing /api is fine)"
)

// twoAccounts is a second account, whose store is on line 8.
const twoAccounts = account + "  - {name: b, id: 2, token: env://B}\n"

// Every text of an error is fixed here, with its line.
var refused = []struct{ name, text, want string }{
	// The document.
	{"empty", "", "t.yaml:1: is empty: expected accounts, see tokenwarden config init"},
	{"comments only", "# a\n# b\n", "t.yaml:1: is empty: expected accounts, see tokenwarden config init"},
	{"null", "~\n", "t.yaml:1: is empty: expected accounts, see tokenwarden config init"},
	{"no mapping", "hunter2\n", "t.yaml:1: expected key: value pairs, found text"},
	{"a list", "- a\n", "t.yaml:1: expected key: value pairs, found a list"},
	{"two documents", account + "---\naccounts: []\n", "t.yaml:5: a second document begins here: a configuration is one document"},
	{"a document after dots", account + "...\naudit: {}\n", "t.yaml:6: a second document begins here: a configuration is one document"},
	{"an empty second document", account + "---\n", "t.yaml:5: a second document begins here: a configuration is one document"},
	{"carriage returns", strings.ReplaceAll(account+"# x\n    tokns: []\n", "\n", "\r\n"), "t.yaml:6: accounts[0].tokns: unknown key (did you mean tokens?)"},
	{"lines of a block before", account + "    tokens:\n      - name: |\n          a\n\n          b\n        nmae: 1\n", "t.yaml:10: accounts[0].tokens[0].nmae: unknown key (did you mean name?)"},
	{"anchor and alias", "accounts: &a []\naudit: *a\n", "t.yaml:1: anchors, aliases and merge keys are not supported: write it out, or quote the text\nt.yaml:2: anchors, aliases and merge keys are not supported: write it out, or quote the text"},
	{"merge key", account + "audit:\n  <<: {fail_on: low}\n", "t.yaml:6: anchors, aliases and merge keys are not supported: write it out, or quote the text"},
	{"tag", account + "audit: !foo {}\n", "t.yaml:5: tags are not supported: quote the text if it begins with an exclamation mark"},
	{"directive", "%YAML 1.2\n---\n" + account, "t.yaml:1: directives are not supported"},
	{"complex key", "? a\n: b\n", "t.yaml:1: complex keys are not supported: write key: value"},
	{"flow depth", account + "audit: " + strings.Repeat("[", 100000), "t.yaml:5: is nested too deeply"},
	{"block depth", strings.Repeat("- ", 100000), "t.yaml:1: is nested too deeply"},
	{"size", strings.Repeat("#", maxSize+1), "t.yaml:1: is larger than 4 MiB"},
	{"encoding", account + "audit: \xff\n", "t.yaml:5: is not UTF-8 text"},
	{"control character", account + "audit: \x1b[2J\n", "t.yaml:5: has a control character: write it as \\x.. within double quotes"},
	{"syntax", account + "audit: {fail_on: low\nrotate: {}\n", "t.yaml:6: is not YAML: ',' or '}' must be specified"},
	{"syntax of a quote", account + "audit: \"hunter2\n", "t.yaml:5: is not YAML: could not find end character of double-quoted text"},
	{"tab", account + "\taudit: {}\n", "t.yaml:5: is not YAML: found character '\\t' that cannot start any token"},

	// Keys and types.
	{"unknown key", account + "    tokns: []\n", "t.yaml:5: accounts[0].tokns: unknown key (did you mean tokens?)"},
	{"unknown key, nothing near", account + "colour: red\n", "t.yaml:5: colour: unknown key"},
	{"value as a key", account + "\"hunter2 4711\": x\n", "t.yaml:5: […]: unknown key"},
	{"duplicate key", account + "audit: {}\naudit: {}\n", "t.yaml:6: audit: duplicate key (first on line 5)"},
	{"number as a key", account + "1: x\n", "t.yaml:5: a key must be text: put it in quotes"},
	{"no accounts", "audit: {}\n", "t.yaml:1: accounts: is missing"},
	{"empty accounts", "accounts: []\n", "t.yaml:1: accounts: at least one account is needed"},
	{"accounts of a wrong type", "accounts: 7\n", "t.yaml:1: accounts: expected a list, found a number"},
	{"text as account", "accounts: [prod]\n", "t.yaml:1: accounts[0]: expected key: value pairs, found text"},
	{"empty item", "accounts:\n  -\n", "t.yaml:2: accounts[0]: is empty"},
	{"everything missing", "accounts:\n  - host: https://a.dbt.com\n", "t.yaml:2: accounts[0].name: is missing\nt.yaml:2: accounts[0].id: is missing\nt.yaml:2: accounts[0].token: is missing"},
	{"number as text", "accounts:\n  - name: 7\n    id: 1\n    token: env://T\n", "t.yaml:2: accounts[0].name: expected text, found a number: put it in quotes"},
	{"text as number", "accounts:\n  - name: a\n    id: '1'\n    token: env://T\n", "t.yaml:3: accounts[0].id: expected a whole number without quotes, found text"},
	{"id out of range", "accounts:\n  - name: a\n    id: 0\n    token: env://T\n", "t.yaml:3: accounts[0].id: expected a whole number from 1 to 9223372036854775807"},
	{"id beyond 64 bits", "accounts:\n  - name: a\n    id: 9223372036854775808\n    token: env://T\n", "t.yaml:3: accounts[0].id: expected a whole number from 1 to 9223372036854775807"},
	{"empty label", "accounts:\n  - name: ''\n    id: 1\n    token: env://T\n", "t.yaml:2: accounts[0].name: is empty"},

	// Accounts.
	{"value for reference", "accounts:\n  - name: a\n    id: 1\n    token: hunter2\n", "t.yaml:4: accounts[0].token: " + refs},
	{"dbt token anywhere", "# my token: " + leaked + "\n" + account, "t.yaml:1: the value of a dbt token stands here: " + refs + "; and count that token as leaked"},
	{"bad reference", "accounts:\n  - name: a\n    id: 1\n    token: env://a b\n", "t.yaml:4: accounts[0].token: env:// reference: expected env://NAME with the name of a variable"},
	{"host without scheme", account + "    host: ab123.us1.dbt.com\n", "t.yaml:5: accounts[0].host: " + hosts},
	{"host with password", account + "    host: https://me:hunter2@a.dbt.com\n", "t.yaml:5: accounts[0].host: " + hosts},
	{"plain http", account + "    host: http://ab123.us1.dbt.com\n", "t.yaml:5: accounts[0].host: plain http would show the token to the network: it is allowed to loopback addresses only, expected https://"},
	{"rate", account + "    requests_per_minute: 5001\n", "t.yaml:5: accounts[0].requests_per_minute: expected a whole number from 1 to 5000"},
	{"same label", account + "  - {name: prod, id: 2, token: env://B}\n", "t.yaml:5: accounts[1].name: the same label \"prod\" as accounts[0] (line 2)"},
	{"one account twice", account + "  - {name: b, id: 1, host: 'HTTPS://cloud.getdbt.com:443/api/', token: env://B}\n", "t.yaml:5: accounts[1].id: account \"b\" is the same dbt account on the same host as account \"prod\" (line 3)"},

	// Store.
	{"id in store", account + "    store: vault://secret/{id}\n", "t.yaml:5: accounts[0].store: {id} may not stand here: it changes with each rotation, and the next one would write where nobody reads; use {name}"},
	{"other hole", account + "    store: vault://secret/{name}/{Account}\n", "t.yaml:5: accounts[0].store: only {account} and {name} may stand in braces"},
	{"lone brace", account + "    store: vault://secret/{name}}\n", "t.yaml:5: accounts[0].store: a brace stands alone: only {account} and {name} are filled in"},
	{"store without account", twoAccounts + "    \n" + strings.Replace(account, "accounts:\n  - name: prod\n    id: 1", "  - name: c\n    id: 3", 1) + "    store: vault://secret/{name}\n", "t.yaml:10: accounts[2].store: {account} must stand in it: there are several accounts"},
	{"stores that collide", "accounts:\n  - {name: 'a b', id: 1, token: env://A, store: 'vault://s/{account}/{name}'}\n  - {name: a+b, id: 2, token: env://B, store: 'vault://s/{account}/{name}'}\n", "t.yaml:3: accounts[1].store: account \"a+b\" filled in gives the same store as account \"a b\" (line 2)"},
	{"account named dots", "accounts:\n  - {name: '..', id: 1, token: env://A, store: 'vault://s/{account}/{name}'}\n", "t.yaml:2: accounts[0].store: the account's name cannot be part of a path: \"..\" is empty or only dots, which leads to another place"},
	{"store read only", account + "    store: env://TOKEN\n", "t.yaml:5: accounts[0].store: env:// can only be read: a store is age://, vault:// or awssm://"},
	{"store of no form", account + "    store: secret/{name}\n", "t.yaml:5: accounts[0].store: " + refs},

	// Entries.
	{"name and id", account + "    tokens:\n      - {name: a, id: 7}\n", "t.yaml:6: accounts[0].tokens[0]: needs exactly one of name and id"},
	{"neither", account + "    tokens:\n      - {destinations: []}\n", "t.yaml:6: accounts[0].tokens[0]: needs exactly one of name and id"},
	{"two entries by name", account + "    tokens:\n      - name: a\n      - name: a\n", "t.yaml:7: accounts[0].tokens[1].name: the same token as accounts[0].tokens[0] (line 6)"},
	{"two entries by id", account + "    tokens:\n      - id: 7\n      - id: 7\n", "t.yaml:7: accounts[0].tokens[1].id: the same token as accounts[0].tokens[0] (line 6)"},
	{"destination read only", account + "    tokens:\n      - name: a\n        destinations:\n          - file:///a\n", "t.yaml:8: accounts[0].tokens[0].destinations[0]: file:// can only be read: a destination is age://, vault:// or awssm://"},
	{"destination is a value", account + "    tokens:\n      - name: a\n        destinations: [hunter2]\n", "t.yaml:7: accounts[0].tokens[0].destinations[0]: " + refs},
	{"destination is no list", account + "    tokens:\n      - name: a\n        destinations: vault://a/b\n", "t.yaml:7: accounts[0].tokens[0].destinations: expected a list, found text"},
	{"one destination twice", account + "    tokens:\n      - name: a\n        destinations: [vault://s/a,\n          vault://s//a#token]\n", "t.yaml:8: accounts[0].tokens[0].destinations[1]: the same destination stands on line 7 already"},
	{"two tokens on one destination", account + "    tokens:\n      - name: a\n        destinations: [vault://s/a]\n      - id: 7\n        destinations: [vault://s/a?mount=s]\n",
		"t.yaml:9: accounts[0].tokens[1].destinations[0]: token 7 of account \"prod\" has the same destination as token \"a\" of account \"prod\" (line 7): two tokens cannot share one"},
	{"a key in a whole secret", account + "    tokens:\n      - name: a\n        destinations: [awssm://x#k]\n      - id: 7\n        destinations: [awssm://x]\n",
		"t.yaml:9: accounts[0].tokens[1].destinations[0]: token 7 of account \"prod\" has the same destination as token \"a\" of account \"prod\" (line 7): two tokens cannot share one"},
	{"empty command", account + "    tokens: [{name: a, after_store: []}]\n", "t.yaml:5: accounts[0].tokens[0].after_store: expected a command and its arguments"},
	{"command as text", account + "    tokens: [{name: a, after_store: make restart}]\n", "t.yaml:5: accounts[0].tokens[0].after_store: expected a list, found text"},
	{"rotate", account + "    tokens: [{name: a, rotate: weekly}]\n", "t.yaml:5: accounts[0].tokens[0].rotate: only \"never\" may stand here"},
	{"never without reason", account + "    tokens: [{name: a, rotate: never}]\n", "t.yaml:5: accounts[0].tokens[0].reason: is missing: say why the token is never rotated"},
	{"reason without never", account + "    tokens: [{name: a, reason: b}]\n", "t.yaml:5: accounts[0].tokens[0].reason: belongs to rotate: never"},

	// Policy.
	{"fail_on", account + "audit: {fail_on: hgih}\n", "t.yaml:5: audit.fail_on: expected one of info, low, medium, high, critical, never"},
	{"duration", account + "audit: {max_age: 365}\n", "t.yaml:5: audit.max_age: " + dates},
	{"negative duration", account + "rotate: {overlap: -1h}\n", "t.yaml:5: rotate.overlap: " + dates},
	{"no duration", account + "audit: {unused_for: 0d}\n", "t.yaml:5: audit.unused_for: must be longer than 0"},
	{"age of a set", account + "audit:\n  max_age_by_permission_set:\n    account_admin: soon\n", "t.yaml:7: audit.max_age_by_permission_set.account_admin: " + dates},
	{"age of a set missing", account + "audit: {max_age_by_permission_set: {owner: }}\n", "t.yaml:5: audit.max_age_by_permission_set.owner: is missing"},
	{"rule", account + "audit: {disable: [Service Token]}\n", "t.yaml:5: audit.disable[0]: expected the name of a rule, such as service-token-legacy"},
	{"suppression without anything", account + "audit:\n  suppress:\n    - {rule: a}\n", "t.yaml:7: audit.suppress[0].reason: is missing\nt.yaml:7: audit.suppress[0].owner: is missing\nt.yaml:7: audit.suppress[0]: needs exactly one of name and fingerprint\nt.yaml:7: audit.suppress[0].expires: is missing"},
	{"no date", account + "audit:\n  suppress:\n    - {rule: a, name: b, reason: c, owner: d, expires: never}\n", "t.yaml:7: audit.suppress[0].expires: expected a date such as 2027-03-31"},
	{"max", account + "rotate: {max: 0}\n", "t.yaml:5: rotate.max: expected a whole number from 1 to 2147483647"},
	{"webhook is a value", account + "notify:\n  slack: {webhook: 'https://hooks.slack.com/services/T0/B0/hunter2'}\n", "t.yaml:6: notify.slack.webhook: " + refs},
	{"token without channel", account + "notify:\n  slack: {token: env://T}\n", "t.yaml:6: notify.slack: needs either token and channel, or webhook"},
	{"both ways", account + "notify:\n  slack: {token: env://T, channel: C01, webhook: env://W}\n", "t.yaml:6: notify.slack: needs either token and channel, or webhook"},
	{"owner", account + "notify:\n  owners: {\"Airflow *\": '@anna'}\n", "t.yaml:6: notify.owners.[…]: expected the ID of a Slack user or channel, such as U0123456789"},
	{"state", account + "state: env://STATE\n", "t.yaml:5: state: env:// can only be read: state is file:///path or a writable reference"},
	{"state where a token is kept", account + "    tokens: [{name: a, destinations: [vault://s/a]}]\nstate: vault://s/a#token\n", "t.yaml:6: state: token \"a\" of account \"prod\" is kept in the same place (line 5): the alert state needs one of its own"},
	{"state where a credential is read", account + "notify: {slack: {webhook: vault://s/hook}}\nstate: vault://s/hook\n", "t.yaml:6: state: a credential is read from the same place: the alert state needs one of its own"},
	{"lock", account + "lock: nightly.lock\n", "t.yaml:5: lock: must be an absolute path: a run in another folder has to find the same lock"},
	{"lock of a wrong type", account + "lock: {file: /a}\n", "t.yaml:5: lock: expected text, found key: value pairs"},
	{"metrics", account + "metrics: {textfile: /tmp/metrics.txt}\n", "t.yaml:5: metrics.textfile: must end in .prom: the textfile collector of node_exporter reads no other file"},
}

func TestRefused(t *testing.T) {
	for _, x := range refused {
		t.Run(x.name, func(t *testing.T) {
			c, err := Load("t.yaml", []byte(x.text))
			if err == nil {
				t.Fatalf("accepted as %+v", c)
			}
			if got := err.Error(); got != x.want {
				t.Errorf("got:\n%s\nwant:\n%s", got, x.want)
			}
			for _, secret := range []string{"hunter2", leaked} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("%q echoes %q", err, secret)
				}
			}
		})
	}
}

// The parser's messages are passed on, except where they quote the file.
func TestSyntaxMessage(t *testing.T) {
	for message, want := range map[string]string{
		"unexpected key name":                              "is not YAML: unexpected key name",
		`mapping key "hunter2" already defined at [1:2]`:   "is not YAML",
		"unexpected\n>  1 | token: hunter2\n             ": "is not YAML",
		"": "is not YAML",
	} {
		if got := syntaxMessage(message); got != want {
			t.Errorf("%q: got %q, want %q", message, got, want)
		}
	}
}
