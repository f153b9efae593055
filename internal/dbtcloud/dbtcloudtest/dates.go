package dbtcloudtest

import (
	"encoding/json"
	"time"
)

// writeDate writes t as the service does: microseconds unless they are zero,
// and, depending on variant, either separator and either form of UTC (recorded:
// all of them occur, even within one version of the API).
func writeDate(t time.Time, variant int64) json.RawMessage {
	t = t.UTC().Truncate(time.Microsecond)
	fraction := ""
	if t.Nanosecond() != 0 {
		fraction = ".000000"
	}
	layout := [...]string{
		"2006-01-02 15:04:05" + fraction + "-07:00",
		"2006-01-02T15:04:05" + fraction + "-07:00",
		"2006-01-02T15:04:05" + fraction + "Z07:00",
	}[variant%3]
	return json.RawMessage(`"` + t.Format(layout) + `"`)
}

// usage is what last_used shows of a credential, and what it does not show yet.
type usage struct {
	shown   json.RawMessage
	pending []time.Time
	noted   time.Time // the last use that was noted
	last    time.Time // the last use, noted or not
	count   int
}

func (u *usage) use(now time.Time, o *Options) {
	u.count++
	u.last = now
	if o.LastUsedEvery > 0 && now.Sub(u.noted) < o.LastUsedEvery {
		return
	}
	u.noted = now
	u.pending = append(u.pending, now)
}

// date returns what a reply says at now; variant as in writeDate.
func (u *usage) date(now time.Time, o *Options, variant int64) json.RawMessage {
	for len(u.pending) > 0 && !u.pending[0].Add(o.LastUsedLag).After(now) {
		t := u.pending[0]
		if o.LastUsedStep > 0 {
			t = t.Truncate(o.LastUsedStep)
		}
		u.shown = writeDate(t, variant)
		u.pending = u.pending[1:]
	}
	return u.shown
}
