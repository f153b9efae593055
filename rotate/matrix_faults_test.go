package rotate_test

import (
	"slices"
	"time"

	"github.com/tokenwarden/tokenwarden/internal/dbtcloud/dbtcloudtest"
	"github.com/tokenwarden/tokenwarden/secrets"
)

// act is what a fault does at a call; an error is the call's answer, where it is
// not one of dbt Cloud's.
type act func(*process, secrets.Ref) error

// fault is one way in which a call goes wrong.
type fault struct {
	name  string
	reply dbtcloudtest.Rule // on dbt Cloud's side: what the simulator does
	// before and after happen at the call, whichever side it is on.
	before, after act
	late          bool                       // … which may happen when the run is over
	lasts         bool                       // everything on that side goes wrong from here on
	skip          func(*start, point) string // why a cell makes no sense; "" if it does
	byPerson      bool                       // somebody wrote a destination, and puts it right before the third run
}

func (f fault) strikesBefore() act { return f.before }
func (f fault) strikesAfter() act  { return f.after }

func kill(*process, secrets.Ref) error { panic(death{}) }

func terminate(p *process, _ secrets.Ref) error {
	if p.signal.IsZero() {
		p.signal = time.Now()
	}
	p.cancel()
	return nil
}

func refuseCall(*process, secrets.Ref) error { return errInjected }

// Reasons for leaving a cell out.
func effectless(_ *start, p point) string {
	if !p.changes() {
		return "a read has no effect that could get lost: the same as before it"
	}
	return ""
}

func bodiless(_ *start, p point) string {
	switch p.operation {
	case "delete-token", "label: PATCH metadata", "label: PUT metadata":
		return "a reply without a body that could be cut: the same as reset after"
	}
	return ""
}

func onlyWrites(_ *start, p point) string {
	if !p.writes() {
		return "only a write can meet the write of a person"
	}
	return ""
}

func adopted(s *start, p point) string {
	if s.options.Adopt {
		return "--adopt takes over whatever a person writes, as it was asked to"
	}
	return onlyWrites(s, p)
}

// everywhere are the faults that a call on any side may meet.
func everywhere() []fault {
	return []fault{
		{name: "killed before", before: kill},
		{name: "killed after", after: kill, skip: effectless},
		{name: "SIGTERM before", before: terminate},
		{name: "SIGTERM after", after: terminate, skip: effectless},
	}
}

// faultsOf lists the faults that a call on one side may meet.
func faultsOf(side string) []fault {
	switch side {
	case onService:
		return append(serviceFaults(), everywhere()...)
	case onStore:
		return slices.Concat(storeFaults(), persons(), everywhere())
	case onVault, onAWS:
		return wireFaults(side)
	}
	errors := []fault{{name: "error before", before: refuseCall}, {name: "error after", after: refuseCall}}
	if side == onEvidence {
		return errors // to be killed there is to be killed at the call that the evidence is about
	}
	return append(errors, everywhere()...)
}

func serviceFaults() []fault {
	answer := func(name string, status int, retryAfter time.Duration) fault {
		return fault{name: name, reply: dbtcloudtest.Rule{Fault: dbtcloudtest.StatusBefore, Status: status, RetryAfter: retryAfter}}
	}
	lost := func(name string, r dbtcloudtest.Rule) fault { return fault{name: name, reply: r, skip: effectless} }
	later := func(name string, by time.Duration) fault {
		return fault{name: name, reply: dbtcloudtest.Rule{Fault: dbtcloudtest.TimeoutLate, Late: by}, skip: effectless, late: true}
	}
	return []fault{
		answer("400", 400, 0), answer("401", 401, 0), answer("403", 403, 0), answer("404", 404, 0),
		answer("429", 429, 0), answer("429, Retry-After", 429, 20*time.Second),
		answer("500", 500, 0), answer("503", 503, 0),
		lost("429 after the effect", dbtcloudtest.Rule{Fault: dbtcloudtest.StatusAfter, Status: 429}),
		lost("500 after the effect", dbtcloudtest.Rule{Fault: dbtcloudtest.StatusAfter, Status: 500}),
		{name: "timeout before", reply: dbtcloudtest.Rule{Fault: dbtcloudtest.TimeoutBefore}},
		lost("timeout after", dbtcloudtest.Rule{Fault: dbtcloudtest.TimeoutAfter}),
		later("effect 3 s late", 3*time.Second), later("effect 60 s late", time.Minute),
		{name: "reset before", reply: dbtcloudtest.Rule{Fault: dbtcloudtest.ResetBefore}},
		lost("reset after", dbtcloudtest.Rule{Fault: dbtcloudtest.ResetAfter}),
		{name: "half a body", reply: dbtcloudtest.Rule{Fault: dbtcloudtest.HalfBody}, skip: bodiless},
		{name: "HTML", reply: dbtcloudtest.Rule{Fault: dbtcloudtest.HTML}},
		lost("HTML after the effect", dbtcloudtest.Rule{Fault: dbtcloudtest.HTMLAfter}),
		{name: "permission lost", reply: dbtcloudtest.Rule{Fault: dbtcloudtest.LostPermission}},
		{name: "503 from here on", reply: dbtcloudtest.Rule{Fault: dbtcloudtest.StatusBefore, Status: 503}, lasts: true},
	}
}

func storeFaults() []fault {
	return []fault{
		{name: "error before", before: refuseCall},
		{name: "error after", after: refuseCall, skip: effectless},
		{name: "errors from here on", before: refuseCall, lasts: true},
	}
}

// persons are the faults of people who use other tools.
func persons() []fault {
	return []fault{
		{name: "a person writes the old value again", skip: onlyWrites, before: func(p *process, ref secrets.Ref) error {
			p.shelf.Set(ref, p.sim.ValueOf(p.old))
			return nil
		}},
		{name: "a person writes another token's value", skip: adopted, byPerson: true, before: func(p *process, ref secrets.Ref) error {
			p.wronged = append(p.wronged, ref)
			p.shelf.Set(ref, p.sim.ValueOf(700))
			return nil
		}},
	}
}
