package report

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/tokenwarden/tokenwarden/audit"
)

// severityChart is a bar for each severity, empty ones too: that there is
// nothing critical is worth seeing.
func severityChart(r *audit.Report) *chart {
	const left, right, row, thick = 72.0, 320.0, 36.0, 20.0
	most := 1
	for _, n := range r.Summary.BySeverity {
		most = max(most, n)
	}
	c := &chart{Height: 200, Label: foundText(r)}
	for i, s := range audit.Severities() {
		n := r.Summary.BySeverity[s]
		y := 18 + float64(i)*row
		width := (right - left) * float64(n) / float64(most)
		if n > 0 {
			width = max(width, 2)
			c.Boxes = append(c.Boxes, box{left, y, width, thick, "severity-" + s.String(), fmt.Sprintf("%d %s", n, s)})
		}
		c.Rules = append(c.Rules, rule{left, y - 4, left, y + thick + 4, "grid"})
		c.Marks = append(c.Marks,
			mark{left - 8, y + 15, "end", s.String(), "label"},
			mark{left + width + 6, y + 15, "start", fmt.Sprint(n), "value"})
	}
	return c
}

// maxCharted is how many accounts the coverage chart shows.
const maxCharted = 8

// coverageChart is a bar for each account, of what came of its checks; those
// that were seen least come first.
func coverageChart(r *audit.Report) *chart {
	const left, right, row, thick = 110.0, 350.0, 24.0, 14.0
	type line struct {
		name   string
		counts map[audit.Outcome]int
		total  int
	}
	var lines []line
	for i := range r.Accounts {
		l := line{name: short(accountName(&r.Accounts[i])), counts: make(map[audit.Outcome]int)}
		for _, check := range r.Accounts[i].Coverage {
			l.counts[check.Outcome]++
			l.total++
		}
		if l.total > 0 {
			lines = append(lines, l)
		}
	}
	slices.SortStableFunc(lines, func(a, b line) int {
		return cmp.Compare(a.counts[audit.Checked]*b.total, b.counts[audit.Checked]*a.total)
	})
	more := len(lines) - maxCharted
	lines = lines[:min(len(lines), maxCharted)]
	c := &chart{Height: max(140, 16+row*float64(len(lines)+1)), Label: fmt.Sprintf("coverage %d%%: %d of %d checks", r.Summary.Coverage, r.Summary.Checked, r.Summary.Checks)}
	for i, l := range lines {
		y := 12 + float64(i)*row
		c.Marks = append(c.Marks, mark{left - 8, y + 11, "end", l.name, "label"})
		x := left
		for _, o := range outcomes() {
			if n := l.counts[o]; n > 0 {
				width := (right - left) * float64(n) / float64(l.total)
				c.Boxes = append(c.Boxes, box{x, y, max(width-1, 1), thick, "outcome-" + string(o), fmt.Sprintf("%s: %d %s", l.name, n, o)})
				x += width
			}
		}
	}
	if more > 0 {
		c.Marks = append(c.Marks, mark{left - 8, 12 + row*maxCharted + 11, "end", fmt.Sprintf("and %d more", more), "axis"})
	}
	return c
}

func outcomes() []audit.Outcome {
	return []audit.Outcome{audit.Checked, audit.NotLicensed, audit.NotVisible, audit.Failed}
}

// short cuts a name to what fits beside a bar.
func short(name string) string {
	const most = 14
	runes := []rune(visible(name))
	if len(runes) <= most {
		return string(runes)
	}
	return string(runes[:most-1]) + "…"
}
