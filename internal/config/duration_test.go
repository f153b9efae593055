package config

import (
	"math"
	"testing"
	"time"
)

func TestParseDuration(t *testing.T) {
	for _, x := range []struct {
		text string
		want time.Duration
	}{
		{"90d", 90 * 24 * time.Hour},
		{"1d12h", 36 * time.Hour},
		{"1.5d", 36 * time.Hour},
		{".5d", 12 * time.Hour},
		{"24h", 24 * time.Hour},
		{"1h30m", 90 * time.Minute},
		{"10s", 10 * time.Second},
		{"0", 0},
		{"0d", 0},
		{"0s", 0},
		{"106751d", 106751 * 24 * time.Hour},
	} {
		if got, err := ParseDuration(x.text); err != nil || got != x.want {
			t.Errorf("%q: got %v, %v, want %v", x.text, got, err, x.want)
		}
	}
	for _, text := range []string{"", "d", "5", "-1h", "+1h", "-1d", "1d-12h", "1d2d", "12h1d", "1w", "1 d", "1D", "one day", "0x10d", "1e3d", "NaNd", "Infd",
		"106752d", "106751d24h", "999999999999999999999d", "1d ", "1d\n"} {
		if got, err := ParseDuration(text); err != ErrDuration {
			t.Errorf("%q: got %v, %v", text, got, err)
		}
	}
}

func FuzzParseDuration(f *testing.F) {
	for _, s := range []string{"90d", "1d12h", "1.5d", "0", "-1h", "106752d", "1d2d"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := ParseDuration(s)
		if err != nil {
			return
		}
		if d < 0 {
			t.Errorf("%q is negative: %v", s, d)
		}
		// What it writes itself it reads back.
		if again, err := ParseDuration(d.String()); err != nil || again != d {
			t.Errorf("%q: %v, then %v, %v", s, d, again, err)
		}
		if want, err := time.ParseDuration(s); err == nil && d != want && want != math.MinInt64 {
			t.Errorf("%q: %v, but Go says %v", s, d, want)
		}
	})
}
