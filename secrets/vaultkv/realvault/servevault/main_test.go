package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/tokenwarden/tokenwarden/secrets/vaultkv/vaulttest"
)

func TestServe(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out, in := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- serve(ctx, "127.0.0.1:0", in) }()
	var line struct {
		Addr      string
		Token     string
		UnsealKey string `json:"unseal_key"`
	}
	if err := json.NewDecoder(out).Decode(&line); err != nil {
		t.Fatal(err)
	}
	admin := vaulttest.Admin{Address: line.Addr, Token: line.Token}
	admin.Must(t, "PUT", "secret/data/x", map[string]any{"data": map[string]any{"token": "kept"}})
	kept := func(what string) {
		t.Helper()
		for range 200 {
			reply := admin.Do(t, "GET", "secret/data/x", nil)
			if data, _ := reply.Data["data"].(map[string]any); reply.Status == http.StatusOK && data["token"] == "kept" {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
		t.Errorf("%s: the secret is gone", what)
	}
	admin.Must(t, "PUT", "sys/seal", nil)
	if status := admin.Do(t, "GET", "secret/data/x", nil).Status; status != http.StatusServiceUnavailable {
		t.Errorf("sealed: status %d", status)
	}
	unsealed := vaulttest.Admin{Address: line.Addr}
	unsealed.Do(t, "PUT", "sys/unseal", map[string]any{"key": line.UnsealKey})
	kept("unsealed")
	if err := syscall.Kill(syscall.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	kept("restarted")
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
