package vaultkv

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"

	"github.com/hashicorp/vault/api"
)

// guard stands below vault/api and turns answers that it would misread into
// errors: it takes a redirect, an empty 404 to a write and a proxy's page for
// success or for "not there".
type guard struct{ next http.RoundTripper }

// notVaultError: something answered that is not Vault.
type notVaultError struct {
	status int
	text   string // the start of an answer in plain text
}

func (e *notVaultError) Error() string {
	return fmt.Sprintf("what answered (HTTP status %d) is not Vault", e.status)
}

// redirectError: a standby that does not forward requests names the active
// server. It is not followed: the token would go to a host nobody configured.
type redirectError struct{ location *url.URL }

func (e *redirectError) Error() string { return "redirected to " + e.location.Host }

// RoundTrip implements http.RoundTripper.
func (g *guard) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := g.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	resp.Body = http.MaxBytesReader(nil, resp.Body, maxAnswer)
	refuse := func(err error) (*http.Response, error) {
		_ = resp.Body.Close()
		return nil, err
	}
	switch {
	case resp.StatusCode >= 500 || resp.StatusCode == http.StatusNoContent:
		return resp, nil // a gateway's error page is an error all the same
	case resp.StatusCode >= 300 && resp.StatusCode < 400:
		location, err := resp.Location()
		if err != nil {
			return refuse(&notVaultError{status: resp.StatusCode})
		}
		return refuse(&redirectError{location})
	}
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if kind != "application/json" {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 200))
		return refuse(&notVaultError{resp.StatusCode, string(text)})
	}
	if resp.StatusCode >= 400 {
		return withVaultsBody(resp, refuse)
	}
	return resp, nil
}

// withVaultsBody makes sure that a refusal is worded as Vault does: with a list
// of errors, or for a deleted version with data. Vault's 404 to a patch has no
// body at all, and vault/api would take that for success.
func withVaultsBody(resp *http.Response, refuse func(error) (*http.Response, error)) (*http.Response, error) {
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return refuse(err)
	}
	if len(body) == 0 && resp.StatusCode == http.StatusNotFound {
		body = []byte(`{"errors":[]}`)
	}
	var answer map[string]json.RawMessage
	if json.Unmarshal(body, &answer) != nil || answer["errors"] == nil && answer["data"] == nil {
		return refuse(&notVaultError{status: resp.StatusCode})
	}
	_ = resp.Body.Close()
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, nil
}

// mayRepeat decides which failed reads are repeated: what vault/api repeats,
// less what a repetition cannot mend.
func mayRepeat(ctx context.Context, resp *http.Response, err error) (bool, error) {
	var (
		foreign  *notVaultError
		redirect *redirectError
	)
	if errors.As(err, &foreign) || errors.As(err, &redirect) {
		return false, err
	}
	return api.DefaultRetryPolicy(ctx, resp, err)
}
