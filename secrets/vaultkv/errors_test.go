package vaultkv_test

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/tokenwarden/tokenwarden/secrets"
	"github.com/tokenwarden/tokenwarden/secrets/vaultkv"
	"github.com/tokenwarden/tokenwarden/secrets/vaultkv/vaulttest"
)

// operations makes every call of a store once.
func operations(ctx context.Context, t *testing.T, store *vaultkv.Store, r secrets.Ref, expect secrets.Version) map[string]error {
	t.Helper()
	_, reading := store.Read(ctx, r)
	_, writing := store.Write(ctx, r, secrets.Write{Value: secrets.NewValue("dbtc_SECRET"), Expect: expect})
	return map[string]error{
		"Read":  reading,
		"Write": writing,
		"Label": store.Label(ctx, r, secrets.Labels{"aaaaaaaaaaaaaaaa": {TokenID: 1, AccountID: 1}}, nil),
		"Check": store.Check(ctx, r),
	}
}

func reply(status int, kind, body string) transport {
	return func(req *http.Request) (*http.Response, error) {
		header := http.Header{}
		if kind != "" {
			header.Set("Content-Type", kind)
		}
		if strings.HasPrefix(body, "http") {
			header.Set("Location", body)
		}
		return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(body)), Request: req}, nil
	}
}

// What is not Vault, or not able to serve, is said in words; none of it is
// taken for an empty secret or for a success.
func TestStrangeAnswers(t *testing.T) {
	big := `{"data":{"data":{"token":"` + strings.Repeat("x", 5<<20) + `"}}}`
	for name, c := range map[string]struct {
		answer transport
		text   string
	}{
		"login page":          {reply(200, "text/html", "<html>Sign in</html>"), "is not Vault"},
		"page not found":      {reply(404, "text/html", "<html>404</html>"), "is not Vault"},
		"another API's 404":   {reply(404, "application/json", `{"message":"no Route matched"}`), "is not Vault"},
		"no content type":     {reply(200, "", "ok"), "is not Vault"},
		"TLS port":            {reply(400, "text/plain", "Client sent an HTTP request to an HTTPS server.\n"), "begin with https://"},
		"redirect":            {reply(307, "", "https://vault-2.example.com:8200/v1/x"), "vault-2.example.com:8200"},
		"redirect to nowhere": {reply(302, "", ""), "is not Vault"},
		"gateway":             {reply(502, "text/html", "<html>Bad Gateway</html>"), "status 502"},
		"sealed":              {reply(503, "application/json", `{"errors":["Vault is sealed"]}`), "unseal"},
		"no active node":      {reply(500, "application/json", `{"errors":["local node not active but active cluster node not found"]}`), "standby"},
		"rate limit":          {reply(429, "application/json", `{"errors":["request path \"x\": rate limit quota exceeded"]}`), "rate limit"},
		"DR secondary":        {reply(472, "application/json", `{"errors":["path disabled in replication DR secondary mode"]}`), "DR secondary"},
		"too large":           {reply(200, "application/json", big), "larger than"},
		"half a body":         {reply(200, "application/json", `{"data":{"data":{"tok`), "cannot be read"},
		"reset": {func(*http.Request) (*http.Response, error) {
			return nil, &net.OpError{Op: "read", Err: errors.New("connection reset by peer")}
		}, "connection reset by peer"},
	} {
		t.Run(name, func(t *testing.T) {
			server := vaulttest.New()
			admin := server.Admin()
			admin.Must(t, "PUT", "secret/data/x", map[string]any{"data": map[string]any{"token": "old"}})
			var broken atomic.Bool
			store := open(t, server, func(cfg *vaultkv.Config) {
				cfg.Transport = transport(func(req *http.Request) (*http.Response, error) {
					if broken.Load() {
						return c.answer(req)
					}
					return server.RoundTrip(req)
				})
			})
			content, err := store.Read(t.Context(), ref(t, "secret/x"))
			if err != nil {
				t.Fatal(err)
			}
			// Both before anything is known of the server and in the middle of a run.
			fresh := open(t, server, func(cfg *vaultkv.Config) { cfg.Transport = c.answer })
			broken.Store(true)
			for _, store := range []*vaultkv.Store{store, fresh} {
				for op, err := range operations(t.Context(), t, store, ref(t, "secret/x"), content.Version) {
					if err == nil || !errors.Is(err, secrets.ErrUnavailable) || !strings.Contains(err.Error(), c.text) {
						t.Errorf("%s: %v, want %q", op, err, c.text)
					}
				}
			}
		})
	}
}

// A read is repeated, a write never.
func TestRepetitions(t *testing.T) {
	server := vaulttest.New()
	counts := map[string]int{}
	store := open(t, server, func(cfg *vaultkv.Config) {
		cfg.Transport = transport(func(req *http.Request) (*http.Response, error) {
			if strings.Contains(req.URL.Path, "/secret/data/") || strings.Contains(req.URL.Path, "/secret/metadata/") {
				counts[req.Method]++
				return nil, errors.New("connection reset by peer")
			}
			return server.RoundTrip(req)
		})
	})
	for op, err := range operations(t.Context(), t, store, ref(t, "secret/x"), "") {
		want(t, err, secrets.ErrUnavailable, "connection reset")
		t.Log(op, err)
	}
	// Read and Check read, three times each.
	if counts["GET"] != 6 || counts["PUT"] != 1 || counts["PATCH"] != 1 {
		t.Errorf("requests: %v", counts)
	}
}

func TestStandby(t *testing.T) {
	server := vaulttest.New()
	store := open(t, server, nil)
	server.StandBy("https://vault-1.example.com:8200")
	_, err := store.Read(t.Context(), ref(t, "secret/x"))
	want(t, err, secrets.ErrUnavailable, "vault-1.example.com:8200")
	server.StandBy("")
	_, err = store.Read(t.Context(), ref(t, "secret/x"))
	want(t, err, secrets.ErrUnavailable, "standby")
}

func TestNoAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		silent := transport(func(req *http.Request) (*http.Response, error) {
			<-req.Context().Done()
			return nil, req.Context().Err()
		})
		store := open(t, vaulttest.New(), func(cfg *vaultkv.Config) { cfg.Transport = silent })
		began := time.Now()
		_, err := store.Read(t.Context(), ref(t, "secret/x"))
		want(t, err, secrets.ErrUnavailable, "no answer within 15s")
		if took := time.Since(began); took != vaultkv.DefaultTimeout {
			t.Errorf("gave up after %v", took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = store.Read(ctx, ref(t, "secret/x"))
		if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, secrets.ErrUnavailable) {
			t.Errorf("the caller's deadline: %v", err)
		}
	})
}

// The server may say anything, even what it was sent.
func TestErrorsHaveNoSecrets(t *testing.T) {
	server := vaulttest.New()
	admin := server.Admin()
	admin.Must(t, "PUT", "secret/data/x", map[string]any{"data": map[string]any{"token": "old", "password": "hunter2hunter2"}})
	for _, status := range []int{400, 403, 405, 413, 422, 500} {
		echo := transport(func(req *http.Request) (*http.Response, error) {
			if req.Method == http.MethodGet {
				return server.RoundTrip(req)
			}
			body, _ := io.ReadAll(req.Body)
			text := strings.NewReplacer(`"`, `'`, "\n", " ").Replace(string(body)) + req.Header.Get("X-Vault-Token")
			return reply(status, "application/json", `{"errors":["bad request \u001b[31m: `+text+`"]}`)(req)
		})
		store := open(t, server, func(cfg *vaultkv.Config) { cfg.Transport = echo })
		content, err := store.Read(t.Context(), ref(t, "secret/x"))
		if err != nil {
			t.Fatal(err)
		}
		roles := open(t, server, func(cfg *vaultkv.Config) {
			cfg.Transport = echo
			cfg.Auth = vaultkv.JWT("", "role", func(context.Context) (secrets.Value, error) { return secrets.NewValue("ey.JWT-of-a-running-job"), nil })
		})
		for _, store := range []*vaultkv.Store{store, roles} {
			for op, err := range operations(t.Context(), t, store, ref(t, "secret/x"), content.Version) {
				if err == nil {
					continue
				}
				for _, secret := range []string{"dbtc_SECRET", "hunter2", "ey.JWT-of-a-running-job", admin.Token, "\x1b"} {
					if strings.Contains(err.Error(), secret) {
						t.Errorf("status %d, %s: the error has %q in it: %v", status, op, secret, err)
					}
				}
			}
		}
	}
}

func TestTLS(t *testing.T) {
	handler := vaulttest.New()
	token := handler.Admin().Token
	secure := httptest.NewTLSServer(handler)
	defer secure.Close()
	secure.Config.ErrorLog = nil
	plain := httptest.NewServer(handler)
	defer plain.Close()
	mutual := httptest.NewUnstartedServer(handler)
	mutual.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	mutual.StartTLS()
	defer mutual.Close()
	closed := httptest.NewServer(handler)
	closed.Close()

	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(secure.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		address string
		tls     api.TLSConfig
		text    string // "": fine
	}{
		"trusted":               {secure.URL, api.TLSConfig{CACert: ca}, ""},
		"not verified":          {secure.URL, api.TLSConfig{Insecure: true}, ""},
		"unknown authority":     {secure.URL, api.TLSConfig{}, "VAULT_CACERT"},
		"another name":          {"https://localhost:" + port, api.TLSConfig{CACert: ca}, "VAULT_TLS_SERVER_NAME"},
		"another name, told":    {"https://localhost:" + port, api.TLSConfig{CACert: ca, TLSServerName: "example.com"}, ""},
		"https to a plain port": {strings.Replace(plain.URL, "http:", "https:", 1), api.TLSConfig{CACert: ca}, "begin with http://"},
		"http to a TLS port":    {strings.Replace(secure.URL, "https:", "http:", 1), api.TLSConfig{}, "begin with https://"},
		"no client certificate": {mutual.URL, api.TLSConfig{CACert: ca}, "VAULT_CLIENT_CERT"},
		"nobody there":          {closed.URL, api.TLSConfig{}, "connection refused"},
		"no such host":          {"https://vault.invalid", api.TLSConfig{}, "cannot be reached"},
	} {
		t.Run(name, func(t *testing.T) {
			store, err := vaultkv.New(vaultkv.Config{Address: c.address, TLS: c.tls, Auth: vaultkv.Token(fixed(token)), RetryWait: time.Millisecond})
			if err != nil {
				t.Fatal(err)
			}
			_, err = store.Read(t.Context(), ref(t, "secret/x"))
			if c.text == "" && err != nil {
				t.Error(err)
			} else if c.text != "" {
				want(t, err, secrets.ErrUnavailable, c.text)
			}
		})
	}
}
