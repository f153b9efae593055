package main

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/tokenwarden/tokenwarden/"

// packages lists this module's packages and what their code (not their tests)
// imports.
func packages(t *testing.T) map[string][]string {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", module+"...").Output()
	if err != nil {
		t.Fatalf("listing packages: %v", err)
	}
	imports := map[string][]string{}
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return imports
		} else if err != nil {
			t.Fatal(err)
		}
		imports[strings.TrimPrefix(p.ImportPath, module)] = p.Imports
	}
}

// TestArrows keeps docs/architecture.md true: who may import whom.
func TestArrows(t *testing.T) {
	allowed := map[string][]string{
		"secrets":                        nil,
		"secrets/secretstest":            {"secrets"},
		"secrets/agefile":                {"secrets"},
		"secrets/vaultkv":                {"secrets"},
		"secrets/awssm":                  {"secrets"},
		"internal/dbtcloud":              {"secrets"},
		"internal/dbtcloud/dbtcloudtest": nil,
		"internal/config":                {"internal/dbtcloud", "secrets"},
		"internal/canary":                {"internal/dbtcloud", "internal/inflight", "secrets"},
		"internal/inflight":              nil,
		"internal/tfstate":               nil,
		"rotate":                         {"internal/dbtcloud", "internal/inflight", "secrets"},
		"audit":                          {"internal/dbtcloud", "internal/inflight", "secrets"},
		"audit/report":                   {"audit", "internal/dbtcloud", "secrets"},
		"notify":                         {"secrets"},
	}
	for p, imports := range packages(t) {
		may, known := allowed[p]
		if !known {
			continue
		}
		for _, i := range imports {
			ours, isOurs := strings.CutPrefix(i, module)
			if isOurs && !slices.Contains(may, ours) {
				t.Errorf("%s imports %s, which docs/architecture.md does not allow", p, ours)
			}
		}
	}
}

// TestLibrariesAreConfined: each big library stays in one package, so that it
// can be replaced there.
func TestLibrariesAreConfined(t *testing.T) {
	for library, home := range map[string]string{
		"github.com/urfave/cli/":                "cmd/tokenwarden",
		"github.com/hashicorp/vault/api":        "secrets/vaultkv",
		"github.com/aws/aws-sdk-go-v2/service/": "secrets/awssm",
		"github.com/slack-go/slack":             "notify",
		"filippo.io/age":                        "secrets/agefile",
		"github.com/goccy/go-yaml":              "internal/config",
		"github.com/jedib0t/go-pretty/":         "audit/report",
		"github.com/schollz/progressbar/":       "cmd/tokenwarden",
		"github.com/owenrumney/go-sarif/":       "audit/report",
		"github.com/prometheus/client_golang":   "internal/metrics",
	} {
		for p, imports := range packages(t) {
			for _, i := range imports {
				if strings.HasPrefix(i, library) && p != home && !strings.HasPrefix(p, home+"/") {
					t.Errorf("%s imports %s, which belongs to %s", p, i, home)
				}
			}
		}
	}
}
