package dbtcloud

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"time"
)

const (
	firstBackoff = 500 * time.Millisecond
	maxBackoff   = 8 * time.Second
)

func waitAttr(d time.Duration) slog.Attr {
	return slog.String("wait", d.Round(time.Millisecond).String())
}

// get reads, again if need be: after a failure of transport or service until
// GiveUp is used up, and after a 429 for as long as ctx's deadline allows
// (without a deadline: for ever).
func (c *Client) get(ctx context.Context, op, path string, query url.Values) (reply, error) {
	r := request{op: op, method: http.MethodGet, path: path, query: query}
	if !usable(c.token.Reveal()) {
		return reply{}, c.unsent(r, KindInvalid, errBadToken)
	}
	s := c.service
	var failing time.Duration // waiting for the limit does not count
	for attempt := 0; ; attempt++ {
		if err := c.wait(ctx, r); err != nil {
			return reply{}, err
		}
		start, timeout := s.now(), requestTimeout
		if failing > 0 {
			timeout = min(timeout, s.giveUp-failing)
		}
		rep, err := c.follow(ctx, r, timeout)
		if err == nil {
			return rep, nil
		}
		if err.Kind == KindThrottled && !err.unsent {
			c.bucket.cool(s.now().Add(err.RetryAfter))
			if outlasts(ctx, err.RetryAfter) {
				return reply{}, err
			}
			s.log.LogAttrs(ctx, slog.LevelWarn, "throttled by the service", r.attr(), waitAttr(err.RetryAfter))
			failing, attempt = 0, -1
			continue
		}
		pause := s.backoff(attempt)
		failing += s.now().Sub(start) + pause
		if !passing(err) || failing >= s.giveUp || outlasts(ctx, pause) {
			return reply{}, err
		}
		s.log.LogAttrs(ctx, slog.LevelInfo, "trying again", r.attr(), slog.String("after", err.Kind.String()), waitAttr(pause))
		if stopped := s.sleep(ctx, pause); stopped != nil {
			return reply{}, c.fail(r, KindCanceled, stopped)
		}
	}
}

// write sends a request that changes something: once. Nobody but the caller
// can know whether to send it again.
func (c *Client) write(ctx context.Context, r request) (reply, error) {
	if !usable(c.token.Reveal()) {
		return reply{}, c.unsent(r, KindInvalid, errBadToken)
	}
	if err := c.wait(ctx, r); err != nil {
		return reply{}, err
	}
	rep, err := c.follow(ctx, r, requestTimeout)
	if err == nil {
		return rep, nil
	}
	if err.Kind == KindThrottled && !err.unsent {
		c.bucket.cool(c.service.now().Add(err.RetryAfter))
		// Not waited for here, but by whatever is asked next.
		c.service.log.LogAttrs(ctx, slog.LevelWarn, "throttled by the service", r.attr(), waitAttr(err.RetryAfter))
	}
	return reply{}, err
}

// passing reports whether a read that failed like this may soon succeed.
func passing(e *Error) bool {
	switch e.Kind {
	case KindTransport, KindServer:
		return true
	case KindMalformed:
		return !errors.Is(e.Err, errTooLarge)
	}
	return false
}

// backoff doubles from attempt to attempt; half of it is left to chance, so
// that many runs do not come back at the same moment.
func (s *Service) backoff(attempt int) time.Duration {
	d := maxBackoff
	if attempt < 4 {
		d = firstBackoff << attempt
	}
	return d/2 + time.Duration(s.rand()*float64(d/2))
}
