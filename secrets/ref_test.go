package secrets

import (
	"errors"
	"strings"
	"testing"
)

func TestParseRef(t *testing.T) {
	for in, want := range map[string]Ref{
		"env://DBT_CLOUD_TOKEN":                       {Scheme: Env, Path: "DBT_CLOUD_TOKEN"},
		"file:///run/secrets/dbt":                     {Scheme: File, Path: "/run/secrets/dbt"},
		"file:///run//secrets/../secrets/dbt/":        {Scheme: File, Path: "/run/secrets/dbt"},
		"age:///var/lib/t/store.age#airflow":          {Scheme: Age, Path: "/var/lib/t/store.age", Field: "airflow"},
		"age://store.age#a/b.c":                       {Scheme: Age, Path: "store.age", Field: "a/b.c"},
		"age://./x/../store.age#k":                    {Scheme: Age, Path: "store.age", Field: "k"},
		"age://../store.age#k":                        {Scheme: Age, Path: "../store.age", Field: "k"},
		"age:///a b/ü.age#ключ":                       {Scheme: Age, Path: "/a b/ü.age", Field: "ключ"},
		"vault://secret/dbt/airflow":                  {Scheme: Vault, Path: "secret/dbt/airflow", Field: "token"},
		"vault://secret/dbt/airflow#token":            {Scheme: Vault, Path: "secret/dbt/airflow", Field: "token"},
		"vault:///secret//dbt/airflow/#pw":            {Scheme: Vault, Path: "secret/dbt/airflow", Field: "pw"},
		"vault://team/kv/dbt?mount=team/kv":           {Scheme: Vault, Path: "team/kv/dbt", Mount: "team/kv", Field: "token"},
		"vault://dbt?mount=team%2Fkv":                 {Scheme: Vault, Path: "team/kv/dbt", Mount: "team/kv", Field: "token"},
		"vault://secret/dbt?namespace=eu/data/":       {Scheme: Vault, Path: "secret/dbt", Namespace: "eu/data", Field: "token"},
		"awssm://prod/dbt":                            {Scheme: AWS, Path: "prod/dbt"},
		"awssm://prod/dbt?region=eu-west-1#token":     {Scheme: AWS, Path: "prod/dbt", Region: "eu-west-1", Field: "token"},
		"awssm://x?endpoint=http://127.0.0.1:4566/":   {Scheme: AWS, Path: "x", Endpoint: "http://127.0.0.1:4566"},
		"awssm://arn:aws:secretsmanager:r:1:secret:x": {Scheme: AWS, Path: "arn:aws:secretsmanager:r:1:secret:x"},
	} {
		got, err := ParseRef(in)
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v; want %+v", in, got, err, want)
			continue
		}
		if again, err := ParseRef(got.String()); err != nil || again != got {
			t.Errorf("%s: written as %s, read back as %+v, %v", in, got, again, err)
		}
	}
}

func TestParseRefRefuses(t *testing.T) {
	for _, in := range []string{
		"", "plain", "://", "http://x/y", "ENV://X", "vault:/secret/x", secret, "token://" + secret,
		"env://", "env://1X", "env://A-B", "env://A#f", "env://A?x=1", "env://A?=1", "env://A?+=1",
		"file://", "file:///", "file:////", "file:///a/..", "file://rel/path", "file:///a#f", "file:///a\x00b",
		"age:///s.age", "age:///s.age#", "age://#k", "age:///dir/#k", "age:///a/..#k", "age://.#k", "age://a/..#k", "age://..#k",
		"age:///s.age#a b", "age:///s.age#a\nb", "age:///s.age#a#b", "age:///s.age#a?b", "age:///s.age?region=x#k", "age:///s\xff.age#k", "age:///s.age#\xff",
		"vault://secret", "vault://secret/", "vault:///", "vault://secret/../x", "vault://secret/./x", "vault://../x",
		"vault://?mount=secret", "vault://a/b?mount=", "vault://a/b?mount=a&mount=a", "vault://a/b?field=x", "vault://a/b?%zz",
		"vault://a/b?mount+namespace=x", "vault://b?mount=a%23c", "vault://b?mount=a%3Fc", "vault://b?mount=..", "vault://a/b?namespace=x%0Ay", "vault://a/b?namespace=%ff",
		"awssm://", "awssm:///x", "awssm://x?region=", "awssm://x?mount=y", "awssm://x?endpoint=http://user:pw@h", "awssm://x?endpoint=%25zz",
		"env://" + strings.ReplaceAll(secret, "-", "_"), "vault://secret/dbt#" + secret, "awssm://" + secret, "vault://a/b?namespace=" + secret,
		"vault://a/b?namespace=" + strings.ReplaceAll(secret, "_", "%5F"),
	} {
		got, err := ParseRef(in)
		if err == nil {
			t.Errorf("%q was accepted as %+v", in, got)
			continue
		}
		if got != (Ref{}) {
			t.Errorf("%q: half a reference came back beside the error: %+v", in, got)
		}
		if leaks(err.Error()) || strings.Contains(err.Error(), "pw@") {
			t.Errorf("%q: the error repeats it: %v", in, err)
		}
	}
	if _, err := ParseRef(secret); !errors.Is(err, ErrNotARef) {
		t.Errorf("a pasted token: %v, want ErrNotARef", err)
	}
}

func TestRefNames(t *testing.T) {
	parse := func(s string) Ref {
		r, err := ParseRef(s)
		if err != nil {
			t.Fatalf("%s: %v", s, err)
		}
		return r.Absolute("/work")
	}
	for _, c := range []struct {
		a, b                  string
		sameObject, samePlace bool
	}{
		{"vault://secret/a#x", "vault://secret/a#y", true, false},
		{"vault://secret/a", "vault://secret/a#token", true, true},
		{"vault://team/kv/a?mount=team", "vault://team/kv/a", true, true},
		{"vault://secret/a?namespace=n", "vault://secret/a", false, false},
		{"awssm://x#a", "awssm://x", true, false},
		{"awssm://x?region=a", "awssm://x?region=b", false, false},
		{"age:///work/s.age#a", "age://s.age#a", true, true},
		{"age:///work/s.age#a", "age:///work/s.age#b", false, false},
		{"age:///s.age#a", "age://s.age#a", false, false},
	} {
		a, b := parse(c.a), parse(c.b)
		if got := a.Object() == b.Object(); got != c.sameObject {
			t.Errorf("%s and %s: same object %v", c.a, c.b, got)
		}
		if got := a.Place() == b.Place(); got != c.samePlace {
			t.Errorf("%s and %s: same place %v", c.a, c.b, got)
		}
	}
	if (Ref{}).String() != "" {
		t.Error("the zero Ref is not empty")
	}
}

func FuzzParseRef(f *testing.F) {
	for _, s := range []string{
		"env://X", "file:///run/x", "age:///s.age#k", "age://../s.age#k", "vault://secret/a?mount=secret&namespace=n#f",
		"vault://a?mount=%2F%2F", "awssm://x?region=r&endpoint=http://h#f", secret, "env://" + secret, "vault://a/b?namespace=%2B%26",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, err := ParseRef(s)
		if err != nil {
			// A short text may occur in the message by chance ("file", "a").
			if rest := s[strings.LastIndex(s, "/")+1:]; len(rest) > 20 && !strings.Contains(forms, rest) && strings.Contains(err.Error(), rest) {
				t.Errorf("the error repeats %q: %v", s, err)
			}
			return
		}
		again, err := ParseRef(r.String())
		if err != nil || again != r {
			t.Errorf("%q is written as %q and read back as %+v, %v; want %+v", s, r, again, err, r)
		}
		if pasted.MatchString(r.String()) {
			t.Errorf("a token made it into a reference: %q", r)
		}
		if abs := r.Absolute("/d"); abs.Absolute("/e") != abs {
			t.Errorf("%q: absolute twice differs", s)
		}
	})
}
