package main

import "log/slog"

// begin prepares what every command uses, once the flags are known.
func (a *app) begin() {
	level := slog.LevelWarn
	// The flag takes nothing else.
	_ = level.UnmarshalText([]byte(a.common.logLevel))
	if a.common.verbose {
		level = min(level, slog.LevelInfo)
	}
	options := &slog.HandlerOptions{Level: level}
	asText := a.common.logFormat == "text" || a.common.logFormat == "auto" && a.env.stderrTerminal
	if asText {
		a.log = slog.New(slog.NewTextHandler(a.env.stderr, options))
		return
	}
	a.log = slog.New(slog.NewJSONHandler(a.env.stderr, options))
}
