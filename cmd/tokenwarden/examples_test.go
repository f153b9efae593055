package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/tokenwarden/tokenwarden/internal/config"
)

const examples = "../../examples"

// exampleFiles are the files of all examples, by path.
func exampleFiles(t *testing.T) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(examples, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && d.Name() == "verify" { // tests, and no example
			return fs.SkipDir
		}
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		files[strings.TrimPrefix(path, examples+"/")] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestExampleConfigurations loads what the program would load, as it does.
func TestExampleConfigurations(t *testing.T) {
	loaded := 0
	for path, text := range exampleFiles(t) {
		if filepath.Ext(path) != ".yaml" || strings.Contains(text, "\nkind: ") {
			continue
		}
		loaded++
		cfg, err := config.Load(path, []byte(text))
		if err != nil {
			t.Error(err)
			continue
		}
		if err := cfg.Unfilled(); err != nil {
			t.Error(err)
		}
	}
	if loaded < 5 {
		t.Errorf("%d configurations were loaded", loaded)
	}
}

var (
	// inMarkdown finds what a page shows as code.
	inMarkdown = regexp.MustCompile("(?s)```.*?```|`[^`\n]+`")
	// called finds the program with a command or a flag behind it, to the end of
	// a shell's command.
	called = regexp.MustCompile("(?m)(?:^|[\\s\"'`(])tokenwarden ((?:[a-z]|--)[^\n|&;<>`)]*)")
)

// TestExampleCommands asks the program for the help of each command that a file
// of an example shows, comments and READMEs included. Names of commands, flags
// and their values are looked at on the way.
func TestExampleCommands(t *testing.T) {
	seen := map[string]bool{}
	for path, text := range exampleFiles(t) {
		if filepath.Ext(path) == ".md" {
			text = strings.Join(inMarkdown.FindAllString(text, -1), "\n")
		}
		text = strings.ReplaceAll(text, "* tokenwarden ", "* ") // the user in a crontab
		for _, match := range called.FindAllStringSubmatch(text, -1) {
			words := strings.Fields(strings.NewReplacer(`"`, "", `'`, "").Replace(match[1]))
			name := program
			for _, word := range words {
				if !harmless.MatchString(word) {
					break
				}
				name += " " + word
			}
			seen[name] = true
			var stdout, stderr bytes.Buffer
			env := environment{stdout: &stdout, stderr: &stderr, lookup: func(string) (string, bool) { return "", false }}
			code := run(t.Context(), append(append([]string{program}, words...), "--help"), env)
			if code != 0 || !strings.HasPrefix(stdout.String(), name+": ") {
				t.Errorf("%s: %q: exit code %d\n%s", path, match[0], code, &stderr)
			}
		}
	}
	for _, must := range []string{"tokenwarden nightly", "tokenwarden drill", "tokenwarden doctor"} {
		if !seen[must] {
			t.Errorf("no example shows %s: found %v", must, seen)
		}
	}
}

// TestExamplesSayHow: each folder has a page that says what to fill in and how
// to try it, and the list of all leads there.
func TestExamplesSayHow(t *testing.T) {
	files := exampleFiles(t)
	folders, err := os.ReadDir(examples)
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range folders {
		if !folder.IsDir() || folder.Name() == "verify" {
			continue
		}
		if !strings.Contains(files["README.md"], fmt.Sprintf("(%s)", folder.Name())) {
			t.Errorf("README.md does not lead to %s", folder.Name())
		}
		page := files[folder.Name()+"/README.md"]
		for _, title := range []string{"\n## Fill in\n", "\n## Try it\n"} {
			if !strings.Contains(page, title) {
				t.Errorf("%s/README.md has no section %q", folder.Name(), strings.TrimSpace(title))
			}
		}
		for path := range files {
			if name := filepath.Base(path); filepath.Dir(path) == folder.Name() && name != "README.md" && !strings.Contains(page, name) {
				t.Errorf("%s/README.md does not mention %s", folder.Name(), name)
			}
		}
	}
}
