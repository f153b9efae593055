package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/tokenwarden/tokenwarden/audit"
)

// Options say where the output will be seen.
type Options struct {
	Color bool // ANSI colours; only the table has some
	Width int  // columns of the terminal; 0: 120
	// Version is this program's, where a format names the tool; may be empty.
	Version string
}

func (o Options) width() int {
	const usual, least = 120, 60
	if o.Width <= 0 {
		return usual
	}
	return max(o.Width, least)
}

// writer writes a whole report in one format.
type writer func(io.Writer, *audit.Report, Options) error

func writers() map[string]writer {
	return map[string]writer{
		"table": writeTable, "json": writeJSON, "sarif": writeSARIF,
		"csv": writeCSV, "markdown": writeMarkdown, "html": writeHTML,
	}
}

// Formats lists what [Write] knows.
func Formats() []string { return []string{"table", "json", "sarif", "csv", "markdown", "html"} }

// Write writes the report in one of [Formats].
func Write(w io.Writer, format string, r *audit.Report, o Options) error {
	write, ok := writers()[format]
	if !ok {
		return unknownFormat(format, Formats())
	}
	if err := write(w, r, o); err != nil {
		return fmt.Errorf("writing the report as %s: %w", format, err)
	}
	return nil
}

func unknownFormat(format string, known []string) error {
	return fmt.Errorf("format %s: not one of %s", audit.Quote(format), strings.Join(known, ", "))
}
