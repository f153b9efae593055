package dbtcloudtest

import "time"

// Phase says on which side of a request's effect an Event is.
type Phase int

// The phases.
const (
	Before Phase = iota
	After
)

// Event is what an observer is told: a request is about to take effect, or has.
type Event struct {
	Phase   Phase
	Request Request // Status is 0 before the effect
	View    View    // the state at this moment; valid only during the call
}

// Observe has f called before and after the effect of each request, for a
// checker of invariants that wants to see every instant. f is called with the
// simulator locked: it looks at Event.View and calls no method of Sim. What
// Sim's own methods change (Delete, Rename …) is not told.
func (s *Sim) Observe(f func(Event)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.observers = append(s.observers, f)
}

// Request is one line of the log.
type Request struct {
	At        time.Time // arrival
	Operation string    // see Sim.Operation
	Method    string
	Path      string // with /api, without the query
	Query     string
	TokenID   int64 // the service token it was made with; 0: another credential, or none that is known
	Fault     Fault // what the plan did to it
	Effect    bool  // it took effect, which includes being refused by the service
	Status    int   // what the service answered, whether or not it was delivered; 0: it never saw the request
}

// maxLog bounds the log of a simulator that runs for days.
const maxLog = 100_000

func (s *Sim) record(r *Request) {
	if len(s.log) >= maxLog {
		s.log = append([]*Request(nil), s.log[maxLog/2:]...)
	}
	s.log = append(s.log, r)
}

// Requests returns the log in the order of arrival; at least the last 50,000.
func (s *Sim) Requests() []Request {
	s.lock()
	defer s.mu.Unlock()
	out := make([]Request, len(s.log))
	for i, r := range s.log {
		out[i] = *r
	}
	return out
}

// ForgetRequests empties the log.
func (s *Sim) ForgetRequests() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = nil
}

func (s *Sim) notify(phase Phase, r *Request) {
	for _, f := range s.observers {
		f(Event{Phase: phase, Request: *r, View: View{s}})
	}
}
