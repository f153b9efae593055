package config

import (
	"regexp"
	"strings"
	"testing"

	"github.com/tokenwarden/tokenwarden/secrets"
)

func TestDestinations(t *testing.T) {
	c := mustLoad(t, account+`    store: vault://secret/dbt/{account}/{name}#token
    tokens:
      - name: own
        destinations: [vault://s/a, vault://s/b]
      - name: store
        after_store: ["true"]
      - id: 7
        destinations: [vault://s/seven]
      - {name: never, rotate: never, reason: r}
      - {name: kept, rotate: never, reason: r, destinations: [vault://s/kept]}
`)
	a := c.Accounts[0]
	for _, x := range []struct {
		name string
		ids  []int64
		want string
	}{
		{"own", []int64{1}, "vault://s/a#token vault://s/b#token"},
		{"store", []int64{1}, "vault://secret/dbt/prod/store#token"},
		{"other", []int64{7}, "vault://s/seven#token"},
		{"other", []int64{9, 7}, "vault://s/seven#token"}, // 9 replaced 7
		{"own", []int64{7}, "vault://s/seven#token"},
		{"never", []int64{1}, ""},
		{"kept", []int64{1}, "vault://s/kept#token"},
		{"Airflow prod", nil, "vault://secret/dbt/prod/Airflow-prod#token"},
		{"a  --//??##b", nil, "vault://secret/dbt/prod/a-b#token"},
		{"../../../etc", nil, "vault://secret/dbt/prod/..-..-..-etc#token"},
		{"a?mount=x#y", nil, "vault://secret/dbt/prod/a-mount-x-y#token"},
		{"{account}", nil, "vault://secret/dbt/prod/-account-#token"},
		{"Zürich 🚀", nil, "vault://secret/dbt/prod/Z-rich-#token"},
		{"a.b_c", nil, "vault://secret/dbt/prod/a.b_c#token"},
	} {
		refs, err := a.Destinations(x.name, x.ids...)
		var got []string
		for _, r := range refs {
			got = append(got, r.String())
		}
		if err != nil || strings.Join(got, " ") != x.want {
			t.Errorf("%q %v: got %v, %v, want %s", x.name, x.ids, got, err, x.want)
		}
	}
	for _, name := range []string{"", ".", "..", "..."} {
		if got, err := a.Destinations(name); err == nil || !strings.Contains(err.Error(), quote(name)) {
			t.Errorf("%q: got %v, %v", name, got, err)
		}
	}
	if got, err := (Account{Name: "x"}).Destinations("a", 1); err != nil || got != nil {
		t.Errorf("without a store: %v, %v", got, err)
	}
}

// Entry returns the entry for a token: the one that names its id, or that of a
// token it replaces; else the one that names its name (without an in-flight
// suffix).
func (a Account) Entry(name string, ids ...int64) (Entry, bool) {
	for _, found := range [][]Entry{a.entries(nil, ids), a.entries([]string{name}, nil)} {
		if len(found) > 0 {
			return found[0], true
		}
	}
	return Entry{}, false
}

// Destinations returns where the value of the token goes that Entry is asked for.
func (a Account) Destinations(name string, ids ...int64) ([]secrets.Ref, error) {
	e, _ := a.Entry(name, ids...)
	return a.destinations(e, name)
}

// A name changes nothing but its own segment, in every scheme.
func FuzzTemplate(f *testing.F) {
	for _, s := range []string{"a", "..", "a/b", "a?mount=b", "a#b", "{account}", "\x00", "🚀", "a\nb"} {
		f.Add(s)
	}
	segments := regexp.MustCompile(`^[A-Za-z0-9._-]+$`)
	f.Fuzz(func(t *testing.T, name string) {
		for _, x := range []struct{ template, before, after string }{
			{"vault://secret/dbt/{account}/{name}#token", "vault://secret/dbt/prod/", "#token"},
			{"age:///var/lib/{name}/store.age#k", "age:///var/lib/", "/store.age#k"},
			{"age:///var/lib/store.age#{account}-{name}", "age:///var/lib/store.age#prod-", ""},
			{"awssm://dbt/{name}?region=eu-west-1#token", "awssm://dbt/", "?region=eu-west-1#token"},
		} {
			ref, err := Template(x.template).expand("prod", name)
			if err != nil {
				if strings.Trim(name, ".") != "" {
					t.Errorf("%q in %s: %v", name, x.template, err)
				}
				continue
			}
			got, found := strings.CutPrefix(ref.String(), x.before)
			rest, end := strings.CutSuffix(got, x.after)
			if !found || !end || !segments.MatchString(rest) || rest == ".." || rest == "." {
				t.Errorf("%q in %s: %s", name, x.template, ref)
			}
			if again, err := secrets.ParseRef(ref.String()); err != nil || again != ref {
				t.Errorf("%s: %v, %v", ref, again, err)
			}
		}
	})
}

func TestUnfilled(t *testing.T) {
	c := mustLoad(t, account+`    tokens:
      - name: empty
        destinations: []
      - {name: never, rotate: never, reason: r}
      - {name: filled, destinations: [vault://s/a]}
  - name: b
    id: 2
    token: env://B
    store: vault://s/{account}/{name}
    tokens: [name: a]
`)
	want := "t.yaml:6: accounts[0].tokens[0]: no destination: fill in destinations, set the account's store, or say rotate: never with a reason"
	if err := c.Unfilled(); err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
}
