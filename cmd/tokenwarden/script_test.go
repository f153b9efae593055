package main

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/flock"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/tokenwarden/tokenwarden/internal/dbtcloud/dbtcloudtest"
	"github.com/tokenwarden/tokenwarden/secrets/awssm/awstest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"tokenwarden": hurriedMain})
}

// hurriedMain is main with a clock that does not dawdle: what it waits for takes
// a hundredth of the time, but not so little that two moments are the same.
func hurriedMain() {
	ctx, stop := signal.NotifyContext(context.Background(), endings()...)
	env := processEnvironment()
	env.sleep = func(ctx context.Context, d time.Duration) error {
		return sleep(ctx, min(d, max(d/100, 5*time.Millisecond)))
	}
	if path := os.Getenv(clockVariable); path != "" {
		env.now = func() time.Time { return clock(path) }
	}
	code := run(ctx, os.Args, env)
	stop()
	os.Exit(int(code))
}

// TestScripts runs testdata/script through the real run, each command a process.
// In all of them no secret may show: see script.check.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			s := &script{work: env.WorkDir}
			env.Values[scriptKey{}] = s
			env.Setenv("HOME", filepath.Join(env.WorkDir, "home"))
			env.Setenv("USER", "tester")
			if err := os.Mkdir(filepath.Join(env.WorkDir, "home"), 0o700); err != nil {
				return err
			}
			path := filepath.Join(env.WorkDir, "home", "clock")
			env.Setenv(clockVariable, path)
			s.ahead = time.Until(scriptsBegin())
			return setClock(path, s.ahead)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"sim": cmdSim, "exits": cmdExits, "fault": cmdFault, "token": cmdToken, "holds": cmdHolds,
			"marker": cmdMarker, "human": cmdHuman, "requests": cmdRequests, "envsubst": cmdEnvsubst, "vault": cmdVault, "hang": cmdHang, "day": cmdDay,
			"vaulttoken": cmdVaultToken, "aws": cmdAWS, "awspolicy": cmdAWSPolicy, "awsdelete": cmdAWSDelete,
			"slack": cmdSlack, "told": cmdTold, "pings": cmdPings, "night": cmdNight, "serve": cmdServe, "api": cmdAPI, "metric": cmdMetric,
			"documented": cmdDocumented, "hold": cmdHold, "terminate": cmdTerminate, "release": cmdRelease,
		},
	})
}

type scriptKey struct{}

// script is what the commands of one script share.
type script struct {
	work    string
	ahead   time.Duration // of the real clock, at the beginning
	sim     *dbtcloudtest.Sim
	aws     *awstest.Server
	markers []string // secrets of this script besides the simulator's

	listeners *listeners
	held      *flock.Flock
	elsewhere []string // secrets that go to those whose they are, and nowhere else
}

func scriptOf(ts *testscript.TestScript) *script { return ts.Value(scriptKey{}).(*script) }

// cmdSim starts a simulator with a seed, or with the built-in account, and sets
// the variables of an account without a configuration file.
func cmdSim(ts *testscript.TestScript, neg bool, args []string) {
	s := scriptOf(ts)
	path := ts.Getenv(clockVariable)
	seed := dbtcloudtest.DemoSeed(clock(path))
	if neg || len(args) > 1 {
		ts.Fatalf("usage: sim [seed.json]")
	}
	if len(args) == 1 {
		f, err := os.Open(ts.MkAbs(args[0]))
		ts.Check(err)
		defer f.Close()
		seed, err = dbtcloudtest.ReadSeed(f)
		ts.Check(err)
		ts.Check(os.Remove(f.Name())) // it may hold values, and no file may
	}
	s.sim = dbtcloudtest.New(dbtcloudtest.Options{Now: func() time.Time { return clock(path) }})
	ts.Check(s.sim.Load(seed))
	server := httptest.NewServer(s.sim)
	ts.Defer(server.Close)
	ts.Defer(func() { s.checkFiles(ts) })
	ts.Setenv("SIM_URL", server.URL)
	ts.Setenv("DBT_CLOUD_HOST_URL", server.URL)
	ts.Setenv("DBT_CLOUD_ACCOUNT_ID", strconv.FormatInt(s.sim.AccountID(), 10))
	ts.Setenv("DBT_CLOUD_TOKEN", s.sim.AdminToken())
}

// cmdExits runs a command and looks at its exit code, its output, and its files.
func cmdExits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	code := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var failed *exec.ExitError
		if !errors.As(err, &failed) {
			ts.Fatalf("%v", err)
		}
		code = failed.ExitCode()
	}
	if code != want {
		ts.Fatalf("exit code %d, expected %d", code, want)
	}
	scriptOf(ts).check(ts, args[1:])
}

// check finds secrets in what the last command printed.
func (s *script) check(ts *testscript.TestScript, command []string) {
	job := len(command) > 2 && command[1] == "secret" && command[2] == "get"
	for _, name := range []string{"stdout", "stderr"} {
		if s.written([]byte(ts.ReadFile(name))) && !(job && name == "stdout") {
			ts.Fatalf("%s holds a secret", name)
		}
	}
}

// checkFiles finds secrets in the files that were left behind.
func (s *script) checkFiles(ts *testscript.TestScript) {
	err := filepath.WalkDir(s.work, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if s.written(b) {
			ts.Logf("%s holds a secret", path)
			return errors.New("a secret in a file")
		}
		return err
	})
	ts.Check(err)
}

// written finds secrets where none at all may be.
func (s *script) written(b []byte) bool {
	return s.leaked(b) || slices.ContainsFunc(s.elsewhere, func(secret string) bool { return bytes.Contains(b, []byte(secret)) })
}

// leaked finds secrets of dbt Cloud and of the stores.
func (s *script) leaked(b []byte) bool {
	secrets := slices.Clone(s.markers)
	if s.sim != nil {
		for _, t := range s.sim.Tokens() {
			secrets = append(secrets, s.sim.ValueOf(t.ID))
		}
	}
	return slices.ContainsFunc(secrets, func(secret string) bool { return secret != "" && bytes.Contains(b, []byte(secret)) })
}

// cmdMarker sets a variable to a secret of its own.
func cmdMarker(ts *testscript.TestScript, _ bool, args []string) {
	s := scriptOf(ts)
	value := "dbtc_" + strings.Repeat("marker"+strconv.Itoa(len(s.markers)), 7) + "x"
	s.markers = append(s.markers, value)
	ts.Setenv(args[0], value)
}

// cmdFault plans what goes wrong: operation, status or "reset", and on which
// request (0: all of them).
func cmdFault(ts *testscript.TestScript, _ bool, args []string) {
	s := scriptOf(ts)
	var rules []dbtcloudtest.Rule
	for ; len(args) >= 3; args = args[3:] {
		r := dbtcloudtest.Rule{Operation: args[0], Fault: dbtcloudtest.StatusBefore}
		switch args[1] {
		case "reset":
			r.Fault = dbtcloudtest.ResetBefore
		case "reset-after":
			r.Fault = dbtcloudtest.ResetAfter
		case "html":
			r.Fault = dbtcloudtest.HTML
		default:
			var err error
			r.Status, err = strconv.Atoi(args[1])
			ts.Check(err)
		}
		var err error
		r.Nth, err = strconv.Atoi(args[2])
		ts.Check(err)
		rules = append(rules, r)
	}
	s.sim.Plan(rules...)
}

// cmdDay sets a variable to the date in so many days.
func cmdDay(ts *testscript.TestScript, _ bool, args []string) {
	days, err := strconv.Atoi(args[1])
	ts.Check(err)
	ts.Setenv(args[0], clock(ts.Getenv(clockVariable)).UTC().AddDate(0, 0, days).Format(time.DateOnly))
}

// cmdHang lets an operation go unanswered.
func cmdHang(ts *testscript.TestScript, _ bool, args []string) {
	scriptOf(ts).sim.Plan(dbtcloudtest.Rule{Operation: args[0], Fault: dbtcloudtest.TimeoutBefore})
}

// cmdToken looks at how many active tokens of a name there are.
func cmdToken(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[1])
	ts.Check(err)
	if found := scriptOf(ts).sim.ActiveByName(args[0]); len(found) != want {
		ts.Fatalf("%d active tokens are called %q, expected %d", len(found), args[0], want)
	}
}

// cmdHolds reads a reference by the program and tells whose value is there.
func cmdHolds(ts *testscript.TestScript, neg bool, args []string) {
	ts.Check(ts.Exec("tokenwarden", "secret", "get", args[0]))
	id, active := scriptOf(ts).sim.TokenByValue(strings.TrimSpace(ts.ReadFile("stdout")))
	name := "nobody"
	if t, found := scriptOf(ts).sim.Token(id); found && active {
		name = t.Name
	}
	if (name == args[1]) == neg {
		ts.Fatalf("%s holds the value of %s (token %d)", args[0], name, id)
	}
}

// cmdHuman does what people do meanwhile: delete or rename a token, put its
// value into a variable, or store it, or anything else, somewhere.
func cmdHuman(ts *testscript.TestScript, _ bool, args []string) {
	sim := scriptOf(ts).sim
	id, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	switch args[0] {
	case "deletes":
		sim.Delete(id)
	case "renames":
		sim.Rename(id, args[2])
	case "disguises": // renames the replacement of the token
		for _, t := range sim.Tokens() {
			if strings.Contains(t.Name, "[replaces "+args[1]) {
				sim.Rename(t.ID, args[2])
			}
		}
	case "stores":
		ts.Setenv("STORED", sim.ValueOf(id))
		ts.Check(ts.Exec("sh", "-c", `printf %s "$STORED" | tokenwarden secret put "$0"`, args[2]))
		ts.Setenv("STORED", "")
	case "knows":
		ts.Setenv(args[2], sim.ValueOf(id))
	default:
		ts.Fatalf("unknown deed %s", args[0])
	}
}

// cmdRequests looks at how many requests were sent, how many that could change
// something, or how many that were made with another token than the admin's.
func cmdRequests(ts *testscript.TestScript, _ bool, args []string) {
	sim := scriptOf(ts).sim
	admin, _ := sim.TokenByValue(sim.AdminToken())
	counts := map[string]int{"changing": 0, "all": 0, "stored": 0}
	for _, r := range sim.Requests() {
		counts["all"]++
		if r.TokenID != admin {
			counts["stored"]++
		}
		if r.Method != http.MethodGet {
			counts["changing"]++
		}
	}
	want, err := strconv.Atoi(args[1])
	ts.Check(err)
	if got, known := counts[args[0]]; !known || got != want {
		ts.Fatalf("%d %s requests, expected %d", got, args[0], want)
	}
}

// cmdEnvsubst fills variables into a file.
func cmdEnvsubst(ts *testscript.TestScript, _ bool, args []string) {
	for _, name := range args {
		path := ts.MkAbs(name)
		ts.Check(os.WriteFile(path, []byte(os.Expand(ts.ReadFile(name), ts.Getenv)), 0o600))
	}
}
