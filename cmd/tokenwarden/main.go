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
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args, processEnvironment())
	stop()
	os.Exit(int(code))
}
