package notify

import (
	"context"
	"fmt"
	"time"
)

// Probe is a channel that can be tried.
type Probe interface {
	Name() string
	// Drill sends something harmless, marked as a drill, the way that the real
	// thing goes.
	Drill(ctx context.Context) error
}

// Answer is what one channel said. A nil Err means that it answered as it does
// to the real thing.
type Answer struct {
	Channel string
	Err     error
}

// Drill tries every channel, one after the other, and says which of them
// answered. It touches no state.
func Drill(ctx context.Context, probes ...Probe) []Answer {
	var all []Answer
	for _, p := range probes {
		all = append(all, Answer{Channel: p.Name(), Err: p.Drill(ctx)})
	}
	return all
}

// Drill implements Probe: message, thread and file.
func (b *Bot) Drill(ctx context.Context) error {
	m := drill(b.pace.clock.now())
	m.Report = &Report{Name: "tokenwarden-drill.html", Body: []byte("<!doctype html><title>Drill</title><p>This is a drill: no token is affected.</p>\n")}
	return drilled(b.Announce(ctx, m))
}

// Drill implements Probe.
func (w *Webhook) Drill(ctx context.Context) error {
	return drilled(w.Announce(ctx, drill(w.pace.clock.now())))
}

// Drill implements Probe. It pings URL/log, which healthchecks.io writes down
// without taking the job for run or failed.
func (h Heartbeat) Drill(ctx context.Context) error { return h.ping(ctx, "log") }

func drilled(d Delivery, err error) error {
	if err == nil && len(d.Told) == 0 {
		return fmt.Errorf("the drill was posted without its finding")
	}
	if err == nil {
		err = d.Unattached
	}
	return err
}

// drill is a synthetic finding.
func drill(now time.Time) Message {
	at := now.UTC().Format("2006-01-02 15:04:05 UTC")
	night := Night{Account: "drill", Name: "DRILL, not an alarm", Alerts: []Alert{{
		Key: "drill", Rule: "drill", Severity: Info, Resource: "no token",
		Headline: "This is a drill of " + at + ": no token is affected. Seeing it proves that findings arrive here.",
		Remedy:   "tokenwarden doctor",
	}}}
	items := Decide(night, &AccountState{}, now, 0)
	return Message{
		Title: night.Name + ": " + headline(tally(items, nil)), Items: items,
		Summary: []string{"A synthetic finding, sent by tokenwarden drill. There is nothing to do."},
		Footer:  "End of the drill.",
	}
}
