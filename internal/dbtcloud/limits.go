package dbtcloud

import (
	"context"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Limits of requests per minute.
const (
	DefaultPerMinute = 100  // what a downstream vendor tells its users per token (docs)
	MaxPerMinute     = 5000 // the vendor's limit for an account (docs)
)

const (
	// minute is a minute to the service. A request takes longer to get there when
	// it opens a connection than when it finds one, so what leaves a minute later
	// may arrive earlier than that.
	minute = time.Minute + time.Second
	// cooldown is how long the vendor blocks after a 429 (docs). The Admin API
	// does not promise a Retry-After.
	cooldown = 5 * time.Minute
	// maxRetryAfter bounds what a reply can make us wait.
	maxRetryAfter = 24 * time.Hour
)

// bucket limits the requests of one credential, and keeps all of them back
// while the service wants none.
type bucket struct {
	limiter   *rate.Limiter
	perMinute int

	mu    sync.Mutex
	sent  []time.Time // when each of the last requests leaves, perMinute of them at the most
	next  int         // the oldest of them, once they are that many
	until time.Time   // end of the cooldown
}

// place is a request's place among those of a minute.
type place struct {
	bucket *bucket
	index  int
	at     time.Time // when it may leave
	before time.Time // whose place it takes, a minute later at the earliest; zero: nobody's
}

// reserve takes a request's turn with the limiter and its place in the minute at
// once: in another order the places of those who come together would not lie one
// after the other.
func (b *bucket) reserve(now time.Time) (*rate.Reservation, place) {
	b.mu.Lock()
	defer b.mu.Unlock()
	reservation := b.limiter.ReserveN(now, 1)
	return reservation, b.inMinute(now.Add(reservation.DelayFrom(now)))
}

// inMinute says when a request may leave, ready or later, so that no minute,
// wherever it begins, has more than the limit: the limiter alone, which is full
// at the start, would let twice as many out in the first one.
func (b *bucket) inMinute(ready time.Time) place {
	if len(b.sent) < b.perMinute {
		b.sent = append(b.sent, ready)
		return place{bucket: b, index: len(b.sent) - 1, at: ready}
	}
	p := place{bucket: b, index: b.next, at: ready, before: b.sent[b.next]}
	if free := p.before.Add(minute); free.After(ready) {
		p.at = free
	}
	b.sent[p.index], b.next = p.at, (p.index+1)%len(b.sent)
	return p
}

// roomFor says when n more requests may leave at once.
func (b *bucket) roomFor(n int, now time.Time) time.Time {
	ready := now
	if missing := float64(n) - b.limiter.TokensAt(now); missing > 0 {
		ready = now.Add(time.Duration(missing / float64(b.limiter.Limit()) * float64(time.Second)))
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if over := len(b.sent) + n - b.perMinute; over > 0 {
		// So many of those sent last must lie a minute back, the oldest first.
		last := b.sent[(b.next+over-1)%len(b.sent)]
		if free := last.Add(minute); free.After(ready) {
			ready = free
		}
	}
	return ready
}

// leaves notes when the request really goes, after a cooldown say.
func (p place) leaves(at time.Time) {
	p.bucket.mu.Lock()
	defer p.bucket.mu.Unlock()
	if at.After(p.bucket.sent[p.index]) {
		p.bucket.sent[p.index] = at
	}
}

// giveBack is for a request that is not sent. Where another one stands behind
// it already, the place stays empty.
func (p place) giveBack() {
	b := p.bucket
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.next != (p.index+1)%len(b.sent) || b.sent[p.index] != p.at:
	case p.before.IsZero():
		b.sent = b.sent[:p.index]
	default:
		b.sent[p.index], b.next = p.before, p.index
	}
}

// cool keeps requests back until t, or longer if an earlier reply said so.
func (b *bucket) cool(t time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if t.After(b.until) {
		b.until = t
	}
}

func (b *bucket) cooled() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.until
}

// wait takes one request out of the credential's bucket, or fails at once when
// that would take longer than ctx has left.
func (c *Client) wait(ctx context.Context, r request) *Error {
	s := c.service
	now := s.now()
	reservation, place := c.bucket.reserve(now)
	ready, waited := place.at, now
	giveBack := func() { reservation.CancelAt(s.now()); place.giveBack() }
	for {
		if err := ctx.Err(); err != nil {
			giveBack()
			return c.unsent(r, KindCanceled, err)
		}
		if until := c.bucket.cooled(); until.After(ready) {
			ready = until // another request may have been told to wait meanwhile
		}
		delay := ready.Sub(s.now())
		// What was slept through is over, even if the clock has not moved on.
		if delay <= 0 || !ready.After(waited) {
			place.leaves(ready)
			place.leaves(s.now())
			return nil
		}
		if outlasts(ctx, delay) {
			giveBack()
			e := c.unsent(r, KindThrottled, errNoTimeLeft)
			e.RetryAfter = delay
			return e
		}
		if delay >= time.Second {
			s.log.LogAttrs(ctx, slog.LevelInfo, "waiting for the request limit", r.attr(), waitAttr(delay))
		}
		if err := s.sleep(ctx, delay); err != nil {
			giveBack()
			return c.unsent(r, KindCanceled, err)
		}
		waited = ready
	}
}

// Room waits until so many requests (at the most those of a minute) can be sent
// one after the other without another wait: for work that must not stand still
// half-way. It fails at once, as KindThrottled, when ctx would end before.
func (c *Client) Room(ctx context.Context, requests int) error {
	s, b := c.service, c.bucket
	r := request{op: "waiting for room within the request limit"}
	now := s.now()
	ready := b.roomFor(min(requests, b.perMinute, b.limiter.Burst()), now)
	if until := b.cooled(); until.After(ready) {
		ready = until
	}
	delay := ready.Sub(now)
	switch {
	case ctx.Err() != nil:
		return c.unsent(r, KindCanceled, ctx.Err())
	case delay <= 0:
		return nil
	case outlasts(ctx, delay):
		e := c.unsent(r, KindThrottled, errNoTimeLeft)
		e.RetryAfter = delay
		return e
	}
	s.log.LogAttrs(ctx, slog.LevelInfo, "waiting for the request limit", r.attr(), waitAttr(delay))
	if err := s.sleep(ctx, delay); err != nil {
		return c.unsent(r, KindCanceled, err)
	}
	return nil
}

// outlasts reports whether nothing would be left of ctx after waiting d. Deadlines are
// always in real time, whatever clock the Service was given.
func outlasts(ctx context.Context, d time.Duration) bool {
	deadline, ok := ctx.Deadline()
	return ok && time.Until(deadline) <= d
}

// retryAfter reads how long the service wants to be left alone: seconds or an
// HTTP date (which counts from the reply's own Date), else the vendor's cooldown.
func retryAfter(h http.Header, date, now time.Time) time.Duration {
	value := strings.TrimSpace(h.Get("Retry-After"))
	if seconds, err := strconv.ParseFloat(value, 64); err == nil && seconds >= 0 {
		return bounded(time.Duration(min(seconds, maxRetryAfter.Seconds()) * float64(time.Second)))
	}
	if at, err := http.ParseTime(value); err == nil {
		if date.IsZero() {
			date = now
		}
		return bounded(at.Sub(date))
	}
	return cooldown
}

func bounded(d time.Duration) time.Duration { return min(max(d, time.Second), maxRetryAfter) }
