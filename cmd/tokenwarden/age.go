package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/urfave/cli/v2"

	"github.com/tokenwarden/tokenwarden/secrets/agefile"
)

func (a *app) ageCommand() *cli.Command {
	return a.define(command{
		name:    "age",
		summary: "the identity of the embedded age store",
		commands: []*cli.Command{a.define(command{
			name:    "init",
			summary: "make the identity that age stores are encrypted to",
			about: "Writes a new identity, with mode 0600, where --age-identity, $TOKENWARDEN_AGE_IDENTITY or the user's config folder\n" +
				"says, and prints its path and public key. An identity that is there is left as it is. Keep a copy: without it the\n" +
				"store cannot be read.",
			examples: []string{"tokenwarden age init", "tokenwarden age init --age-identity /etc/tokenwarden/age-identity.txt"},
			run:      func(context.Context, []string) error { return a.ageInit() },
		})},
	})
}

func (a *app) ageInit() error {
	path, err := a.identityFile()
	if err != nil {
		return err
	}
	recipient, err := agefile.Init(path)
	if errors.Is(err, fs.ErrExist) {
		return &exit{code: exitMisused, err: err}
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.env.stdout, "identity:   %s\npublic key: %s\n", path, recipient)
	return err
}
