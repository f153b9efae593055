package vaultsuite

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/tokenwarden/tokenwarden/secrets"
	"github.com/tokenwarden/tokenwarden/secrets/vaultkv"
)

// Each capability of the documented policy is needed, and preflight misses it.
func testLeastPrivilege(t *testing.T, s Server) {
	r, missing := ref(t, "secret/dbt/x"), ref(t, "secret/dbt/missing")
	s.put(t, "dbt/x", map[string]any{"token": "old"})
	for _, c := range []struct{ rule, capability string }{
		{"secret/data/dbt/*", "create"}, {"secret/data/dbt/*", "update"}, {"secret/data/dbt/*", "read"},
		{"secret/metadata/dbt/*", "create"}, {"secret/metadata/dbt/*", "read"}, {"secret/metadata/dbt/*", "patch"},
		{"secret/config", "read"},
	} {
		var policy []string
		for line := range strings.Lines(Policy) {
			if strings.Contains(line, `"`+c.rule+`"`) {
				line = strings.Replace(line, `"`+c.capability+`"`, `"list"`, 1)
			}
			policy = append(policy, line)
		}
		s.Policy(t, "less", strings.Join(policy, ""))
		store := s.as(t, "less")
		for _, r := range []secrets.Ref{r, missing} {
			err := store.Check(t.Context(), r)
			if err == nil || !strings.Contains(err.Error(), c.rule[:len(c.rule)-1]) {
				t.Errorf("without %s on %s, checking %s: %v", c.capability, c.rule, r, err)
			}
		}
	}
	s.Policy(t, "whole", Policy)
	store := s.as(t, "whole")
	for _, r := range []secrets.Ref{r, missing} {
		if err := store.Check(t.Context(), r); err != nil {
			t.Error(err)
		}
	}

	// A refusal in the middle is in words too, and changes nothing.
	s.Policy(t, "reader", `path "secret/*" { capabilities = ["read"] }`)
	reader := s.as(t, "reader")
	_, err := write(t.Context(), reader, r, "new", read(t, reader, r).Version)
	want(t, err, secrets.ErrNotWritable, "permission denied for PUT secret/data/dbt/x")
	err = reader.Label(t.Context(), r, secrets.Labels{"aaaaaaaaaaaaaaaa": {TokenID: 1, AccountID: 1}}, nil)
	want(t, err, secrets.ErrNotWritable, "permission denied for PATCH secret/metadata/dbt/x")
	if _, err = store.Read(t.Context(), ref(t, "secret/elsewhere")); err == nil {
		t.Error("the policy reaches beyond secret/dbt/")
	}
	want(t, err, secrets.ErrDenied, "secret/data/elsewhere")

	// Without the policy "default" the token may not ask what it may do.
	bare := s.NewToken(t, map[string]any{"policies": []string{"whole"}, "no_default_policy": true})
	plain := s.Open(t, func(cfg *vaultkv.Config) { cfg.Auth = s.token(bare) })
	if c := read(t, plain, r); c.Value.Reveal() != "old" {
		t.Errorf("without the default policy: %d bytes", len(c.Value.Reveal()))
	}
	want(t, plain.Check(t.Context(), r), secrets.ErrDenied, "")
}

// What would lose the previous value is refused before anything is written.
func testSettings(t *testing.T, s Server) {
	store := s.Open(t, nil)
	mount := map[string]any{"max_versions": 0, "delete_version_after": "0s"}
	for i, c := range []struct {
		mount, own map[string]any
		want       string // "": fine
	}{
		{nil, nil, ""},
		{nil, map[string]any{"max_versions": 1}, "max_versions=1"},
		{nil, map[string]any{"max_versions": 2}, ""},
		{map[string]any{"max_versions": 1}, nil, "max_versions=1"},
		{map[string]any{"max_versions": 1}, map[string]any{"max_versions": 3}, ""},
		{map[string]any{"max_versions": 3}, nil, ""},
		{nil, map[string]any{"delete_version_after": "720h"}, "delete_version_after"},
		{map[string]any{"delete_version_after": "720h"}, nil, "delete_version_after"},
		{map[string]any{"delete_version_after": "-1s"}, map[string]any{"delete_version_after": "720h"}, ""},
	} {
		path := fmt.Sprint("settings/", i)
		s.Must(t, "PUT", "secret/config", mount)
		if c.mount != nil {
			s.Must(t, "PUT", "secret/config", c.mount)
		}
		if c.own != nil {
			s.Must(t, "PUT", "secret/metadata/"+path, c.own)
		}
		err := store.Check(t.Context(), ref(t, "secret/"+path))
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%v %v: %v", c.mount, c.own, err)
		case c.want != "":
			want(t, err, secrets.ErrRefused, c.want)
		}
	}
}

func testCrowded(t *testing.T, s Server) {
	store, r := s.Open(t, nil), ref(t, "secret/x")
	many := map[string]any{}
	for i := range 64 {
		if i == 62 || i == 64-secrets.SpareLabels {
			s.Must(t, "PUT", "secret/metadata/x", map[string]any{"custom_metadata": many})
			if err := store.Check(t.Context(), r); (i == 62) != errors.Is(err, secrets.ErrTooManyLabels) {
				t.Errorf("with %d keys: %v", i, err)
			}
		}
		many[fmt.Sprint("key", i)] = "v"
	}
	s.Must(t, "PUT", "secret/metadata/x", map[string]any{"custom_metadata": many})
	want(t, store.Check(t.Context(), r), secrets.ErrTooManyLabels, "64")
	labels := secrets.Labels{}
	for i := range 65 {
		labels[secrets.Fingerprint(fmt.Sprintf("%016x", i))] = secrets.Label{TokenID: 1, AccountID: 1}
	}
	want(t, store.Label(t.Context(), r, labels, nil), secrets.ErrTooManyLabels, "64")
}

func testMounts(t *testing.T, s Server) {
	s.Mount(t, "team/data/kv", "2")
	s.Mount(t, "old", "1")
	store := s.Open(t, nil)
	deep := ref(t, "team/data/kv/data/x")
	if _, err := write(t.Context(), store, deep, "value", ""); err != nil {
		t.Fatal(err)
	}
	if got := s.Do(t, "GET", "team/data/kv/data/data/x", nil).Status; got != 200 {
		t.Errorf("a mount with slashes: status %d", got)
	}
	if c := read(t, store, ref(t, "data/x?mount=team/data/kv")); c.Value.Reveal() != "value" {
		t.Error("?mount= leads elsewhere")
	}
	for reference, c := range map[string]struct {
		sentinel error
		text     string
	}{
		"old/x":                   {secrets.ErrRefused, "version 1"},
		"old/x?mount=old":         {secrets.ErrRefused, "version 1"},
		"nowhere/x":               {secrets.ErrDenied, "no such mount"},
		"nowhere/x?mount=nowhere": {secrets.ErrRefused, "no KV engine"},
		"team/data/kv":            {secrets.ErrRefused, "no secret in it"},
		"secret/x?mount=secret/x": {secrets.ErrRefused, "not ?mount="},
		"identity/x":              {secrets.ErrRefused, "not a KV engine"},
	} {
		r := ref(t, reference)
		_, err := store.Read(t.Context(), r)
		_, failed := write(t.Context(), store, r, "value", "")
		for _, err := range []error{err, failed, store.Check(t.Context(), r), store.Label(t.Context(), r, secrets.Labels{"aaaaaaaaaaaaaaaa": {TokenID: 1, AccountID: 1}}, nil)} {
			if err == nil {
				t.Errorf("%s: no error", reference)
				continue
			}
			want(t, err, c.sentinel, c.text)
		}
	}
	if got := s.Do(t, "GET", "old/data/x", nil).Status; got != 404 {
		t.Errorf("something was written to the mount of version 1 (status %d)", got)
	}
}

func testTokens(t *testing.T, s Server) {
	s.Policy(t, "tokenwarden", Policy)
	r := ref(t, "secret/dbt/x")
	token := s.NewToken(t, map[string]any{"policies": []string{"tokenwarden"}})
	store := s.Open(t, func(cfg *vaultkv.Config) { cfg.Auth = s.token(token) })
	read(t, store, r)
	s.Must(t, "POST", "auth/token/revoke", map[string]any{"token": token})
	_, err := store.Read(t.Context(), r)
	want(t, err, secrets.ErrDenied, "expired, was revoked")
	if strings.Contains(err.Error(), token) {
		t.Error("the error has the token in it")
	}
	_, err = write(t.Context(), store, r, "value", "")
	want(t, err, secrets.ErrDenied, "expired, was revoked")

	// A login is repeated when its token was taken away.
	roles := s.Restricted(t, map[string]any{"token_policies": []string{"tokenwarden"}, "token_ttl": "3600s"})
	v, err := write(t.Context(), roles, r, "one", "")
	if err != nil {
		t.Fatal(err)
	}
	s.Must(t, "PUT", "sys/revoke-prefix/auth/approle", map[string]any{})
	if _, err := write(t.Context(), roles, r, "two", v); err != nil {
		t.Error(err)
	}

	wrong := s.Open(t, func(cfg *vaultkv.Config) {
		cfg.Auth = vaultkv.AppRole("", "no-such-role", source("no-such-secret"))
	})
	_, err = wrong.Read(t.Context(), r)
	want(t, err, secrets.ErrDenied, "credential was refused")
	if strings.Contains(err.Error(), "no-such-secret") {
		t.Error("the error has the secret id in it")
	}
	unknown := s.Open(t, func(cfg *vaultkv.Config) { cfg.Auth = vaultkv.AppRole("no/such/login", "a", source("b")) })
	_, err = unknown.Read(t.Context(), r)
	want(t, err, secrets.ErrDenied, "logging in to Vault")
}

func testSealed(t *testing.T, s Server) {
	store, r := s.Open(t, nil), ref(t, "secret/x")
	v, err := write(t.Context(), store, r, "one", "")
	if err != nil {
		t.Fatal(err)
	}
	s.Seal(t, true)
	ctx := t.Context()
	_, err = write(ctx, store, r, "two", v)
	want(t, err, secrets.ErrUnavailable, "sealed")
	want(t, store.Label(ctx, r, secrets.Labels{"aaaaaaaaaaaaaaaa": {TokenID: 1, AccountID: 1}}, nil), secrets.ErrUnavailable, "sealed")
	s.Seal(t, false)
	if c := read(t, store, r); c.Value.Reveal() != "one" || len(c.Labels) != 0 {
		t.Errorf("afterwards: %d bytes, %d labels", len(c.Value.Reveal()), len(c.Labels))
	}
}
