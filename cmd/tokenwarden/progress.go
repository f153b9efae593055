package main

import (
	"github.com/schollz/progressbar/v3"
)

// progress shows a person how far long work is. Where stderr is no terminal,
// nothing is shown.
type progress struct{ bar *progressbar.ProgressBar }

// progress begins with a number of things to do; -1: nobody knows how many.
func (a *app) progress(what string, total int) progress {
	if !a.env.stderrTerminal {
		return progress{}
	}
	options := []progressbar.Option{
		progressbar.OptionSetWriter(a.env.stderr),
		progressbar.OptionSetDescription(what),
		progressbar.OptionSetWidth(20),
		progressbar.OptionClearOnFinish(),
	}
	if total > 0 {
		options = append(options, progressbar.OptionShowCount())
	}
	p := progress{progressbar.NewOptions(total, options...)}
	_ = p.bar.RenderBlank()
	return p
}

// to says how many are done.
func (p progress) to(done int) {
	if p.bar != nil {
		_ = p.bar.Set(done) // a terminal that is gone is no reason to stop
	}
}

// say tells what is being done now.
func (p progress) say(what string) {
	if p.bar != nil {
		p.bar.Describe(what)
	}
}

// stop takes the bar away: Finish does, and Exit would leave its goroutine
// drawing over what comes next.
func (p progress) stop() {
	if p.bar != nil {
		_ = p.bar.Finish()
	}
}
