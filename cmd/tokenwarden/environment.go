package main

import (
	"context"
	"crypto/rand"
	"io"
	"net/http"
	"os"
	"time"

	"golang.org/x/term"
)

// environment is everything that a run takes from outside, so that a test can
// stand in for the process.
type environment struct {
	stdin          io.Reader
	stdout, stderr io.Writer

	// Whether a person sits at the other end.
	stdinTerminal, stdoutTerminal, stderrTerminal bool
	width                                         int // columns of stdout; 0: unknown
	// readHidden reads a line from the terminal without showing it.
	readHidden func() (string, error)

	lookup  func(string) (string, bool) // one variable
	environ func() []string             // all variables, for the commands that we start
	dir     func() (string, error)      // the working directory

	now       func() time.Time
	sleep     func(context.Context, time.Duration) error
	rand      io.Reader
	jitter    func() float64    // spreads repeated requests; nil: at random
	transport http.RoundTripper // nil: the network
}

// processEnvironment is the environment of this process.
func processEnvironment() environment {
	stdin := int(os.Stdin.Fd())
	width, _, _ := term.GetSize(int(os.Stdout.Fd())) // 0 where it is no terminal
	return environment{
		stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr,
		stdinTerminal:  term.IsTerminal(stdin),
		stdoutTerminal: term.IsTerminal(int(os.Stdout.Fd())),
		stderrTerminal: term.IsTerminal(int(os.Stderr.Fd())),
		width:          width,
		readHidden: func() (string, error) {
			b, err := term.ReadPassword(stdin)
			return string(b), err
		},
		lookup:  os.LookupEnv,
		environ: os.Environ,
		dir:     os.Getwd,
		now:     time.Now,
		sleep:   sleep,
		rand:    rand.Reader,
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

// get returns a variable; "" when it is not set.
func (e environment) get(name string) string {
	v, _ := e.lookup(name)
	return v
}
