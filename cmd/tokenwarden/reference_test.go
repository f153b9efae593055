package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

// TestCommandReferenceIsCurrent compares docs/commands with the command tree, and
// writes it when UPDATE_DOCS is set.
func TestCommandReferenceIsCurrent(t *testing.T) {
	const folder = "../../docs/commands"
	pages := newApp(environment{}).pages()
	if os.Getenv("UPDATE_DOCS") != "" {
		if err := errors.Join(os.RemoveAll(folder), os.MkdirAll(folder, 0o755)); err != nil {
			t.Fatal(err)
		}
		for name, page := range pages {
			if err := os.WriteFile(filepath.Join(folder, name), page, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	files, err := os.ReadDir(folder)
	if err != nil || len(files) != len(pages) {
		t.Errorf("%d pages in %s, expected %d (%v): run make docs", len(files), folder, len(pages), err)
	}
	for name, page := range pages {
		if got, err := os.ReadFile(filepath.Join(folder, name)); err != nil || !bytes.Equal(got, page) {
			t.Errorf("%s is stale (%v): run make docs", name, err)
		}
	}
}

// pages are the files of the reference: README.md and one for each command that
// runs something.
func (a *app) pages() map[string][]byte {
	pages := map[string][]byte{}
	var index bytes.Buffer
	index.WriteString("# Commands\n\n<!-- Written by `make docs`. -->\n\n")
	a.walk(func(path string, cmd *cli.Command) {
		c := a.tree[cmd]
		if c.run == nil {
			return
		}
		name := strings.ReplaceAll(strings.TrimPrefix(path, program+" "), " ", "-") + ".md"
		fmt.Fprintf(&index, "- [`%s`](%s): %s\n", path, name, c.summary)
		pages[name] = page(path, cmd, c)
	})
	index.WriteString("\nFlags that every command takes, before and after its name:\n\n")
	flagTable(&index, a.commonFlags())
	pages["README.md"] = index.Bytes()
	return pages
}

func page(path string, cmd *cli.Command, c command) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# %s\n\n<!-- Written by `make docs`. -->\n\n%s\n\n    %s\n", path, sentence(c.summary), usageLine(path, c))
	if c.about != "" {
		fmt.Fprintf(&b, "\n%s\n", c.about)
	}
	if len(c.flags) > 0 {
		b.WriteString("\n## Flags\n\n")
		flagTable(&b, cmd.Flags[:len(c.flags)])
	}
	b.WriteString("\nThe flags of every command are in [README.md](README.md).\n")
	if len(c.examples) > 0 {
		fmt.Fprintf(&b, "\n## Examples\n\n    %s\n", strings.Join(c.examples, "\n    "))
	}
	return b.Bytes()
}

func flagTable(b *bytes.Buffer, flags []cli.Flag) {
	b.WriteString("| flag | meaning |\n|---|---|\n")
	for _, f := range flags {
		name, meaning, _ := strings.Cut(f.String(), "\t")
		fmt.Fprintf(b, "| `%s` | %s |\n", name, strings.ReplaceAll(meaning, "|", `\|`))
	}
}

func sentence(s string) string { return strings.ToUpper(s[:1]) + s[1:] + "." }
