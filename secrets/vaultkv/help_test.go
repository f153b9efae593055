package vaultkv_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tokenwarden/tokenwarden/secrets"
	"github.com/tokenwarden/tokenwarden/secrets/vaultkv"
	"github.com/tokenwarden/tokenwarden/secrets/vaultkv/vaulttest"
)

// transport makes a function an http.RoundTripper.
type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// fixed is a token that somebody gave us.
func fixed(token string) func() (secrets.Value, error) {
	return func() (secrets.Value, error) { return secrets.NewValue(token), nil }
}

// open returns a store on the server, as root.
func open(t *testing.T, server *vaulttest.Server, configure func(*vaultkv.Config)) *vaultkv.Store {
	t.Helper()
	admin := server.Admin()
	cfg := vaultkv.Config{Address: admin.Address, Transport: server, Auth: vaultkv.Token(fixed(admin.Token)), RetryWait: time.Millisecond}
	if configure != nil {
		configure(&cfg)
	}
	store, err := vaultkv.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func ref(t *testing.T, text string) secrets.Ref {
	t.Helper()
	r, err := secrets.ParseRef("vault://" + text)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// want fails the test unless err is the sentinel and its words have the text.
func want(t *testing.T, err, sentinel error, text string) {
	t.Helper()
	if !errors.Is(err, sentinel) || !strings.Contains(err.Error(), text) {
		t.Errorf("error is %q, want %q with %q", err, sentinel, text)
	}
}
