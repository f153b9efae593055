package notify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/tokenwarden/tokenwarden/secrets"
)

// Heartbeat tells a watchdog that the job began and how it ended, in the form of
// healthchecks.io and what is compatible with it: URL/start, URL, URL/<exit code>
// (healthchecks.io/docs/http_api). A watchdog that hears nothing raises the
// alarm: that is the only way to learn that a cron job did not run at all.
type Heartbeat struct {
	URL       secrets.Value // whoever has it can say that all is well
	Transport http.RoundTripper
	UserAgent string
	Clock     Clock
}

// A ping is small, and a lost one wakes somebody up: it is tried again.
const (
	pingTimeout = 10 * time.Second
	pingTries   = 3
)

// Name implements Probe.
func (h Heartbeat) Name() string { return "heartbeat" }

// Check says whether the URL can be pinged at all: it is a mistake in the
// set-up if not, and known before anything is done.
func (h Heartbeat) Check() error {
	_, err := parsePingURL(h.URL)
	return err
}

// Start says that the job began.
func (h Heartbeat) Start(ctx context.Context) error { return h.ping(ctx, "start") }

// Done says how the job ended. Every exit code but 0 is a failure; a code
// outside 0 to 255 is sent as 255.
func (h Heartbeat) Done(ctx context.Context, exitCode int) error {
	switch {
	case exitCode == 0:
		return h.ping(ctx, "")
	case exitCode < 0 || exitCode > 255:
		exitCode = 255
	}
	return h.ping(ctx, strconv.Itoa(exitCode))
}

// ping requests the URL with a suffix.
func (h Heartbeat) ping(ctx context.Context, suffix string) error {
	const op = "pinging the heartbeat URL"
	u, err := parsePingURL(h.URL)
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	hidden := secretParts(u)
	if suffix != "" {
		u = u.JoinPath(suffix)
	}
	client := newClient(h.Transport, h.UserAgent, pingTimeout)
	for try := 1; ; try++ {
		err = get(ctx, client, u)
		if err == nil || try == pingTries || ctx.Err() != nil || final(err) {
			return fail(op, err, hidden...)
		}
		if sleepErr := h.Clock.sleep(ctx, time.Duration(try)*time.Second); sleepErr != nil {
			return fail(op, err, hidden...)
		}
	}
}

// final reports whether the answer would be the same a moment later.
func final(err error) bool {
	var r *refusal
	return errors.As(err, &r) && r.status < http.StatusInternalServerError && r.status != http.StatusTooManyRequests
}

func get(ctx context.Context, client *http.Client, u *url.URL) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return &refusal{status: resp.StatusCode}
	}
	// healthchecks.io answers 200 even to a check that does not exist, and to
	// one that is pinged too often, and says so in the body.
	for text, code := range map[string]string{"OK (not found)": "there is no such check", "OK (rate limited)": "pinged too often"} {
		if strings.TrimSpace(string(body)) == text {
			return &refusal{status: resp.StatusCode, code: code}
		}
	}
	return nil
}

// parsePingURL reads the URL. Plain http is common inside a network, so it is
// taken here: what it gives away is one check's right to say "well".
func parsePingURL(v secrets.Value) (*url.URL, error) {
	u, err := url.Parse(strings.TrimSpace(v.Reveal()))
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, errors.New("it is not a URL such as https://hc-ping.com/…")
	}
	return u, nil
}
