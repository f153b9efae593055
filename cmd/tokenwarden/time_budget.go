package main

import (
	"context"
	"time"
)

// grace is what there always is for passing on what happened, however the work
// ended: by the deadline, or by a signal, after which a container has 30 seconds.
const grace = 20 * time.Second

// timeBudget divides the time of a run that tells people what happened. One
// deadline (--timeout) holds for all of it; the end of that time is kept for
// announcements.
type timeBudget struct {
	signals context.Context // of the whole program: ends with a signal
	work    context.Context // for audit and rotations
	stop    context.CancelFunc
	begun   time.Time // by the clock of the run
	end     time.Time // by the runtime's, which contexts go by
}

func (a *app) timeBudget(ctx context.Context) *timeBudget {
	t := &timeBudget{signals: ctx, begun: a.env.now(), end: time.Now().Add(a.timeout())}
	t.work, t.stop = context.WithDeadlineCause(ctx, t.end.Add(-min(a.timeout()/5, 3*time.Minute)), errTimeout)
	return t
}

// announcing is the time for announcements: until the deadline, and at least grace
// for what a rotation has held back that could not be cut.
func (t *timeBudget) announcing() (context.Context, context.CancelFunc) {
	end := t.end
	if least := time.Now().Add(grace); end.Before(least) {
		end = least
	}
	ctx, cancel := context.WithDeadlineCause(context.WithoutCancel(t.signals), end, errTimeout)
	stop := context.AfterFunc(t.signals, func() { time.AfterFunc(grace, cancel) })
	return ctx, func() { stop(); cancel() }
}

// pinging is the time for one ping of the heartbeat.
func (t *timeBudget) pinging() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(t.signals), grace)
}
