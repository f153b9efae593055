package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/tokenwarden/tokenwarden/internal/config"
	"github.com/tokenwarden/tokenwarden/internal/dbtcloud/dbtcloudtest"
	"github.com/tokenwarden/tokenwarden/secrets/agefile"
)

func (a *app) demoCommand() *cli.Command {
	return a.define(command{
		name:    "demo",
		summary: "see it all done against a simulated dbt Cloud, on this machine alone",
		about: "Audits a simulated account, rotates a legacy token into an encrypted store in a temporary folder, and audits again.\n" +
			"Nothing outside that folder is read or written, and it is removed at the end.",
		run: func(ctx context.Context, _ []string) error { return a.demo(ctx) },
	})
}

// demoName is the token of the built-in account that the demo rotates.
const demoName = "Airflow prod"

func (a *app) demo(ctx context.Context) (err error) {
	folder, err := os.MkdirTemp("", "tokenwarden-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	server, err := a.simulate(ctx, dbtcloudtest.DemoSeed(a.env.now()), "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer server.close()

	d := &demonstration{app: a, folder: folder, server: server}
	return d.tell(ctx)
}

// demonstration runs real commands, each in an environment that has nothing but
// the simulated account and the temporary folder.
type demonstration struct {
	*app
	folder string
	server *simulation
	err    error // of the first step that went otherwise than it should
}

func (d *demonstration) tell(ctx context.Context) error {
	d.say("A simulated dbt Cloud listens on %s. The account Jaffle Shop has service tokens from\n"+
		"before July 18, 2023, which dbt Labs recommends rotating. Everything below is a real command.", d.server.url)

	d.step(ctx, exitFound, "1. What should not live on?", nil, "audit")
	old := d.server.sim.ActiveByName(demoName)[0]
	d.step(ctx, exitOK, "2. Airflow reads its token from a secret store; here, from an encrypted file on this machine.", nil, "age", "init")
	d.step(ctx, exitOK, "", strings.NewReader(d.server.sim.ValueOf(old.ID)), "secret", "put", "age://store.age#airflow")
	d.step(ctx, exitOK, "3. Replace the token, where Airflow will find the new one. (Whose value the store holds, nobody has\n"+
		"   written down: the rotation proves it by watching the token's last use, which takes some seconds.)", nil,
		"rotate", "--name", demoName, "--to", "age://store.age#airflow", "--now", "--yes")
	d.step(ctx, exitFound, "4. And again: the token is not among the findings any more.", nil, "audit")
	if d.err != nil {
		return d.err
	}
	return d.conclude(ctx, old)
}

// conclude looks at the simulator and the store from outside: the summary is
// what is true, and not what was meant.
func (d *demonstration) conclude(ctx context.Context, old dbtcloudtest.Token) error {
	var value strings.Builder
	inner := d.inside(nil)
	inner.stdout = &value
	if code := run(ctx, []string{program, "secret", "get", "age://store.age#airflow"}, inner); code != exitOK {
		return fmt.Errorf("the demo could not read its store (exit code %d)", code)
	}
	stored := strings.TrimSpace(value.String())
	id, active := d.server.sim.TokenByValue(stored)
	now, _ := d.server.sim.Token(id)
	_, oldLives := d.server.sim.TokenByValue(d.server.sim.ValueOf(old.ID))
	if !active || id == old.ID || oldLives || now.Name != demoName {
		return fmt.Errorf("the demo did not end as it should: the store holds token %d (active: %t), token %d is active: %t", id, active, old.ID, oldLives)
	}
	d.say("Done. Token %d is gone; token %d, with the same permissions and the name %q, is in the store and works.\n\n"+
		"Where to go next:\n"+
		"  tokenwarden audit --help                 audit a real account: it needs DBT_CLOUD_TOKEN, DBT_CLOUD_ACCOUNT_ID\n"+
		"                                           and DBT_CLOUD_HOST_URL, and changes nothing\n"+
		"  tokenwarden config init                  write a configuration with an entry for each token to be rotated\n"+
		"  tokenwarden rotate --name NAME --dry-run see what a rotation would do\n"+
		"  tokenwarden sim                          run the simulated account for other clients", old.ID, id, now.Name)
	return nil
}

// step runs one command as it would be typed, and notes when it ends with
// another code than it should.
func (d *demonstration) step(ctx context.Context, want exitCode, why string, stdin *strings.Reader, args ...string) {
	if d.err != nil {
		return
	}
	if why != "" {
		d.say("%s", why)
	}
	typed := program
	for _, arg := range args {
		if strings.ContainsAny(arg, " #") {
			arg = "'" + arg + "'"
		}
		typed += " " + arg
	}
	d.print("\n$ %s\n", typed)
	if code := run(ctx, append([]string{program}, args...), d.inside(stdin)); code != want {
		d.err = fmt.Errorf("the demo stopped: %s ended with exit code %d instead of %d", typed, code, want)
		if ctx.Err() != nil {
			d.err = context.Cause(ctx)
		}
	}
}

func (d *demonstration) say(format string, args ...any) { d.print("\n"+format+"\n", args...) }

// print keeps the first error: a reader that has gone ends the demo.
func (d *demonstration) print(format string, args ...any) {
	if _, err := fmt.Fprintf(d.env.stdout, format, args...); err != nil && d.err == nil {
		d.err = err
	}
}

// inside is the environment of the demo's commands.
func (d *demonstration) inside(stdin *strings.Reader) environment {
	variables := map[string]string{
		config.TokenVariable:     d.server.sim.AdminToken(),
		config.AccountVariable:   strconv.FormatInt(d.server.sim.AccountID(), 10),
		config.HostVariable:      d.server.url,
		agefile.IdentityVariable: filepath.Join(d.folder, "age-identity.txt"),
		"NO_COLOR":               d.env.get("NO_COLOR"),
		"TERM":                   d.env.get("TERM"),
	}
	env := d.env
	env.lookup = func(name string) (string, bool) {
		value, found := variables[name]
		return value, found
	}
	env.environ = func() []string {
		return slices.DeleteFunc(d.env.environ(), func(entry string) bool { return !strings.HasPrefix(entry, "PATH=") })
	}
	env.dir = func() (string, error) { return d.folder, nil }
	env.stdinTerminal = false
	if env.stdin = strings.NewReader(""); stdin != nil {
		env.stdin = stdin
	}
	return env
}
