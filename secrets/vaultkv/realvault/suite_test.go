package realvault_test

import (
	"testing"

	"github.com/tokenwarden/tokenwarden/secrets/vaultkv/vaultsuite"
)

func TestSuite(t *testing.T) {
	vaultsuite.Run(t, func(t *testing.T) vaultsuite.Server {
		server := start(t)
		return vaultsuite.Server{Admin: server.Admin(), Seal: func(t *testing.T, sealed bool) {
			change := server.Unseal
			if sealed {
				change = server.Seal
			}
			if err := change(); err != nil {
				t.Fatal(err)
			}
		}}
	})
}
