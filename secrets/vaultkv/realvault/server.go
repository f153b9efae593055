// Package realvault runs a real HashiCorp Vault server in memory, for tests
// without Docker: Vault's own core and HTTP handler behind a loopback listener,
// of the last version under the Mozilla Public License. It is a module of its
// own, because Vault brings some 240 others.
package realvault

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	kv "github.com/hashicorp/vault-plugin-secrets-kv"
	"github.com/hashicorp/vault/api"
	vaulthttp "github.com/hashicorp/vault/http"
	"github.com/hashicorp/vault/internalshared/configutil"
	"github.com/hashicorp/vault/sdk/logical"
	"github.com/hashicorp/vault/sdk/physical"
	"github.com/hashicorp/vault/sdk/physical/inmem"
	"github.com/hashicorp/vault/vault"

	"github.com/tokenwarden/tokenwarden/secrets/vaultkv/vaulttest"
)

// Server is a Vault server on loopback, with KV version 2 at secret/.
type Server struct {
	Address string // "http://127.0.0.1:PORT"
	Token   string // of root
	Key     []byte // unseals

	storage physical.Backend
	http    *httptest.Server

	mu      sync.Mutex
	core    *vault.Core
	handler http.Handler
}

// Start starts a fresh server on the address, "127.0.0.1:0" for any free port.
func Start(ctx context.Context, address string) (*Server, error) {
	storage, err := inmem.NewInmem(nil, hclog.NewNullLogger())
	if err != nil {
		return nil, fmt.Errorf("making storage for Vault: %w", err)
	}
	s := &Server{storage: storage}
	if err := s.boot(); err != nil {
		return nil, err
	}
	shares := &vault.SealConfig{SecretShares: 1, SecretThreshold: 1, StoredShares: 1}
	made, err := s.core.Initialize(ctx, &vault.InitParams{BarrierConfig: shares, RecoveryConfig: shares})
	if err != nil {
		return nil, fmt.Errorf("initialising Vault: %w", err)
	}
	s.Key, s.Token = made.SecretShares[0], made.RootToken
	if err := s.Unseal(); err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listening for Vault: %w", err)
	}
	s.http = &httptest.Server{Listener: listener, Config: &http.Server{Handler: s}}
	s.http.Start()
	s.Address = s.http.URL
	return s, s.mount(ctx)
}

// mount mounts KV version 2 at secret/ and waits for it: Vault refuses requests
// to a new mount while it upgrades it to version 2 in the background.
func (s *Server) mount(ctx context.Context) error {
	client, err := api.NewClient(&api.Config{Address: s.Address, HttpClient: s.http.Client()})
	if err != nil {
		return fmt.Errorf("talking to Vault: %w", err)
	}
	client.SetToken(s.Token)
	client.ClearNamespace()
	err = client.Sys().MountWithContext(ctx, "secret", &api.MountInput{Type: "kv", Options: map[string]string{"version": "2"}})
	for err == nil {
		if _, notYet := client.Logical().ReadWithContext(ctx, "secret/config"); notYet == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			err = ctx.Err()
		case <-time.After(5 * time.Millisecond):
		}
	}
	return fmt.Errorf("mounting secret/: %w", err)
}

// boot makes a core, sealed, on whatever is in the storage.
func (s *Server) boot() error {
	core, err := vault.NewCore(&vault.CoreConfig{
		Physical:           s.storage,
		LogicalBackends:    map[string]logical.Factory{"kv": kv.Factory},
		CredentialBackends: logins,
		BuiltinRegistry:    builtins{},
		DisableMlock:       true,
		Logger:             hclog.NewNullLogger(),
	})
	if err != nil {
		return fmt.Errorf("making a Vault core: %w", err)
	}
	handler := vaulthttp.Handler.Handler(&vault.HandlerProperties{Core: core, ListenerConfig: &configutil.Listener{}})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.core, s.handler = core, handler
	return nil
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	s.mu.Lock()
	handler := s.handler
	s.mu.Unlock()
	handler.ServeHTTP(w, req)
}

// Seal seals the server. Its state stays.
func (s *Server) Seal() error {
	if err := s.core.Seal(s.Token); err != nil {
		return fmt.Errorf("sealing Vault: %w", err)
	}
	return nil
}

// Unseal undoes Seal, and is the last step of a start.
func (s *Server) Unseal() error {
	if _, err := s.core.Unseal(s.Key); err != nil {
		return fmt.Errorf("unsealing Vault: %w", err)
	}
	return nil
}

// Restart ends the core, as the end of its process would, and starts another
// on the same storage, at the same address. Until Unseal it is sealed.
func (s *Server) Restart() error {
	if err := s.core.ShutdownWait(); err != nil {
		return fmt.Errorf("ending Vault: %w", err)
	}
	return s.boot()
}

// Close ends the server for good.
func (s *Server) Close() error {
	s.http.Close()
	if err := s.core.ShutdownWait(); err != nil {
		return fmt.Errorf("ending Vault: %w", err)
	}
	return nil
}

// Admin returns an operator with the root token.
func (s *Server) Admin() vaulttest.Admin {
	return vaulttest.Admin{Address: s.Address, Token: s.Token}
}
