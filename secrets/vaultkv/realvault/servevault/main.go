// Servevault serves a fresh Vault on loopback, in memory, for tests that need it
// from other processes. Once it listens it prints one line of JSON,
//
//	{"addr": "http://127.0.0.1:PORT", "token": "…", "unseal_key": "…"}
//
// with the root token and the key in hexadecimal. SIGHUP restarts the server
// inside on the same storage and unseals it, while the address stays; sealing
// and unsealing go through Vault's API. SIGTERM and SIGINT end it.
package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/tokenwarden/tokenwarden/secrets/vaultkv/realvault"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "the address to listen on")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := serve(ctx, *listen, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func serve(ctx context.Context, address string, out io.Writer) error {
	restart := make(chan os.Signal, 1)
	signal.Notify(restart, syscall.SIGHUP)
	defer signal.Stop(restart)
	server, err := realvault.Start(ctx, address)
	if err != nil {
		return err
	}
	line := map[string]string{"addr": server.Address, "token": server.Token, "unseal_key": hex.EncodeToString(server.Key)}
	if err := json.NewEncoder(out).Encode(line); err != nil {
		return fmt.Errorf("printing the address: %w", err)
	}
	for {
		select {
		case <-ctx.Done():
			return server.Close()
		case <-restart:
			if err := server.Restart(); err != nil {
				return err
			}
			if err := server.Unseal(); err != nil {
				return err
			}
		}
	}
}
