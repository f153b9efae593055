// Package vaultsuite holds the Vault store to its guarantees, on the fake server
// of package vaulttest and on real ones alike.
package vaultsuite

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/tokenwarden/tokenwarden/secrets"
	"github.com/tokenwarden/tokenwarden/secrets/secretstest"
	"github.com/tokenwarden/tokenwarden/secrets/vaultkv"
	"github.com/tokenwarden/tokenwarden/secrets/vaultkv/vaulttest"
)

// Server is a fresh Vault server, with KV version 2 at secret/.
type Server struct {
	vaulttest.Admin
	Seal func(t *testing.T, sealed bool)
}

// Policy is what docs/stores/vault.md says suffices, for secret/dbt/.
const Policy = `
path "secret/data/dbt/*"     { capabilities = ["create", "update", "read"] }
path "secret/metadata/dbt/*" { capabilities = ["create", "read", "patch"] }
path "secret/config"         { capabilities = ["read"] }
`

// Run runs the suite that every store passes, with that policy and an AppRole
// login, and then what is particular to Vault.
func Run(t *testing.T, open func(t *testing.T) Server) {
	t.Run("every store", func(t *testing.T) {
		secretstest.Run(t, func(t *testing.T) secretstest.Harness { return harness(t, open(t)) })
	})
	for name, test := range map[string]func(*testing.T, Server){
		"other fields stay":          testOtherFields,
		"numbers too large":          testLargeNumbers,
		"deleted and destroyed":      testDeleted,
		"removed and made anew":      testMadeAnew,
		"labels by others at once":   testLabelRace,
		"cas required":               testCASRequired,
		"least privilege":            testLeastPrivilege,
		"preflight of settings":      testSettings,
		"mounts":                     testMounts,
		"tokens that end":            testTokens,
		"sealed":                     testSealed,
		"field that is not text":     testNotText,
		"custom metadata is crowded": testCrowded,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

// Open returns a store that logs in to the server by the method.
func (s Server) Open(t *testing.T, configure func(*vaultkv.Config)) *vaultkv.Store {
	t.Helper()
	cfg := vaultkv.Config{Address: s.Address, Transport: s.Transport, Auth: s.token(s.Token), RetryWait: time.Millisecond}
	if configure != nil {
		configure(&cfg)
	}
	store, err := vaultkv.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// Restricted returns a store whose AppRole has the policies alone.
func (s Server) Restricted(t *testing.T, settings map[string]any) *vaultkv.Store {
	t.Helper()
	roleID, secretID := s.AppRole(t, "approle", "tokenwarden", settings)
	return s.Open(t, func(cfg *vaultkv.Config) { cfg.Auth = vaultkv.AppRole("", roleID, source(secretID)) })
}

func source(secret string) vaultkv.Source {
	return func(context.Context) (secrets.Value, error) { return secrets.NewValue(secret), nil }
}

func ref(t *testing.T, text string) secrets.Ref {
	t.Helper()
	r, err := secrets.ParseRef("vault://" + text)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// harness lets the common suite play the rest of the world.
func harness(t *testing.T, s Server) secretstest.Harness {
	s.Policy(t, "tokenwarden", Policy)
	policies := map[string]any{"token_policies": []string{"tokenwarden"}}
	lossy := &lossy{next: s.Transport}
	fragile := s
	fragile.Transport = lossy
	path := func(r secrets.Ref) string { return strings.TrimPrefix(r.Path, "secret/") }
	return secretstest.Harness{
		Store:     fragile.Restricted(t, policies),
		Other:     s.Restricted(t, policies),
		Ref:       func(name, field string) secrets.Ref { return ref(t, "secret/dbt/"+name+"#"+field) },
		LoseReply: func() { lossy.armed.Store(true) },
		ByHand: func(t *testing.T, r secrets.Ref, value string) {
			fields, _ := s.Do(t, "GET", "secret/data/"+path(r), nil).Data["data"].(map[string]any)
			if fields == nil {
				fields = map[string]any{}
			}
			fields[r.Field] = value
			s.Must(t, "PUT", "secret/data/"+path(r), map[string]any{"data": fields})
		},
		Rollback: func(t *testing.T, r secrets.Ref) {
			old := s.Must(t, "GET", "secret/data/"+path(r)+"?version="+s.version(t, r, -1), nil)
			s.Must(t, "PUT", "secret/data/"+path(r), map[string]any{"data": old["data"]})
		},
		Previous: func(t *testing.T, r secrets.Ref) (values []string) {
			for back := -1; s.version(t, r, back) != "0"; back-- {
				old := s.Must(t, "GET", "secret/data/"+path(r)+"?version="+s.version(t, r, back), nil)
				value, _ := old["data"].(map[string]any)[r.Field].(string)
				values = append(values, value)
			}
			return values
		},
		SetMetadata: func(t *testing.T, r secrets.Ref, key, value string) {
			s.Must(t, "PATCH", "secret/metadata/"+path(r), map[string]any{"custom_metadata": map[string]any{key: value}})
		},
		Metadata: func(t *testing.T, r secrets.Ref, key string) string {
			custom, _ := s.Must(t, "GET", "secret/metadata/"+path(r), nil)["custom_metadata"].(map[string]any)
			value, _ := custom[key].(string)
			return value
		},
		DenyReading: func(t *testing.T, r secrets.Ref) {
			s.Policy(t, "tokenwarden", strings.ReplaceAll(Policy, `"read"`, `"list"`))
		},
		DenyWriting: func(t *testing.T, r secrets.Ref) {
			s.Policy(t, "tokenwarden", `path "secret/*" { capabilities = ["read"] }`)
		},
	}
}

// want fails the test unless err is the sentinel and its words have the text.
func want(t *testing.T, err, sentinel error, text string) {
	t.Helper()
	if !errors.Is(err, sentinel) || !strings.Contains(err.Error(), text) {
		t.Errorf("error is %q, want %q with %q", err, sentinel, text)
	}
}
