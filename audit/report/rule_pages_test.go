package report_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/tokenwarden/tokenwarden/audit/report"
)

func TestRulePagesAreCurrent(t *testing.T) {
	const folder = "../../docs/rules"
	pages := report.RulePages()
	for name, page := range pages {
		current(t, filepath.Join(folder, name), page)
	}
	files, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if _, ok := pages[f.Name()]; !ok {
			t.Errorf("%s belongs to no rule: remove it", f.Name())
		}
	}
}
