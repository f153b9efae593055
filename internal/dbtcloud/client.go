package dbtcloud

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/tokenwarden/tokenwarden/secrets"
)

// Config says which account to talk to, and how. The zero value of everything
// but Host and AccountID works.
type Config struct {
	// Host is the account's access URL, with or without /api. Plain http is
	// taken for loopback addresses only.
	Host      string
	AccountID int64
	Transport http.RoundTripper // nil: an http.Transport with sane timeouts
	// PerMinute limits the requests of each credential; 0 is 100, at most the
	// vendor's 5,000. The limit is shared with the customer's own pipelines.
	PerMinute int
	// Burst is how many of them may go at once; 0 is 100, or PerMinute if less.
	Burst int
	// GiveUp bounds how long one read is retried while the transport or the
	// service fails; 0 is 30 seconds. Waiting for the limit does not count, and
	// the first try may always take the 15 seconds that a single request has.
	GiveUp    time.Duration
	UserAgent string
	Log       *slog.Logger // nil: nothing is logged. No secret ever is.

	Now   func() time.Time
	Sleep func(context.Context, time.Duration) error
	Rand  func() float64 // in [0, 1): spreads retries
}

// Service is one account of dbt Cloud. It is safe for concurrent use.
type Service struct {
	base      *url.URL // scheme and host
	account   int64
	transport http.RoundTripper
	perMinute int
	rate      rate.Limit
	burst     int
	giveUp    time.Duration
	userAgent string
	log       *slog.Logger
	now       func() time.Time
	sleep     func(context.Context, time.Duration) error
	rand      func() float64

	requests atomic.Int64
	mu       sync.Mutex
	buckets  map[secrets.Fingerprint]*bucket
}

// New checks the configuration. It sends nothing.
func New(cfg Config) (*Service, error) {
	host, err := ParseHost(cfg.Host)
	if err != nil {
		return nil, fmt.Errorf("host: %w", err)
	}
	base, err := url.Parse(host)
	if err != nil {
		return nil, fmt.Errorf("host: %w", err)
	}
	switch {
	case cfg.AccountID <= 0:
		return nil, errors.New("the account id must be a positive number")
	case cfg.PerMinute < 0 || cfg.PerMinute > MaxPerMinute:
		return nil, fmt.Errorf("requests per minute must be between 1 and %d (0: the default)", MaxPerMinute)
	case cfg.Burst < 0 || cfg.Burst > MaxPerMinute:
		return nil, fmt.Errorf("the burst must be between 1 and %d (0: the default)", MaxPerMinute)
	case cfg.GiveUp < 0:
		return nil, errors.New("the time after which a read is given up must not be negative")
	}
	perMinute := cmp.Or(cfg.PerMinute, DefaultPerMinute)
	s := &Service{
		base:      base,
		account:   cfg.AccountID,
		transport: cfg.Transport,
		perMinute: perMinute,
		rate:      rate.Every(time.Minute / time.Duration(perMinute)),
		burst:     cmp.Or(cfg.Burst, min(perMinute, DefaultPerMinute)),
		giveUp:    cmp.Or(cfg.GiveUp, 30*time.Second),
		userAgent: cmp.Or(cfg.UserAgent, "tokenwarden"),
		log:       cmp.Or(cfg.Log, slog.New(slog.DiscardHandler)),
		now:       cfg.Now,
		sleep:     cfg.Sleep,
		rand:      cfg.Rand,
		buckets:   map[secrets.Fingerprint]*bucket{},
	}
	if s.transport == nil {
		s.transport = newTransport()
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.sleep == nil {
		s.sleep = sleep
	}
	if s.rand == nil {
		s.rand = rand.Float64
	}
	return s, nil
}

func newTransport() *http.Transport {
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout:    10 * time.Second,
		ForceAttemptHTTP2:      true,
		MaxIdleConnsPerHost:    8,
		IdleConnTimeout:        90 * time.Second,
		MaxResponseHeaderBytes: 1 << 20,
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// Host is the normalised access URL, without /api.
func (s *Service) Host() string { return s.base.String() }

// Requests is how many HTTP requests were sent so far, with whatever credential,
// retries included.
func (s *Service) Requests() int { return int(s.requests.Load()) }

// Client talks to a Service with one credential. It is safe for concurrent use.
type Client struct {
	service *Service
	token   secrets.Value
	bucket  *bucket
	observe func(Reply) // nil: nobody observes
}

// As returns a client with the given credential. Clients with the same value
// share one limit.
func (s *Service) As(token secrets.Value) *Client {
	key := token.Fingerprint(s.account)
	s.mu.Lock()
	defer s.mu.Unlock()
	b, found := s.buckets[key]
	if !found {
		b = &bucket{limiter: rate.NewLimiter(s.rate, s.burst), perMinute: s.perMinute}
		s.buckets[key] = b
	}
	return &Client{service: s, token: token, bucket: b}
}

// accountPath is the path of a resource of the account, below /api.
func (c *Client) accountPath(resource string) string {
	return "/v3/accounts/" + strconv.FormatInt(c.service.account, 10) + "/" + resource
}
