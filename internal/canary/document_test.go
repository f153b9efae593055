package canary_test

import (
	"os"
	"strings"
	"testing"

	"github.com/tokenwarden/tokenwarden/internal/canary"
)

// TestCanaryDocumentIsCurrent compares the report in docs/canary.md with one of
// the simulator, and writes it when UPDATE_DOCS is set.
func TestCanaryDocumentIsCurrent(t *testing.T) {
	const path, begin, end = "../../docs/canary.md", "<!-- Written by `make docs`. -->\n\n", "\n<!-- end -->\n"
	var report strings.Builder
	bubble(t, func(t *testing.T) {
		r := newWorld(t).run()
		r.Version = "tokenwarden"
		if err := canary.WriteMarkdown(&report, r); err != nil {
			t.Fatal(err)
		}
	})
	document, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, _ := strings.Cut(string(document), begin)
	was, after, whole := strings.Cut(rest, end)
	if !whole {
		t.Fatalf("%s has lost its marks", path)
	}
	if was == report.String() {
		return
	}
	if os.Getenv("UPDATE_DOCS") == "" {
		t.Fatalf("%s is stale: run make docs", path)
	}
	if err := os.WriteFile(path, []byte(before+begin+report.String()+end+after), 0o644); err != nil {
		t.Fatal(err)
	}
}
