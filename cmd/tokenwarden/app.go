package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/tokenwarden/tokenwarden/internal/config"
	"github.com/tokenwarden/tokenwarden/internal/dbtcloud"
)

const program = "tokenwarden"

// app is one run of the program.
type app struct {
	env    environment
	common common
	log    *slog.Logger
	stores stores
	// services are the accounts' clients, by the account's name: all that one
	// run does shares their limits.
	services map[string]*dbtcloud.Service
	help     bool        // --help
	problem  flagProblem // what a flag could not take
	root     *cli.Command
	tree     map[*cli.Command]command
}

// common are the values of the flags that every command takes, before and after
// its name.
type common struct {
	config      string
	accounts    []string
	account     config.Flags // the one account without a configuration file
	perMinute   int
	ageIdentity string
	timeout     *time.Duration
	logLevel    string
	logFormat   string
	verbose     bool
	noColor     bool
}

// run is the whole program.
func run(ctx context.Context, args []string, env environment) exitCode {
	a := newApp(env)
	err := a.library().RunContext(ctx, args)
	if err != nil {
		complain(env.stderr, err)
	}
	return codeOf(err)
}

func newApp(env environment) *app {
	a := &app{env: env, tree: map[*cli.Command]command{}, services: map[string]*dbtcloud.Service{}}
	a.root = a.define(command{
		name:    program,
		summary: "find and replace the dbt Cloud credentials that should not live on",
		about: "Results go to stdout, everything else to stderr. Exit codes: 0 nothing is to be done, 1 findings, refusals or\n" +
			"something that waits for a person, 2 something could not be read or done, 3 usage or configuration error.",
		examples: []string{"tokenwarden demo", "tokenwarden audit", "tokenwarden rotate --name 'Airflow prod' --dry-run"},
		commands: []*cli.Command{
			a.auditCommand(), a.tokensCommand(), a.rulesCommand(),
			a.rotateCommand(), a.nightlyCommand(), a.drillCommand(),
			a.doctorCommand(), a.configCommand(), a.secretCommand(), a.ageCommand(),
			a.demoCommand(), a.simCommand(),
			a.versionCommand(), a.completionCommand(), a.helpCommand(),
		},
	})
	return a
}

// library is the command tree as urfave/cli runs it. Nothing in it may print,
// exit, or look at the process.
func (a *app) library() *cli.App {
	return &cli.App{
		Name: program, HelpName: program, Usage: a.root.Usage,
		Flags: a.root.Flags, Commands: a.root.Subcommands, Action: a.root.Action,
		OnUsageError:              a.onUsageError,
		ExitErrHandler:            func(*cli.Context, error) {},
		DisableSliceFlagSeparator: true,
		HideHelp:                  true,
		HideVersion:               true,
		Compiled:                  time.Unix(0, 1), // or the library looks at the binary's age
		Reader:                    a.env.stdin,
		Writer:                    a.env.stderr,
		ErrWriter:                 a.env.stderr,
	}
}

// commonFlags are new flags with the same values behind them: the library keeps
// the flags of the program and of its commands apart.
func (a *app) commonFlags() []cli.Flag {
	c := &a.common
	c.logLevel, c.logFormat = "warn", "auto"
	help := toggle("help", "show what the command does and takes", &a.help)
	help.alias = "h"
	verbose := toggle("verbose", "log what is being done, like --log-level info", &c.verbose)
	verbose.alias = "v"
	all := []*option{
		text("config", "configuration `FILE` (else $TOKENWARDEN_CONFIG, ./tokenwarden.yaml, the user's config folder)", &c.config),
		texts("account", "only the account with this `NAME`; may be repeated where several make sense", &c.accounts),
		text("token-ref", "secret `REF` to the credential, without a configuration file (else $DBT_CLOUD_TOKEN)", &c.account.TokenRef),
		text("account-id", "the account's `ID`, without a configuration file (else $DBT_CLOUD_ACCOUNT_ID)", &c.account.AccountID),
		text("host", "the account's access `URL`, without a configuration file (else $DBT_CLOUD_HOST_URL)", &c.account.Host),
		count("requests-per-minute", "requests to dbt Cloud per credential and minute, at most `N` (default: the configuration's, else 100)", &c.perMinute, 1, 5000),
		text("age-identity", "identity `FILE` of age stores (else $TOKENWARDEN_AGE_IDENTITY, the user's config folder)", &c.ageIdentity),
		timeLimit("timeout", "give up after this `DURATION`, such as 15m; throttling is waited out until then (default: 15m)", &c.timeout),
		verbose,
		choice("log-level", "`LEVEL` of the log on stderr: warn, error, info or debug", &c.logLevel, "warn", "error", "info", "debug"),
		choice("log-format", "`FORMAT` of the log: auto (text for a terminal, else json), text or json", &c.logFormat, "auto", "text", "json"),
		toggle("no-color", "no colours, as with $NO_COLOR", &c.noColor),
		help,
	}
	flags := make([]cli.Flag, len(all))
	for i, o := range all {
		o.override = true
		flags[i] = o
	}
	return flags
}

// color tells whether what goes to stdout may be coloured.
func (a *app) color() bool {
	return a.env.stdoutTerminal && !a.common.noColor && a.env.get("NO_COLOR") == "" && a.env.get("TERM") != "dumb"
}

// terminal tells whether a person can be asked.
func (a *app) terminal() bool { return a.env.stdinTerminal && a.env.stderrTerminal }

// timeout is how long the command may take.
func (a *app) timeout() time.Duration {
	if a.common.timeout != nil {
		return *a.common.timeout
	}
	return 15 * time.Minute
}
