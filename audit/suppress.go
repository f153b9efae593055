package audit

import (
	"fmt"
	"strings"
	"time"

	"github.com/ryanuber/go-glob"

	"github.com/tokenwarden/tokenwarden/internal/inflight"
)

// announceBefore is how long before its end a suppression is announced.
const announceBefore = 7 * 24 * time.Hour

// filter applies suppressions and remembers which of them matched.
type filter struct {
	entries []Suppression
	matched []int
	now     time.Time
}

func newFilter(entries []Suppression, now time.Time) *filter {
	return &filter{entries: entries, matched: make([]int, len(entries)), now: now}
}

// split parts findings from accepted ones. A suppression that has ended accepts
// nothing, but what it would have matched is remembered, for its notice.
func (f *filter) split(account string, findings []Finding) (kept, accepted []Finding) {
	for _, finding := range findings {
		var by *Suppression
		for i := range f.entries {
			if !f.entries[i].matches(account, &finding) {
				continue
			}
			f.matched[i]++
			if by == nil && f.now.Before(f.entries[i].Until) {
				by = &f.entries[i]
			}
		}
		if by == nil {
			kept = append(kept, finding)
			continue
		}
		finding.Suppression = &Accepted{Reason: by.Reason, Owner: by.Owner, Until: by.Until}
		accepted = append(accepted, finding)
	}
	return kept, accepted
}

// matches compares names without the suffix of a rotation under way as well: the
// replacement of an accepted token is accepted too.
func (s *Suppression) matches(account string, f *Finding) bool {
	if s.Fingerprint != "" {
		return s.Fingerprint == f.Fingerprint
	}
	if s.Rule != f.Rule || (s.Account != "" && s.Account != account) {
		return false
	}
	plain, _, _ := inflight.Split(f.Resource.Name)
	return glob.Glob(s.Name, f.Resource.Name) || glob.Glob(s.Name, plain)
}

func (s *Suppression) String() string {
	target := "fingerprint " + Quote(s.Fingerprint)
	if s.Fingerprint == "" {
		target = fmt.Sprintf("%s, name %s", s.Rule, Quote(s.Name))
	}
	return fmt.Sprintf("%s (owner %s)", target, strings.Trim(Quote(s.Owner), `"`))
}

// notices says which suppressions end soon, have ended, or match nothing. The
// last is known only for rules that were checked everywhere.
func (f *filter) notices(checked func(rule string) bool) []string {
	var notices []string
	for i := range f.entries {
		s := &f.entries[i]
		switch left := s.Until.Sub(f.now); {
		case left <= 0:
			notices = append(notices, fmt.Sprintf("suppression of %s ended on %s and no longer holds: it matches %d", s, lastDay(s.Until), f.matched[i]))
		case f.matched[i] == 0 && checked(s.Rule):
			notices = append(notices, fmt.Sprintf("suppression of %s matches nothing: remove it", s))
		case left <= announceBefore:
			notices = append(notices, fmt.Sprintf("suppression of %s ends on %s: it matches %d", s, lastDay(s.Until), f.matched[i]))
		}
	}
	return notices
}
