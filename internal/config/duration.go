package config

import (
	"errors"
	"math"
	"regexp"
	"strings"
	"time"
)

const day = 24 * time.Hour

// ErrDuration is returned for a text that is no duration. It does not repeat
// the text.
var ErrDuration = errors.New("expected a duration such as 90d, 24h, 15m or 1d12h, not negative")

var number = regexp.MustCompile(`^([0-9]+\.?[0-9]*|\.[0-9]+)$`)

// ParseDuration reads a duration in Go's units and in days, which come first:
// 90d, 1d12h, 1.5d, 45m, 0. A day is 24 hours. Signs are refused.
func ParseDuration(s string) (time.Duration, error) {
	if strings.ContainsAny(s, "+-") {
		return 0, ErrDuration
	}
	// None of Go's units has a d in it.
	days, rest, found := strings.Cut(s, "d")
	if !found {
		days, rest = "0", s
	} else if rest == "" {
		rest = "0"
	}
	if !number.MatchString(days) {
		return 0, ErrDuration
	}
	// An hour is the unit to multiply: a fraction of a day stays exact enough.
	hours, err := time.ParseDuration(days + "h")
	if err != nil || hours > math.MaxInt64/24 {
		return 0, ErrDuration
	}
	d, err := time.ParseDuration(rest)
	if err != nil || d > math.MaxInt64-24*hours {
		return 0, ErrDuration
	}
	return 24*hours + d, nil
}
