package canary

import (
	"fmt"
	"io"
	"strings"
)

// WriteMarkdown writes the report the way it can be read on a terminal and pasted
// into an issue. What comes from errors stands in code spans; all else is written
// by this package.
func WriteMarkdown(w io.Writer, r Report) error {
	var b strings.Builder
	b.WriteString("## tokenwarden canary\n\n")
	fmt.Fprintf(&b, "- %s, %s, %s\n", r.Version, r.Date, r.HostKind)
	if r.PermissionSet != "" {
		fmt.Fprintf(&b, "- token with %s on %s; %d requests\n", r.PermissionSet, r.Scope, r.Requests)
	}
	for _, l := range r.Left {
		fmt.Fprintf(&b, "- **LEFT IN THE ACCOUNT: token %d, `%s`**: `%s`. Run this again, or delete it by hand.\n", l.TokenID, plain(l.Name), l.Why)
	}
	for _, e := range r.Errors {
		fmt.Fprintf(&b, "- failed: `%s`\n", e)
	}
	for _, n := range r.Notices {
		fmt.Fprintf(&b, "- to look at: %s.\n", n)
	}
	if r.LeftOvers > 0 {
		fmt.Fprintf(&b, "- removed from an earlier try: %s\n", tokens(r.LeftOvers))
	}
	if len(r.Left) == 0 && r.Removed > 0 {
		fmt.Fprintf(&b, "- created and removed: %s\n", tokens(r.Removed))
	}
	b.WriteString("\n| measured | seen | assumed | verdict |\n|---|---|---|---|\n")
	for _, m := range r.Measurements {
		verdict := string(m.Verdict)
		if m.Verdict != Holds {
			verdict = "**" + verdict + "**"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", m.Name, m.Seen, m.Assumed, verdict)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func tokens(n int) string {
	if n == 1 {
		return "1 token"
	}
	return fmt.Sprintf("%d tokens", n)
}
