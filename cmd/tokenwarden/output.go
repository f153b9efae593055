package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"

	"github.com/google/renameio/v2"
)

// output is where a command's result goes: stdout, or a file that appears whole
// or not at all.
type output struct {
	io.Writer
	commit func() error
	// Close removes what was begun and not committed.
	Close func()
}

// openOutput is called before anything is attempted, so that a path that cannot
// be written costs nothing. An empty path is stdout.
func (a *app) openOutput(path string) (*output, error) {
	nothing := func() {}
	if path == "" {
		return &output{Writer: a.env.stdout, commit: func() error { return nil }, Close: nothing}, nil
	}
	switch info, err := os.Stat(path); {
	case err != nil: // not there yet
	case info.IsDir():
		return nil, misuse("--output: it is a directory")
	case !info.Mode().IsRegular():
		// A device or a pipe cannot be replaced, only written to.
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return nil, misuse("--output: %w", err)
		}
		return &output{Writer: f, commit: f.Close, Close: func() { _ = f.Close() }}, nil
	}
	f, err := renameio.NewPendingFile(path, renameio.WithPermissions(0o644), renameio.WithExistingPermissions())
	if err != nil {
		return nil, misuse("--output: %w", err)
	}
	return &output{Writer: f, commit: f.CloseAtomicallyReplace, Close: func() { _ = f.Cleanup() }}, nil
}

// printable takes out what a terminal would obey. Names from the API are quoted
// where they are put into a text; this is for what gets there by another way.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) || r == '\n' || r == '\t' {
			return r
		}
		return unicode.ReplacementChar
	}, s)
}

// writeJSON writes a result for programs to stdout.
func (a *app) writeJSON(result any) error {
	encoder := json.NewEncoder(a.env.stdout)
	encoder.SetIndent("", "  ")
	return encoder.Encode(result)
}

// write sends the result on its way.
func (o *output) write(result func(io.Writer) error) error {
	if err := result(o); err != nil {
		return fmt.Errorf("writing the result: %w", err)
	}
	if err := o.commit(); err != nil {
		return fmt.Errorf("writing the result: %w", err)
	}
	return nil
}
