package dbtcloud

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	requestTimeout = 15 * time.Second // of a single request, its body included
	maxBody        = 16 << 20         // bytes of a reply
	maxRedirects   = 5
)

var (
	errTooLarge    = fmt.Errorf("the reply is larger than %d MiB", maxBody>>20)
	errNoAnswer    = fmt.Errorf("no complete answer in time (at most %s)", requestTimeout)
	errNoTimeLeft  = errors.New("the wait for the request limit would outlast the time that is left")
	errBadToken    = errors.New("the credential is empty or has characters that no token has")
	errContradicts = errors.New("the status of the reply and its body contradict each other")
)

// request is one call of the API, before it is known how often it is sent.
type request struct {
	op     string // for errors: "listing service tokens"
	method string
	path   string // below /api
	query  url.Values
	body   any
	// statusOnly: any 2xx is success, whatever the body.
	statusOnly bool
}

func (r request) attr() slog.Attr { return slog.String("request", r.method+" "+r.path) }

// reply is a successful answer.
type reply struct {
	envelope
	status int
	date   time.Time // zero: the reply had no Date
}

// fail makes the Error of a request. A cause that quotes the credential is
// replaced by its text without it.
func (c *Client) fail(r request, kind Kind, cause error) *Error {
	if token := c.token.Reveal(); cause != nil && token != "" && strings.Contains(cause.Error(), token) {
		cause = errors.New(strings.ReplaceAll(cause.Error(), token, "[redacted]"))
	}
	return &Error{Op: r.op, Host: c.service.Host(), Kind: kind, Err: cause}
}

func (c *Client) unsent(r request, kind Kind, cause error) *Error {
	e := c.fail(r, kind, cause)
	e.unsent = true
	return e
}

// usable reports whether the credential can stand in a header.
func usable(token string) bool {
	return token != "" && !strings.ContainsFunc(token, func(c rune) bool { return c <= ' ' || c > '~' })
}

// follow sends r once, and a read again wherever the same host redirects it.
func (c *Client) follow(ctx context.Context, r request, timeout time.Duration) (reply, *Error) {
	target := *c.service.base
	target.Path, target.RawQuery = "/api"+r.path, r.query.Encode()
	for hop := 0; ; hop++ {
		rep, next, err := c.exchange(ctx, r, &target, timeout)
		if err == nil || err.Kind != KindRedirect || next == nil {
			return rep, err
		}
		sameHost := hostPort(next) == hostPort(&target)
		downgraded := target.Scheme == "https" && next.Scheme != "https"
		switch {
		case !sameHost:
			err.Message = clean(fmt.Sprintf("the service points to %s://%s: if that is your account's host, put it into the configuration",
				next.Scheme, hostPort(next)))
		case downgraded:
			err.Message = "the service redirects to plain http, which is not followed"
		case r.method != http.MethodGet:
			err.Message = "the service redirects a write, which is not followed"
		case hop == maxRedirects:
			err.Message = fmt.Sprintf("the service redirected more than %d times", maxRedirects)
		default:
			target = url.URL{Scheme: next.Scheme, Host: next.Host, Path: next.Path, RawPath: next.RawPath, RawQuery: next.RawQuery}
			if err := c.wait(ctx, r); err != nil {
				return reply{}, err
			}
			continue
		}
		return reply{}, err
	}
}

// exchange sends one HTTP request and reads the answer. For a redirect it
// returns where to, nil if the reply does not say so usably.
func (c *Client) exchange(ctx context.Context, r request, target *url.URL, timeout time.Duration) (reply, *url.URL, *Error) {
	s := c.service
	var body io.Reader
	if r.body != nil {
		encoded, err := json.Marshal(r.body)
		if err != nil {
			return reply{}, nil, c.unsent(r, KindInvalid, err)
		}
		body = bytes.NewReader(encoded)
	}
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(limited, r.method, target.String(), body)
	if err != nil {
		return reply{}, nil, c.unsent(r, KindInvalid, err)
	}
	req.Header.Set("Authorization", "Token "+c.token.Reveal())
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", s.userAgent)

	s.requests.Add(1)
	start := s.now()
	resp, err := s.transport.RoundTrip(req)
	if err != nil {
		return reply{}, nil, c.broken(ctx, limited, r, err)
	}
	defer func() { _ = resp.Body.Close() }()
	content, readErr := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	s.log.LogAttrs(ctx, slog.LevelDebug, "request", r.attr(), slog.Int("status", resp.StatusCode),
		slog.Duration("took", s.now().Sub(start)), slog.Int("bytes", len(content)))
	date, _ := http.ParseTime(resp.Header.Get("Date")) // the zero time is what is promised without one
	c.tell(r.method, resp, len(content), date)
	rep := reply{status: resp.StatusCode, date: date}
	// A refusal is one, even if its explanation breaks off.
	halfBody := errors.Is(readErr, io.ErrUnexpectedEOF) && !rep.succeeded()
	if readErr != nil && !halfBody && !(r.statusOnly && rep.succeeded()) {
		e := c.broken(ctx, limited, r, readErr)
		e.Status, e.Date = rep.status, date
		return reply{}, nil, e
	}
	if rep.status/100 == 3 {
		next, _ := target.Parse(resp.Header.Get("Location"))
		e := c.fail(r, KindRedirect, nil)
		e.Status, e.Date, e.Message = rep.status, date, "the service redirects without saying where to"
		if resp.Header.Get("Location") == "" {
			next = nil
		}
		return reply{}, next, e
	}
	if halfBody {
		content = nil // even if what came can be read
	}
	e := c.judge(r, &rep, content)
	if e != nil && e.Kind == KindThrottled {
		e.RetryAfter = retryAfter(resp.Header, date, s.now())
	}
	return rep, nil, e
}

func (r reply) succeeded() bool { return r.status/100 == 2 }

// judge reads the body into rep, or says what is wrong with the answer.
func (c *Client) judge(r request, rep *reply, content []byte) *Error {
	if rep.succeeded() && (r.statusOnly || rep.status == http.StatusNoContent) {
		return nil
	}
	var err error
	if len(content) > maxBody {
		err = errTooLarge
	} else {
		rep.envelope, err = readEnvelope(content)
	}
	contradicts := rep.succeeded() && (rep.failed || rep.code >= 400)
	var e *Error
	switch {
	case rep.succeeded() && err != nil:
		e = c.fail(r, KindMalformed, err)
	case contradicts:
		e = c.fail(r, kindOfStatus(rep.code), errContradicts)
	case rep.succeeded():
		return nil
	default:
		e = c.fail(r, kindOfStatus(rep.status), err)
	}
	if e.Kind == KindForbidden && rep.accessDenied() {
		e.Kind = KindIPRestricted
	}
	e.Status, e.Date, e.unclear = rep.status, rep.date, err != nil || contradicts
	if err == nil {
		message := rep.complaint()
		e.Message = clean(strings.ReplaceAll(message, c.token.Reveal(), "[redacted]"))
	}
	return e
}

// broken makes the Error of a connection that gave no answer.
func (c *Client) broken(ctx, limited context.Context, r request, cause error) *Error {
	switch {
	case ctx.Err() != nil:
		return c.fail(r, KindCanceled, ctx.Err())
	case limited.Err() != nil:
		return c.fail(r, KindTransport, errNoAnswer)
	}
	return c.fail(r, KindTransport, cause)
}
