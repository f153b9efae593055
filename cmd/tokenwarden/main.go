// Command tokenwarden audits and rotates the service tokens of dbt Cloud
// accounts.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), endings()...)
	code := run(ctx, os.Args, processEnvironment())
	stop()
	os.Exit(int(code))
}

// endings are the signals that ask a run to end: also that its terminal is gone,
// unless nohup made that one ignored.
func endings() []os.Signal {
	all := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		all = append(all, syscall.SIGHUP)
	}
	return all
}
