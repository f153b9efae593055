package rotate

import (
	"fmt"
	"time"

	"github.com/tokenwarden/tokenwarden/internal/dbtcloud"
)

// nextOrphan deals with replacements of other runs whose value is nowhere, at
// the beginning of a run and at its end. In between, a rival is no orphan: its
// maker is at work, and the check-and-set decides.
func nextOrphan(s *state) (step, bool) {
	if s.run.creates > 0 && !s.run.swept {
		return step{}, false
	}
	orphans := s.orphans()
	for _, o := range orphans {
		if because := s.keep(o); because != "" {
			return refuse("replacement %d of token %d is in no destination: %s", o.id(), s.old.id, because), true
		}
	}
	switch {
	case len(orphans) == 0:
		return step{}, false
	case s.has(unknown) >= 0:
		// It may be the orphan's. nextOwnership has to find out first.
		return step{}, false
	case orphans[0].fenced:
		return step{do: drop, token: orphans[0].id()}, true
	case s.destinations[0].owner == empty:
		// There is nothing to write again. Storing this run's own replacement
		// moves the version, which is the fence; the orphan is dropped after it.
		return step{}, false
	default:
		return step{do: fence}, true
	}
}

// usedByMaker is how long after its creation a use of a replacement is put down
// to the run that made it: that proves the value once.
const usedByMaker = 2 * time.Minute

// keep says why a replacement that is in no destination must not be dropped
// yet; "" means that it may be, behind a fence. Age is server time against
// server time, never the local clock.
func (s *state) keep(o *replacement) string {
	created, used := o.token.CreatedAt, o.token.LastUsed
	switch {
	case s.now.IsZero() || !created.Known():
		return "its age cannot be told, so it is left alone; delete it by hand if nobody uses it"
	case used.Presence == dbtcloud.Absent || used.Presence == dbtcloud.Unreadable:
		return "whether it was used cannot be told, so it is left alone; delete it by hand if nobody uses it"
	case o.used():
		return fmt.Sprintf("it was used on %s, so somebody has its value; find out who before deleting it by hand", used.Time.Format(time.RFC3339))
	}
	// The Date header has whole seconds: a fraction must not make a replacement
	// younger than nothing.
	age := s.now.Sub(created.Time.Truncate(time.Second))
	if age < s.policy.OrphanMinAge {
		return fmt.Sprintf("another run may be about to store it (it is %s old); nothing was changed; run the same command again when it is %s old", age, s.policy.OrphanMinAge)
	}
	return ""
}

// used reports whether anybody but its maker is known to have used it.
func (r *replacement) used() bool {
	created, used := r.token.CreatedAt, r.token.LastUsed
	return used.Known() && used.Time.Sub(created.Time) > usedByMaker
}
