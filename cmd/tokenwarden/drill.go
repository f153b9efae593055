package main

import (
	"context"
	"fmt"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"github.com/tokenwarden/tokenwarden/notify"
)

func (a *app) drillCommand() *cli.Command {
	format := "table"
	return a.define(command{
		name:    "drill",
		summary: "send a synthetic finding the way that real ones go, and say who answered",
		about: "Posts a message that is marked as a drill in Slack, as notify.slack says, and writes into the log of the heartbeat\n" +
			"URL; the alert state is left alone. Exit codes: 0 all of them answered, 2 one did not, 3 usage or configuration error.",
		examples: []string{"tokenwarden drill"},
		flags:    []cli.Flag{choice("format", "`FORMAT` of the result: table or json", &format, "table", "json")},
		run:      func(ctx context.Context, _ []string) error { return a.drill(ctx, format) },
	})
}

func (a *app) drill(ctx context.Context, format string) error {
	cfg, err := a.configuration()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, a.timeout(), errTimeout)
	defer cancel()
	o, err := a.outlets(ctx, cfg)
	if err != nil {
		return err
	}
	var probes []notify.Probe
	if o.slack != nil {
		probes = append(probes, o.slack)
	}
	if o.heartbeat != nil {
		probes = append(probes, o.heartbeat)
	}
	if len(probes) == 0 {
		return misuse("there is nobody to notify: the configuration has neither notify.slack nor notify.heartbeat")
	}
	answers := notify.Drill(ctx, probes...)
	if err := a.writeAnswers(format, answers); err != nil {
		return err
	}
	for _, answer := range answers {
		if answer.Err != nil {
			return exitWith(exitFailed)
		}
	}
	return nil
}

func (a *app) writeAnswers(format string, answers []notify.Answer) error {
	type channel struct {
		Channel  string `json:"channel"`
		Answered bool   `json:"answered"`
		Error    string `json:"error,omitempty"`
	}
	channels := []channel{}
	for _, answer := range answers {
		c := channel{Channel: answer.Channel, Answered: answer.Err == nil}
		if answer.Err != nil {
			c.Error = answer.Err.Error()
		}
		channels = append(channels, c)
	}
	if format == "json" {
		return a.writeJSON(map[string]any{"schema_version": 1, "channels": channels})
	}
	table := tabwriter.NewWriter(a.env.stdout, 0, 8, 2, ' ', 0)
	for _, c := range channels {
		if c.Answered {
			fmt.Fprintf(table, "answered\t%s\n", c.Channel)
		} else {
			fmt.Fprintf(table, "FAILED\t%s\t%s\n", c.Channel, printable(c.Error))
		}
	}
	return table.Flush()
}
