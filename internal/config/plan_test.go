package config

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tokenwarden/tokenwarden/secrets"
)

const planned = `accounts:
  - name: prod
    id: 1
    token: env://A
    store: vault://s/{account}/{name}
    tokens:
      - name: Airflow
        destinations: [vault://s/airflow, "age://store.age#airflow"]
      - id: 777
        destinations: [vault://s/seven]
      - {name: tf, rotate: never, reason: r}
  - name: eu
    id: 2
    token: env://B
    store: vault://s/{account}/{name}
`

// describe writes an assignment as "account ids: destinations".
func describe(all []Assignment) string {
	var lines []string
	for _, s := range all {
		line := s.Account.Name
		for _, t := range s.Tokens {
			line += fmt.Sprintf(" %d", t.ID)
		}
		line += ":"
		for _, r := range s.Destinations {
			line += " " + r.String()
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

// The alert state is written to every night: no token may be kept there.
func TestPlanKeepsAwayFromTheState(t *testing.T) {
	c := mustLoad(t, planned+"state: age://prod/store.age#x\n")
	c.Accounts[0].Store = "age:///work/{account}/store.age#{name}"
	_, err := c.Plan("/work", map[string][]ActiveToken{"prod": {{ID: 9, Name: "x"}}})
	const want = `t.yaml:2: token 9 "x" of account "prod" has the destination age:///work/prod/store.age#x, where the alert state is kept`
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestPlan(t *testing.T) {
	c := mustLoad(t, planned)
	got, err := c.Plan("/work", map[string][]ActiveToken{
		"prod": {
			{ID: 901, Name: "other", Replaces: []int64{777}}, // 777 is gone: the entry follows
			{ID: 20, Name: "Airflow", Replaces: []int64{10}}, // in its overlap
			{ID: 10, Name: "Airflow"},
			{ID: 30, Name: "Airflow", Replaces: []int64{10}}, // of a second rotator
			{ID: 40, Name: "tf"},
			{ID: 51, Name: "orphan", Replaces: []int64{50}}, // two of one that is gone
			{ID: 52, Name: "orphan", Replaces: []int64{50}},
			{ID: 63, Name: "chain", Replaces: []int64{62, 61}},
			{ID: 61, Name: "chain"},
			{ID: 70, Name: "Jobs & more"},
		},
		"eu": {{ID: 10, Name: "Airflow"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := `prod 10 20 30: vault://s/airflow#token age:///work/store.age#airflow
prod 40:
prod 51 52: vault://s/prod/orphan#token
prod 61 63: vault://s/prod/chain#token
prod 70: vault://s/prod/Jobs-more#token
prod 901: vault://s/seven#token
eu 10: vault://s/eu/Airflow#token`
	// Groups come in the order of the first id that is active.
	if describe(got) != want {
		t.Errorf("got:\n%s\nwant:\n%s", describe(got), want)
	}
	if got[0].Entry.Name != "Airflow" || got[5].Entry.ID != 777 || got[6].Entry.Line != 0 {
		t.Errorf("entries are %+v, %+v, %+v", got[0].Entry, got[5].Entry, got[6].Entry)
	}
}

// A token whose name was changed during its overlap keeps its entry.
func TestPlanRenamedInFlight(t *testing.T) {
	got, err := mustLoad(t, planned).Plan("/", map[string][]ActiveToken{"prod": {{ID: 10, Name: "Airflow 2"}, {ID: 20, Name: "Airflow", Replaces: []int64{10}}}})
	if err != nil || len(got) != 1 || got[0].Entry.Name != "Airflow" {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestPlanRefuses(t *testing.T) {
	for _, x := range []struct {
		name, text string
		active     map[string][]ActiveToken
		want       string
	}{
		{"two names, one segment", planned, map[string][]ActiveToken{"prod": {{ID: 1, Name: "a b"}, {ID: 2, Name: "a-b"}}},
			`t.yaml:2: token 1 "a b" of account "prod" and token 2 "a-b" of account "prod" have the same destination vault://s/prod/a-b#token: two tokens cannot share one`},
		{"one name twice", planned, map[string][]ActiveToken{"eu": {{ID: 1, Name: "a"}, {ID: 2, Name: "a"}}},
			`t.yaml:12: token 1 "a" of account "eu" and token 2 "a" of account "eu" have the same destination vault://s/eu/a#token: two tokens cannot share one`},
		{"a name that two carry", planned, map[string][]ActiveToken{"prod": {{ID: 1, Name: "Airflow"}, {ID: 2, Name: "Airflow"}}},
			`t.yaml:7: accounts[0]: the entry means two active tokens, token 1 "Airflow" of account "prod" and token 2 "Airflow" of account "prod": name them by id`},
		{"two entries for one token", planned, map[string][]ActiveToken{"prod": {{ID: 777, Name: "Airflow"}}},
			`t.yaml:9: accounts[0]: token 777 "Airflow" of account "prod" has two entries, on lines 7 and 9`},
		{"two entries, one by a successor", planned, map[string][]ActiveToken{"prod": {{ID: 901, Name: "Airflow", Replaces: []int64{777}}}},
			`t.yaml:9: accounts[0]: token 901 "Airflow" of account "prod" has two entries, on lines 7 and 9`},
		{"dots", planned, map[string][]ActiveToken{"prod": {{ID: 1, Name: ".."}}},
			`t.yaml:2: accounts[0]: token 1 ".." of account "prod": filling the token's name into store: ".." is empty or only dots, which leads to another place; give it an entry with destinations`},
		{"store against entry, two accounts", strings.Replace(planned, "vault://s/airflow", "vault://s/eu/x", 1), map[string][]ActiveToken{"prod": {{ID: 1, Name: "Airflow"}}, "eu": {{ID: 9, Name: "x"}}},
			`t.yaml:12: token 1 "Airflow" of account "prod" and token 9 "x" of account "eu" have the same destination vault://s/eu/x#token: two tokens cannot share one`},
		{"relative against absolute", account + "    tokens: [{name: a, destinations: ['age://s.age#k']}, {name: b, destinations: ['age:///work/s.age#k']}]\n",
			map[string][]ActiveToken{"prod": {{ID: 1, Name: "a"}, {ID: 2, Name: "b"}}},
			`t.yaml:5: token 1 "a" of account "prod" and token 2 "b" of account "prod" have the same destination age:///work/s.age#k: two tokens cannot share one`},
		{"relative against absolute, one token", account + "    tokens: [{name: a, destinations: ['age://s.age#k', 'age:///work/s.age#k']}]\n",
			map[string][]ActiveToken{"prod": {{ID: 1, Name: "a"}}},
			`t.yaml:5: token 1 "a" of account "prod" has the destination age:///work/s.age#k twice`},
		{"hostile names", planned, map[string][]ActiveToken{"prod": {{ID: 1, Name: "x\x1b[2J"}, {ID: 2, Name: "x\u202e[2J"}}},
			`t.yaml:2: token 1 "x\x1b[2J" of account "prod" and token 2 "x\u202e[2J" of account "prod" have the same destination vault://s/prod/x-2J#token: two tokens cannot share one`},
	} {
		t.Run(x.name, func(t *testing.T) {
			got, err := mustLoad(t, x.text).Plan("/work", x.active)
			if err == nil {
				t.Fatalf("accepted: %s", describe(got))
			}
			if err.Error() != x.want {
				t.Errorf("got:\n%v\nwant:\n%s", err, x.want)
			}
		})
	}
}

func TestPlacesWholeAndKey(t *testing.T) {
	parse := func(s string) secrets.Ref { return mustRef(t, s) }
	for _, x := range []struct {
		a, b string
		want bool
	}{
		{"awssm://x", "awssm://x#k", true},
		{"awssm://x#k", "awssm://x", true},
		{"awssm://x#k", "awssm://x#l", false},
		{"awssm://x?region=a#k", "awssm://x?region=b", false},
		{"vault://s/a#k", "vault://s/a#l", false},
		{"vault://s/a", "vault://s/a#token", true},
		{"vault://s/a?namespace=n", "vault://s/a", false},
		{"vault://s/a/b?mount=s/a", "vault://s/a/b", true},
		{"age:///s#a", "age:///s#b", false},
		{"age:///t/../s#a", "age:///s#a", true},
	} {
		p := places[int]{}
		p.claim(parse(x.a), 1)
		if other, twice := p.claim(parse(x.b), 2); twice != x.want || twice && other != 1 {
			t.Errorf("%s and %s: %v by %d", x.a, x.b, twice, other)
		}
	}
}
