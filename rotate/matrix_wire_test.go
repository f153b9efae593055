package rotate_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/tokenwarden/tokenwarden/secrets"
	"github.com/tokenwarden/tokenwarden/secrets/secretstest"
)

// wire is what a process reaches a server through: each request that a store
// makes is a call at which faults strike.
type wire struct {
	*process
	side string
	name func(*http.Request) string
	next http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (w wire) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err // nothing is sent
	}
	at := w.process.next(w.side, w.method+": "+w.name(r))
	if err := w.strike(at, w.ref, fault.strikesBefore); err != nil {
		return w.spoilt(r, nil, err)
	}
	resp, err := w.next.RoundTrip(r)
	w.shelf.look()
	if err != nil {
		return nil, err
	}
	if err := w.strike(at, w.ref, fault.strikesAfter); err != nil {
		return w.spoilt(r, resp, err)
	}
	return resp, nil
}

// enter and leave note which call of a store is under way.
func (p *process) enter(_ context.Context, c secretstest.Call) error {
	p.method, p.ref = string(c.Op), c.Ref
	return nil
}

func (p *process) leave(context.Context, secretstest.Call) error { return nil }

// answer is what comes back in the place of a server's own answer.
type answer struct {
	status     int
	kind, body string
}

func (a answer) Error() string { return fmt.Sprintf("an injected answer with status %d", a.status) }

// late is a request that arrives some time after it was sent; its sender hears
// nothing.
type late struct{ by time.Duration }

func (l late) Error() string { return fmt.Sprintf("a request that arrives %v late", l.by) }

var (
	errSilence = errors.New("no answer at all")
	errHalf    = errors.New("half of the answer's body")
)

// spoilt is what a fault makes of an answer.
func (w wire) spoilt(r *http.Request, resp *http.Response, fault error) (*http.Response, error) {
	if a, is := errors.AsType[answer](fault); is {
		return &http.Response{
			Status: fmt.Sprintf("%d %s", a.status, http.StatusText(a.status)), StatusCode: a.status,
			Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{"Content-Type": {a.kind}},
			Body: io.NopCloser(strings.NewReader(a.body)), ContentLength: int64(len(a.body)), Request: r,
		}, nil
	}
	if l, is := errors.AsType[late](fault); is {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		sent := r.Clone(context.WithoutCancel(r.Context()))
		sent.Body = io.NopCloser(bytes.NewReader(body))
		go func() {
			time.Sleep(l.by)
			_, _ = w.next.RoundTrip(sent) // nobody hears the answer
			w.shelf.look()
		}()
		fault = errSilence
	}
	switch {
	case errors.Is(fault, errSilence):
		<-r.Context().Done()
		return nil, r.Context().Err()
	case errors.Is(fault, errHalf):
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			return nil, err
		}
		resp.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body[:len(body)/2]), cut{}))
		return resp, nil
	}
	return nil, fmt.Errorf("read tcp 127.0.0.1: %w", syscall.ECONNRESET)
}

// cut is where a body ends too early.
type cut struct{}

func (cut) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// wireFaults are those that a single request to a store's server may meet.
func wireFaults(side string) []fault {
	instead := func(err error) act { return func(*process, secrets.Ref) error { return err } }
	html := instead(answer{http.StatusOK, "text/html", "<html><body>Please log in.</body></html>"})
	faults := []fault{
		{name: "timeout before", before: instead(errSilence)},
		{name: "timeout after", after: instead(errSilence), skip: effectless},
		{name: "effect 3 s late", before: instead(late{3*time.Second + time.Microsecond}), skip: effectless, late: true},
		{name: "effect 60 s late", before: instead(late{time.Minute + time.Microsecond}), skip: effectless, late: true},
		{name: "reset before", before: refuseCall},
		{name: "reset after", after: refuseCall, skip: effectless},
		{name: "half a body", after: instead(errHalf), skip: bodiless},
		{name: "HTML", before: html},
		{name: "HTML after the effect", after: html, skip: effectless},
	}
	for _, s := range refusals(side) {
		faults = append(faults, fault{name: s.name, before: instead(s.answer), lasts: s.lasts})
		if s.answer.status >= http.StatusInternalServerError && !s.lasts {
			faults = append(faults, fault{name: s.name + " after the effect", after: instead(s.answer), skip: effectless})
		}
	}
	return slices.Concat(faults, persons(), everywhere())
}

// refusal is an answer of a server's that says no.
type refusal struct {
	name   string
	answer answer
	lasts  bool
}

func refusals(side string) []refusal {
	vault := func(name string, status int, errors string) refusal {
		return refusal{name, answer{status, "application/json", `{"errors":[` + errors + `]}`}, strings.HasSuffix(name, "from here on")}
	}
	aws := func(name string, status int, code string) refusal {
		body := fmt.Sprintf(`{"__type":%q,"Message":"injected"}`, code)
		return refusal{name, answer{status, "application/x-amz-json-1.1", body}, strings.HasSuffix(name, "from here on")}
	}
	if side == onVault {
		return []refusal{
			vault("400", 400, `"injected"`), vault("403", 403, `"1 error occurred:\n\t* permission denied\n\n"`),
			vault("404", 404, ``), vault("429", 429, `"request path \"\": rate limit quota exceeded"`),
			vault("500", 500, `"internal error"`), vault("503", 503, `"injected"`),
			vault("sealed", 503, `"Vault is sealed"`), vault("sealed from here on", 503, `"Vault is sealed"`),
		}
	}
	return []refusal{
		aws("400 ValidationException", 400, "ValidationException"), aws("400 InvalidParameterException", 400, "InvalidParameterException"),
		aws("400 InvalidRequestException", 400, "InvalidRequestException"), aws("400 AccessDeniedException", 400, "AccessDeniedException"),
		aws("403 ExpiredTokenException", 403, "ExpiredTokenException"), aws("400 ResourceNotFoundException", 400, "ResourceNotFoundException"),
		aws("400 ThrottlingException", 400, "ThrottlingException"), aws("429", 429, "TooManyRequestsException"),
		aws("500 InternalServiceError", 500, "InternalServiceError"), aws("503", 503, "ServiceUnavailable"),
		aws("503 from here on", 503, "ServiceUnavailable"),
	}
}
