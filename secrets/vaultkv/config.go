package vaultkv

import (
	"cmp"
	"crypto/tls"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/hashicorp/vault/api"
)

// DefaultTimeout bounds one call to Vault, repeated tries of a read included.
// It is below the time that a rotation holds signals back for its store step.
const DefaultTimeout = 15 * time.Second

// maxAnswer bounds what is read of one answer. Vault's own limit for what it
// stores is below 1 MiB (integrated storage).
const maxAnswer = 4 << 20

// Config says where Vault is and how to log in. Address and Auth are needed,
// the zero value of everything else works.
type Config struct {
	// Address is the server's URL, scheme and host: VAULT_ADDR.
	Address string
	// Namespace is where the login happens, and where secrets are whose
	// reference names no namespace: VAULT_NAMESPACE. Empty: the root.
	Namespace string
	// TLS is how the server and this client prove who they are.
	TLS api.TLSConfig
	// Auth gets a Vault token: see the constructors in this package.
	Auth api.AuthMethod
	// Timeout bounds one call; 0: DefaultTimeout.
	Timeout time.Duration
	// RetryWait is the wait before a read is repeated; 0: half a second. The wait
	// before the second repetition is up to three times as long.
	RetryWait time.Duration
	// UserAgent is how requests introduce themselves; empty: "tokenwarden".
	UserAgent string
	// Transport replaces TCP and TLS, for tests; nil: the real one.
	Transport http.RoundTripper
	// Now is the clock that leases are measured with; nil: time.Now.
	Now func() time.Time
}

// newClients returns the client for reads, which repeats a failed request
// twice, and the one for everything else, which never does: a write that got
// no answer may have been done. Both share what Vault's replication needs for
// reading what was just written.
func newClients(cfg Config) (reads, writes *api.Client, err error) {
	address, err := url.Parse(cfg.Address)
	switch {
	case cfg.Address == "":
		return nil, nil, fmt.Errorf("the address of Vault is not known: set VAULT_ADDR, for example to https://vault.example.com:8200")
	case err != nil || address.Host == "" || address.Scheme != "https" && address.Scheme != "http":
		return nil, nil, fmt.Errorf("VAULT_ADDR is no address: expected https://HOST:PORT")
	case address.User != nil:
		return nil, nil, fmt.Errorf("VAULT_ADDR must not contain a user name or password")
	}
	transport := cfg.Transport
	if transport == nil {
		if transport, err = newTransport(cfg.TLS); err != nil {
			return nil, nil, err
		}
	}
	wait := cmp.Or(cfg.RetryWait, 500*time.Millisecond)
	reads, err = api.NewClient(&api.Config{
		Address: strings.TrimRight(cfg.Address, "/"),
		HttpClient: &http.Client{
			Transport:     &guard{next: transport},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		MinRetryWait:     wait,
		MaxRetryWait:     3 * wait,
		MaxRetries:       2,
		Timeout:          cmp.Or(cfg.Timeout, DefaultTimeout),
		CheckRetry:       mayRepeat,
		ReadYourWrites:   true,
		DisableRedirects: true,
	})
	if err != nil {
		return nil, nil, fmt.Errorf("setting up the Vault client: %w", err)
	}
	// NewClient takes a token and a namespace, and each request a wrapping, from
	// the environment of the process; here only Config decides.
	reads.ClearToken()
	reads.ClearNamespace()
	reads.SetWrappingLookupFunc(func(string, string) string { return "" })
	reads.AddHeader("User-Agent", cmp.Or(cfg.UserAgent, "tokenwarden"))

	writes, err = reads.CloneWithHeaders()
	if err != nil {
		return nil, nil, fmt.Errorf("setting up the Vault client: %w", err)
	}
	writes.ClearToken()
	writes.SetWrappingLookupFunc(func(string, string) string { return "" })
	writes.SetMaxRetries(0)
	return reads, writes, nil
}

// newTransport returns a transport with the TLS settings, its connections
// proxied as HTTPS_PROXY and friends say.
func newTransport(settings api.TLSConfig) (http.RoundTripper, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	cfg := api.Config{HttpClient: &http.Client{Transport: transport}}
	if err := cfg.ConfigureTLS(&settings); err != nil {
		return nil, fmt.Errorf("reading the TLS settings (VAULT_CACERT, VAULT_CAPATH, VAULT_CLIENT_CERT, VAULT_CLIENT_KEY): %w", err)
	}
	return transport, nil
}
