package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"

	"github.com/tokenwarden/tokenwarden/secrets"
)

// exitCode is what a run tells its caller: the same for all commands.
type exitCode int

// The exit codes.
const (
	exitOK      exitCode = iota // everything was done, nothing is to be done
	exitFound                   // findings, a refusal, something that waits for a person
	exitFailed                  // something could not be read or done; again is safe
	exitMisused                 // usage or configuration: nothing was attempted

	exitLocked exitCode = 75 // nightly: another one is at work (EX_TEMPFAIL of sysexits.h)
)

// exit ends a command with a code. Its err, if any, is shown; a command that has
// said everything already has none.
type exit struct {
	code exitCode
	err  error
	hint string // what to do, on a line of its own
}

func (e *exit) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exit) Unwrap() error { return e.err }

// exitWith ends a command quietly.
func exitWith(code exitCode) error {
	if code == exitOK {
		return nil
	}
	return &exit{code: code}
}

// misuse is a usage or configuration error. Its text must not repeat what may
// be a secret: people paste tokens where references and names belong.
func misuse(format string, args ...any) error {
	return &exit{code: exitMisused, err: fmt.Errorf(format, args...)}
}

// misuseHint is misuse with a line about what to do.
func misuseHint(hint, format string, args ...any) error {
	return &exit{code: exitMisused, err: fmt.Errorf(format, args...), hint: hint}
}

// codeOf is the one place where errors become exit codes.
func codeOf(err error) exitCode {
	var e *exit
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &e):
		return e.code
	case errors.Is(err, secrets.ErrUnset):
		return exitMisused
	}
	return exitFailed
}

// complain writes what went wrong, and what helps.
func complain(w io.Writer, err error) {
	var e *exit
	if errors.As(err, &e) && e.err == nil {
		return
	}
	if errors.Is(err, context.Canceled) {
		err = fmt.Errorf("interrupted: %w", err)
	}
	_, _ = fmt.Fprintf(w, "error: %s\n", printable(tokenLike.ReplaceAllString(err.Error(), "[redacted]")))
	if e != nil && e.hint != "" {
		_, _ = fmt.Fprintf(w, "hint: %s\n", printable(e.hint))
	}
}

// tokenLike is what dbt tokens look like (recorded). No error of ours repeats
// one; those of the operating system repeat a path that was one by mistake.
var tokenLike = regexp.MustCompile(`dbt[a-z]_[A-Za-z0-9_-]{8,}`)
