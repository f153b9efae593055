package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/tokenwarden/tokenwarden/audit"
)

// writeTable writes for a terminal: findings, what to do about them, what could
// not be seen, and a line that sums up.
func writeTable(w io.Writer, r *audit.Report, o Options) error {
	var out strings.Builder
	if len(r.Findings) > 0 {
		fmt.Fprintf(&out, "%s\n\n", findingsTable(r, o))
	}
	section(&out, "Could not be judged:", undeterminedLines(r))
	section(&out, "Not checked:", gapLines(r))
	section(&out, "Policy:", r.Notices)
	section(&out, "What to do:", remedyLines(r))
	fmt.Fprintln(&out, paint(o, summaryColor(r), visible(Headline(r))))
	_, err := io.WriteString(w, out.String())
	return err
}

func findingsTable(r *audit.Report, o Options) string {
	names := accountNames(r)
	t := newTable(o)
	header := table.Row{"SEVERITY", "RULE", "RESOURCE", "FINDING"}
	several := len(r.Accounts) > 1
	if several {
		header = slices.Insert(header, 1, any("ACCOUNT"))
	}
	t.AppendHeader(header)
	for i := range r.Findings {
		f := &r.Findings[i]
		row := table.Row{
			paint(o, severityColor(f.Severity), f.Severity.String()), visible(f.Rule),
			resourceText(f.Resource), visible(f.Message),
		}
		if several {
			row = slices.Insert(row, 1, any(visible(names[f.AccountID])))
		}
		t.AppendRow(row)
	}
	t.SetColumnConfigs(columns(r, o, several))
	return t.Render()
}

// columns shares the width: grade and rule are short, the resource gets a third
// of what they leave and the sentence the rest.
func columns(r *audit.Report, o Options, several bool) []table.ColumnConfig {
	const gap, severity, account = 2, 8, 16
	rule := 0
	for i := range r.Findings {
		rule = max(rule, len(r.Findings[i].Rule))
	}
	rule = min(rule, 30)
	left := o.width() - severity - rule - 4*gap
	configs := []table.ColumnConfig{column("RULE", rule)}
	if several {
		left -= account + gap
		configs = append(configs, column("ACCOUNT", account))
	}
	left = max(left, 24)
	return append(configs, column("RESOURCE", left/3), column("FINDING", left-left/3))
}

// column is no wider than width; words are broken only when they are longer.
func column(name string, width int) table.ColumnConfig {
	return table.ColumnConfig{Name: name, WidthMax: width, WidthMaxEnforcer: text.WrapSoft}
}

// newTable has no lines but the one under its header: what is copied out of it
// is text.
func newTable(o Options) table.Writer {
	t := table.NewWriter()
	style := table.StyleDefault
	style.Options = table.Options{SeparateHeader: true, DoNotColorBordersAndSeparators: true}
	style.Box.PaddingLeft, style.Box.PaddingRight = "", "  "
	style.Format = table.FormatOptions{}
	style.Size = table.SizeOptions{WidthMax: o.width()}
	t.SetStyle(style)
	t.SuppressTrailingSpaces()
	return t
}

func resourceText(r audit.Resource) string {
	return fmt.Sprintf("%s %d %s", strings.ReplaceAll(r.Type, "_", " "), r.ID, visible(brief(r.Name)))
}

func undeterminedLines(r *audit.Report) []string {
	var lines []string
	for i := range r.Undetermined {
		f := &r.Undetermined[i]
		lines = append(lines, fmt.Sprintf("%s: %s: %s", f.Rule, resourceText(f.Resource), f.Message))
	}
	return lines
}

func gapLines(r *audit.Report) []string {
	var lines []string
	for i := range r.Accounts {
		a := &r.Accounts[i]
		if a.Status != audit.StatusComplete {
			lines = append(lines, fmt.Sprintf("account %s is %s: %s", accountName(a), a.Status, strings.Join(a.Errors, "; ")))
		}
		if a.Status == audit.StatusFailed {
			continue // each of its checks would say the same once more
		}
		for _, g := range Gaps(a) {
			lines = append(lines, fmt.Sprintf("%s: %s: %s: %s", accountName(a), strings.Join(g.Checks, ", "), g.Outcome, g.Detail))
		}
	}
	return lines
}

// remedyLines gives each rule's remedies once, and of many alike the first.
func remedyLines(r *audit.Report) []string {
	const most = 3
	var lines []string
	count := make(map[string]int)
	seen := make(map[string]bool)
	for i := range r.Findings {
		f := &r.Findings[i]
		key := f.Rule + "\x00" + f.Remediation
		if seen[key] {
			continue
		}
		seen[key] = true
		if count[f.Rule]++; count[f.Rule] <= most {
			lines = append(lines, fmt.Sprintf("%s: %s", f.Rule, f.Remediation))
		}
	}
	for i, line := range lines {
		rule, _, _ := strings.Cut(line, ":")
		last := i == len(lines)-1 || !strings.HasPrefix(lines[i+1], rule+":")
		if left := count[rule] - most; last && left > 0 {
			lines[i] += fmt.Sprintf("  (and %d more; --format json has them all)", left)
		}
	}
	return lines
}

func section(out *strings.Builder, title string, lines []string) {
	if len(lines) == 0 {
		return
	}
	fmt.Fprintln(out, title)
	for _, line := range lines {
		fmt.Fprintln(out, "  "+visible(line))
	}
	fmt.Fprintln(out)
}
