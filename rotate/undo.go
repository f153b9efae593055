package rotate

import (
	"fmt"
	"slices"
	"time"

	"github.com/tokenwarden/tokenwarden/internal/dbtcloud"
	"github.com/tokenwarden/tokenwarden/secrets"
)

// An undo is a rotation the other way round: the token's place is taken back from
// its replacement. The value is not made but found again among the versions that
// the stores keep. Before the first write an entry beside the arbiter says what is
// undone (secrets.UndoEntry), so that every run on any machine sees which of the
// two tokens is to go. The label of the value itself stays what it was: other runs
// write that as well, and it may tell what the token once replaced.

// undoing is what an undo knows.
type undoing struct {
	asked  bool          // this run is an undo
	leaver int64         // the replacement that it takes the place back from, once that was seen
	value  secrets.Value // the old token's, where it was found
	proved bool          // it authenticated in this run
	why    string        // why it cannot be brought back
	own    int64         // the token that the run's credential is, by the labels; 0: they do not say
}

// undoOf returns the entry of the undo that takes the old token's place back from
// a replacement.
func (d *destination) undoOf(replacement int64) (secrets.Label, bool) {
	i := slices.IndexFunc(d.undoes, func(l secrets.Label) bool { return l.Undoes == replacement })
	if i < 0 {
		return secrets.Label{}, false
	}
	return d.undoes[i], true
}

// tookBackFrom reports whether a destination holds the old token's value again in
// the place of a replacement's.
func (s *state) tookBackFrom(id int64) bool {
	return slices.ContainsFunc(s.destinations, func(d destination) bool {
		_, undone := d.undoOf(id)
		return undone && d.owner == ofOld
	})
}

// undoUnderWay is the living replacement from which an undo has begun to take the
// old token's place back; 0: there is none.
func (s *state) undoUnderWay() int64 {
	for _, r := range s.replacements {
		if s.tookBackFrom(r.id()) {
			return r.id()
		}
	}
	return 0
}

// leavers are the living replacements that destinations hold, or from which an
// undo has begun to take the place back.
func (s *state) leavers() []int64 {
	var ids []int64
	for _, r := range s.replacements {
		if s.holds(r.id()) || s.tookBackFrom(r.id()) {
			ids = append(ids, r.id())
		}
	}
	return ids
}

// leaver is the replacement that an undo is about; where no living one is in the
// way, one that is dead and whose value a destination still holds. 0: none.
func (s *state) leaver() int64 {
	if ids := s.leavers(); len(ids) > 0 {
		return ids[0]
	}
	if i := s.has(ofDead); i >= 0 {
		return s.destinations[i].label.TokenID
	}
	return 0
}

// unfinished is the replacement, dead by now, of an undo that has put the value back
// and was not seen to end; 0: none.
func (s *state) unfinished() int64 {
	for _, d := range s.destinations {
		if d.owner == ofOld && len(d.undoes) > 0 {
			return d.undoes[len(d.undoes)-1].Undoes
		}
	}
	return 0
}

// notBack returns the index of the first destination that does not hold the old
// token's value with an entry that says what is undone, or -1. One that holds the
// value without it is written as well: a run that froze before it stored the
// replacement there must fail.
func (s *state) notBack() int {
	leaver := s.leaver()
	return slices.IndexFunc(s.destinations, func(d destination) bool {
		_, undone := d.undoOf(leaver)
		return d.owner != ofOld || leaver != 0 && !undone
	})
}

// decideUndo is decide for an undo.
func decideUndo(s *state) step {
	for _, part := range []func(*state) (step, bool){nextFailure, nextUndoLife, nextUndoRefusal, nextPutBack, nextDismissal, nextOrphan} {
		if st, ok := part(s); ok {
			return st
		}
	}
	switch {
	case !s.run.changed:
		return step{do: stop, status: Unchanged, because: fmt.Sprintf("every destination holds the value of token %d, and nothing of a rotation is left: there is nothing to undo", s.old.id)}
	case !s.run.swept:
		return step{do: sweep}
	}
	return step{do: stop, status: Undone, because: fmt.Sprintf("every destination holds the value of token %d again", s.old.id)}
}

// nextUndoLife: only what lives can be brought back.
func nextUndoLife(s *state) (step, bool) {
	switch {
	case s.old.life == alive:
		return step{}, false
	case s.old.life == unseen && len(s.replacements) == 0:
		return refuse("token %d is not to be found (deleted, never there, or not visible with this credential: the service answers 404 for each), so it cannot be brought back", s.old.id), true
	case s.old.life == unseen:
		return fail("the service answers 404 for token %d and does not show its replacement either: the credential may have lost a permission, and nothing is concluded from that", s.old.id), true
	}
	return refuse("token %d is deleted, and nothing can bring it back: it is too late to undo its rotation", s.old.id), true
}

// nextUndoRefusal stops at what no undo may change.
func nextUndoRefusal(s *state) (step, bool) {
	if s.old.inFlightOf != 0 {
		return refuse("token %d is itself the replacement of token %d: to undo that rotation, name the token that comes back (rotate --undo --token-id %d)", s.old.id, s.old.inFlightOf, s.old.inFlightOf), true
	}
	for _, d := range s.destinations {
		switch {
		case d.owner == ofAnotherToken:
			return refuse("%s holds the value of token %d, which is never overwritten; correct the destination", d.ref, d.label.TokenID), true
		case d.owner == unknown, d.unlabelled:
			return refuse("%s holds a value of unknown owner, and an undo writes only over the value of a replacement of token %d; correct the destination", d.ref, s.old.id), true
		}
	}
	leavers := s.leavers()
	switch {
	case len(leavers) > 1:
		return refuse("the destinations disagree: they hold the values of the replacements %d and %d of token %d; correct one, or finish the rotation first (rotate --token-id %d)", leavers[0], leavers[1], s.old.id, s.old.id), true
	case s.now.IsZero():
		return refuse("the service sends no Date header, so whether another run is about to delete token %d could not be told", s.old.id), true
	case len(leavers) == 0:
		return step{}, false
	case s.undo.own == leavers[0] && !(s.credentialInDestination && s.old.permissions.managesTokens()):
		return refuse("replacement %d is the credential that this program runs with, and it would be locked out: that is read from none of the destinations, or token %d may not manage tokens; run with another credential", leavers[0], s.old.id), true
	case s.notBack() == 0 && s.deletionAnnounced(s.announced):
		return s.tooLateToBegin(s.announced), true
	}
	return step{}, false
}

func (s *state) tooLateToBegin(announced time.Time) step {
	return refuse("a run announced on %s that it is about to delete token %d, and may be doing so now: the destinations were left as they are; run the same command again after %s, when that run is over or has failed",
		announced.UTC().Format(time.RFC3339), s.old.id, announced.Add(announcementLife).UTC().Format(time.RFC3339))
}

// nextPutBack brings the value back into each destination, the arbiter first, and
// lets the consumers know.
func nextPutBack(s *state) (step, bool) {
	i := s.notBack()
	switch {
	case i < 0:
		return step{do: afterStore, token: s.old.id}, s.hasCommand && !s.allReady()
	case s.leaver() == 0:
		return refuse("%s is empty, and no destination holds a replacement of token %d: there is nothing that could be brought back there", s.destinations[i].ref, s.old.id), true
	case s.undo.why != "":
		return refuse("%s", s.undo.why), true
	case s.run.stopping != "" && !s.run.changed:
		return fail("%s", s.run.stopping), true
	case !s.run.preflighted:
		return step{do: preflight}, true
	case !s.undo.proved || s.undo.value.Empty():
		return step{do: recall}, true
	case s.destinations[i].mayArrive && s.run.stores >= maxStores:
		return fail("whether %s took the value of token %d cannot be told, so both tokens stay alive; run the same command again", s.destinations[i].ref, s.old.id), true
	}
	return step{do: putBack, destination: i}, true
}

// nextDismissal removes the replacement, once it may go.
func nextDismissal(s *state) (step, bool) {
	r := s.replacement(s.leaver())
	if r == nil {
		return step{}, false
	}
	if r.unseen {
		return fail("the service answers 404 for replacement %d: somebody deleted it, or the credential may have lost a permission; nothing is concluded, and running the same command again tells more", r.id()), true
	}
	wait, free := s.waitToDismiss(r)
	switch {
	case !free:
		if st, ok := nextOrphan(s); ok {
			return st, true // what is left over besides must not live through the overlap
		}
		return wait, true
	case !s.run.fresh:
		return step{do: verify, token: r.id()}, true
	}
	return step{do: dismiss, token: r.id()}, true
}

// waitToDismiss tells whether the replacement may go now: at once if nobody has
// taken its value up, and else as the old token of a rotation would. While a run
// that announced the old token's end was never seen to end itself, nothing goes at
// once either: a DELETE from it would leave no token at all.
func (s *state) waitToDismiss(r *replacement) (st step, free bool) {
	used := r.token.LastUsed
	if seen := used.Known() || used.Presence == dbtcloud.Null; seen && r.token.CreatedAt.Known() && !r.used() && s.announced.IsZero() {
		return step{}, true
	}
	var labels []secrets.Label
	for _, d := range s.destinations {
		if l, ok := d.undoOf(r.id()); ok {
			labels = append(labels, l)
		}
	}
	both := fmt.Sprintf("replacement %d lives on beside token %d, which has its place again,", r.id(), s.old.id)
	if !s.announced.IsZero() {
		both += fmt.Sprintf(" since a run announced on %s that it was about to delete that, and was not seen to end,", s.announced.UTC().Format(time.RFC3339))
	}
	return s.waitFor(r.id(), used, s.now, labels, false, both)
}

// allReady reports whether what has to happen after the value was put back has.
func (s *state) allReady() bool {
	return !slices.ContainsFunc(s.destinations, func(d destination) bool {
		l, undone := d.undoOf(s.undo.leaver)
		return undone && !l.Ready
	})
}
