package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/tokenwarden/tokenwarden/internal/config"
	"github.com/tokenwarden/tokenwarden/secrets"
)

// afterStoreLimit bounds an after_store command: long enough for a rollout to
// be asked for, too short to wait for one.
const afterStoreLimit = 5 * time.Minute

// afterStore returns what runs an account's after_store commands: without a
// shell, with the ids and no secret of ours in the environment, all output on
// stderr.
func (a *app) afterStore(c *account) func(context.Context, []string, map[string]string) error {
	return func(ctx context.Context, command []string, ids map[string]string) error {
		ctx, cancel := context.WithTimeoutCause(ctx, afterStoreLimit, fmt.Errorf("it took longer than %s", afterStoreLimit))
		defer cancel()
		cmd := exec.CommandContext(ctx, command[0], command[1:]...)
		cmd.Env = withoutSecrets(a.env.environ(), c.whole, c.credential)
		for name, value := range ids {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
		cmd.Stdout, cmd.Stderr = a.env.stderr, a.env.stderr
		cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
		cmd.WaitDelay = 10 * time.Second
		if dir, err := a.env.dir(); err == nil {
			cmd.Dir = dir
		}
		err := cmd.Run()
		if cause := context.Cause(ctx); err != nil && cause != nil {
			err = errors.Join(cause, err)
		}
		if err != nil {
			return fmt.Errorf("running %s: %w", command[0], err)
		}
		return nil
	}
}

// withoutSecrets drops what this program authenticates with: the variables it
// knows, those that the configuration refers to, and any other with the
// account's credential in it. What a kubectl or an aws command logs in with
// stays.
func withoutSecrets(environ []string, cfg config.Config, credential secrets.Value) []string {
	drop := []string{config.TokenVariable, config.APITokenVariable, "VAULT_TOKEN"}
	refs := []secrets.Ref{cfg.Notify.Heartbeat}
	if slack := cfg.Notify.Slack; slack != nil {
		refs = append(refs, slack.Token, slack.Webhook)
	}
	for _, c := range cfg.Accounts {
		refs = append(refs, c.Token)
	}
	for _, ref := range refs {
		if ref.Scheme == secrets.Env {
			drop = append(drop, ref.Path)
		}
	}
	return slices.DeleteFunc(slices.Clone(environ), func(entry string) bool {
		name, value, _ := strings.Cut(entry, "=")
		return slices.Contains(drop, name) || strings.HasPrefix(name, "TOKENWARDEN_VAULT_") ||
			!credential.Empty() && strings.Contains(value, credential.Reveal())
	})
}
