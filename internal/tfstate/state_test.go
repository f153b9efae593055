package tfstate

import (
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
)

const secret = "dbtc_SECRETSECRETSECRETSECRETSECRETSECRETSECRETSECRET00"

// state is one of version 4 around some resources.
func state(resources ...string) string {
	return `{"version": 4, "terraform_version": "1.9.5", "serial": 7, "lineage": "0b1c",
	  "outputs": {"airflow": {"value": "` + secret + `", "type": "string", "sensitive": true}},
	  "resources": [` + strings.Join(resources, ",") + `], "check_results": null}`
}

func managed(module, name, instances string) string {
	if module != "" {
		module = `"module": "` + strings.ReplaceAll(module, `"`, `\"`) + `",`
	}
	return `{` + module + `"mode": "managed", "type": "dbtcloud_service_token", "name": "` + name + `",
	  "provider": "provider[\"registry.terraform.io/dbt-labs/dbtcloud\"]", "instances": [` + instances + `]}`
}

func instanceOf(id, more string) string {
	return `{` + more + `"schema_version": 0, "attributes": {"id": ` + id + `, "name": "x", "state": 1, "uid": "SECRETSE", "token_string": "` + secret + `",
	  "service_token_permissions": []}, "sensitive_attributes": [], "private": "` + secret + `"}`
}

func TestRead(t *testing.T) {
	const ours = "dbtcloud_service_token."
	for name, c := range map[string]struct {
		state string
		want  []Token
	}{
		"empty":              {state(), nil},
		"no resources":       {`{"version": 4}`, nil},
		"a number":           {state(managed("", "airflow", instanceOf("777", ""))), []Token{{777, 0, ours + "airflow"}}},
		"a string":           {state(managed("", "airflow", instanceOf(`"777"`, ""))), []Token{{777, 0, ours + "airflow"}}},
		"with its account":   {state(managed("", "airflow", instanceOf(`"12345:777"`, ""))), []Token{{777, 12345, ours + "airflow"}}},
		"in a module":        {state(managed("module.dbt", "a", instanceOf("1", ""))), []Token{{1, 0, "module.dbt." + ours + "a"}}},
		"in a module in one": {state(managed(`module.dbt["eu"].module.tokens[0]`, "a", instanceOf("1", ""))), []Token{{1, 0, `module.dbt["eu"].module.tokens[0].` + ours + "a"}}},
		"with count":         {state(managed("", "a", instanceOf("1", `"index_key": 0,`)+","+instanceOf("2", `"index_key": 1,`))), []Token{{1, 0, ours + "a[0]"}, {2, 0, ours + "a[1]"}}},
		"with for_each":      {state(managed("", "a", instanceOf("1", `"index_key": "x \"y\"",`))), []Token{{1, 0, ours + `a["x \"y\""]`}}},
		"deposed":            {state(managed("", "a", instanceOf("1", "")+","+instanceOf("2", `"deposed": "0badc0de",`))), []Token{{1, 0, ours + "a"}, {2, 0, ours + "a (deposed)"}}},
		"tainted":            {state(managed("", "a", instanceOf("1", `"status": "tainted",`))), []Token{{1, 0, ours + "a"}}},
		"several":            {state(managed("", "a", instanceOf("1", "")), managed("", "b", instanceOf("2", ""))), []Token{{1, 0, ours + "a"}, {2, 0, ours + "b"}}},
		"no instance":        {state(managed("", "a", "")), nil},
		"a data source":      {state(strings.Replace(managed("", "a", instanceOf("1", "")), `"managed"`, `"data"`, 1)), nil},
		"another type":       {state(strings.Replace(managed("", "a", instanceOf("1", "")), `dbtcloud_service_token`, `dbtcloud_job`, 1)), nil},
		"others are not looked at": {state(`{"mode": "managed", "type": "random_password", "name": 5, "instances": {"odd": ["`+secret+`"]}}`, managed("", "a", instanceOf("1", ""))),
			[]Token{{1, 0, ours + "a"}}},
		"control characters": {state(managed("", `a\u001b[31m\u202e`, instanceOf("1", `"index_key": "b\nc",`))), []Token{{1, 0, ours + "a\ufffd[31m\ufffd" + `["b\nc"]`}}},
		"a value for a key":  {state(managed("", "a", instanceOf("1", `"index_key": "`+secret+`",`))), []Token{{1, 0, ours + `a["[redacted]"]`}}},
		"a value for a name": {state(managed("", secret, instanceOf("1", ""))), []Token{{1, 0, ours + "[redacted]"}}},
		"an odd key":         {state(managed("", "a", instanceOf("1", `"index_key": {"x": 1},`))), []Token{{1, 0, ours + "a[?]"}}},
		"a null key":         {state(managed("", "a", instanceOf("1", `"index_key": null,`))), []Token{{1, 0, ours + "a"}}},
	} {
		got, err := Read(strings.NewReader(c.state))
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s:\n got %+v, %v\nwant %+v", name, got, err, c.want)
		}
		if text := fmt.Sprintf("%+v", got); strings.Contains(text, "SECRET") {
			t.Errorf("%s: %s", name, text)
		}
	}
}

func TestRefused(t *testing.T) {
	for name, c := range map[string]struct{ state, want string }{
		"nothing":            {"", "not a JSON object"},
		"text":               {secret, "not a JSON object"},
		"a list":             {`["` + secret + `"]`, "not a JSON object"},
		"null":               {"null", "not a JSON object"},
		"half":               {state(managed("", "a", instanceOf("1", "")))[:300], "not a JSON object"},
		"two":                {state() + state(), "not a JSON object"},
		"HCL":                {`resource "dbtcloud_service_token" "a" { name = "` + secret + `" }`, "not a JSON object"},
		"no version":         {`{"resources": []}`, "not a JSON object"},
		"version 3":          {`{"version": 3, "modules": [{"outputs": {"a": "` + secret + `"}}]}`, "version 3, and only version 4"},
		"version 5":          {`{"version": 5, "resources": []}`, "version 5, and only version 4"},
		"a version of text":  {`{"version": "` + secret + `", "resources": []}`, "not a JSON object"},
		"a version with .5":  {`{"version": 4.5, "resources": []}`, "not a JSON object"},
		"encrypted":          {`{"serial": 1, "lineage": "x", "meta": {"key_provider.pbkdf2.a": "` + secret + `"}, "encrypted_data": "` + secret + `", "encryption_version": "v0"}`, "tofu state pull"},
		"a backend's stub":   {`{"version": 3, "terraform_version": "1.9.5", "backend": {"type": "s3", "config": {"secret_key": "` + secret + `"}, "hash": 1}}`, "terraform state pull"},
		"shown":              {`{"format_version": "1.0", "values": {"outputs": {"a": "` + secret + `"}}}`, "terraform show -json"},
		"resources of text":  {`{"version": 4, "resources": "` + secret + `"}`, "resources cannot be understood"},
		"a resource of text": {state(`"` + secret + `"`), "resources cannot be understood"},
		"odd instances":      {state(strings.Replace(managed("", "a", instanceOf("1", "")), `"instances": [`, `"instances": ["`+secret+`", `, 1)), "resources cannot be understood"},
		"attributes of text": {state(managed("", "a", `{"attributes": "`+secret+`"}`)), "resources cannot be understood"},
		"no attributes":      {state(managed("", "a", `{"attributes": null}`)), "dbtcloud_service_token.a has no id"},
		"no id":              {state(managed("", "a", `{"attributes": {"token_string": "`+secret+`"}}`)), "dbtcloud_service_token.a has no id"},
		"a value for an id":  {state(managed("", "a", instanceOf(`"`+secret+`"`, ""))), "dbtcloud_service_token.a has no id"},
		"a negative id":      {state(managed("", "a", instanceOf("-1", ""))), "has no id"},
		"an id of 0":         {state(managed("", "a", instanceOf("0", ""))), "has no id"},
		"a fraction":         {state(managed("", "a", instanceOf("1.5", ""))), "has no id"},
		"an object":          {state(managed("", "a", instanceOf(`{"a": "`+secret+`"}`, ""))), "has no id"},
		"half an id":         {state(managed("", "a", instanceOf(`"12345:"`, ""))), "has no id"},
		"two colons":         {state(managed("", "a", instanceOf(`"1:2:3"`, ""))), "has no id"},
		"a value in front":   {state(managed("", "a", instanceOf(`"`+secret+`:1"`, ""))), "has no id"},
	} {
		got, err := Read(strings.NewReader(c.state))
		if err == nil || !strings.Contains(err.Error(), c.want) || len(got) != 0 {
			t.Errorf("%s: %+v, %v, expected %q", name, got, err, c.want)
		}
		if err != nil && (strings.Contains(err.Error(), "SECRET") || len(err.Error()) > 500) {
			t.Errorf("%s: the error repeats the state: %v", name, err)
		}
	}
}

func TestTooLarge(t *testing.T) {
	endless := io.MultiReader(strings.NewReader(`{"version": 4, "resources": [], "x": "`), spaces{})
	if _, err := Read(endless); !errors.Is(err, errTooLarge) {
		t.Error(err)
	}
}

// spaces never ends.
type spaces struct{}

func (spaces) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = ' '
	}
	return len(b), nil
}

func TestLongAddress(t *testing.T) {
	got, err := Read(strings.NewReader(state(managed("", strings.Repeat("é", 1000), instanceOf("1", "")))))
	if err != nil || len(got) != 1 || len(got[0].Address) > maxAddress+len("…") || !strings.HasSuffix(got[0].Address, "…") {
		t.Errorf("%+v, %v", got, err)
	}
}

func FuzzRead(f *testing.F) {
	for _, s := range []string{state(managed("module.a", "b", instanceOf(`"1:2"`, `"index_key": "c",`))), `{"version": 4}`, `{"version": 3}`, ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		got, err := Read(strings.NewReader(in))
		for _, token := range got {
			if token.ID <= 0 || token.AccountID < 0 || token.Address == "" || strings.ContainsAny(token.Address, "\n\x1b") {
				t.Fatalf("%+v", token)
			}
		}
		if err != nil && len(got) > 0 {
			t.Fatal("tokens and an error")
		}
	})
}
