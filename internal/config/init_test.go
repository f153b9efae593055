package config

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/tokenwarden/tokenwarden/secrets"
)

var hostile = []string{
	"Airflow prod", "a: b", "a #b", "# a", "- a", "? a", "&a", "*a", "!a", "%a", "@a", "`a", "[a", "{{ .X }}", "}}", "'", `"`, `\`, `\"`, "true", "null", "~", "123", "1e3",
	"2026-01-01", "a\nb", "a\r\nb", "a\tb", "\x00", "\x1b[31m", "\x7f", "\u0085", "\u2028", "\ufeff", "\u202e", "🚀", "日本", " a ", "|", ">", "---", "...", "<<",
	"<!channel>", "=cmd()", "a,b", strings.Repeat("x", 500), "\u0300", "\U0010ffff", "\ufffd",
}

func TestInitRoundTrip(t *testing.T) {
	in := []InitAccount{
		{Name: `the "main" # one: {account}`, ID: 1, Host: "https://a.us1.dbt.com", Token: mustRef(t, "vault://secret/dbt/a%20b?namespace=n#token")},
		{Name: "second", ID: 2, Host: "https://b.us1.dbt.com"},
	}
	for i, name := range hostile {
		in[0].Tokens = append(in[0].Tokens, InitToken{ID: int64(i + 1), Name: name, Note: "created 2022-05-05\n- name: " + name})
	}
	var out bytes.Buffer
	if err := Init(&out, in); err != nil {
		t.Fatal(err)
	}
	c, err := Load("t.yaml", out.Bytes())
	if err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	a, b := c.Accounts[0], c.Accounts[1]
	if a.Name != in[0].Name || a.ID != 1 || a.Host != in[0].Host || a.Token != in[0].Token || b.Token != (secrets.Ref{Scheme: "env", Path: "DBT_CLOUD_TOKEN"}) {
		t.Errorf("got %+v and %+v", a, b)
	}
	if len(a.Tokens) != len(hostile) || len(b.Tokens) != 0 {
		t.Fatalf("%d and %d entries", len(a.Tokens), len(b.Tokens))
	}
	for i, name := range hostile {
		if a.Tokens[i].Name != name {
			t.Errorf("got %q, want %q", a.Tokens[i].Name, name)
		}
	}
	// Every entry is named as still empty, at a line that holds its name.
	var empty *Error
	if !errors.As(c.Unfilled(), &empty) || len(empty.Problems) != len(hostile) {
		t.Fatalf("got %v", c.Unfilled())
	}
	lines := strings.Split(out.String(), "\n")
	for i, p := range empty.Problems {
		if !strings.Contains(lines[p.Line-1], scalar(hostile[i])) {
			t.Errorf("line %d is %q, expected %q", p.Line, lines[p.Line-1], hostile[i])
		}
	}
}

func TestInitByID(t *testing.T) {
	var out bytes.Buffer
	err := Init(&out, []InitAccount{{Name: "a", ID: 1, Host: DefaultHost, Tokens: []InitToken{
		{ID: 1, Name: "twice"}, {ID: 2, Name: "twice"}, {ID: 3, Name: "same as another", Ambiguous: true}, {ID: 4}, {ID: 5, Name: leaked, Note: "named " + leaked},
		{ID: 6, Name: "once", Note: "created \"long\" ago\n- name: x"}, {ID: 7, Name: "tf", Never: "Terraform: it's # managed"},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), `# created "long" ago\n- name: x`+"\n") {
		t.Errorf("a comment is hard to read, or left its line:\n%s", out.String())
	}
	if strings.Contains(out.String(), leaked) {
		t.Error("a token's value was written")
	}
	c, err := Load("t.yaml", out.Bytes())
	if err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	got := c.Accounts[0].Tokens
	for i := range 5 {
		if got[i].ID != int64(i+1) || got[i].Name != "" {
			t.Errorf("entry %d is %+v", i, got[i])
		}
	}
	if got[5].Name != "once" || got[5].Never || got[6].Name != "tf" || !got[6].Never || got[6].Reason != "Terraform: it's # managed" {
		t.Errorf("got %+v", got[5:])
	}
}

// The tail is commented out, and becomes valid without the marks.
func TestInitTail(t *testing.T) {
	var out bytes.Buffer
	if err := Init(&out, []InitAccount{{Name: "a", ID: 1, Host: DefaultHost, Tokens: []InitToken{{ID: 1, Name: "x"}}}}); err != nil {
		t.Fatal(err)
	}
	text := out.String()
	for _, key := range []string{"audit:", "rotate:", "notify:", "state:", "store:"} {
		if strings.Count(text, "# "+key) != 1 {
			t.Fatalf("%s stands %d times in\n%s", key, strings.Count(text, "# "+key), text)
		}
		text = strings.Replace(text, "# "+key, key, 1)
	}
	c, err := Load("t.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if d := Default(); c.Audit.FailOn != d.Audit.FailOn || c.Audit.UnusedFor != d.Audit.UnusedFor || c.Rotate != d.Rotate {
		t.Errorf("what is called the default is not: %+v %+v", c.Audit, c.Rotate)
	}
	if err := c.Unfilled(); err != nil {
		t.Error("a store is a destination")
	}
}

func FuzzInit(f *testing.F) {
	for _, s := range hostile {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		var out bytes.Buffer
		if err := Init(&out, []InitAccount{{Name: "a", ID: 1, Host: DefaultHost, Tokens: []InitToken{{ID: 7, Name: name, Note: "x"}}}}); err != nil {
			t.Fatal(err)
		}
		c, err := Load("t.yaml", out.Bytes())
		if err != nil {
			t.Fatalf("%v\n%s", err, out.String())
		}
		e := c.Accounts[0].Tokens[0]
		if want := strings.ToValidUTF8(name, "\ufffd"); e.ID == 0 && e.Name != want || e.ID != 0 && e.ID != 7 {
			t.Errorf("%q came back as %+v", name, e)
		}
	})
}
