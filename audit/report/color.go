package report

import "github.com/tokenwarden/tokenwarden/audit"

// ANSI colours, by their SGR code.
const (
	red     = "31"
	boldRed = "1;31"
	yellow  = "33"
	green   = "32"
	cyan    = "36"
)

// paint colours text, if the output is to have colours.
func paint(o Options, color, s string) string {
	if !o.Color || color == "" {
		return s
	}
	return "\x1b[" + color + "m" + s + "\x1b[0m"
}

func severityColor(s audit.Severity) string {
	switch s {
	case audit.Critical:
		return boldRed
	case audit.High:
		return red
	case audit.Medium:
		return yellow
	case audit.Low:
		return cyan
	}
	return ""
}

// summaryColor is green only for a report that is complete and has nothing to
// look at.
func summaryColor(r *audit.Report) string {
	switch {
	case !r.Complete:
		return boldRed
	case len(r.Findings) > 0:
		return yellow
	}
	return green
}
