// Package verify holds the examples against what their users run: the parsers
// and checkers of cron, systemd, Kubernetes, GitHub Actions and BuildKit. It is
// a module of its own, so that tokenwarden depends on none of them: `make
// test-examples` runs it. That the program does what the examples say is tested
// beside the program (cmd/tokenwarden/examples_*_test.go).
package verify
