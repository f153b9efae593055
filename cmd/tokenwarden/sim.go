package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/tokenwarden/tokenwarden/internal/dbtcloud/dbtcloudtest"
)

type simOptions struct{ listen, seed string }

func (a *app) simCommand() *cli.Command {
	o := simOptions{listen: "127.0.0.1:0"}
	listen := text("listen", "loopback `ADDRESS` to listen on; port 0: a free one", &o.listen)
	listen.fallback = o.listen
	return a.define(command{
		name:    "sim",
		summary: "run a simulated dbt Cloud on this machine",
		about: "Once it listens it prints one line of JSON with its URL, its first account and the value of a service token that\n" +
			"may do everything there, and serves until it is interrupted. Its tokens are worth nothing anywhere else.",
		examples: []string{"tokenwarden sim --listen 127.0.0.1:8580", "tokenwarden sim --seed accounts.json"},
		flags:    []cli.Flag{listen, text("seed", "load the accounts in the JSON `FILE` instead of the built-in ones", &o.seed)},
		run:      func(ctx context.Context, _ []string) error { return a.sim(ctx, o) },
	})
}

func (a *app) sim(ctx context.Context, o simOptions) error {
	seed := dbtcloudtest.DemoSeed(a.env.now())
	if o.seed != "" {
		f, err := os.Open(o.seed)
		if err != nil {
			return misuse("--seed: %w", err)
		}
		defer f.Close()
		if seed, err = dbtcloudtest.ReadSeed(f); err != nil {
			return misuse("--seed: %w", err)
		}
	}
	address, err := netip.ParseAddrPort(o.listen)
	if err != nil || !address.Addr().IsLoopback() {
		return misuse("--listen: expected a loopback address with a port, such as 127.0.0.1:8580: who reaches the simulator can do everything in it")
	}
	server, err := a.simulate(ctx, seed, o.listen)
	if err != nil {
		return err
	}
	defer server.close()
	line, err := json.Marshal(struct {
		URL       string `json:"url"`
		AccountID int64  `json:"account_id"`
		Token     string `json:"token"`
	}{server.url, server.sim.AccountID(), server.sim.AdminToken()})
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(a.env.stdout, "%s\n", line); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return nil
	case err := <-server.failed:
		return err
	}
}

// simulation is a simulator that listens on loopback.
type simulation struct {
	sim    *dbtcloudtest.Sim
	url    string
	server *http.Server
	failed chan error
}

func (a *app) simulate(ctx context.Context, seed dbtcloudtest.Seed, listen string) (*simulation, error) {
	s := &simulation{
		sim:    dbtcloudtest.New(dbtcloudtest.Options{Now: a.env.now, Rand: a.env.rand}),
		failed: make(chan error, 1),
	}
	if err := s.sim.Load(seed); err != nil {
		return nil, misuse("loading the seed: %w", err)
	}
	if len(seed.Accounts) == 0 {
		return nil, misuse("loading the seed: it has no account")
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", listen)
	if err != nil {
		return nil, misuse("--listen: %w", err)
	}
	s.url = "http://" + listener.Addr().String()
	s.server = &http.Server{Handler: s.sim, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		if err := s.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			s.failed <- err
		}
	}()
	return s, nil
}

func (s *simulation) close() { _ = s.server.Close() }
