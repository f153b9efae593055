package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"
)

// printHelp writes what a command does and takes. The library's own help panics
// for a command that is not being run.
func (a *app) printHelp(w io.Writer, path string, cmd *cli.Command) error {
	c := a.tree[cmd]
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n\nUsage: %s\n", path, c.summary, usageLine(path, c))
	if c.about != "" {
		fmt.Fprintf(&b, "\n%s\n", c.about)
	}
	section(&b, "Commands", func(table io.Writer) {
		for _, sub := range cmd.VisibleCommands() {
			fmt.Fprintf(table, "  %s\t%s\n", sub.Name, sub.Usage)
		}
	})
	section(&b, "Flags", flagRows(cmd.Flags[:len(c.flags)]))
	section(&b, "Flags of every command", flagRows(cmd.Flags[len(c.flags):]))
	section(&b, "Examples", func(table io.Writer) {
		for _, example := range c.examples {
			fmt.Fprintf(table, "  %s\n", example)
		}
	})
	_, err := io.WriteString(w, b.String())
	return err
}

// section writes a titled table, unless it stays empty.
func section(b *strings.Builder, title string, rows func(io.Writer)) {
	var body strings.Builder
	table := tabwriter.NewWriter(&body, 0, 8, 2, ' ', 0)
	rows(table)
	_ = table.Flush() // a strings.Builder takes everything
	if body.Len() > 0 {
		fmt.Fprintf(b, "\n%s:\n%s", title, body.String())
	}
}

func flagRows(flags []cli.Flag) func(io.Writer) {
	return func(table io.Writer) {
		for _, f := range flags {
			fmt.Fprintf(table, "  %s\n", f)
		}
	}
}

func usageLine(path string, c command) string {
	args := strings.Join(c.args, " ")
	switch {
	case c.run == nil:
		args = "COMMAND"
	case c.optional:
		args = "[" + args + "]"
	}
	return strings.TrimSpace(path+" "+args) + " [flags]"
}

func (a *app) helpCommand() *cli.Command {
	return a.define(command{
		name:    "help",
		summary: "show the help of a command",
		args:    []string{"COMMAND", "SUBCOMMAND"}, optional: true,
		run: func(_ context.Context, names []string) error {
			cmd, path := a.root, program
			for _, name := range names {
				sub := cmd.Command(name)
				if sub == nil {
					return misuseHint(path+" --help lists the commands", "help: %s has no such command", path)
				}
				cmd, path = sub, path+" "+sub.Name
			}
			return a.printHelp(a.env.stdout, path, cmd)
		},
	})
}
