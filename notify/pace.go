package notify

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/slack-go/slack"
)

// Pace of what is sent to one channel: Slack takes about one message a second
// (docs.slack.dev, rate limits).
const (
	perMessage = time.Second
	maxTries   = 5
	// cooldown is the patience after a 429 that names none (assumption).
	cooldown = 30 * time.Second
)

// Clock is where time comes from; its zero value is the real one.
type Clock struct {
	Now   func() time.Time
	Sleep func(context.Context, time.Duration) error // returns early with the context's error
}

func (c Clock) now() time.Time {
	if c.Now != nil {
		return c.Now()
	}
	return time.Now()
}

func (c Clock) sleep(ctx context.Context, d time.Duration) error {
	if c.Sleep != nil {
		return c.Sleep(ctx, d)
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// pacer spaces calls, and repeats those that were answered by 429: only these
// are known not to have posted anything.
type pacer struct {
	clock Clock
	mu    sync.Mutex
	next  time.Time // when the next call may go out
}

func (p *pacer) do(ctx context.Context, call func() error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for try := 1; ; try++ {
		if wait := p.next.Sub(p.clock.now()); wait > 0 {
			if err := p.clock.sleep(ctx, wait); err != nil {
				return err
			}
		}
		err := call()
		p.next = p.clock.now().Add(perMessage)
		wait, throttled := patience(err)
		if !throttled || try == maxTries {
			return err
		}
		p.next = p.clock.now().Add(wait)
		if end, limited := ctx.Deadline(); limited && p.next.After(end) {
			return err // it could not go out in time
		}
	}
}

// patience returns how long to wait after an error, if it is that of a limit.
func patience(err error) (time.Duration, bool) {
	var limited *slack.RateLimitedError
	if errors.As(err, &limited) {
		return max(limited.RetryAfter, perMessage), true
	}
	var status slack.StatusCodeError
	return cooldown, errors.As(err, &status) && status.Code == http.StatusTooManyRequests
}
