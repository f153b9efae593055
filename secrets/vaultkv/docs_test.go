package vaultkv_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/tokenwarden/tokenwarden/secrets"
	"github.com/tokenwarden/tokenwarden/secrets/vaultkv/vaultsuite"
)

// The page for users shows the policy that is tested, every setting, and errors
// as they are worded.
func TestDocumentation(t *testing.T) {
	page, err := os.ReadFile("../../docs/stores/vault.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(page), vaultsuite.Policy) {
		t.Error("the policy is not the one that is tested")
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	code := secrets.ErrConflict.Error() + secrets.ErrTooManyLabels.Error()
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(file, "_test.go") {
			code += string(text)
		}
	}
	for _, name := range regexp.MustCompile(`"((?:TOKENWARDEN_)?VAULT_[A-Z_]+)"`).FindAllStringSubmatch(code, -1) {
		short := name[1][strings.LastIndex(name[1], "VAULT_")+len("VAULT"):]
		if !strings.Contains(string(page), name[1]) && !strings.Contains(string(page), "…"+short) {
			t.Errorf("%s is not documented", name[1])
		}
	}
	_, table, _ := strings.Cut(string(page), "## What an error means")
	table, _, _ = strings.Cut(table, "\n## ")
	phrases := 0
	for line := range strings.Lines(table) {
		if !strings.HasPrefix(line, "| `") {
			continue
		}
		cell, _, _ := strings.Cut(line[2:], " |")
		for _, phrase := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cell, -1) {
			phrases++
			if words := strings.TrimSuffix(phrase[1], " …"); !strings.Contains(code, words) {
				t.Errorf("no error says %q", words)
			}
		}
	}
	if phrases < 15 {
		t.Errorf("%d phrases found", phrases)
	}
}
