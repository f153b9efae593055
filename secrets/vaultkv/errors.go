package vaultkv

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/tokenwarden/tokenwarden/secrets"
)

var (
	// errNotFound: Vault has nothing at the path of a write or patch. Outside
	// label it means that the mount was taken away meanwhile.
	errNotFound = errors.New("Vault has nothing at this path (any more)")
	// errPermission: the token is known but its policies do not allow a read.
	errPermission = fmt.Errorf("%w: permission denied", secrets.ErrDenied)
)

// explain turns what vault/api returned into an error in words: what happened,
// what to do, and one of package secrets to decide on. It repeats of Vault's
// own words only a bounded, printable part, and nothing that was sent. valid
// says whether Vault still knows the token.
func (s *Store) explain(ctx context.Context, r request, err error, token secrets.Value, valid bool) error {
	if err == nil {
		return nil
	}
	status, said := statusOf(err), raw(err)
	switch {
	case status == 0:
		return unreachable(ctx, err, s.timeout)
	case status == http.StatusForbidden && !valid:
		return fmt.Errorf("%w: Vault does not know the token (any more): it expired, was revoked, belongs to another server or namespace, or lacks even the policy \"default\"; get a new one, or a login that tokenwarden can repeat (%s)", secrets.ErrDenied, envAuth)
	case status == http.StatusForbidden && r.method == http.MethodGet:
		return fmt.Errorf("%w for reading %s: the token's policy must allow it", errPermission, r.path)
	case status == http.StatusForbidden:
		return fmt.Errorf("%w: permission denied for %s %s: the token's policy must allow it", secrets.ErrNotWritable, r.method, r.path)
	case status == http.StatusNotFound:
		return errNotFound
	case status == http.StatusMethodNotAllowed && r.method == http.MethodPatch:
		return fmt.Errorf("%w: Vault does not know PATCH: version 1.9 or later is needed", secrets.ErrRefused)
	case status == http.StatusBadRequest && strings.Contains(said, "did not match the current version"):
		return secrets.ErrConflict
	case status == http.StatusBadRequest && strings.Contains(said, "must contain at most"):
		return fmt.Errorf("%w: Vault takes 64 keys of custom metadata", secrets.ErrTooManyLabels)
	}
	if unable := unavailable(err); unable != nil {
		return unable
	}
	return fmt.Errorf("Vault answered with status %d%s", status, words(err, append(sent(r.body), token.Reveal())))
}

// loginError is explain for the login itself, which sent these texts. A long
// answer of Vault's is not repeated: it has that of an identity provider in it.
func loginError(ctx context.Context, err error, sent []string, timeout time.Duration) error {
	const what = "logging in to Vault: %w"
	status, said := statusOf(err), raw(err)
	if isTransport(err) {
		return fmt.Errorf(what, unreachable(ctx, err, timeout))
	}
	if status == 0 {
		return fmt.Errorf(what, err) // a file or variable that cannot be read
	}
	// Vault 1.13.0 to 1.14.0 call a wrong AppRole credential their own error, 500.
	refused := strings.Contains(said, "invalid secret id") || strings.Contains(said, "invalid role")
	if unable := unavailable(err); unable != nil && !refused {
		return fmt.Errorf(what, unable)
	}
	if status == http.StatusNotFound {
		return fmt.Errorf(what+": there is no such login: check %s and %s", secrets.ErrDenied, envAuth, envMount)
	}
	short := func(s string) bool { return len(s) < 16 } // a role's name, not a credential
	reason := words(err, slices.DeleteFunc(sent, short))
	if len(reason) > 160 {
		reason = ""
	}
	return fmt.Errorf(what+": the credential was refused (status %d%s): check the role, its secret or JWT, %s and VAULT_NAMESPACE", secrets.ErrDenied, status, reason, envMount)
}

// unavailable words the answers of a Vault that cannot serve now; nil for any
// other.
func unavailable(err error) error {
	status, said := statusOf(err), raw(err)
	say := func(format string, args ...any) error {
		return fmt.Errorf("%w: %s", secrets.ErrUnavailable, fmt.Sprintf(format, args...))
	}
	switch {
	case strings.Contains(said, "Vault is sealed"):
		return say("Vault is sealed: an operator must unseal it")
	case strings.Contains(said, "not initialized"):
		return say("Vault is not initialised yet")
	case strings.Contains(said, "node not active"), strings.Contains(said, "node is not active"), strings.Contains(said, "no active Vault instance"):
		return say("this Vault server is a standby and finds no active one: wait, or set VAULT_ADDR to the cluster's address")
	case status == 472:
		return say("this Vault server is a DR secondary, which serves nothing: set VAULT_ADDR to the primary cluster")
	case status == http.StatusTooManyRequests:
		return say("Vault's rate limit is reached: try again later")
	case status == http.StatusPreconditionFailed, status == 473, status >= 500:
		return say("Vault answered with status %d", status)
	}
	return nil
}
