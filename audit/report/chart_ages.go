package report

import (
	"fmt"
	"time"

	"github.com/tokenwarden/tokenwarden/audit"
)

// Charts are drawn on a canvas as wide as a phone, so that their text is as
// large as the page's on one and not much larger elsewhere.
const (
	chartWidth  = 360.0
	chartHeight = 220.0
)

// box is a rectangle of a chart. Class says what it stands for; its colour is
// the style sheet's business, because there is a light one and a dark one.
type box struct {
	X, Y, W, H float64
	Class      string
	Title      string
}

// mark is a text in a chart. Anchor is start, middle or end.
type mark struct {
	X, Y   float64
	Anchor string
	Text   string
	Class  string
}

// rule is a line of a chart.
type rule struct {
	X1, Y1, X2, Y2 float64
	Class          string
}

// chart is what the page's template draws.
type chart struct {
	Height float64
	Label  string // what it shows, in words, for those who cannot see it
	Boxes  []box
	Marks  []mark
	Rules  []rule
}

// ageChart counts service tokens by when they were created, against the
// vendor's date and the policy's maximum age.
func ageChart(r *audit.Report) *chart {
	var created []time.Time
	for i := range r.Accounts {
		for _, t := range r.Accounts[i].Tokens {
			if !t.Created.IsZero() {
				created = append(created, t.Created)
			}
		}
	}
	if len(created) == 0 {
		return nil
	}
	limit := r.GeneratedAt.AddDate(0, 0, -r.Policy.MaxAgeDays)
	if r.Policy.MaxAgeDays == 0 {
		limit = time.Time{}
	}
	h := newHistogram(created, r.GeneratedAt, limit)
	c := &chart{Height: chartHeight}
	c.draw(h)
	c.line(h, audit.LegacyBefore(), "2023-07-18", "cutoff", 14)
	if !limit.IsZero() {
		c.line(h, limit, fmt.Sprintf("max age, %d days", r.Policy.MaxAgeDays), "limit", 28)
	}
	c.Label = fmt.Sprintf("%s by date of creation: %d on or before July 18, 2023, %d newer and older than the policy allows, %d others",
		plural(len(created), "service token"), h.total[0], h.total[1], h.total[2])
	return c
}

// The plot's area on the canvas.
const (
	plotLeft, plotRight = 34.0, 350.0
	plotTop, plotBottom = 36.0, 190.0
)

func ageClasses() [3]string { return [3]string{"legacy", "old", "fine"} }

// histogram has a bar for each quarter, or each longer span where there are too
// many of those, and in each bar a count per class.
type histogram struct {
	first  time.Time
	months int // in a bar
	bars   [][3]int
	total  [3]int
	most   int
}

func newHistogram(created []time.Time, now, limit time.Time) *histogram {
	const most = 36
	first := audit.LegacyBefore()
	for _, t := range created {
		if t.Before(first) {
			first = t
		}
	}
	// A single absurd date must not squeeze all others into the last bar.
	if oldest := now.AddDate(-15, 0, 0); first.Before(oldest) {
		first = oldest
	}
	h := &histogram{months: 3}
	span := func() int { return h.index(now) + 1 }
	for {
		h.first = time.Date(first.UTC().Year(), (first.UTC().Month()-1)/3*3+1, 1, 0, 0, 0, 0, time.UTC)
		if span() <= most {
			break
		}
		h.months *= 2
	}
	h.bars = make([][3]int, max(1, span()))
	for _, t := range created {
		class := 2
		switch {
		case t.Before(audit.LegacyBefore()):
			class = 0
		case t.Before(limit):
			class = 1
		}
		bar := &h.bars[min(max(h.index(t), 0), len(h.bars)-1)]
		bar[class]++
		h.total[class]++
		h.most = max(h.most, bar[0]+bar[1]+bar[2])
	}
	return h
}

func (h *histogram) index(t time.Time) int {
	t = t.UTC()
	months := (t.Year()-h.first.Year())*12 + int(t.Month()-h.first.Month())
	if months < 0 {
		return -1
	}
	return months / h.months
}

// x is where a moment lies on the axis.
func (h *histogram) x(t time.Time) float64 {
	end := h.first.AddDate(0, len(h.bars)*h.months, 0)
	share := t.Sub(h.first).Hours() / end.Sub(h.first).Hours()
	return plotLeft + min(max(share, 0), 1)*(plotRight-plotLeft)
}

func (c *chart) draw(h *histogram) {
	top := ceiling(h.most)
	scale := (plotBottom - plotTop) / float64(top)
	for _, y := range []int{0, top / 2, top} {
		at := plotBottom - float64(y)*scale
		c.Rules = append(c.Rules, rule{plotLeft, at, plotRight, at, "grid"})
		c.Marks = append(c.Marks, mark{plotLeft - 5, at + 4, "end", fmt.Sprint(y), "axis"})
	}
	width := (plotRight - plotLeft) / float64(len(h.bars))
	for i, bar := range h.bars {
		start := h.first.AddDate(0, i*h.months, 0)
		y := plotBottom
		for class, name := range ageClasses() {
			if n := bar[class]; n > 0 {
				height := max(float64(n)*scale, 2) // one among thousands is still there to be seen
				y -= height
				c.Boxes = append(c.Boxes, box{plotLeft + float64(i)*width + 0.5, y, width - 1, height, name,
					fmt.Sprintf("%s created in the %d months from %s", plural(n, "token"), h.months, start.Format("2006-01"))})
			}
		}
	}
	h.years(c)
}

// years labels the axis where a year begins, with room between the labels.
func (h *histogram) years(c *chart) {
	const room = 44
	last := -room * 2.0
	end := h.first.AddDate(0, len(h.bars)*h.months, 0)
	for year := h.first.Year(); year <= end.Year(); year++ {
		start := time.Date(year, time.January, 1, 0, 0, 0, 0, time.UTC)
		if start.Before(h.first) || start.After(end) {
			continue
		}
		x := h.x(start)
		c.Rules = append(c.Rules, rule{x, plotBottom, x, plotBottom + 4, "tick"})
		if x-last >= room && x < plotRight-14 {
			c.Marks = append(c.Marks, mark{x, plotBottom + 17, "middle", fmt.Sprint(year), "axis"})
			last = x
		}
	}
}

// line marks a moment, with its name at a height of its own above the plot.
func (c *chart) line(h *histogram, at time.Time, name, class string, y float64) {
	x := h.x(at)
	anchor, offset := "start", 4.0
	if x > (plotLeft+plotRight)/2 {
		anchor, offset = "end", -4
	}
	c.Rules = append(c.Rules, rule{x, y - 8, x, plotBottom, class})
	c.Marks = append(c.Marks, mark{x + offset, y, anchor, name, class})
}

// ceiling is the next round number that has a middle.
func ceiling(n int) int {
	for step := 1; ; step *= 10 {
		for _, round := range []int{2, 4, 6, 10} {
			if round*step >= n {
				return round * step
			}
		}
	}
}
