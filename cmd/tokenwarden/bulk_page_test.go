package main

import (
	"os"
	"strings"
	"testing"
)

// What docs/bulk.md tells to type, the newcomer's script types, in that order.
func TestBulkPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/bulk.md")
	if err != nil {
		t.Fatal(err)
	}
	script, err := os.ReadFile("testdata/script/bulk_newcomer.txtar")
	if err != nil {
		t.Fatal(err)
	}
	rest, commands := string(script), 0
	for line := range strings.Lines(string(page)) {
		command, found := strings.CutPrefix(strings.TrimSpace(line), "$ tokenwarden ")
		if !found {
			continue
		}
		commands++
		_, after, typed := strings.Cut(rest, " tokenwarden "+command)
		if !typed {
			t.Errorf("the script does not type, after what came before: %s", line)
			continue
		}
		rest = after
	}
	if commands < 8 {
		t.Errorf("%d commands found", commands)
	}
	for _, r := range []reason{suppressed, neverRotated, inFlight, unplaced, unreadable, foreign, emptyPlace, unlabelled, overMax, stopped} {
		if !strings.Contains(string(page), "| `"+string(r)+"` |") {
			t.Errorf("the page does not explain the reason %s", r)
		}
		if r.inWords() == string(r) {
			t.Errorf("the output has no words for the reason %s", r)
		}
	}
}
