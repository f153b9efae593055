package agefile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"

	"github.com/tokenwarden/tokenwarden/secrets"
)

func TestDefaultIdentityFile(t *testing.T) {
	for name, c := range map[string]struct {
		env  map[string]string
		want string
	}{
		"named":        {map[string]string{IdentityVariable: "/run/id", "XDG_CONFIG_HOME": "/x", "HOME": "/h"}, "/run/id"},
		"config":       {map[string]string{"XDG_CONFIG_HOME": "/x", "HOME": "/h"}, "/x/tokenwarden/age-identity.txt"},
		"home":         {map[string]string{"HOME": "/h"}, "/h/.config/tokenwarden/age-identity.txt"},
		"relative XDG": {map[string]string{"XDG_CONFIG_HOME": "x", "HOME": "/h"}, "/h/.config/tokenwarden/age-identity.txt"},
		"nothing":      {nil, ""},
	} {
		got, err := DefaultIdentityFile(func(k string) string { return c.env[k] })
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%s: %q, %v, want %q", name, got, err, c.want)
		}
	}
}

func TestInit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config", "tokenwarden", "age-identity.txt")
	recipient, err := Init(path)
	if err != nil || !strings.HasPrefix(recipient, "age1") {
		t.Fatalf("%q, %v", recipient, err)
	}
	for p, want := range map[string]fs.FileMode{path: 0o600, filepath.Dir(path): fs.ModeDir | 0o700, filepath.Dir(filepath.Dir(path)): fs.ModeDir | 0o700} {
		if info, err := os.Stat(p); err != nil || info.Mode() != want {
			t.Errorf("%s: %v, %v, want %v", p, info.Mode(), err, want)
		}
	}
	b, _ := os.ReadFile(path)
	ids, err := age.ParseIdentities(strings.NewReader(string(b)))
	if err != nil || len(ids) != 1 || ids[0].(*age.X25519Identity).Recipient().String() != recipient || !strings.Contains(string(b), recipient) {
		t.Errorf("the file holds %d identities, %v", len(ids), err)
	}
	// Neither a second call nor a dangling link makes another.
	link := filepath.Join(filepath.Dir(path), "link")
	if err := os.Symlink("nowhere", link); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{path, link} {
		if _, err := Init(p); !errors.Is(err, fs.ErrExist) || !strings.Contains(err.Error(), p) {
			t.Errorf("%s again: %v", p, err)
		}
	}
	if now, _ := os.ReadFile(path); string(now) != string(b) {
		t.Error("the identity was changed")
	}
	if _, err := Init(filepath.Join(path, "x")); err == nil {
		t.Error("made a folder of a file")
	}
}

func TestIdentitiesThatCannotBeUsed(t *testing.T) {
	key := "AGE-SECRET-KEY-1" + strings.Repeat("Q", 58)
	for name, c := range map[string]struct {
		content string
		mode    fs.FileMode
		want    error
		text    string
	}{
		"missing":        {"", 0, ErrNoIdentity, "tokenwarden age init"},
		"group readable": {"valid", 0o640, secrets.ErrRefused, "chmod 600"},
		"world readable": {"valid", 0o604, secrets.ErrRefused, "chmod 600"},
		"group writable": {"valid", 0o620, secrets.ErrRefused, "chmod 600"},
		"empty":          {"", 0o600, secrets.ErrRefused, "no age identity"},
		"comments":       {"# nothing\n", 0o600, secrets.ErrRefused, "no age identity"},
		"malformed":      {key + "\n", 0o600, secrets.ErrRefused, "no age identity"},
		"another secret": {"dbtc_secret\n", 0o600, secrets.ErrRefused, "no age identity"},
		"folder":         {"", fs.ModeDir | 0o700, secrets.ErrRefused, "not a regular file"},
	} {
		t.Run(name, func(t *testing.T) {
			s, dir := newStore(t)
			ref := ageRef(filepath.Join(dir, "s.age"), "k")
			write(t, s, ref, "kept")
			path := s.config.IdentityFile
			before, _ := os.ReadFile(ref.Path)
			if c.content != "valid" {
				if err := os.Remove(path); err != nil {
					t.Fatal(err)
				}
			}
			var err error
			switch {
			case c.mode.IsDir():
				err = os.Mkdir(path, 0o700)
			case c.content == "valid":
				err = os.Chmod(path, c.mode)
			case c.mode != 0:
				err = os.WriteFile(path, []byte(c.content), c.mode)
			}
			if err != nil {
				t.Fatal(err)
			}
			for call, err := range each(t.Context(), s, ref) {
				if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) || !strings.Contains(err.Error(), path) {
					t.Errorf("%s: %v, want %v with %q and the path", call, err, c.want, c.text)
				} else if strings.Contains(err.Error(), "QQQ") || strings.Contains(err.Error(), "dbtc_") {
					t.Errorf("%s: the error quotes the identity: %v", call, err)
				}
			}
			if now, _ := os.ReadFile(ref.Path); string(now) != string(before) {
				t.Error("the store was changed")
			}
			if name == "missing" {
				if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
					t.Error("an identity was made on the way")
				}
			}
		})
	}
	if _, err := Open(Config{}).Read(t.Context(), ageRef("/s.age", "k")); !errors.Is(err, ErrNoIdentity) {
		t.Errorf("no path: %v", err)
	}
}

// A new identity on top of the old one takes over with the next write.
func TestIdentityIsReplacedByTheNextWrite(t *testing.T) {
	s, dir := newStore(t)
	ref := ageRef(filepath.Join(dir, "s.age"), "k")
	write(t, s, ref, "one")
	old, err := os.ReadFile(s.config.IdentityFile)
	if err != nil {
		t.Fatal(err)
	}
	fresh, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.config.IdentityFile, []byte(fresh.String()+"\n"+string(old)), 0o600); err != nil {
		t.Fatal(err)
	}
	write(t, s, ref, "two")
	if err := os.WriteFile(s.config.IdentityFile, old, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Read(t.Context(), ref); !errors.Is(err, secrets.ErrDenied) {
		t.Errorf("the old identity alone still opens the store: %v", err)
	}
	if err := os.WriteFile(s.config.IdentityFile, []byte(fresh.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	if c, err := s.Read(t.Context(), ref); err != nil || c.Value.Reveal() != "two" {
		t.Errorf("the new identity does not: %v", err)
	}
}

// The post-quantum identities of age 1.3 work as well.
func TestHybridIdentity(t *testing.T) {
	id, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "pq.txt")
	if err := os.WriteFile(path, []byte(id.String()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := Open(Config{IdentityFile: path})
	ref := ageRef(filepath.Join(dir, "s.age"), "k")
	write(t, s, ref, "v")
	if c, err := s.Read(t.Context(), ref); err != nil || c.Value.Reveal() != "v" {
		t.Error(err)
	}
}
