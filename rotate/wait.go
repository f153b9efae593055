package rotate

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tokenwarden/tokenwarden/internal/dbtcloud"
	"github.com/tokenwarden/tokenwarden/secrets"
)

// minQuietFirst is the least quiet after a first write: nobody is known to read
// the destination, so only disuse tells that the consumers have moved.
const minQuietFirst = 24 * time.Hour

// wait tells whether the old token may go now. If not, it returns the stop: a
// pending one while time alone may settle it, a refusal when a person must look.
func (s *state) wait(w *replacement) (st step, free bool) {
	var labels []secrets.Label
	for _, d := range s.destinations {
		labels = append(labels, d.label)
	}
	first := slices.ContainsFunc(labels, func(l secrets.Label) bool { return l.First })
	return s.waitFor(w.id(), s.old.token.LastUsed, s.old.looked, labels, first && !s.policy.Adopt, fmt.Sprintf("token %d lives on beside its replacement %d", s.old.id, w.id()))
}

// waitFor is wait for any token that is to go, by when it was last used as far as it
// was looked at, and by the labels that tell when its place was taken. both says in words that it lives on;
// cautious, that the destinations were empty.
func (s *state) waitFor(replacement int64, used dbtcloud.Timestamp, looked time.Time, labels []secrets.Label, cautious bool, both string) (st step, free bool) {
	var written, until time.Time
	for _, l := range labels {
		written, until = later(written, l.Written), later(until, l.Until)
	}
	overlap, quiet := s.overlap(written, until), s.policy.Quiet
	if s.policy.Now {
		quiet = 0
	}
	if cautious {
		quiet = max(quiet, minQuietFirst)
	}
	if s.now.Before(overlap) {
		return step{do: stop, status: Pending, token: replacement, until: overlap,
			because: fmt.Sprintf("%s until %s (overlap)", both, overlap.UTC().Format(time.RFC3339))}, false
	}
	if quiet == 0 {
		return step{}, true
	}
	if used.Presence == dbtcloud.Absent || used.Presence == dbtcloud.Unreadable {
		return refuse("%s: when it was last used cannot be seen, so a person must decide; --now ends it", both), false
	}
	var quietFrom time.Time // never used: quiet since ever (docs: null)
	if used.Known() {
		quietFrom = used.Time.Add(quiet)
	}
	if cautious {
		quietFrom = later(quietFrom, written.Add(quiet))
	}
	if !looked.Before(quietFrom) { // not by now: throttling may have come since
		return step{}, true
	}
	if used.Known() && used.Time.After(later(overlap, written)) {
		return refuse("%s: it was last used on %s, after the overlap had ended on %s, so a consumer still has the old value; find it and run rotate --pending (or --now to end it all the same)",
			both, used.Time.Format(time.RFC3339), overlap.UTC().Format(time.RFC3339)), false
	}
	because := fmt.Sprintf("%s until it was not used for %s, which is %s at the earliest", both, shortDuration(quiet), quietFrom.UTC().Format(time.RFC3339))
	if used.Known() {
		because += fmt.Sprintf(" (last used on %s)", used.Time.Format(time.RFC3339))
	}
	return step{do: stop, status: Pending, token: replacement, until: quietFrom, because: because}, false
}

// overlap is when the overlap ends: what the labels say, unless a flag of this
// run says otherwise.
func (s *state) overlap(written, until time.Time) time.Time {
	switch {
	case s.policy.Now:
		return time.Time{}
	case s.policy.OverlapSet:
		return written.Add(s.policy.Overlap)
	default:
		return until
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func shortDuration(d time.Duration) string {
	return strings.TrimSuffix(strings.TrimSuffix(d.String(), "0s"), "0m")
}
