package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/tokenwarden/tokenwarden/rotate"
)

// confirm shows a person what would be done and asks. Where nothing would be,
// the results say why; they are also what a refusal to agree leaves.
func (a *app) confirm(ctx context.Context, rotations []*rotation, options rotate.Options) (results []rotate.Result, agreed bool, err error) {
	options.DryRun = true
	results = a.rotateAll(ctx, rotations, options, nil)
	if !slices.ContainsFunc(results, func(r rotate.Result) bool { return r.Status == rotate.Planned }) {
		return results, false, nil
	}
	for _, r := range rotations {
		r.account.survey = nil // people think for a while, and what was read gets old
	}
	err = a.ask(ctx, rotationsText(results, nil, nil, ""))
	return nil, err == nil, err
}

// ask shows a person a plan; without a yes there is an error.
func (a *app) ask(ctx context.Context, plan string) error {
	_, _ = io.WriteString(a.env.stderr, printable(plan))
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

var errNotAgreed = errors.New("not agreed: nothing was changed")
