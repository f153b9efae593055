package vaultkv

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/tokenwarden/tokenwarden/secrets"
)

// isTransport tells a failed request from a login that could not make one.
func isTransport(err error) bool {
	var (
		transport *url.Error
		tooBig    *http.MaxBytesError
		syntax    *json.SyntaxError
	)
	return errors.As(err, &transport) || errors.As(err, &tooBig) || errors.As(err, &syntax) ||
		errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// unreachable words a failure without an answer of Vault's.
func unreachable(ctx context.Context, err error, timeout time.Duration) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	say := func(format string, args ...any) error {
		return fmt.Errorf("%w: %s", secrets.ErrUnavailable, fmt.Sprintf(format, args...))
	}
	var (
		foreign   *notVaultError
		redirect  *redirectError
		tooBig    *http.MaxBytesError
		authority x509.UnknownAuthorityError
		hostname  x509.HostnameError
		invalid   x509.CertificateInvalidError
		transport *url.Error
	)
	text := err.Error()
	switch {
	case errors.As(err, &foreign) && strings.Contains(foreign.text, "HTTP request to an HTTPS server"):
		return say("the server speaks TLS: VAULT_ADDR must begin with https://")
	case errors.As(err, &foreign):
		return say("%v: check VAULT_ADDR, and the proxy if there is one", foreign)
	case errors.As(err, &redirect):
		return say("this Vault server is a standby that names %s as the active one: set VAULT_ADDR to that, or to the cluster's address", printable(redirect.location.Host))
	case errors.As(err, &authority):
		return say("the server's certificate is signed by an authority that this machine does not know: set VAULT_CACERT to its certificate")
	case errors.As(err, &hostname):
		return say("the server's certificate is for another name: use that name in VAULT_ADDR or set VAULT_TLS_SERVER_NAME")
	case errors.As(err, &invalid):
		return say("the server's certificate is not valid: %s", printable(invalid.Error()))
	case strings.Contains(text, "remote error: tls: "):
		_, alert, _ := strings.Cut(text, "remote error: tls: ")
		return say("the server ended the TLS handshake (%s): it may want a client certificate: VAULT_CLIENT_CERT and VAULT_CLIENT_KEY", printable(alert))
	case strings.Contains(text, "server gave HTTP response to HTTPS client"):
		return say("the server does not speak TLS: VAULT_ADDR must begin with http://, or the server needs a certificate")
	case errors.As(err, &tooBig):
		return say("Vault's answer is larger than %d bytes", tooBig.Limit)
	case errors.Is(err, context.DeadlineExceeded):
		return say("Vault gave no answer within %v: check VAULT_ADDR and the network", timeout)
	case errors.As(err, &transport):
		return say("Vault cannot be reached: %s: check VAULT_ADDR and the network", printable(transport.Err.Error()))
	}
	return say("Vault's answer cannot be read")
}
