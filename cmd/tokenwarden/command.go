package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/urfave/cli/v2"
)

// command describes one command: what it is called, what it takes, and the one
// call it comes to.
type command struct {
	name     string
	summary  string
	about    string // the longer text of its help
	examples []string
	flags    []cli.Flag
	args     []string // names of its arguments
	optional bool     // the arguments may be left out
	run      func(ctx context.Context, args []string) error
	commands []*cli.Command // of a group, which has no run
}

// define makes a command of the library, and works around what the library does
// differently from what this program promises: the flags common to all commands
// work after the command too, a usage error goes to stderr and does not repeat
// what was typed, flags work behind arguments, and surplus arguments are refused.
func (a *app) define(c command) *cli.Command {
	cmd := &cli.Command{
		Name: c.name, Usage: c.summary, ArgsUsage: strings.Join(c.args, " "),
		Subcommands:  c.commands,
		Flags:        append(c.flags, a.commonFlags()...),
		HideHelp:     true, // its help goes to stdout even when nobody asked for it
		OnUsageError: a.onUsageError,
	}
	for _, f := range cmd.Flags {
		f.(*option).problem = &a.problem
	}
	a.tree[cmd] = c
	cmd.Action = func(cc *cli.Context) error {
		args, err := a.arguments(cc, cmd)
		switch {
		case a.help:
			return a.printHelp(a.env.stdout, pathOf(cmd), cmd)
		case err != nil:
			return err
		case c.run == nil:
			return a.noCommand(args, cmd)
		}
		if len(args) > len(c.args) {
			return unexpectedArgument(pathOf(cmd), c.args)
		}
		if len(args) < len(c.args) && !c.optional {
			return misuseHint("usage: "+usageLine(pathOf(cmd), c), "%s is missing", c.args[len(args)])
		}
		a.begin()
		return c.run(cc.Context, args)
	}
	return cmd
}

// arguments takes the flags out of what follows the first argument, where
// package flag stops.
func (a *app) arguments(cc *cli.Context, cmd *cli.Command) ([]string, error) {
	var args []string
	rest := cc.Args().Slice()
	for len(rest) > 0 {
		args, rest = append(args, rest[0]), rest[1:]
		set := flag.NewFlagSet(cmd.Name, flag.ContinueOnError)
		set.SetOutput(io.Discard)
		for _, f := range cmd.Flags {
			if err := f.Apply(set); err != nil {
				return nil, err
			}
		}
		if err := set.Parse(rest); err != nil {
			return nil, a.onUsageError(cc, err, true)
		}
		rest = set.Args()
	}
	return args, nil
}

// pathOf is how the command is called, which the library fills in on its way to
// it; the program itself is not below anything.
func pathOf(cmd *cli.Command) string { return cmp.Or(cmd.HelpName, program) }

func unexpectedArgument(path string, wanted []string) error {
	what := "takes no arguments"
	if len(wanted) > 0 {
		what = "takes only " + strings.Join(wanted, " ")
	}
	return misuseHint("a flag takes one value: repeat the flag for another, and quote a value with spaces in it",
		"%s %s, but there is an unexpected argument", path, what)
}

// noCommand answers a group, or the program itself, that was called without a
// command that it knows.
func (a *app) noCommand(args []string, cmd *cli.Command) error {
	if len(args) == 0 {
		if err := a.printHelp(a.env.stderr, pathOf(cmd), cmd); err != nil {
			return err
		}
		return misuse("%s needs a command", pathOf(cmd))
	}
	hint := pathOf(cmd) + " --help lists the commands"
	if !harmless.MatchString(args[0]) {
		return misuseHint(hint, "unknown command")
	}
	if near := cli.SuggestCommand(cmd.Subcommands, args[0]); near != "" {
		hint = near
	}
	return misuseHint(hint, "unknown command %q", args[0])
}

// harmless is what can be repeated of what was typed: too short and too plain
// to be a token.
var harmless = regexp.MustCompile(`^[a-z][a-z-]{0,24}$`)

var undefined = regexp.MustCompile(`^flag provided but not defined: -(.*)$`)

// onUsageError words what package flag found, without any value in it.
func (a *app) onUsageError(cc *cli.Context, err error, _ bool) error {
	cmd := cc.Command
	hint := pathOf(cmd) + " --help lists the flags"
	if a.problem.err != nil {
		return misuseHint(hint, "--%s: %w", a.problem.flag, a.problem.err)
	}
	if m := undefined.FindStringSubmatch(err.Error()); m != nil {
		if !harmless.MatchString(m[1]) {
			return misuseHint(hint, "%s: unknown flag", pathOf(cmd))
		}
		if near := cli.SuggestFlag(cmd.Flags, m[1], true); near != "" {
			hint = fmt.Sprintf("did you mean %s? %s", near, hint)
		}
		return misuseHint(hint, "%s: unknown flag --%s", pathOf(cmd), m[1])
	}
	if name, found := strings.CutPrefix(err.Error(), "flag needs an argument: -"); found && harmless.MatchString(name) {
		return misuseHint(hint, "--%s needs a value", name)
	}
	return misuseHint(hint, "%s: a flag could not be read", pathOf(cmd))
}
