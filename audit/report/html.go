package report

import (
	"crypto/sha256"
	_ "embed" // the page and its style
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"strings"
	"time"

	"github.com/tokenwarden/tokenwarden/audit"
)

//go:embed page.html.tmpl
var pageTemplate string

//go:embed page.css
var pageStyle string

// page is what the template gets.
type page struct {
	*audit.Report
	Style    template.CSS
	Policy   string // the Content-Security-Policy
	Names    map[int64]string
	Ages     *chart
	Grades   *chart
	Coverage *chart
	Found    string
	Scope    string
	Missing  string // empty when the report is complete
}

// writeHTML writes one self-contained page: nothing is loaded and nothing runs.
// The policy allows this very style sheet, by its hash, and nothing else, so that
// even markup that got past the escaping could not do anything.
func writeHTML(w io.Writer, r *audit.Report, _ Options) error {
	t, err := template.New("page").Funcs(template.FuncMap{
		"visible": visible,
		"kind":    func(s string) string { return strings.ReplaceAll(s, "_", " ") },
		"moment":  func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") },
		"px":      func(f float64) string { return fmt.Sprintf("%.1f", f) },
		"gaps":    func(a audit.AccountReport) []Gap { return Gaps(&a) },
		"join":    func(s []string) string { return strings.Join(s, ", ") },
		"account": func(a audit.AccountReport) string { return accountName(&a) },
		"checked": checkedCount,
		"width":   func() string { return fmt.Sprint(chartWidth) },
		"command": isCommand,
		"brief":   brief,
		"records": func(names map[int64]string, class string, list []audit.Finding) records {
			return records{names, class, list}
		},
	}).Parse(pageTemplate)
	if err != nil {
		return err
	}
	hash := sha256.Sum256([]byte(pageStyle))
	p := page{
		Report: r, Style: template.CSS(pageStyle), Names: accountNames(r), //nolint:gosec // the style is part of this program
		Policy: fmt.Sprintf("default-src 'none'; style-src 'sha256-%s'; base-uri 'none'; form-action 'none'", base64.StdEncoding.EncodeToString(hash[:])),
		Ages:   ageChart(r), Grades: severityChart(r), Coverage: coverageChart(r), Found: foundText(r), Scope: accountsText(r),
	}
	if !r.Complete {
		p.Missing = strings.TrimPrefix(completeText(r), "; ")
	}
	return t.Execute(w, p)
}

// records is a list of findings with what its part of the template needs.
type records struct {
	Names map[int64]string
	Class string
	List  []audit.Finding
}

func checkedCount(a audit.AccountReport) string {
	n := 0
	for _, c := range a.Coverage {
		if c.Outcome == audit.Checked {
			n++
		}
	}
	return fmt.Sprintf("%d of %d", n, len(a.Coverage))
}
