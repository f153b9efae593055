package dbtcloud

import (
	"encoding/json"
	"errors"
	"strings"
	"time"
)

// Presence tells what the service said about a date. The zero Presence means
// that the field was absent, which for last_used is not the same as null.
type Presence int

// What a date field can be.
const (
	Absent     Presence = iota // the item has no such field
	Null                       // null: for last_used, never used (docs)
	Known                      // a date
	Unreadable                 // something that is no date, "" included
)

// Timestamp is a date as the API writes it. Both separators, zero to nine
// digits of fraction, and Z or an offset all occur, even within one version of
// the API (recorded).
type Timestamp struct {
	Time     time.Time // in UTC; meaningful when Presence is Known
	Presence Presence
	Raw      string // what stood there, cut to 64 bytes, when Unreadable; hostile
}

// At returns a known timestamp.
func At(t time.Time) Timestamp { return Timestamp{Time: t.UTC(), Presence: Known} }

// Known reports whether there is a date.
func (t Timestamp) Known() bool { return t.Presence == Known }

var timestampLayouts = []string{
	"2006-01-02T15:04:05Z07:00", // a fraction is accepted after the seconds by time.Parse
	"2006-01-02T15:04:05Z0700",
	"2006-01-02T15:04:05Z07",
}

var errNotADate = errors.New("not a date of the API")

const (
	firstYear = 1970           // earlier ones are somebody's zero value, not a date
	lastYear  = 2199           // later ones are somebody's "never" (9999-12-31)
	maxOffset = 15 * time.Hour // no place on earth is further from UTC
)

// ParseTimestamp reads a date of the API. A date without an offset is refused:
// nobody can tell what moment it means, and a wrong guess moves it over a
// threshold. So are dates before 1970, dates centuries ahead, and offsets that no
// place has.
func ParseTimestamp(s string) (time.Time, error) {
	const shortest = len("2006-01-02T15:04:05Z")
	if len(s) < shortest || len(s) > 40 || !strings.ContainsRune(" Tt", rune(s[10])) {
		return time.Time{}, errNotADate
	}
	canonical := strings.ToUpper(s[:10] + "T" + s[11:])
	for _, layout := range timestampLayouts {
		t, err := time.Parse(layout, canonical)
		if err != nil {
			continue
		}
		_, offset := t.Zone()
		t = t.UTC()
		if time.Duration(offset)*time.Second > maxOffset || time.Duration(-offset)*time.Second > maxOffset ||
			t.Year() < firstYear || t.Year() > lastYear {
			return time.Time{}, errNotADate
		}
		return t, nil
	}
	return time.Time{}, errNotADate
}

// UnmarshalJSON never fails: what it cannot read becomes Unreadable, so that one
// strange date does not hide the rest of a page.
func (t *Timestamp) UnmarshalJSON(b []byte) error {
	*t = Timestamp{}
	if string(b) == "null" {
		t.Presence = Null
		return nil
	}
	var s string
	if json.Unmarshal(b, &s) == nil {
		if parsed, err := ParseTimestamp(s); err == nil {
			*t = At(parsed)
			return nil
		}
	} else {
		s = string(b)
	}
	t.Presence, t.Raw = Unreadable, strings.ToValidUTF8(s[:min(len(s), 64)], "")
	return nil
}

// MarshalJSON writes a known date in RFC 3339 and everything else as null.
func (t Timestamp) MarshalJSON() ([]byte, error) {
	if !t.Known() {
		return []byte("null"), nil
	}
	return json.Marshal(t.Time.Format(time.RFC3339Nano))
}
