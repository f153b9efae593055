package main

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tokenwarden/tokenwarden/audit"
	"github.com/tokenwarden/tokenwarden/rotate"
)

// A name cannot get out of the fence in a step summary, and what is unchanged is
// not worth a line.
func TestStepSummaryFence(t *testing.T) {
	n := &night{app: newApp(environment{}), report: &audit.Report{GeneratedAt: time.Date(2026, 1, 31, 2, 0, 0, 0, time.UTC)}}
	n.rotating.results = []rotate.Result{
		{Account: "prod", OldTokenID: 7, Name: "a ```` b\n```\n# evil <img src=x>", Status: rotate.Failed, Error: "```` no\x1b[2J"},
		{Account: "prod", OldTokenID: 8, Name: "done long ago", Status: rotate.Unchanged},
	}
	text, err := n.markdown()
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)\n(`+)text\n(.*)\n`+\n$").FindStringSubmatch(text)
	if block == nil {
		t.Fatalf("no block at the end of:\n%s", text)
	}
	if fence, inside := block[1], block[2]; strings.Contains(inside, fence) || !strings.Contains(inside, "evil") || strings.Contains(inside, "\x1b") {
		t.Errorf("fence %s around:\n%s", fence, inside)
	}
	if strings.Contains(text, "long ago") {
		t.Error("what is unchanged is told")
	}
}
