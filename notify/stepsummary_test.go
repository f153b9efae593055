package notify

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAppendStepSummary(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "summary.md")
	for _, s := range []string{"# One", "# Two\n"} {
		if err := AppendStepSummary(path, s); err != nil {
			t.Fatal(err)
		}
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != "# One\n# Two\n" {
		t.Errorf("%q, %v", b, err)
	}
	for range 3 { // GitHub counts the whole file
		if err := AppendStepSummary(path, strings.Repeat("| a row |\n", 100_000)); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(path)
	if err != nil || len(b) > maxStepSummary || len(b) < maxStepSummary-100 || !strings.HasSuffix(string(b), summaryCut) {
		t.Errorf("%d bytes, ending in %q, %v", len(b), b[max(0, len(b)-80):], err)
	}
	if strings.Count(string(b), "The rest does not fit") != 1 {
		t.Error("the cut is said more than once")
	}
	if err := AppendStepSummary(filepath.Join(path, "x"), "y"); err == nil {
		t.Error("a path that cannot be written was taken")
	}
}

func TestFitSummary(t *testing.T) {
	t.Parallel()
	fenced := "before\n```\n" + strings.Repeat("line\n", 50) + "```\n"
	if got := fitSummary(fenced, 150); !strings.HasSuffix(got, "line\n```\n"+summaryCut) || len(got) > 150 {
		t.Errorf("a fence stays open: %q", got)
	}
	if got := fitSummary(fenced, len(fenced)); got != fenced {
		t.Error("cut although it fits")
	}
	if got := fitSummary(fenced, -5); got != "" {
		t.Errorf("no room at all: %q", got)
	}
}
