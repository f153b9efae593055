package dbtcloudtest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"syscall"
)

// maxBody bounds what a request may send.
const maxBody = 1 << 20

// ServeHTTP implements http.Handler. A request that times out is held until its
// client gives up, at most for Options.HangLimit; a reset closes the connection
// without a reply. Note that Go's own client sends a GET once more by itself
// when a connection that it reused breaks.
func (s *Sim) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		http.Error(w, "the body could not be read", http.StatusBadRequest)
		return
	}
	answer, what, err := s.exchange(receive(r, body))
	if err != nil {
		panic(http.ErrAbortHandler) // the client has gone
	}
	switch what {
	case timedOut:
		s.mu.Lock()
		limit := s.opts.HangLimit
		s.mu.Unlock()
		_ = wait(r.Context(), limit) // either way nothing is answered
		panic(http.ErrAbortHandler)
	case reset:
		panic(http.ErrAbortHandler)
	}
	w.Header()["Date"] = nil // otherwise net/http would add one of the real time
	for key, values := range answer.header {
		w.Header()[key] = values
	}
	w.WriteHeader(answer.status)
	if what == halved {
		_, _ = w.Write(answer.body[:len(answer.body)/2])
		_ = http.NewResponseController(w).Flush() // a writer that cannot flush loses the half, too
		panic(http.ErrAbortHandler)
	}
	_, _ = w.Write(answer.body) // a client that is gone reads nothing
}

// RoundTrip implements http.RoundTripper without a socket, for any host. A
// timeout is returned at once: the rule's delays are the time it takes.
func (s *Sim) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		defer r.Body.Close()
		var err error
		if body, err = io.ReadAll(io.LimitReader(r.Body, maxBody)); err != nil {
			return nil, fmt.Errorf("reading the request's body: %w", err)
		}
	}
	answer, what, err := s.exchange(receive(r, body))
	if err == nil {
		err = r.Context().Err() // it may have ended in a hook
	}
	if err != nil {
		return nil, err
	}
	var content io.Reader = bytes.NewReader(answer.body)
	switch what {
	case timedOut:
		return nil, timeoutError{}
	case reset:
		return nil, &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}
	case halved:
		content = io.MultiReader(bytes.NewReader(answer.body[:len(answer.body)/2]), broken{})
	}
	return &http.Response{
		Status:        fmt.Sprintf("%d %s", answer.status, http.StatusText(answer.status)),
		StatusCode:    answer.status,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        answer.header,
		Body:          io.NopCloser(content),
		ContentLength: int64(len(answer.body)),
		Request:       r,
	}, nil
}

func receive(r *http.Request, body []byte) *incoming {
	return &incoming{
		ctx: r.Context(), method: r.Method, path: r.URL.Path, rawQuery: r.URL.RawQuery,
		authorization: r.Header.Get("Authorization"), body: body,
	}
}

// broken is the rest of a body whose connection broke.
type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// timeoutError looks like net/http's own, which also passes for the context's.
type timeoutError struct{}

func (timeoutError) Error() string        { return "net/http: timeout awaiting response headers" }
func (timeoutError) Timeout() bool        { return true }
func (timeoutError) Temporary() bool      { return true }
func (timeoutError) Is(target error) bool { return target == context.DeadlineExceeded }
