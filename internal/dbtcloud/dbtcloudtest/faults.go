package dbtcloudtest

import (
	"fmt"
	"net/http"
	"path"
	"time"
)

// Fault is what goes wrong with a request.
type Fault int

// The faults. Those with After in their name, and HalfBody, strike when the
// request has taken effect; the others keep it from doing so.
const (
	NoFault        Fault = iota // only the rule's delays and hooks
	StatusBefore                // Rule.Status from something in front of the service: nothing happened, last_used included
	StatusAfter                 // it happened, and Rule.Status is the answer
	TimeoutBefore               // it never arrived; no answer
	TimeoutAfter                // it happened; no answer
	TimeoutLate                 // no answer, and it happens Rule.Late after it arrived
	ResetBefore                 // the connection breaks before it arrived
	ResetAfter                  // it happened, then the connection breaks
	HalfBody                    // it happened; the connection breaks in the middle of the answer
	HTML                        // a proxy's page with Rule.Status (default 502) instead; nothing happened
	HTMLAfter                   // it happened, and the answer is a proxy's page with Rule.Status (default 200)
	LostPermission              // from this request on, all that its credential asks is 404; see Sim.Restore
)

var faultNames = [...]string{"none", "status", "status after", "timeout before", "timeout after", "timeout late",
	"reset before", "reset after", "half body", "html", "html after", "lost permission"}

// String names the fault for tables and logs.
func (f Fault) String() string {
	if f < 0 || int(f) >= len(faultNames) {
		return fmt.Sprintf("fault %d", int(f))
	}
	return faultNames[f]
}

// effect reports whether a request with this fault reaches the service now.
func (f Fault) effect() bool {
	switch f {
	case StatusBefore, TimeoutBefore, TimeoutLate, ResetBefore, HTML:
		return false
	}
	return true
}

// Rule says which requests go wrong, and how. What is left empty matches every
// request. Each request that matches is counted by each rule; the first rule in
// the plan that fires on it decides.
type Rule struct {
	Operation  string // as Sim.Operation says: "create-token", "list-tokens", …
	Method     string
	Path       string // a path.Match pattern for the path with /api
	Credential int64  // the id of the service token that the request is made with

	// Nth is the first of the matching requests that the rule fires on, counted
	// from 1; 0: the first. Times is on how many it fires: 0 means once with an
	// Nth and on all without; a negative one means for ever.
	Nth, Times int

	Fault      Fault
	Status     int           // for StatusBefore, StatusAfter, HTML and HTMLAfter
	RetryAfter time.Duration // the header of such a reply, in whole seconds; 0: none
	Late       time.Duration // for TimeoutLate

	// Delay passes before the effect, DelayReply after it. A request that is
	// given up during Delay takes no effect.
	Delay, DelayReply time.Duration
	// Before and After are called, unlocked, just before and after the effect;
	// where the fault prevents the effect only Before is. They may call Sim's
	// methods, panic out of the run, or kill a process.
	Before, After func()
}

type plannedRule struct {
	Rule
	seen, hits int
}

// Plan replaces the fault plan. It panics on a rule that can never match: a
// misspelt operation, or a pattern that path.Match cannot read.
func (s *Sim) Plan(rules ...Rule) {
	plan := make([]*plannedRule, len(rules))
	for i, r := range rules {
		if _, err := path.Match(r.Path, ""); err != nil {
			panic(fmt.Sprintf("dbtcloudtest: rule %d: path pattern %q: %v", i, r.Path, err))
		}
		if r.Operation != "" && !isOperation(r.Operation) {
			panic(fmt.Sprintf("dbtcloudtest: rule %d: there is no operation %q", i, r.Operation))
		}
		if (r.Fault == StatusBefore || r.Fault == StatusAfter) && r.Status == 0 {
			panic(fmt.Sprintf("dbtcloudtest: rule %d: %s without a status", i, r.Fault))
		}
		plan[i] = &plannedRule{Rule: r}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.plan = plan
}

func isOperation(name string) bool {
	for _, r := range routes {
		if r.name == name {
			return true
		}
	}
	return name == unknownOperation
}

// Hits tells how often each rule of the plan fired. A test whose fault never
// fired has tested nothing.
func (s *Sim) Hits() []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	hits := make([]int, len(s.plan))
	for i, r := range s.plan {
		hits[i] = r.hits
	}
	return hits
}

// chosen counts the request in every rule and returns the one that fires.
func (s *Sim) chosen(r *Request) *plannedRule {
	var chosen *plannedRule
	for _, p := range s.plan {
		if !p.matches(r) {
			continue
		}
		if p.seen++; chosen == nil && p.due() {
			chosen = p
		}
	}
	if chosen == nil {
		return &plannedRule{}
	}
	chosen.hits++
	return chosen
}

func (p *plannedRule) matches(r *Request) bool {
	if p.Path != "" {
		if ok, err := path.Match(p.Path, r.Path); err != nil || !ok {
			return false
		}
	}
	return (p.Operation == "" || p.Operation == r.Operation) &&
		(p.Method == "" || p.Method == r.Method) &&
		(p.Credential == 0 || p.Credential == r.TokenID)
}

func (p *plannedRule) due() bool {
	times := p.Times
	if times == 0 && p.Nth > 0 {
		times = 1
	}
	first := max(p.Nth, 1)
	return p.seen >= first && (times <= 0 || p.seen < first+times)
}

// answer is the reply that a fault puts in the place of the service's.
func (s *Sim) answer(p *plannedRule) reply {
	r := failure(p.Status, "Internal Server Error")
	switch {
	case p.Fault == HTML || p.Fault == HTMLAfter:
		r = reply{status: p.Status, page: "<html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad Gateway</h1></center></body></html>\n"}
		if r.status == 0 && p.Fault == HTML {
			r.status = http.StatusBadGateway
		} else if r.status == 0 {
			r.status = http.StatusOK
		}
	case p.Status == http.StatusBadRequest:
		r = invalid("non_field_errors", "Injected by the fault plan.")
	case p.Status == http.StatusUnauthorized:
		r = unauthorized("Invalid token.")
	case p.Status == http.StatusForbidden:
		r = accessDenied(s.world.accounts[0].id)
	case p.Status == http.StatusNotFound:
		r = notFound()
	case p.Status == http.StatusTooManyRequests:
		r = tooManyRequests(0)
	case p.Status == http.StatusServiceUnavailable:
		r = failure(p.Status, "Service Unavailable")
	}
	r.retryAfter = p.RetryAfter
	return r
}
