package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func environment(pairs map[string]string) func(string) string {
	return func(key string) string { return pairs[key] }
}

func TestDiscover(t *testing.T) {
	root := t.TempDir()
	for _, name := range []string{"cwd/tokenwarden.yaml", "cwd/mine.yaml", "xdg/tokenwarden/config.yaml", "home/.config/tokenwarden/config.yaml"} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(root, "empty"), 0o755); err != nil {
		t.Fatal(err)
	}
	at := func(s string) string { return filepath.Join(root, s) }
	full := map[string]string{FileVariable: at("xdg/tokenwarden/config.yaml"), "XDG_CONFIG_HOME": at("xdg"), "HOME": at("home")}
	for _, x := range []struct {
		name, flag, cwd string
		env             map[string]string
		want            string // empty: not found
		err             string // what the error names
	}{
		{"flag first", "mine.yaml", at("cwd"), full, at("cwd/mine.yaml"), ""},
		{"absolute flag", at("cwd/mine.yaml"), at("empty"), full, at("cwd/mine.yaml"), ""},
		{"variable second", "", at("cwd"), full, at("xdg/tokenwarden/config.yaml"), ""},
		{"working directory third", "", at("cwd"), map[string]string{"XDG_CONFIG_HOME": at("xdg")}, at("cwd/tokenwarden.yaml"), ""},
		{"user's folder", "", at("empty"), map[string]string{"XDG_CONFIG_HOME": at("xdg"), "HOME": at("home")}, at("xdg/tokenwarden/config.yaml"), ""},
		{"default folder", "", at("empty"), map[string]string{"HOME": at("home")}, at("home/.config/tokenwarden/config.yaml"), ""},
		{"relative folder passed over", "", at("empty"), map[string]string{"XDG_CONFIG_HOME": "xdg", "HOME": at("home")}, at("home/.config/tokenwarden/config.yaml"), ""},
		{"nothing", "", at("empty"), map[string]string{"HOME": at("empty")}, "", ""},
		{"no home", "", at("empty"), nil, "", ""},
		{"flag missing", "none.yaml", at("cwd"), full, "", "--config"},
		{"variable missing", "", at("cwd"), map[string]string{FileVariable: "none.yaml"}, "", "$TOKENWARDEN_CONFIG"},
	} {
		path, found, err := Discover(x.flag, environment(x.env), x.cwd)
		if path != x.want || found != (x.want != "") || (err != nil) != (x.err != "") {
			t.Errorf("%s: got %q, %v, %v", x.name, path, found, err)
		}
		if err != nil && (!errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), x.err) || !strings.Contains(err.Error(), "none.yaml")) {
			t.Errorf("%s: %v", x.name, err)
		}
	}
	// A folder in the file's place hides no other configuration.
	if err := os.Mkdir(at("empty/tokenwarden.yaml"), 0o755); err != nil {
		t.Fatal(err)
	}
	if path, found, err := Discover("", environment(full), at("cwd")); err != nil || !found {
		t.Errorf("got %q, %v, %v", path, found, err)
	}
	if path, found, err := Discover("", environment(map[string]string{"HOME": at("home")}), at("empty")); err == nil || found {
		t.Errorf("a folder was taken: %q, %v, %v", path, found, err)
	}
}
