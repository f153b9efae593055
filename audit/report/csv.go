package report

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/tokenwarden/tokenwarden/audit"
)

// writeCSV writes one row for each finding, and for what was not found out: the
// first column tells which. It follows RFC 4180, and no cell is a formula.
func writeCSV(w io.Writer, r *audit.Report, _ Options) error {
	out := csv.NewWriter(w)
	out.UseCRLF = true
	names := accountNames(r)
	row := func(cells ...string) {
		for i := range cells {
			cells[i] = cell(cells[i])
		}
		_ = out.Write(cells) // kept by the writer: see Error below
	}
	row("record", "severity", "rule", "account", "account_id", "resource_type", "resource_id", "resource_name", "message",
		"evidence", "remediation", "fingerprint", "accepted_because", "accepted_by", "accepted_until")
	finding := func(record string, f *audit.Finding) {
		var because, by, until string
		if a := f.Suppression; a != nil {
			because, by, until = a.Reason, a.Owner, a.Until.UTC().Format(time.RFC3339)
		}
		row(record, f.Severity.String(), f.Rule, names[f.AccountID], strconv.FormatInt(f.AccountID, 10), f.Resource.Type,
			strconv.FormatInt(f.Resource.ID, 10), f.Resource.Name, f.Message, evidenceText(f.Evidence), f.Remediation, f.Fingerprint,
			because, by, until)
	}
	for i := range r.Findings {
		finding("finding", &r.Findings[i])
	}
	for i := range r.Suppressed {
		finding("suppressed", &r.Suppressed[i])
	}
	for i := range r.Undetermined {
		finding("undetermined", &r.Undetermined[i])
	}
	for i := range r.Accounts {
		a := &r.Accounts[i]
		for _, c := range a.Coverage {
			if c.Outcome != audit.Checked {
				row("not checked", string(c.Outcome), c.Check, accountName(a), strconv.FormatInt(a.ID, 10), "", "", "", c.Detail, "", "", "", "", "", "")
			}
		}
	}
	row("summary", "", "", "", "", "", "", "", Headline(r), "", "", "", "", "", "")
	out.Flush()
	return out.Error()
}

func evidenceText(e audit.Evidence) string {
	var facts []string
	for _, f := range e {
		facts = append(facts, fmt.Sprintf("%s: %s", f.Key, f.Value))
	}
	return strings.Join(facts, "; ")
}
