package vaultkv_test

import (
	"testing"

	"github.com/tokenwarden/tokenwarden/secrets/vaultkv/vaultsuite"
	"github.com/tokenwarden/tokenwarden/secrets/vaultkv/vaulttest"
)

func TestSuite(t *testing.T) {
	vaultsuite.Run(t, func(*testing.T) vaultsuite.Server {
		server := vaulttest.New()
		return vaultsuite.Server{
			Admin: server.Admin(),
			Seal:  func(_ *testing.T, sealed bool) { server.Seal(sealed) },
		}
	})
}
