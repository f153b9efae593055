package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tokenwarden/tokenwarden/rotate"
)

// checkCompromised finds what is wrong with breaking the glass.
func (o *rotateOptions) checkCompromised() error {
	switch {
	case !o.compromised:
	case o.pending || o.flagged:
		return misuse("--compromised is for one token: name it with --token-id or --name")
	case strings.TrimSpace(o.reason) == "":
		return misuse("--compromised needs --reason: what happened, for whoever reads the evidence")
	case o.overlap != nil || o.quiet != nil:
		return misuse("--compromised means no overlap and no quiet time: leave --overlap and --quiet out")
	}
	return nil
}

// decided is what was known without trying. A refusal ends nothing, and a person
// in that hour has to hear it.
func decided(r rotate.Result, compromised string) rotate.Result {
	r.Compromised = compromised
	if compromised != "" && r.Status == rotate.Refused && r.OldTokenID != 0 {
		r.Warnings = append(slices.Clone(r.Warnings), fmt.Sprintf("token %d is compromised, and it is still alive: correct what is refused and run the same command again, or replace and delete it where it is managed", r.OldTokenID))
	}
	return r
}

// lookAt is what is left to be done for a person in that hour.
func lookAt() []string {
	return []string{
		"what was done with it: dbt Cloud's audit log (Account settings, Audit log; Enterprise plans), and the runs of its projects",
		"what was made with it, if it could make tokens or users: tokenwarden tokens --format csv has all tokens with their dates",
		"who still has the old value: processes that read it at their start, CI variables, .env files, images, logs, earlier versions in the store; it is refused from now on, so they fail until they read the store again",
	}
}

func writeCompromised(line func(key, text string), r rotate.Result) {
	if r.Compromised == "" {
		return
	}
	line("compromised", r.Compromised)
	if r.Status == rotate.Rotated || r.Status == rotate.Undone || r.Status == rotate.Unchanged {
		for _, text := range lookAt() {
			line("look at", text)
		}
	}
}
