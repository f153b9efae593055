package audit

// Outcome says what came of a check. Anything but Checked means that the absence
// of findings says nothing.
type Outcome string

// The outcomes.
const (
	Checked     Outcome = "checked"
	NotVisible  Outcome = "not-visible"  // this credential is not shown it
	NotLicensed Outcome = "not-licensed" // the account's plan does not have it
	Failed      Outcome = "error"        // it could not be read, or not understood
)

// rank orders outcomes from fine to worst, so that several can be folded.
func (o Outcome) rank() int {
	switch o {
	case Checked:
		return 0
	case NotLicensed:
		return 1
	case NotVisible:
		return 2
	}
	return 3
}

// Sight is how much of something was seen. Its zero value is no outcome at all
// and counts as an error, so that a list nobody tried to read is never clean.
type Sight struct {
	Outcome Outcome
	Detail  string // why, when Outcome is not Checked; may be set when it is
	Refused bool   // a permission that the credential lacks would show it
}

// Whole reports whether everything was seen.
func (s Sight) Whole() bool { return s.Outcome == Checked }

// worse returns the worse of the two; the first one on a tie, unless only the
// other has a detail to give.
func (s Sight) worse(other Sight) Sight {
	if r, q := s.Outcome.rank(), other.Outcome.rank(); q > r || (q == r && s.Detail == "") {
		return other
	}
	return s
}

// List is what was read of one kind of resource. When Sight is not whole, Items
// holds what was read before it ended: each item is true, a missing one says
// nothing.
type List[T any] struct {
	Items []T
	Sight Sight
}

// Coverage is the outcome of one rule in one account.
type Coverage struct {
	Check   string  `json:"check"`
	Outcome Outcome `json:"outcome"`
	Detail  string  `json:"detail,omitempty" jsonschema:"why, when the outcome is not checked"`
}
