package dbtcloud

import (
	"context"
	"errors"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tokenwarden/tokenwarden/secrets"
)

var zeroValue secrets.Value

const noAccounts = `{"data": []}`

func TestReadsAreRetried(t *testing.T) {
	for name, first := range map[string]*http.Response{
		"500":         response(500, `{}`),
		"502 HTML":    response(502, `<html>`),
		"200 HTML":    response(200, `<html>`),
		"half a body": response(200, `{"data": [`),
	} {
		synctest.Test(t, func(t *testing.T) {
			transport := answers(first, first, response(200, noAccounts))
			c := newTestClient(t, transport)
			start := time.Now()
			_, err := c.Accounts(context.Background())
			if err != nil || c.service.Requests() != 3 || transport.count() != 3 {
				t.Errorf("%s: %v after %d requests", name, err, c.service.Requests())
			}
			if took := time.Since(start); took < 750*time.Millisecond || took > 2*time.Second {
				t.Errorf("%s: two pauses took %v", name, took)
			}
		})
	}
}

func TestReadsAreGivenUpInTime(t *testing.T) {
	refused := errors.New("connection refused")
	for name, answer := range map[string]func(int, *http.Request) (*http.Response, error){
		"refused": func(int, *http.Request) (*http.Response, error) { return nil, refused },
		"503":     func(int, *http.Request) (*http.Response, error) { return response(503, `{}`), nil },
		"silence": func(_ int, r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			transport := &fake{answer: answer}
			c := newTestClient(t, transport)
			start := time.Now()
			_, err := c.Accounts(context.Background())
			took := time.Since(start)
			if k := KindOf(err); k != KindTransport && k != KindServer {
				t.Errorf("%s: %v", name, err)
			}
			if took > 30*time.Second || took < 10*time.Second || transport.count() < 2 {
				t.Errorf("%s: given up after %v and %d requests", name, took, transport.count())
			}
		})
	}
}

func TestRefusalsAreNotRetried(t *testing.T) {
	for _, status := range []int{400, 401, 403, 404, 409, 410, 422, 451} {
		transport := answers(response(status, `{}`))
		if _, err := newTestClient(t, transport).Accounts(context.Background()); err == nil || transport.count() != 1 {
			t.Errorf("%d: %v after %d requests", status, err, transport.count())
		}
	}
}

func TestNoRetryBeyondTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		defer cancel()
		transport := answers(response(503, `{}`))
		_, err := newTestClient(t, transport).Accounts(ctx)
		if KindOf(err) != KindServer || transport.count() != 1 || ctx.Err() != nil {
			t.Errorf("%v after %d requests; context: %v", err, transport.count(), ctx.Err())
		}
	})
}

func TestCanceledBetweenRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		transport := &fake{answer: func(int, *http.Request) (*http.Response, error) {
			time.AfterFunc(10*time.Millisecond, cancel)
			return response(503, `{}`), nil
		}}
		_, err := newTestClient(t, transport).Accounts(ctx)
		if KindOf(err) != KindCanceled || !errors.Is(err, context.Canceled) || transport.count() != 1 {
			t.Errorf("%v after %d requests", err, transport.count())
		}
	})
}

// endless is a body that never stops.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

func TestReplyIsBounded(t *testing.T) {
	transport := &fake{answer: func(int, *http.Request) (*http.Response, error) {
		r := response(200, "")
		r.Body = io.NopCloser(endless{})
		return r, nil
	}}
	_, err := newTestClient(t, transport).Accounts(context.Background())
	if KindOf(err) != KindMalformed || !errors.Is(err, errTooLarge) || transport.count() != 1 {
		t.Errorf("%v after %d requests", err, transport.count())
	}
}

func TestBackoffGrowsToItsCap(t *testing.T) {
	for _, random := range []float64{0, 0.999999} {
		s := newTestService(t, nil, func(cfg *Config) { cfg.Rand = func() float64 { return random } })
		last := time.Duration(0)
		for attempt := range 100 {
			d := s.backoff(attempt)
			if d < last || d < firstBackoff/2 || d > maxBackoff {
				t.Fatalf("attempt %d waits %v after %v", attempt, d, last)
			}
			last = d
		}
	}
}
