package secrets

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestReadEnv(t *testing.T) {
	env := map[string]string{"TOKEN": secret, "NEWLINE": secret + "\r\n", "EMPTY": "", "BLANK": " \n"}
	lookup := func(name string) (string, bool) { v, ok := env[name]; return v, ok }
	for _, name := range []string{"TOKEN", "NEWLINE"} {
		if v, err := ReadEnv(Ref{Scheme: Env, Path: name}, lookup); err != nil || v.Reveal() != secret {
			t.Errorf("%s: %d bytes, %v", name, len(v.Reveal()), err)
		}
	}
	for _, name := range []string{"EMPTY", "BLANK", "MISSING"} {
		v, err := ReadEnv(Ref{Scheme: Env, Path: name}, lookup)
		if !errors.Is(err, ErrUnset) || !strings.Contains(err.Error(), name) || !v.Empty() {
			t.Errorf("%s: %v, want ErrUnset that names it", name, err)
		}
	}
	if _, err := ReadEnv(Ref{Scheme: File, Path: "/TOKEN"}, lookup); err == nil || errors.Is(err, ErrUnset) {
		t.Errorf("another scheme: %v", err)
	}
}

func TestReadFile(t *testing.T) {
	dir := t.TempDir()
	for name, c := range map[string]struct{ content, want string }{
		"plain":       {secret, secret},
		"newline":     {secret + "\n", secret},
		"crlf":        {secret + "\r\n", secret},
		"two":         {secret + "\n\n", secret + "\n"},
		"cr alone":    {secret + "\r", secret + "\r"},
		"lines":       {"a\nb\n", "a\nb"},
		"largest":     {strings.Repeat("x", MaxFileSize), strings.Repeat("x", MaxFileSize)},
		"empty":       {"", ""},
		"one newline": {"\n", ""},
		"too large":   {secret + strings.Repeat("x", MaxFileSize), ""},
	} {
		ref := Ref{Scheme: File, Path: filepath.Join(dir, name)}
		if err := os.WriteFile(ref.Path, []byte(c.content), 0o600); err != nil {
			t.Fatal(err)
		}
		v, err := ReadFile(ref)
		if v.Reveal() != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%s: %d bytes, %v; want %d bytes", name, len(v.Reveal()), err, len(c.want))
		}
		if err != nil && (leaks(err.Error()) || strings.Count(err.Error(), ref.Path) != 1) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for path, want := range map[string]error{dir: nil, filepath.Join(dir, "none"): fs.ErrNotExist} {
		if _, err := ReadFile(Ref{Scheme: File, Path: path}); err == nil || want != nil && !errors.Is(err, want) || strings.Count(err.Error(), path) != 1 {
			t.Errorf("%s: %v", path, err)
		}
	}
	if _, err := ReadFile(Ref{Scheme: Env, Path: "X"}); err == nil {
		t.Error("read a file for another scheme")
	}
}
