package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// FileVariable names a configuration file.
const FileVariable = "TOKENWARDEN_CONFIG"

// Discover finds the configuration file: flag (--config), $TOKENWARDEN_CONFIG,
// tokenwarden.yaml in cwd, tokenwarden/config.yaml in $XDG_CONFIG_HOME
// (~/.config without it); the first that is there. A file that flag or variable
// names and that is missing is an error; otherwise found is false. A file that
// is there and cannot be looked at is an error too: going on to the next would
// use another configuration than the one that was meant.
func Discover(flag string, getenv func(string) string, cwd string) (path string, found bool, err error) {
	for _, named := range []struct{ by, path string }{{"--config", flag}, {"$" + FileVariable, getenv(FileVariable)}} {
		if named.path == "" {
			continue
		}
		path := below(cwd, named.path)
		if err := isFile(path); err != nil {
			return "", false, fmt.Errorf("reading the configuration that %s names: %w", named.by, err)
		}
		return path, true, nil
	}
	candidates := []string{filepath.Join(cwd, "tokenwarden.yaml")}
	// The specification of XDG_CONFIG_HOME says to pass over a relative one.
	if dir := getenv("XDG_CONFIG_HOME"); filepath.IsAbs(dir) {
		candidates = append(candidates, filepath.Join(dir, "tokenwarden", "config.yaml"))
	} else if home := getenv("HOME"); home != "" {
		candidates = append(candidates, filepath.Join(home, ".config", "tokenwarden", "config.yaml"))
	}
	for _, path := range candidates {
		err := isFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return "", false, fmt.Errorf("reading the configuration: %w", err)
		}
		return path, true, nil
	}
	return "", false, nil
}

// isFile lets everything pass that is no directory: a pipe (/dev/stdin, a
// shell's process substitution) holds a configuration as well.
func isFile(path string) error {
	info, err := os.Stat(path)
	if err == nil && info.IsDir() {
		return &fs.PathError{Op: "open", Path: path, Err: errors.New("is a directory")}
	}
	return err
}

func below(dir, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}
