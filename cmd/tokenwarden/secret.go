package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/tokenwarden/tokenwarden/secrets"
)

func (a *app) secretCommand() *cli.Command {
	return a.define(command{
		name:    "secret",
		summary: "read or write one secret by its reference",
		commands: []*cli.Command{
			a.define(command{
				name:     "get",
				summary:  "print the secret",
				about:    "The value goes to stdout, with a newline after it: this is the one command whose job that is.",
				examples: []string{"tokenwarden secret get age:///var/lib/dbt/store.age#airflow"},
				args:     []string{"REF"},
				run: func(ctx context.Context, args []string) error {
					return a.withSecret(ctx, args[0], a.secretGet)
				},
			}),
			a.define(command{
				name:    "put",
				summary: "write the secret, which is read from stdin",
				about: "One newline at its end is dropped. The write is a check-and-set: when somebody else writes in the meantime,\n" +
					"nothing is changed. The value has no label, so a rotation asks whose it is.",
				examples: []string{"tokenwarden secret put vault://secret/dbt/airflow#token < token.txt"},
				args:     []string{"REF"},
				run: func(ctx context.Context, args []string) error {
					return a.withSecret(ctx, args[0], a.secretPut)
				},
			}),
		},
	})
}

func (a *app) withSecret(ctx context.Context, text string, do func(context.Context, secrets.Ref) error) error {
	ref, err := secrets.ParseRef(text)
	if err != nil {
		return &exit{code: exitMisused, err: err}
	}
	dir, err := a.env.dir()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, a.timeout(), errTimeout)
	defer cancel()
	return do(ctx, ref.Absolute(dir))
}

func (a *app) secretGet(ctx context.Context, ref secrets.Ref) error {
	value, err := a.secret(ctx, ref)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(a.env.stdout, value.Reveal())
	return err
}

func (a *app) secretPut(ctx context.Context, ref secrets.Ref) error {
	store, err := a.store(ref)
	if err != nil {
		return err
	}
	value, err := a.typedSecret()
	if err != nil {
		return err
	}
	before, err := store.Read(ctx, ref)
	if err != nil {
		return err
	}
	if before.Value.Equal(value) && !before.Value.Empty() {
		a.log.Info("the secret has that value already", "ref", ref.String())
		return nil
	}
	_, err = store.Write(ctx, ref, secrets.Write{Value: value, Expect: before.Version})
	return err
}

// typedSecret reads a value from stdin, unseen where that is a terminal.
func (a *app) typedSecret() (secrets.Value, error) {
	const most = 64 << 10
	var text string
	if a.env.stdinTerminal {
		_, _ = fmt.Fprint(a.env.stderr, "Value (is not shown): ")
		line, err := a.env.readHidden()
		_, _ = fmt.Fprintln(a.env.stderr)
		if err != nil {
			return secrets.Value{}, fmt.Errorf("reading the value: %w", err)
		}
		text = line
	} else {
		b, err := io.ReadAll(io.LimitReader(a.env.stdin, most+1))
		if err != nil {
			return secrets.Value{}, fmt.Errorf("reading the value: %w", err)
		}
		text = strings.TrimSuffix(strings.TrimSuffix(string(b), "\n"), "\r")
	}
	switch {
	case strings.TrimSpace(text) == "":
		return secrets.Value{}, &exit{code: exitMisused, err: errors.New("stdin has no value: nothing was written")}
	case len(text) > most:
		return secrets.Value{}, misuse("stdin has more than %d bytes: nothing was written", most)
	}
	return secrets.NewValue(text), nil
}
