package report_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/tokenwarden/tokenwarden/audit"
	"github.com/tokenwarden/tokenwarden/audit/report"
)

const schemaFile = "../../docs/audit.schema.json"

// schema is the JSON Schema of an audit, made from the types that are written.
func schema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	word := func(words ...string) *jsonschema.Schema {
		s := &jsonschema.Schema{Type: "string"}
		for _, w := range words {
			s.Enum = append(s.Enum, w)
		}
		return s
	}
	var grades []string
	counts := &jsonschema.Schema{Type: "object", Properties: map[string]*jsonschema.Schema{}}
	for _, s := range audit.Severities() {
		grades = append(grades, s.String())
		counts.Properties[s.String()] = &jsonschema.Schema{Type: "integer"}
	}
	counts.Required = grades
	s, err := jsonschema.For[audit.Report](&jsonschema.ForOptions{TypeSchemas: map[reflect.Type]*jsonschema.Schema{
		reflect.TypeFor[audit.Severity]():         word(grades...),
		reflect.TypeFor[map[audit.Severity]int](): counts,
		reflect.TypeFor[audit.Outcome]():          word("checked", "not-visible", "not-licensed", "error"),
		reflect.TypeFor[audit.Status]():           word("complete", "partial", "failed"),
		reflect.TypeFor[audit.Evidence]():         {Type: "object", AdditionalProperties: &jsonschema.Schema{Type: "string"}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	s.Schema = "https://json-schema.org/draft/2020-12/schema"
	s.Title = "tokenwarden audit --format json"
	s.Description = "Fields may be added under the same schema_version; none changes its meaning or goes."
	s.Properties["schema_version"].Const = jsonschema.Ptr[any](audit.SchemaVersion)
	soften(s)
	return s
}

// soften lets a later version add fields, and takes lists for what they are:
// the generator allows null for each, and this program never writes it.
func soften(s *jsonschema.Schema) {
	if s == nil {
		return
	}
	if s.Properties != nil {
		s.AdditionalProperties = nil
	}
	if len(s.Types) == 2 && s.Types[0] == "null" {
		s.Type, s.Types = s.Types[1], nil
	}
	soften(s.Items)
	for _, p := range s.Properties {
		soften(p)
	}
}

// current compares a generated file with the one in the repository, or writes it
// when UPDATE_DOCS is set.
func current(t *testing.T, file string, want []byte) {
	t.Helper()
	if os.Getenv("UPDATE_DOCS") != "" {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s is stale (%v): run UPDATE_DOCS=1 go test ./audit/report", file, err)
	}
}

func TestSchemaIsCurrent(t *testing.T) {
	b, err := json.MarshalIndent(schema(t), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	current(t, schemaFile, append(b, '\n'))
}

// published is the schema as it stands in the repository.
func published(t *testing.T) *jsonschema.Resolved {
	t.Helper()
	b, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	var s jsonschema.Schema
	if err := json.Unmarshal(b, &s); err != nil {
		t.Fatal(err)
	}
	resolved, err := s.Resolve(nil)
	if err != nil {
		t.Fatal(err)
	}
	return resolved
}

func TestJSONIsValid(t *testing.T) {
	s := published(t)
	real, err := (&audit.Auditor{}).Run(t.Context(), []audit.Account{{Name: "broken", ID: 1, Err: errors.New("no credential")}})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []*audit.Report{real, sample(), sample(hostileNames()...)} {
		var got any
		if err := json.Unmarshal([]byte(render(t, "json", r, report.Options{})), &got); err != nil {
			t.Fatal(err)
		}
		if err := s.Validate(got); err != nil {
			t.Error(err)
		}
	}
}

// A schema that takes everything would prove nothing.
func TestSchemaRefuses(t *testing.T) {
	s := published(t)
	for name, spoil := range map[string]func(map[string]any){
		"no findings":      func(r map[string]any) { delete(r, "findings") },
		"findings null":    func(r map[string]any) { r["findings"] = nil },
		"another version":  func(r map[string]any) { r["schema_version"] = 2.0 },
		"complete as text": func(r map[string]any) { r["complete"] = "yes" },
		"unknown severity": func(r map[string]any) { first(r, "findings")["severity"] = "awful" },
		"unknown outcome": func(r map[string]any) {
			first(r, "accounts")["coverage"] = []any{map[string]any{"check": "x", "outcome": "fine"}}
		},
		"id as text":         func(r map[string]any) { first(r, "findings")["resource"].(map[string]any)["id"] = "777" },
		"evidence as number": func(r map[string]any) { first(r, "findings")["evidence"] = map[string]any{"created_at": 1.0} },
		"no counts":          func(r map[string]any) { delete(first(r, "accounts"), "counts") },
		"errors null":        func(r map[string]any) { first(r, "accounts")["errors"] = nil },
	} {
		var got map[string]any
		if err := json.Unmarshal([]byte(render(t, "json", sample("x"), report.Options{})), &got); err != nil {
			t.Fatal(err)
		}
		spoil(got)
		if s.Validate(got) == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func first(r map[string]any, list string) map[string]any {
	return r[list].([]any)[0].(map[string]any)
}
