package canary

import (
	"fmt"
	"strings"
	"time"

	"github.com/tokenwarden/tokenwarden/internal/dbtcloud"
)

// Verdict says whether what this program assumes is so.
type Verdict string

// The verdicts.
const (
	Holds       Verdict = "holds"
	Fails       Verdict = "does not hold"
	NotMeasured Verdict = "not measured"
)

// Measurement is one line of the report. Nothing in it is secret, or says whose
// account it was.
type Measurement struct {
	Name    string  `json:"name"`
	Seen    string  `json:"seen"` // or why it was not
	Assumed string  `json:"assumed"`
	Verdict Verdict `json:"verdict"`
}

// assumptions are the measurements in the report's order, each with what this
// program takes for granted, and what depends on that.
func assumptions() [][2]string {
	return [][2]string{
		{ofGrants, "honoured; or none, and then they can be set once by the permissions POST"},
		{ofEcho, "kept verbatim; else a rotation is refused, because a replacement is known by its name"},
		{ofLength, "at least 100: a name and the 36 characters of a rotation's suffix"},
		{ofNames, "either; a name must be free again when its token is deleted"},
		{ofCreatedAt, "within 2s of the reply's Date: ages are the difference of the two"},
		{ofValue, "dbtc_ and 16 to 200 letters, digits, _ and -, or hexadecimal: nothing else is probed"},
		{ofUID, "the beginning, after the prefix, of at least 6 characters: how a credential knows its own token"},
		{ofFields, "there may be some: they are passed over"},
		{ofUnused, "null: never used"},
		{ofAccepted, "within 15s: a replacement is given up then"},
		{ofLastUsed, "each use at the first look, within 1.5s of its Date; else a value without a label cannot be proved and takes --adopt"},
		{ofDeletion, "any 2xx"},
		{ofGone, "state 2, or 404, within 6s: a rotation fails then, and the next run goes on"},
		{ofRefused, "soon: a deleted token is one that nobody can use"},
		{ofDates, "on every reply: without it no age and no overlap is known"},
		{ofLimits, "none is promised: after a 429 without Retry-After five minutes are waited"},
	}
}

// judge holds what was seen against what is assumed. It looks at nothing else.
func judge(f facts, missing map[string]string) []Measurement {
	seen := map[string]func() (string, bool){
		ofGrants: f.grants.judge, ofEcho: f.echo.judge, ofLength: f.length.judge, ofNames: f.names.judge,
		ofCreatedAt: f.judgeCreatedAt, ofValue: f.value.judge, ofUID: f.value.judgeUID, ofFields: f.judgeFields,
		ofUnused: f.judgeUnused, ofAccepted: f.accepted.judgeAccepted, ofLastUsed: f.lastUsed.judge,
		ofDeletion: f.deletion.judge, ofGone: f.gone.judge, ofRefused: f.refused.judgeRefused,
		ofDates: f.replies.judgeDates, ofLimits: f.replies.judgeLimits,
	}
	var all []Measurement
	for _, a := range assumptions() {
		m := Measurement{Name: a[0], Assumed: a[1], Verdict: NotMeasured}
		text, holds := seen[m.Name]()
		switch {
		case text == "":
			m.Seen = missing[m.Name]
			if m.Seen == "" {
				m.Seen = "not reached"
			}
		case holds:
			m.Seen, m.Verdict = text, Holds
		default:
			m.Seen, m.Verdict = text, Fails
		}
		all = append(all, m)
	}
	return all
}

func (g *grantsFact) judge() (seen string, holds bool) {
	switch {
	case g == nil:
		return "", false
	case g.equal && !g.posted:
		return "honoured, read back as asked for", true
	case g.equal:
		return "ignored; set by the permissions POST and read back as asked for", true
	case g.rows == 0:
		return "ignored, and the permissions POST did not set them either", false
	case g.posted:
		return fmt.Sprintf("ignored; the permissions POST set others than were asked for (rows: %d)", g.rows), false
	}
	return fmt.Sprintf("others than were asked for (rows: %d)", g.rows), false
}

func (e *echoFact) judge() (seen string, holds bool) {
	switch {
	case e == nil:
		return "", false
	case e.reply == e.asked && e.read == e.asked:
		return "verbatim", true
	case e.read == e.asked:
		return "changed in the reply to the create, verbatim in a GET", false
	case strings.HasPrefix(e.asked, e.read):
		return fmt.Sprintf("cut to %d characters of %d", len(e.read), len(e.asked)), false
	}
	return "changed", false
}

func (l *lengthFact) judge() (seen string, holds bool) {
	const enough = 100 // whether a create takes as long a one is not asked
	switch {
	case l == nil:
		return "", false
	case l.most:
		return fmt.Sprintf("%d or more characters, in a rename", l.longest), true
	}
	return fmt.Sprintf("%d characters, in a rename; a longer name is %s", l.longest, l.beyond), l.longest >= enough
}

func (n *namesFact) judge() (seen string, holds bool) {
	switch {
	case n == nil:
		return "", false
	case n.duplicate && n.changed:
		return "accepted, under a changed name", false
	case n.duplicate:
		return "accepted", true
	case n.reuse == nil:
		return "refused; whether the name of a deleted token is free was not measured", true
	case *n.reuse:
		return "refused; the name of a deleted token is free again", true
	}
	return "refused, for the name of a deleted token too", false
}

func (f *facts) judgeCreatedAt() (seen string, holds bool) {
	if f.createdAt == nil {
		return "", false
	}
	return fmt.Sprintf("%s from the reply's Date", tenths(*f.createdAt)), *f.createdAt <= 2*time.Second
}

func (f *facts) judgeFields() (seen string, holds bool) {
	switch {
	case f.fields == nil:
		return "", false
	case len(*f.fields) == 0:
		return "none", true
	}
	return strings.Join(*f.fields, ", "), true
}

func (f *facts) judgeUnused() (seen string, holds bool) {
	if f.unused == nil {
		return "", false
	}
	return presence(*f.unused), *f.unused == dbtcloud.Null
}

func (d *deletionFact) judge() (seen string, holds bool) {
	switch {
	case d == nil:
		return "", false
	case d.body:
		return fmt.Sprintf("%d with a body", d.status), true
	}
	return fmt.Sprintf("%d without a body", d.status), true
}

func (g *goneFact) judge() (seen string, holds bool) {
	switch {
	case g == nil:
		return "", false
	case g.life == active:
		return fmt.Sprintf("still active %s after the DELETE", tenths(g.after)), false
	case g.life == deleted:
		seen = "200 with state 2"
	default:
		seen = "404"
	}
	return fmt.Sprintf("%s, %s after the DELETE", seen, tenths(g.after)), g.after <= 6*time.Second
}

func (r *repliesFact) judgeDates() (seen string, holds bool) {
	switch {
	case r == nil:
		return "", false
	case r.undated == 0:
		return fmt.Sprintf("on all %d replies", r.all), true
	}
	return fmt.Sprintf("missing on %d of %d replies", r.undated, r.all), false
}

func (r *repliesFact) judgeLimits() (seen string, holds bool) {
	switch {
	case r == nil:
		return "", false
	case len(r.limits) == 0:
		seen = "none"
	default:
		seen = strings.Join(r.limits, "; ")
	}
	if r.throttled > 0 {
		seen += fmt.Sprintf("; throttled %d times", r.throttled)
	}
	return seen, true
}

// tenths writes a duration as exactly as it was measured.
func tenths(d time.Duration) string { return d.Round(100 * time.Millisecond).String() }

func presence(p dbtcloud.Presence) string {
	return [...]string{dbtcloud.Absent: "absent", dbtcloud.Null: "null", dbtcloud.Known: "a date", dbtcloud.Unreadable: "something that is no date"}[p]
}
