package dbtcloud

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/tokenwarden/tokenwarden/secrets"
)

// against talks to a real server on loopback with the package's own transport.
func against(t *testing.T, h http.HandlerFunc) *Client {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return newTestClient(t, nil, impatient, func(cfg *Config) { cfg.Host = server.URL + "/api/" })
}

func TestBrokenConnections(t *testing.T) {
	for name, tc := range map[string]struct {
		handler http.HandlerFunc
		kind    Kind
	}{
		"half a body": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write([]byte(`{"data": {"id": 901, "token_string": "hunter2"}}`)) // whole by itself
		}, KindTransport},
		"half a chunk": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`{"data": {"id": 901, "token_string": "hunter2`))
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}, KindTransport},
		"closed before the answer": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, KindTransport},
		"reset": {func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				_ = conn.(*net.TCPConn).SetLinger(0)
				_ = conn.Close()
			}
		}, KindTransport},
		"not HTTP": {func(w http.ResponseWriter, r *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				_, _ = fmt.Fprintf(conn, "what is %s? \x1b[31m\u202e hunter2\r\n\r\n", r.Header.Get("Authorization"))
				_ = conn.Close()
			}
		}, KindTransport},
	} {
		t.Run(name, func(t *testing.T) {
			var n atomic.Int32
			c := against(t, func(w http.ResponseWriter, r *http.Request) { n.Add(1); tc.handler(w, r) })
			_, _, err := c.CreateServiceToken(context.Background(), NewServiceToken{Name: "x"})
			if KindOf(err) != tc.kind || !MayHaveHappened(err) || n.Load() != 1 || c.service.Requests() != 1 {
				t.Errorf("%v (%v), the server saw %d requests", err, KindOf(err), n.Load())
			}
			if s := err.Error(); strings.Contains(s, testToken) || strings.ContainsAny(s, "\x1b\u202e") {
				t.Errorf("not clean: %q", s)
			}
		})
	}
}

func TestNobodyListens(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	c := newTestClient(t, nil, impatient, func(cfg *Config) { cfg.Host = server.URL })
	_, err := c.Accounts(context.Background())
	var op *net.OpError
	if KindOf(err) != KindTransport || !errors.As(err, &op) {
		t.Error(err)
	}
}

func TestRedirects(t *testing.T) {
	moved := 0
	c := against(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/api/v3/accounts/" && r.Method == http.MethodGet:
			moved++
			w.Header().Set("Location", "/api/v9/accounts/?moved=1")
			w.WriteHeader(http.StatusPermanentRedirect)
		case r.URL.Path == "/api/v9/accounts/" && r.URL.RawQuery == "moved=1" && r.Header.Get("Authorization") == "Token "+testToken:
			_, _ = w.Write([]byte(`{"data": []}`))
		default: // round and round
			w.Header().Set("Location", r.URL.Path)
			w.WriteHeader(http.StatusTemporaryRedirect)
		}
	})
	if _, err := c.Accounts(context.Background()); err != nil || moved != 1 || c.service.Requests() != 2 {
		t.Errorf("the same host: %v, %d requests", err, c.service.Requests())
	}
	if _, err := c.Permissions(context.Background(), 1); KindOf(err) != KindRedirect || c.service.Requests() != 2+1+maxRedirects {
		t.Errorf("round and round: %v, %d requests", err, c.service.Requests())
	}
	before := c.service.Requests()
	if err := c.DeleteServiceToken(context.Background(), 1); KindOf(err) != KindRedirect || c.service.Requests() != before+1 || MayHaveHappened(err) {
		t.Errorf("a write: %v, %d requests", err, c.service.Requests()-before)
	}
}

func TestCredentialStaysOnItsHost(t *testing.T) {
	stolen := atomic.Int32{}
	thief := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { stolen.Add(1) }))
	defer thief.Close()
	c := against(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, thief.URL+r.URL.Path, http.StatusMovedPermanently)
	})
	_, err := c.Accounts(context.Background())
	if KindOf(err) != KindRedirect || stolen.Load() != 0 || !strings.Contains(err.Error(), thief.URL) {
		t.Errorf("%v; %d requests reached the other host", err, stolen.Load())
	}
}

func TestNoSecretInErrorsAndLogs(t *testing.T) {
	const created = "0123456789abcdef0123456789abcdef01234567" // as older tokens look
	old := "fedcba9876543210fedcba9876543210fedcba98"
	echo := func(status int, head string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "https://other.example.com/?t="+r.Header.Get("Authorization"))
			w.WriteHeader(status)
			_, _ = fmt.Fprintf(w, `%s{"status": {"user_message": "what is %s? dbtc_abcdefghijkl"}, "data": {"token": "%s", "token_string": "%s"}}`,
				head, r.Header.Get("Authorization"), strings.TrimPrefix(r.Header.Get("Authorization"), "Token "), created)
		}
	}
	for name, h := range map[string]http.HandlerFunc{
		"400": echo(400, ""), "401": echo(401, ""), "500": echo(500, ""), "429": echo(429, ""), "302": echo(302, ""), "200": echo(200, ""), "201 broken": echo(201, "<"),
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			server := httptest.NewServer(h)
			defer server.Close()
			s := newTestService(t, nil, impatient, logTo(&log), func(cfg *Config) { cfg.Host = server.URL })
			c := s.As(secrets.NewValue(old))
			_, _, createErr := c.CreateServiceToken(context.Background(), NewServiceToken{Name: "x"})
			_, _, err := newTestService(t, nil, impatient, logTo(&log), func(cfg *Config) { cfg.Host = server.URL }).
				As(secrets.NewValue(testToken)).ServiceToken(canceledSoon(t, name), 1)
			if createErr == nil || err == nil {
				t.Fatal(createErr, err)
			}
			all := fmt.Sprintf("%v %+v %#v %v %+v %s", createErr, createErr, createErr, err, err, log.String())
			if log.Len() == 0 {
				t.Error("nothing was logged")
			}
			for _, secret := range []string{old, created, testToken, "dbtc_abcdefghijkl"} {
				if strings.Contains(all, secret) {
					t.Errorf("%q stands in %s", secret, all)
				}
			}
		})
	}
}

// canceledSoon keeps the throttled case from waiting out its cooldown.
func canceledSoon(t *testing.T, name string) context.Context {
	if name != "429" {
		return context.Background()
	}
	ctx, cancel := context.WithTimeout(context.Background(), 1<<30) // about a second
	t.Cleanup(cancel)
	return ctx
}
