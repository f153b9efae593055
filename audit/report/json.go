package report

import (
	"encoding/json"
	"io"

	"github.com/tokenwarden/tokenwarden/audit"
)

// writeJSON writes the report in its fixed form, indented. Characters that mean
// something in HTML are escaped too, in case somebody pastes it into a page.
func writeJSON(w io.Writer, r *audit.Report, _ Options) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(r)
}
