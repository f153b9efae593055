package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"
)

// The library's own scripts call the program, through eval, with what was typed
// so far. These are made from the command tree once and run nothing.

func (a *app) completionCommand() *cli.Command {
	return a.define(command{
		name:    "completion",
		summary: "print the completion script of a shell: bash, zsh or fish",
		examples: []string{
			"source <(tokenwarden completion bash)",
			"source <(tokenwarden completion zsh)",
			"tokenwarden completion fish > ~/.config/fish/completions/tokenwarden.fish",
		},
		args: []string{"SHELL"},
		run: func(_ context.Context, args []string) error {
			var script string
			var err error
			switch args[0] {
			case "bash":
				script = a.bashCompletion()
			case "zsh":
				script = zshBefore + a.bashCompletion()
			case "fish":
				script, err = a.library().ToFishCompletion()
			default:
				err = misuse("there are completion scripts for bash, zsh and fish")
			}
			if err != nil {
				return err
			}
			_, err = fmt.Fprint(a.env.stdout, script)
			return err
		},
	})
}

const zshBefore = "autoload -U +X compinit && compinit\nautoload -U +X bashcompinit && bashcompinit\n"

// bashCompletion offers the commands and flags of the command typed so far. A
// word that is no command (a flag's value) leaves it where it is.
func (a *app) bashCompletion() string {
	var b strings.Builder
	b.WriteString(`_tokenwarden() {
    local cur=${COMP_WORDS[COMP_CWORD]} path=tokenwarden words="" i
    COMPREPLY=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        case "$path ${COMP_WORDS[i]}" in
`)
	var cases strings.Builder
	a.walk(func(path string, cmd *cli.Command) {
		if cmd != a.root {
			fmt.Fprintf(&b, "        '%s') path='%s' ;;\n", path, path)
		}
		var words []string
		for _, sub := range cmd.VisibleCommands() {
			words = append(words, sub.Name)
		}
		for _, f := range cmd.Flags {
			words = append(words, "--"+f.Names()[0])
		}
		fmt.Fprintf(&cases, "    '%s') words='%s' ;;\n", path, strings.Join(words, " "))
	})
	b.WriteString("        esac\n    done\n    case \"$path\" in\n")
	b.WriteString(cases.String())
	b.WriteString(`    esac
    COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -o bashdefault -o default -F _tokenwarden tokenwarden
`)
	return b.String()
}

// walk visits the program and all its visible commands, parents first.
func (a *app) walk(visit func(path string, cmd *cli.Command)) {
	var below func(path string, cmd *cli.Command)
	below = func(path string, cmd *cli.Command) {
		visit(path, cmd)
		for _, sub := range cmd.VisibleCommands() {
			below(path+" "+sub.Name, sub)
		}
	}
	below(program, a.root)
}
