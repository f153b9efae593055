package dbtcloudtest

import (
	"context"
	"net/url"
	"slices"
	"time"
)

// incoming is a request, whichever way it came.
type incoming struct {
	ctx           context.Context
	method        string
	path          string
	rawQuery      string
	authorization string
	body          []byte
}

// call is a request on its way to a handler.
type call struct {
	sim     *Sim
	in      *incoming
	query   url.Values
	route   route
	ids     []int64 // the ids in the path, the account's first
	cred    *credential
	account *account // set where the route needs a permission
	now     time.Time
}

// outcome is what becomes of the connection.
type outcome int

const (
	delivered outcome = iota
	timedOut
	reset
	halved
)

// exchange takes a request through the plan and the service. It holds no lock
// while it waits or calls a hook. An error is the context's.
func (s *Sim) exchange(in *incoming) (encoded, outcome, error) {
	line, rule, latency := s.arrive(in)
	if err := wait(in.ctx, latency+rule.Delay); err != nil {
		return encoded{}, reset, err
	}
	if rule.Before != nil {
		rule.Before()
		if err := in.ctx.Err(); err != nil {
			return encoded{}, reset, err
		}
	}
	answer := s.takeEffect(in, line, rule)
	if rule.Fault.effect() && rule.After != nil {
		rule.After()
	}
	if err := wait(in.ctx, rule.DelayReply); err != nil {
		return encoded{}, reset, err
	}
	switch rule.Fault {
	case TimeoutBefore, TimeoutAfter, TimeoutLate:
		return encoded{}, timedOut, nil
	case ResetBefore, ResetAfter:
		return encoded{}, reset, nil
	case HalfBody:
		if len(answer.body) == 0 {
			return encoded{}, reset, nil
		}
		return answer, halved, nil
	}
	return answer, delivered, nil
}

// arrive logs the request and asks the plan.
func (s *Sim) arrive(in *incoming) (*Request, *plannedRule, time.Duration) {
	s.lock()
	defer s.mu.Unlock()
	line := &Request{At: s.now(), Operation: operation(in.method, in.path), Method: in.method, Path: in.path, Query: in.rawQuery}
	cred := s.world.credentials[valueOf(in.authorization)]
	if cred != nil && cred.token != nil {
		line.TokenID = cred.token.id
	}
	s.record(line)
	rule := s.chosen(line)
	line.Fault = rule.Fault
	if rule.Fault == LostPermission && cred != nil {
		cred.lost = true
	}
	return line, rule, s.opts.Latency
}

// takeEffect lets the service answer, unless the rule keeps the request away.
func (s *Sim) takeEffect(in *incoming, line *Request, rule *plannedRule) encoded {
	s.lock()
	defer s.mu.Unlock()
	var answer reply
	if rule.Fault.effect() {
		answer = s.serve(in, line, s.now())
	}
	switch rule.Fault {
	case StatusBefore, StatusAfter, HTML, HTMLAfter:
		answer = s.answer(rule)
	case TimeoutLate:
		s.late = append(s.late, lateEffect{due: line.At.Add(rule.Late), in: in, line: line})
	}
	return s.encode(answer)
}

// serve is the service itself. It runs locked.
func (s *Sim) serve(in *incoming, line *Request, now time.Time) reply {
	shape, ids := shapeOf(in.path)
	known, ok := routes[in.method+" "+shape]
	s.notify(Before, line)
	var answer reply
	if !ok {
		answer = astray(in, shape)
	} else {
		c := &call{sim: s, in: in, route: known, ids: ids, cred: s.world.credentials[valueOf(in.authorization)], now: now}
		c.query, _ = url.ParseQuery(in.rawQuery) // what cannot be read is not there
		var refused bool
		if answer, refused = s.gate(c); !refused {
			answer = known.handle(c)
		}
	}
	line.Effect, line.Status = true, answer.status
	s.notify(After, line)
	return answer
}

// lateEffect is a request whose sender gave up, and which happens all the same.
type lateEffect struct {
	due  time.Time
	in   *incoming
	line *Request
}

// settle lets what is overdue happen, as if it had at its own time. Nobody can
// tell the difference, because nobody looks without settling first.
func (s *Sim) settle() {
	for {
		next := -1
		for i, l := range s.late {
			if !l.due.After(s.now()) && (next < 0 || l.due.Before(s.late[next].due)) {
				next = i
			}
		}
		if next < 0 {
			return
		}
		l := s.late[next]
		s.late = slices.Delete(s.late, next, next+1)
		s.serve(l.in, l.line, l.due)
	}
}

// wait passes d, or ends with the context's error.
func wait(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
