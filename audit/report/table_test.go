package report_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/tokenwarden/tokenwarden/audit"
	"github.com/tokenwarden/tokenwarden/audit/report"
)

func TestTableHasNothingButPrintableText(t *testing.T) {
	for _, name := range hostileNames() {
		out := render(t, "table", sample(name), report.Options{Width: 100})
		onlyPrintable(t, name, out)
	}
}

// onlyPrintable fails for anything that a terminal would act on.
func onlyPrintable(t *testing.T, name, out string) {
	t.Helper()
	if !utf8.ValidString(out) {
		t.Errorf("%q: not UTF-8", name)
	}
	for _, r := range out {
		if r != '\n' && (!unicode.IsPrint(r) || unicode.Is(unicode.Cf, r)) {
			t.Errorf("%q: %U reaches the terminal", name, r)
		}
	}
}

// A name with a line break must not begin a line of its own.
func TestTableNameCannotForgeALine(t *testing.T) {
	out := render(t, "table", sample("x\n0 findings in 1 account; coverage 100%"), report.Options{Width: 200})
	for line := range strings.Lines(out) {
		if strings.HasPrefix(strings.TrimSpace(line), "0 findings") {
			t.Errorf("forged: %q", line)
		}
	}
}

func TestTableKeepsToTheWidth(t *testing.T) {
	long := strings.Repeat("a very long name of a token ", 20)
	for _, width := range []int{60, 80, 100, 160} {
		out := render(t, "table", sample(long, "日本語の名前", "short"), report.Options{Width: width})
		table, _, _ := strings.Cut(out, "\n\n")
		for line := range strings.Lines(table) {
			if n := text.StringWidth(strings.TrimRight(line, "\n")); n > width {
				t.Errorf("width %d: a line of %d: %q", width, n, line)
			}
		}
	}
}

func TestTableColoursOnlyWhenAsked(t *testing.T) {
	if out := render(t, "table", sample("x"), report.Options{}); strings.Contains(out, "\x1b") {
		t.Error("an escape sequence without colours")
	}
	if out := render(t, "table", sample("x"), report.Options{Color: true}); !strings.Contains(out, "\x1b[31mhigh\x1b[0m") {
		t.Errorf("no colour: %q", out)
	}
}

func TestTableSaysWhatMatters(t *testing.T) {
	out := render(t, "table", sample("Airflow prod"), report.Options{Width: 160})
	for _, want := range []string{
		"service token 777 Airflow prod", "tokenwarden rotate --account prod --token-id 777",
		"staging is partial", "not-visible", "(needs account_viewer)", "ends on 2026-11-25",
		"2 findings (1 high, 1 info), 1 suppressed, 1 could not be judged in 2 accounts (1 partial); coverage 50% (2 of 4 checks); INCOMPLETE",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("missing %q in:\n%s", want, out)
		}
	}
}

// What an account that could not be read suffers from is said once.
func TestTableSaysAFailureOnce(t *testing.T) {
	why := "listing service tokens: unauthorized"
	failed := &audit.Report{Accounts: []audit.AccountReport{{
		Name: "prod", Status: audit.StatusFailed, Errors: []string{why},
		Coverage: []audit.Coverage{{Check: "service-token-legacy", Outcome: audit.Failed, Detail: why}, {Check: "user-api-key-in-use", Outcome: audit.Failed, Detail: "not tried: " + why}},
	}}}
	if out := render(t, "table", failed, report.Options{}); strings.Count(out, why) != 1 {
		t.Errorf("%s", out)
	}
}

func TestCoverageIsAlwaysThere(t *testing.T) {
	clean := &audit.Report{Complete: true, Summary: audit.Summary{Checks: 2, Checked: 2, Coverage: 100}, Accounts: []audit.AccountReport{{Name: "prod", Status: audit.StatusComplete}}}
	if out := render(t, "table", clean, report.Options{}); out != "0 findings in 1 account; coverage 100% (2 of 2 checks)\n" {
		t.Errorf("%q", out)
	}
}

func TestUnknownFormat(t *testing.T) {
	var b strings.Builder
	if err := report.Write(&b, "xml\x1b", sample(), report.Options{}); err == nil || strings.Contains(err.Error(), "\x1b") {
		t.Errorf("error %v", err)
	}
}
