package notify

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// maxReply bounds what is read of an answer, in bytes.
const maxReply = 1 << 20

// manners gives every request a User-Agent and every answer a bound.
type manners struct {
	next  http.RoundTripper
	agent string
}

// RoundTrip implements http.RoundTripper.
func (m manners) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("User-Agent", m.agent)
	resp, err := m.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	resp.Body = bounded{io.LimitReader(resp.Body, maxReply), resp.Body}
	return resp, nil
}

type bounded struct {
	io.Reader
	io.Closer
}

// newClient makes an HTTP client that follows no redirect: what is sent here is
// meant for one place only.
func newClient(next http.RoundTripper, agent string, timeout time.Duration) *http.Client {
	if next == nil {
		next = http.DefaultTransport
	}
	if agent == "" {
		agent = "tokenwarden"
	}
	return &http.Client{
		Transport:     manners{next: next, agent: agent},
		Timeout:       timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// hookReply looks at the answer of an incoming webhook: the library takes any
// 200 for delivered, and a proxy can say that too. Slack says "ok".
type hookReply struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (h hookReply) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := h.next.RoundTrip(r)
	if err != nil || resp.StatusCode == http.StatusTooManyRequests {
		return resp, err // the library reads Retry-After
	}
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil {
		return nil, err
	}
	answer := strings.TrimSpace(string(body))
	if resp.StatusCode == http.StatusOK && answer == "ok" {
		resp.Body = io.NopCloser(bytes.NewReader(body))
		return resp, nil
	}
	if resp.StatusCode == http.StatusOK || !words.MatchString(answer) {
		answer = ""
	}
	return nil, &refusal{status: resp.StatusCode, code: answer}
}

// parseSecretURL reads a URL that is a secret, or that a secret is sent to.
// Errors say nothing of it.
func parseSecretURL(s string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimSpace(s))
	if err != nil || u.Host == "" || u.User != nil {
		return nil, errors.New("it is not a URL such as https://host/path")
	}
	if u.Scheme == "https" {
		return u, nil
	}
	addr, err := netip.ParseAddr(u.Hostname())
	if u.Scheme == "http" && (u.Hostname() == "localhost" || err == nil && addr.IsLoopback()) {
		return u, nil
	}
	return nil, errors.New("it must begin with https://; plain http is for loopback addresses only")
}
