package rotate

import (
	"fmt"
	"strings"
	"time"

	"github.com/tokenwarden/tokenwarden/internal/inflight"
)

// action is what a step does.
type action string

const (
	preflight  action = "preflight"   // prove that every destination can be written
	prove      action = "prove"       // show by last_used that a destination's value is the old token's
	recognise  action = "recognise"   // label a value as the old token's: it is our own credential, and so is the token
	adopt      action = "adopt"       // label a value as the old token's, because a person said so
	identify   action = "identify"    // find out whether our own credential is the old token
	create     action = "create"      // create the replacement
	lookUp     action = "look-up"     // find out whether a create happened
	remove     action = "remove"      // remove this run's own replacement
	fence      action = "fence"       // write the arbiter's present value again, so that a frozen run's write fails
	drop       action = "drop"        // remove a replacement whose value is nowhere
	look       action = "look"        // see that a replacement lives, before its value goes anywhere else
	equalise   action = "equalise"    // give permissions and mappings, check them, prove the value
	store      action = "store"       // write the replacement's value into a destination
	afterStore action = "after-store" // run the configured command
	announce   action = "announce"    // say beside the arbiter that the old token is about to be deleted
	confirm    action = "confirm"     // read everything again
	retire     action = "retire"      // delete the old token and see that it is gone
	rename     action = "rename"      // give the replacement its plain name
	sweep      action = "sweep"       // list the suffix once more
	recall     action = "recall"      // undo: find the old token's value, and prove it
	putBack    action = "put-back"    // undo: write it into a destination again
	verify     action = "verify"      // undo: read everything again
	dismiss    action = "dismiss"     // undo: delete the replacement and see that it is gone
	stop       action = "stop"
)

// step is the next thing to do: an action with its object, or a stop with the
// status that the rotation came to and why.
type step struct {
	do          action
	token       int64 // what the step is about; for a stop: the replacement
	destination int   // prove, recognise, adopt, store, put-back: index
	status      Status
	because     string
	until       time.Time // stop, pending: when the old token may go
}

func refuse(format string, args ...any) step {
	return step{do: stop, status: Refused, because: fmt.Sprintf(format, args...)}
}

func fail(format string, args ...any) step {
	return step{do: stop, status: Failed, because: fmt.Sprintf(format, args...)}
}

// next decides what to do. It is pure: the same state gives the same step. The
// order of its parts is the order of a rotation: what comes first must be
// settled before anything after it may happen. Each part returns ok when it has
// a step.
func next(s *state) step {
	st := decide(s)
	if s.run.interrupted && st.do != stop && s.mine() == nil && !s.run.mayHaveCreated {
		return fail("interrupted before the step %q; running the same command again is safe, and goes on from there", st.do)
	}
	return st
}

func decide(s *state) step {
	switch {
	case s.policy.LabelOnly:
		return nextLabel(s)
	case s.undo.asked:
		return decideUndo(s)
	}
	for _, part := range []func(*state) (step, bool){
		nextOwnLeftover, nextFailure, nextLife, nextRefusal, nextOrphan, nextOwnership, nextCredential,
	} {
		if st, ok := part(s); ok {
			return st
		}
	}
	if w := s.winner(); w != nil {
		return nextFinish(s, w)
	}
	return nextReplacement(s)
}

// maxStores is how often a write without a clear answer is asked again.
const maxStores = 4

// nextOwnLeftover deals with what this run itself left unsettled: a create or a
// write without an answer, and a replacement of its own that cannot be used.
func nextOwnLeftover(s *state) (step, bool) {
	if s.run.mayHaveCreated && s.run.failure == "" {
		return step{do: lookUp}, true
	}
	m := s.mine()
	if m == nil {
		return step{}, false
	}
	for i, d := range s.destinations {
		if !d.mayArrive {
			continue
		}
		if s.run.stores >= maxStores {
			return fail("whether %s took the value of replacement %d cannot be told, so both tokens stay alive; run the same command again", d.ref, m.id()), true
		}
		// The same check-and-set again settles it one way or the other.
		return step{do: store, token: m.id(), destination: i}, true
	}
	switch {
	case !m.stored:
	case m.problem != "":
		return refuse("replacement %d was stored, and somebody wrote over it; %s; it stays alive until a person decides", m.id(), m.problem), true
	default:
		return step{}, false // its check-and-set has not failed: consumers may have its value
	}
	withdraw := func(because string) (step, bool) {
		return step{do: remove, token: m.id(), because: because}, true
	}
	switch w := s.winner(); {
	case m.value.Empty():
		return withdraw("the reply that held its value was lost")
	case w != nil:
		return withdraw(fmt.Sprintf("another run has stored its replacement %d", w.id()))
	case m.problem != "":
		return withdraw(m.problem)
	case s.run.failure != "":
		return withdraw(s.run.failure)
	case s.run.beaten != "":
		return withdraw(s.run.beaten)
	case s.has(ofAnotherToken) >= 0, s.has(unknown) >= 0:
		return withdraw("somebody else wrote a destination meanwhile")
	}
	for _, o := range s.orphans() {
		if o.id() < m.id() && s.keep(o) != "" {
			return withdraw(fmt.Sprintf("another run made its replacement %d first", o.id()))
		}
	}
	return step{}, false
}

// nextFailure ends a run that cannot go on.
func nextFailure(s *state) (step, bool) {
	switch {
	case s.run.failure != "":
		return fail("%s", s.run.failure), true
	case s.run.refused != "":
		return refuse("%s", s.run.refused), true
	case s.run.withdrawn != "" && s.winner() == nil:
		return refuse("another rotation of token %d is under way (%s), and this run withdrew its own replacement; run the same command again to see how it ended", s.old.id, s.run.withdrawn), true
	}
	return step{}, false
}

// nextLife decides by whether the old token still lives.
func nextLife(s *state) (step, bool) {
	w, m := s.winner(), s.mine()
	switch {
	case s.old.life == alive:
		return step{}, false
	case s.successor != 0 && w == nil && m == nil:
		if i := s.lackingSuccessor(); i >= 0 {
			return refuse("token %d was replaced before, by token %d at last, but %s does not hold that token's value; correct the destination", s.old.id, s.successor, s.destinations[i].ref), true
		}
		if st, ok := nextOrphan(s); ok {
			return st, true // a create may arrive when its rotation is long over
		}
		return step{do: stop, status: Unchanged, token: s.successor,
			because: fmt.Sprintf("token %d was replaced before; token %d is the present one", s.old.id, s.successor)}, true
	case s.old.life == unseen && w == nil && m == nil && len(s.replacements) == 0:
		return refuse("token %d is not to be found (deleted, never there, or not visible with this credential: the service answers 404 for each), and no label in a destination tells of a replacement", s.old.id), true
	case s.old.life == unseen:
		return fail("the service answers 404 for token %d and does not show its replacement either: the credential may have lost a permission, and nothing is concluded from that", s.old.id), true
	case w == nil && m == nil && len(s.orphans()) > 0:
		return refuse("token %d was deleted while its rotation was under way, and the value of its replacement %d is in no destination: create a token by hand, store its value, and delete %d",
			s.old.id, s.orphans()[0].id(), s.orphans()[0].id()), true
	case w == nil && m == nil:
		return refuse("token %d is deleted, and no label in a destination tells of a living replacement", s.old.id), true
	}
	return step{}, false
}

// personalPrefix starts a personal access token, by public samples. Its absence
// proves nothing: such a credential shows by the 400 that a create is answered with.
const personalPrefix = "dbtu_"

// nextRefusal stops at what no step of ours may change.
func nextRefusal(s *state) (step, bool) {
	if i := s.has(ofAnotherToken); i >= 0 {
		d := s.destinations[i]
		return refuse("%s holds the value of token %d, which is never overwritten; correct the destination", d.ref, d.label.TokenID), true
	}
	if s.old.life != alive {
		return step{}, false
	}
	switch {
	case s.undoUnderWay() != 0:
		return refuse("an undo took the value of token %d back from its replacement %d, which still lives: let it end first (rotate --undo --token-id %d, or --pending; with --now it ends in that run)", s.old.id, s.undoUnderWay(), s.old.id), true
	case s.old.inFlightOf != 0:
		return refuse("token %d is itself the replacement of token %d, which still lives: finish that rotation first (rotate --token-id %d, or --pending)", s.old.id, s.old.inFlightOf, s.old.inFlightOf), true
	case s.old.problem != "":
		return refuse("%s", s.old.problem), true
	case s.old.permissions.None():
		return refuse("token %d has no permission at all: there is nothing that a replacement could be compared with; delete it instead", s.old.id), true
	case s.now.IsZero() && !s.policy.Now:
		return refuse("the service sends no Date header, so the end of an overlap could not be told; --now does without"), true
	}
	if s.winner() == nil && strings.HasPrefix(s.policy.credential.Reveal(), personalPrefix) {
		return refuse("the credential is a personal access token, and those cannot create service tokens: run with an account_admin service token"), true
	}
	if s.policy.Now && !s.policy.Adopt {
		for _, d := range s.destinations {
			if d.first() || d.owner == ofReplacement && d.label.First {
				return refuse("%s was empty, so whoever uses token %d reads it elsewhere: --now needs --adopt as well; without --now the old token lives until it is no longer used", d.ref, s.old.id), true
			}
		}
	}
	return step{}, false
}

// nextOwnership settles whose value each destination holds, before anything is
// created.
func nextOwnership(s *state) (step, bool) {
	if s.old.life == alive && s.winner() == nil && !s.run.preflighted {
		return step{do: preflight}, true
	}
	for i, d := range s.destinations {
		if d.owner != unknown {
			continue
		}
		own := d.content.Value.Equal(s.policy.credential)
		switch {
		case s.policy.NoProof:
			return refuse("%s holds a value of unknown owner, and a run over many tokens proves none: run rotate --token-id %d", d.ref, s.old.id), true
		case s.old.life != alive:
			return refuse("%s holds a value of unknown owner and token %d is gone, so nothing can tell whose it is", d.ref, s.old.id), true
		case s.policy.Adopt:
			return step{do: adopt, destination: i}, true
		case own && s.old.credential == maybe && !s.old.identified:
			return step{do: identify}, true
		case own && s.old.credential == yes:
			return step{do: recognise, destination: i}, true
		case own:
			return refuse("%s holds the credential that this program runs with, which could not be shown to be token %d; if you are sure that it is, say so: rotate --token-id %d --adopt", d.ref, s.old.id, s.old.id), true
		case d.unproved != "":
			return refuse("%s holds a value that could not be shown to be token %d's: %s; if you are sure that it is, say so: rotate --token-id %d --adopt", d.ref, s.old.id, d.unproved, s.old.id), true
		default:
			return step{do: prove, destination: i}, true
		}
	}
	return step{}, false
}

// nextCredential keeps a rotation from locking out the program itself.
func nextCredential(s *state) (step, bool) {
	if s.old.life != alive || s.winner() != nil || s.credentialInDestination {
		return step{}, false
	}
	switch s.old.credential {
	case yes:
		return refuse("token %d is the credential that this program runs with, and that is read from none of the destinations: it would be locked out; make the credential's own reference a destination", s.old.id), true
	case maybe:
		if !s.old.identified {
			return step{do: identify}, true
		}
		return refuse("token %d may be the credential that this program runs with (last_used does not tell them apart), and that is read from none of the destinations; run with another credential, or make the credential's own reference a destination", s.old.id), true
	case no:
	}
	return step{}, false
}

// maxCreates is how often one run creates at the most, each time after two list
// passes showed that the one before left nothing.
const maxCreates = 3

// nextReplacement makes, checks and stores the replacement that no destination
// holds yet.
func nextReplacement(s *state) step {
	m := s.mine()
	switch {
	case m == nil && s.run.stopping != "":
		return fail("%s", s.run.stopping)
	case m == nil && s.run.creates >= maxCreates:
		return fail("the service answered none of %d creates; nothing is left of them; run the same command again later", s.run.creates)
	case m == nil:
		return step{do: create}
	case !m.checked || !m.proved:
		return step{do: equalise, token: m.id()}
	case m.stored && s.old.life == alive:
		// To other runs it is an orphan now, which they may be about to drop.
		return fail("replacement %d was stored, and somebody wrote over it, an undo perhaps; token %d still lives; run the same command again", m.id(), s.old.id)
	case m.stored && !m.lives:
		return step{do: look, token: m.id()} // whoever wrote over it may have deleted it as well
	default:
		return step{do: store, token: m.id(), destination: 0}
	}
}

// nextFinish goes on, from the first destination that holds a replacement's
// value, to the end.
func nextFinish(s *state, w *replacement) step {
	i := s.lacking(w.id())
	command := s.hasCommand && !s.run.commandDone
	switch {
	case w.unseen:
		return fail("the service answers 404 for replacement %d: somebody deleted it, or the credential may have lost a permission; nothing is concluded, and running the same command again tells more", w.id())
	case w.problem != "":
		return refuse("replacement %d is stored, but it is not equal to token %d: %s; both stay alive until a person decides", w.id(), s.old.id, w.problem)
	case !w.checked && s.old.life == alive && (i >= 0 || command):
		// Before its value goes anywhere else. Where nothing is left to be
		// written, confirm compares, once the old token may go.
		return step{do: equalise, token: w.id()}
	case i >= 0 && !w.lives:
		// What was read one after the other was not true at once: an undo, and a
		// rotation after it, may have come and gone in between.
		return step{do: look, token: w.id()}
	case i >= 0:
		return step{do: store, token: w.id(), destination: i}
	case command:
		return step{do: afterStore, token: w.id()}
	}
	if s.old.life == alive {
		wait, free := s.wait(w)
		switch {
		case !free && wait.status == Pending && !s.run.swept && s.run.creates > 0:
			// What is left over must not live through the overlap.
			return step{do: sweep}
		case !free:
			return wait
		case !s.announcedLately():
			return step{do: announce, token: w.id()}
		case s.undoAnnounced(w) && !s.run.fenced:
			// It may be about to write: now it fails, or this one does.
			return step{do: fence}
		case !s.run.fresh:
			return step{do: confirm, token: w.id()}
		}
		return step{do: retire, token: w.id()}
	}
	if _, _, inFlight := inflight.Split(w.token.Name); inFlight && !s.run.renamed && s.run.renameRefused == "" {
		return step{do: rename, token: w.id()}
	}
	switch {
	case s.run.changed && !s.run.swept:
		return step{do: sweep}
	case !s.run.changed:
		return step{do: stop, status: Unchanged, token: w.id(), because: fmt.Sprintf("token %d was replaced by token %d before, and every destination holds that", s.old.id, w.id())}
	}
	return step{do: stop, status: Rotated, token: w.id()}
}
