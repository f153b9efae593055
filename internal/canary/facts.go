package canary

import (
	"time"

	"github.com/tokenwarden/tokenwarden/internal/dbtcloud"
)

// facts are what was seen. Nil is what was not.
type facts struct {
	grants    *grantsFact
	echo      *echoFact
	createdAt *time.Duration // between created_at and the reply's Date; nil too where one is missing
	value     *valueFact
	fields    *[]string
	unused    *dbtcloud.Presence // last_used before the first use
	accepted  *waitFact
	lastUsed  *useFact
	length    *lengthFact
	names     *namesFact
	deletion  *deletionFact
	gone      *goneFact
	refused   *waitFact
	replies   *repliesFact
}

// grantsFact is what became of the permission_grants of a create.
type grantsFact struct {
	rows   int  // read back, as far as they are active
	equal  bool // one row, the one that was asked for
	posted bool // none came, so they were set the older way
}

// echoFact is what became of a name, at the create and in a GET.
type echoFact struct {
	asked, reply, read string
}

// valueFact is the form of a value, of which nothing else may leave this run.
type valueFact struct {
	prefix string // one that is known, or ""
	length int    // without it
	probed bool   // a rotation would take it for a dbt token's
	uid    place
}

// place is where the uid stands in the value.
type place string

const (
	atStart    place = "start"  // after the prefix
	withPrefix place = "prefix" // from the first character on
	atEnd      place = "end"
	inMiddle   place = "middle"
	whole      place = "whole"
	nowhere    place = "nowhere"
	noUID      place = "none"  // the item has none
	tooShort   place = "short" // it may be there by chance
)

// waitFact is how long something took to hold.
type waitFact struct {
	held  bool
	first bool          // at the first look
	after time.Duration // until the look that saw it, or the last one that did not
}

// useFact is how last_used followed uses two seconds apart.
type useFact struct {
	presence dbtcloud.Presence
	undated  bool // the replies had no Date to compare with
	uses     int
	atOnce   int // how many of them showed at the first look, at the time of the reply
	// apart is how far last_used was from the Date of the first use, when it was
	// looked at last; after is how long after the use that was.
	shown        bool // within usedNow
	apart, after time.Duration
}

// lengthFact is the longest name that a PUT takes.
type lengthFact struct {
	longest int
	most    bool   // nothing longer was tried
	beyond  string // what happens to a longer one
}

// namesFact is whether two tokens may have one name.
type namesFact struct {
	duplicate bool
	changed   bool  // the second one's name came back changed
	reuse     *bool // the name of a deleted token was taken; nil: there was no need to try
}

type deletionFact struct {
	status int
	body   bool
}

// goneFact is how a deleted token answers.
type goneFact struct {
	life  life
	after time.Duration
}

// repliesFact is what all replies of the run had in common.
type repliesFact struct {
	all, undated, throttled int
	limits                  []string // "Retry-After: 60"; only harmless ones
}
