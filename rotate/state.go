package rotate

import (
	"slices"
	"time"

	"github.com/tokenwarden/tokenwarden/internal/dbtcloud"
	"github.com/tokenwarden/tokenwarden/secrets"
)

// state is everything that next decides on: what was observed, what this run
// did, and what it was asked for.
type state struct {
	now time.Time // server time of the latest reply; zero: the service sends no Date

	old          oldToken
	replacements []replacement // active tokens that replace the old one, by id
	destinations []destination // in order; the first is the arbiter
	successor    int64         // the living end of a chain of labels that leaves the old token over others; 0: none
	passed       []int64       // the replacements on the way there, which were replaced in turn
	undo         undoing
	announced    time.Time // when a run last announced, beside the arbiter, that it is about to delete the old token
	run          runFacts
	policy       policy
	hasCommand   bool // an after_store command is configured
	// credentialInDestination: the credential is read from one of the destinations.
	credentialInDestination bool
}

// policy is what was asked for.
type policy struct {
	Options
	credential secrets.Value // what this program runs with
}

// life of a token, as the credential in use can tell it.
type life int

const (
	unseen life = iota // 404, without proof that it is not a missing permission
	alive
	gone // state 2, or 404 while the same credential reads the replacement as active
)

// oldToken is the token that is being replaced.
type oldToken struct {
	id          int64
	token       dbtcloud.ServiceToken // as last read
	looked      time.Time             // server time of that
	life        life
	permissions Permissions // as last read while it was alive
	problem     string      // why its permissions cannot be copied, in words
	inFlightOf  int64       // it is itself the replacement of this living token
	credential  ownership   // whether the run's own credential is this token
	identified  bool        // … was asked, by last_used
}

// ownership is the answer to "is this token the credential we run with?".
type ownership int

const (
	maybe ownership = iota
	no
	yes
)

// replacement is an active token that says, by its name or a label, that it
// replaces the old one.
type replacement struct {
	token dbtcloud.ServiceToken
	mine  bool          // made by this run: it carries the run's nonce
	value secrets.Value // empty: not known to this run
	// checked: its permissions and mappings were read in this run and are equal
	// to the old token's. problem says why they are not, or why it cannot be used.
	checked bool
	problem string
	proved  bool // its value authenticated in this run
	lives   bool // it was read as active since the destinations were read last
	stored  bool // a destination took its value from this run, whatever it holds now
	unseen  bool // when it was asked for last, the service answered 404
	// fenced: this run has moved the arbiter's version since it first saw this
	// replacement. Its maker had read an older one, so its write must fail.
	fenced bool
}

func (r *replacement) id() int64 { return r.token.ID }

// owner says whose value a destination holds.
type owner int

const (
	unknown        owner = iota // no label for its fingerprint
	empty                       // no value: a first write
	ofOld                       // the old token's
	ofReplacement               // an active replacement's
	ofDead                      // that of a replacement which is not active any more
	ofAnotherToken              // some other token's: never overwritten
)

// destination is one place that the value goes to.
type destination struct {
	ref     secrets.Ref
	store   secrets.Store
	content secrets.Content
	owner   owner
	label   secrets.Label   // of the present value; zero when owner is unknown or empty
	undoes  []secrets.Label // the entries of undoes that bring the old token back, by what they undo
	// unlabelled: the value is a replacement's, as this run knows by the value
	// itself, and the label that tells others is gone. It is stored once more.
	unlabelled bool
	unproved   string // why a value of unknown owner could not be shown to be the old token's
	// mayArrive: a write was answered by neither success nor conflict, and a
	// look did not show it. Until a later check-and-set settles it, it may land.
	mayArrive bool
}

// first reports whether a write here is a first one, after which nobody is known to
// read the destination: it is empty, or was until an undo wrote the old token's
// value. (That of a replacement was waited for when it took its predecessor's place.)
func (d *destination) first() bool {
	return d.owner == empty || d.owner == ofOld && d.label.First && d.label.Replaces == 0
}

// runFacts is what this run has done so far.
type runFacts struct {
	nonce          string
	preflighted    bool      // every destination was proved writable
	creates        int       // create calls sent
	mayHaveCreated bool      // a create was sent whose outcome is not known yet
	stores         int       // writes in a row without a clear answer
	deletes        int       // DELETEs in a row after which the token was still there
	announced      time.Time // when this run announced that it is about to delete the old token
	fenced         bool      // this run wrote the arbiter's present value again, after that
	beaten         string    // how this run lost the election: trying again, it could write after a fence
	withdrawn      string    // why this run removed its own usable replacement: a rival
	refused        string    // what makes going on pointless until a person acts
	failure        string    // what failed; the same command may be run again
	widespread     bool      // … and it is no matter of this token alone
	commandDone    bool      // the after_store command succeeded for the present value
	fresh          bool      // everything was read again and nothing was written since
	renamed        bool      // the replacement got its plain name; a list may show the other one for a while
	renameRefused  string
	changed        bool   // something was written anywhere
	swept          bool   // the suffix was listed as the last act
	stopping       string // why no replacement may be begun: too little time is left
	interrupted    bool   // a signal or the deadline came
}

// winner is the replacement that the first destination which holds one holds:
// the store decides before the ids do.
func (s *state) winner() *replacement {
	for _, d := range s.destinations {
		if d.owner == ofReplacement {
			return s.replacement(d.label.TokenID)
		}
	}
	return nil
}

// mine is the replacement that this run made and no destination holds yet; one
// whose value was lost comes first, since it has to go.
func (s *state) mine() *replacement {
	var found *replacement
	for i := range s.replacements {
		if m := &s.replacements[i]; m.mine && !s.holds(m.id()) && (found == nil || m.value.Empty()) {
			found = m
		}
	}
	return found
}

// lost lists the replacements that this run made and whose value it never got.
func (s *state) lost() []int64 {
	var ids []int64
	for _, r := range s.replacements {
		if r.mine && r.value.Empty() {
			ids = append(ids, r.id())
		}
	}
	return ids
}

func (s *state) replacement(id int64) *replacement {
	for i := range s.replacements {
		if s.replacements[i].id() == id {
			return &s.replacements[i]
		}
	}
	return nil
}

// replacementWith returns the replacement that is known to have the value, or nil.
func (s *state) replacementWith(value secrets.Value) *replacement {
	for i := range s.replacements {
		if r := &s.replacements[i]; !r.value.Empty() && r.value.Equal(value) {
			return r
		}
	}
	return nil
}

// holds reports whether any destination holds the token's value.
func (s *state) holds(id int64) bool {
	return slices.ContainsFunc(s.destinations, func(d destination) bool {
		return d.owner == ofReplacement && d.label.TokenID == id
	})
}

// orphans are the replacements of other runs whose value is in no destination.
func (s *state) orphans() []*replacement {
	var found []*replacement
	for i := range s.replacements {
		if r := &s.replacements[i]; !r.mine && !s.holds(r.id()) && !s.tookBackFrom(r.id()) && !slices.Contains(s.passed, r.id()) {
			found = append(found, r)
		}
	}
	return found
}

// has returns the index of the first destination whose value has that owner, or -1.
func (s *state) has(o owner) int {
	return slices.IndexFunc(s.destinations, func(d destination) bool { return d.owner == o })
}

// lacking returns the index of the first destination that does not hold the
// replacement's value, or does not say so, or -1.
func (s *state) lacking(id int64) int {
	return slices.IndexFunc(s.destinations, func(d destination) bool {
		return d.owner != ofReplacement || d.label.TokenID != id || d.unlabelled
	})
}

// lackingSuccessor returns the index of the first destination that does not hold
// the value of the chain's living end, or -1.
func (s *state) lackingSuccessor() int {
	return slices.IndexFunc(s.destinations, func(d destination) bool { return d.label.TokenID != s.successor })
}
