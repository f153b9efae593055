package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/tokenwarden/tokenwarden/audit"
)

// maxMarkdownRows keeps the document well below the 1 MiB that GitHub takes for
// a step's summary.
const maxMarkdownRows = 500

// writeMarkdown writes GitHub-flavoured Markdown, for a step summary.
func writeMarkdown(w io.Writer, r *audit.Report, _ Options) error {
	var b strings.Builder
	fmt.Fprintf(&b, "## dbt Cloud credentials: %s\n\n", prose(foundText(r)))
	if r.Complete {
		fmt.Fprintf(&b, "%s.\n\n", prose(Headline(r)))
	} else {
		fmt.Fprintf(&b, "> [!WARNING]\n> %s.\n\n", prose(Headline(r)))
	}
	names := accountNames(r)
	findings := func(title string, list []audit.Finding, last string, more func(*audit.Finding) string) {
		if len(list) == 0 {
			return
		}
		fmt.Fprintf(&b, "### %s\n\n| severity | account | rule | resource | finding | %s |\n|---|---|---|---|---|---|\n", title, last)
		for i := range list[:min(len(list), maxMarkdownRows)] {
			f := &list[i]
			fmt.Fprintf(&b, "| %s | %s | %s | %s %d %s | %s | %s |\n", severityMark(f.Severity), code(names[f.AccountID]), code(f.Rule),
				strings.ReplaceAll(f.Resource.Type, "_", " "), f.Resource.ID, code(brief(f.Resource.Name)), prose(f.Message), more(f))
		}
		if left := len(list) - maxMarkdownRows; left > 0 {
			fmt.Fprintf(&b, "\n%d more are in the other formats.\n", left)
		}
		b.WriteByte('\n')
	}
	remedy := func(f *audit.Finding) string {
		if isCommand(f.Remediation) {
			return code(f.Remediation)
		}
		return prose(f.Remediation)
	}
	findings("Findings", r.Findings, "what to do", remedy)
	findings("Could not be judged", r.Undetermined, "what to do", remedy)
	findings("Accepted by the policy", r.Suppressed, "why", func(f *audit.Finding) string {
		if f.Suppression == nil {
			return ""
		}
		return prose(fmt.Sprintf("%s (%s, until %s)", f.Suppression.Reason, f.Suppression.Owner, f.Suppression.LastDay()))
	})
	b.WriteString(coverageMarkdown(r))
	if len(r.Notices) > 0 {
		b.WriteString("\n### Policy\n\n")
		for _, n := range r.Notices {
			fmt.Fprintf(&b, "- %s\n", prose(n))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func coverageMarkdown(r *audit.Report) string {
	var b strings.Builder
	b.WriteString("### Coverage\n\n| account | status | checked | not checked |\n|---|---|---|---|\n")
	for i := range r.Accounts {
		a := &r.Accounts[i]
		checked := 0
		for _, c := range a.Coverage {
			if c.Outcome == audit.Checked {
				checked++
			}
		}
		var missing []string
		for _, g := range Gaps(a) {
			missing = append(missing, fmt.Sprintf("**%s**: %s: %s", g.Outcome, code(strings.Join(g.Checks, ", ")), prose(g.Detail)))
		}
		fmt.Fprintf(&b, "| %s | %s | %d of %d | %s |\n", code(accountName(a)), a.Status, checked, len(a.Coverage), strings.Join(missing, "<br>"))
	}
	return b.String()
}

func severityMark(s audit.Severity) string {
	mark := map[audit.Severity]string{audit.Critical: "🟥", audit.High: "🟥", audit.Medium: "🟧", audit.Low: "🟨", audit.Info: "⬜"}[s]
	return mark + " " + s.String()
}

// code puts text from outside into a code span, where nothing is markup, link or
// mention. The fence is longer than any run of backticks inside.
func code(s string) string {
	s = strings.ReplaceAll(visible(s), "|", `\|`) // a table's cells are cut before code is recognised
	if strings.TrimSpace(s) == "" {
		return "(no name)"
	}
	longest, run := 0, 0
	for _, r := range s {
		run++
		if r != '`' {
			run = 0
		}
		longest = max(longest, run)
	}
	if longest == 0 {
		return "`" + s + "`"
	}
	fence := strings.Repeat("`", longest+1)
	return fence + " " + s + " " + fence
}

// beginsList reports whether a sign after what was written so far would make a
// list item or a heading of the line.
func beginsList(before string, r rune) bool {
	if strings.ContainsRune("-+=", r) {
		return before == ""
	}
	return r == '.' && before != "" && strings.Trim(before, "0123456789") == ""
}

// apart is nothing to a reader, and keeps what stands around it from being read
// as one.
const apart = "<!-- -->"

// prose writes a sentence that may quote names: every sign that could begin
// markup is escaped, and an empty comment keeps mentions, references and bare
// addresses from becoming links.
func prose(s string) string {
	var b strings.Builder
	for _, r := range visible(s) {
		switch {
		case r == '<':
			b.WriteString("&lt;")
		case r == '>':
			b.WriteString("&gt;")
		case r == '&':
			b.WriteString("&amp;")
		case r == '@' || r == '#':
			b.WriteRune(r)
			b.WriteString(apart)
		case strings.ContainsRune("\\`*_{}[]()!|~$", r), beginsList(b.String(), r):
			b.WriteByte('\\')
			b.WriteRune(r)
		default:
			b.WriteRune(r)
		}
	}
	return strings.NewReplacer("://", ":"+apart+"//", "www.", "www"+apart+".").Replace(b.String())
}
