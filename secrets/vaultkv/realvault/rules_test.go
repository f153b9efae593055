package realvault_test

import (
	"testing"

	"github.com/tokenwarden/tokenwarden/secrets/vaultkv/realvault"
	"github.com/tokenwarden/tokenwarden/secrets/vaultkv/vaulttest"
)

// start returns a fresh server that ends with the test.
func start(t *testing.T) *realvault.Server {
	t.Helper()
	server, err := realvault.Start(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	return server
}

// The rules that the fake keeps are the real server's.
func TestRules(t *testing.T) {
	vaulttest.Rules(t, func(t *testing.T) vaulttest.Admin { return start(t).Admin() })
}
