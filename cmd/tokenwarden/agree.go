package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"
)

var errNotAgreed = errors.New("not agreed: nothing was changed")

// canAsk tells whether there is a person to agree to something.
func (a *app) canAsk() bool { return a.env.stdinTerminal && a.env.stderrTerminal }

// agree asks the person who was shown what would be done. Nothing but "yes" is an
// agreement; everything else is an error.
func (a *app) agree(ctx context.Context) error {
	_, _ = fmt.Fprint(a.env.stderr, "Type yes to do this: ")
	answer := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(a.env.stdin).ReadString('\n') // an end of input is no agreement
		answer <- strings.TrimSpace(line)
	}()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case text := <-answer:
		if text == "yes" {
			return nil
		}
	}
	return &exit{code: exitFound, err: errNotAgreed}
}
