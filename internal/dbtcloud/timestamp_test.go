package dbtcloud

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestParseTimestamp(t *testing.T) {
	utc := func(s string) time.Time {
		v, err := time.Parse(time.RFC3339Nano, s)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	good := map[string]string{
		"2025-08-12 02:23:09.391280+00:00":    "2025-08-12T02:23:09.39128Z",
		"2021-09-06T07:41:12.146234+00:00":    "2021-09-06T07:41:12.146234Z",
		"2022-05-05 06:51:10+00:00":           "2022-05-05T06:51:10Z",
		"2023-07-18T23:59:59Z":                "2023-07-18T23:59:59Z",
		"2023-07-18t23:59:59z":                "2023-07-18T23:59:59Z",
		"2023-07-18 23:59:59.999999999Z":      "2023-07-18T23:59:59.999999999Z",
		"2023-07-18T23:59:59.9Z":              "2023-07-18T23:59:59.9Z",
		"2023-07-19T01:59:59+02:00":           "2023-07-18T23:59:59Z", // still the 18th in UTC
		"2023-07-18T20:00:00-04:00":           "2023-07-19T00:00:00Z", // already the 19th
		"2023-07-18T20:00:00-0400":            "2023-07-19T00:00:00Z",
		"2023-07-18T20:00:00-04":              "2023-07-19T00:00:00Z",
		"2024-02-29 00:00:00.000000000+00:00": "2024-02-29T00:00:00Z",
	}
	for in, want := range good {
		got, err := ParseTimestamp(in)
		if err != nil || !got.Equal(utc(want)) || got.Location() != time.UTC {
			t.Errorf("ParseTimestamp(%q) = %v, %v; want %s", in, got, err, want)
		}
	}
	bad := []string{
		"", " ", "never", "2023-07-18", "2023-07-18T23:59:59", "2023-07-18 23:59:59.123456", // no offset: no moment
		"2023-02-30T00:00:00Z", "2023-07-18T24:00:00Z", "2023-07-18T23:59:60Z", "2023-07-18_23:59:59Z",
		"0001-01-01T00:00:00Z", "1969-12-31T23:59:59Z", "2023-07-18T23:59:59+23:00", "2023-07-18T23:59:59-16:00",
		"2023-07-18T23:59:59Z and more", "2023-07-18T23:59:59.000000000000000000000000Z", "1689638400", "\x00\xff2023-07-18T23:59:59Z",
	}
	for _, in := range bad {
		if got, err := ParseTimestamp(in); err == nil {
			t.Errorf("ParseTimestamp(%q) = %v, want an error", in, got)
		}
	}
}

func TestTimestampSaysWhatStoodThere(t *testing.T) {
	for in, want := range map[string]Presence{
		`{}`:                                   Absent,
		`{"last_used": null}`:                  Null,
		`{"last_used": ""}`:                    Unreadable,
		`{"last_used": "soon"}`:                Unreadable,
		`{"last_used": 0}`:                     Unreadable,
		`{"last_used": {"at": []}}`:            Unreadable,
		`{"last_used": "2026-01-01 00:00Z"}`:   Unreadable,
		`{"last_used":"2026-01-01 00:00:00Z"}`: Known,
	} {
		var v struct {
			LastUsed Timestamp `json:"last_used"`
		}
		if err := json.Unmarshal([]byte(in), &v); err != nil {
			t.Errorf("%s: %v", in, err)
		}
		if v.LastUsed.Presence != want || v.LastUsed.Known() != (want == Known) {
			t.Errorf("%s: presence %d, want %d", in, v.LastUsed.Presence, want)
		}
	}
}

func TestTimestampIsReset(t *testing.T) {
	ts := At(serverTime)
	if err := json.Unmarshal([]byte(`null`), &ts); err != nil || ts.Presence != Null || !ts.Time.IsZero() {
		t.Errorf("after null: %+v, %v", ts, err)
	}
}

func FuzzParseTimestamp(f *testing.F) {
	seeds := []string{
		`"2025-08-12 02:23:09.391280+00:00"`, `"2021-09-06T07:41:12.146234+00:00"`, `"2022-05-05 06:51:10Z"`, `""`, `null`,
		`12`, `{"a": 1}`, `"0000-01-01T00:00:00+01:00"`, `"9999-12-31T23:59:59Z"`, `"2200-01-01T00:00:00Z"`, `"9999-12-31T23:59:59-14:00"`, `"2023-07-18T23:59:59,5Z"`, "\"\xff\"", `"ſ`,
		`"` + strings.Repeat("ä", 40) + `"`,
	}
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		var ts Timestamp
		if err := ts.UnmarshalJSON(in); err != nil {
			t.Fatalf("UnmarshalJSON(%q) failed: %v", in, err)
		}
		if ts.Presence == Absent {
			t.Fatalf("%q counts as absent", in)
		}
		if len(ts.Raw) > 64 || !utf8.ValidString(ts.Raw) {
			t.Fatalf("Raw is %q", ts.Raw)
		}
		if !ts.Known() {
			return
		}
		b, err := json.Marshal(ts)
		if err != nil {
			t.Fatal(err)
		}
		var again Timestamp
		if err := json.Unmarshal(b, &again); err != nil || !again.Time.Equal(ts.Time) || !again.Known() {
			t.Fatalf("%q became %s and then %+v (%v)", in, b, again, err)
		}
	})
}
