package agefile

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gofrs/flock"

	"github.com/tokenwarden/tokenwarden/secrets"
)

// each calls every method that must fail alike.
func each(ctx context.Context, s *Store, ref secrets.Ref) map[string]error {
	_, read := s.Read(ctx, ref)
	_, write := s.Write(ctx, ref, secrets.Write{Value: secrets.NewValue("dbtc_new")})
	label := s.Label(ctx, ref, secrets.Labels{"0123456789abcdef": {TokenID: 1, AccountID: 1}}, nil)
	_, history := s.History(ctx, ref)
	return map[string]error{"read": read, "write": write, "label": label, "check": s.Check(ctx, ref), "history": history}
}

func TestDamagedFilesAreNeverOverwritten(t *testing.T) {
	s, dir := newStore(t)
	path := filepath.Join(dir, "s.age")
	write(t, s, ageRef(path, "k"), "dbtc_kept"+strings.Repeat("x", 500))
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	flip := func(at int) []byte {
		b := append([]byte(nil), whole...)
		b[at] ^= 1
		return b
	}
	id, err := loadIdentity(s.config.IdentityFile)
	if err != nil {
		t.Fatal(err)
	}
	sealed := func(content string) []byte {
		path := filepath.Join(dir, "other.age")
		seal(t, id, path, []byte(content))
		b, _ := os.ReadFile(path)
		return b
	}
	for name, content := range map[string][]byte{
		"empty": {}, "one byte": whole[:1], "header only": whole[:100], "cut": whole[:len(whole)-1], "half": whole[:len(whole)/2],
		"longer": append(append([]byte(nil), whole...), 'x'), "flipped in the header": flip(130), "flipped in the content": flip(len(whole) - 100),
		"a secret in the clear": []byte("dbtc_another_secret\n"), "twice": append(append([]byte(nil), whole...), whole...),
		"not JSON": sealed("dbtc_inside"), "nothing inside": sealed(""), "no format": sealed(`{"keys":{}}`), "newer format": sealed(`{"format":2,"secrets":{}}`),
		"unknown field": sealed(`{"format":1,"keys":{"k":{"value":"dbtc_x","ttl":3}}}`), "a number for a value": sealed(`{"format":1,"keys":{"k":{"value":99887766}}}`),
		"more after it": sealed(`{"format":1,"keys":{}}{}`), "keys as a list": sealed(`{"format":1,"keys":["dbtc_x"]}`),
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(path, content, 0o600); err != nil {
				t.Fatal(err)
			}
			for call, err := range each(t.Context(), s, ageRef(path, "k")) {
				if !errors.Is(err, secrets.ErrRefused) || !strings.Contains(err.Error(), "left as it is") {
					t.Errorf("%s: %v, want ErrRefused", call, err)
				} else if strings.Contains(err.Error(), "dbtc_") || strings.Contains(err.Error(), "99887766") {
					t.Errorf("%s: the error quotes the content: %v", call, err)
				}
			}
			if now, _ := os.ReadFile(path); string(now) != string(content) {
				t.Error("the file was changed")
			}
		})
	}
}

func TestHandMadeKeysAreReadable(t *testing.T) {
	s, dir := newStore(t)
	ref := ageRef(filepath.Join(dir, "s.age"), "k")
	edit(t, s, ref.Path, func(keys map[string]any) { keys["k"], keys["null"] = map[string]any{"value": "v"}, nil })
	c, err := s.Read(t.Context(), ref)
	if err != nil || c.Value.Reveal() != "v" || c.Version == "" {
		t.Errorf("%+v, %v", c, err)
	}
	write(t, s, ageRef(ref.Path, "null"), "w")
}

func TestFileModeAndContent(t *testing.T) {
	s, dir := newStore(t)
	path := filepath.Join(dir, "s.age")
	defer syscall.Umask(syscall.Umask(0))
	write(t, s, ageRef(path, "some-key"), "dbtc_in_the_clear")
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	write(t, s, ageRef(path, "some-key"), "dbtc_in_the_clear_2")
	for _, p := range []string{path, path + ".lock"} {
		if info, err := os.Stat(p); err != nil || info.Mode() != 0o600 {
			t.Errorf("%s: %v, %v", p, info.Mode(), err)
		}
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*"))
	hidden, _ := filepath.Glob(filepath.Join(dir, ".*"))
	if len(files) != 3 || len(hidden) != 0 { // the identity, the store, its lock
		t.Errorf("left over: %v %v", files, hidden)
	}
	b, _ := os.ReadFile(path)
	if strings.Contains(string(b), "dbtc_") || strings.Contains(string(b), "some-key") {
		t.Error("the file shows its content")
	}
}

func TestReferencesThatCannotBeUsed(t *testing.T) {
	s, dir := newStore(t)
	if err := os.Symlink(filepath.Join(dir, "nowhere"), filepath.Join(dir, "dangling.age")); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "fifo.age"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		ref  secrets.Ref
		want error
		text string
	}{
		"relative":       {ageRef("s.age", "k"), secrets.ErrRefused, "relative"},
		"no key":         {ageRef(dir+"/s.age", ""), secrets.ErrRefused, "names no key"},
		"another scheme": {secrets.Ref{Scheme: secrets.Vault, Path: "/s.age", Field: "k"}, secrets.ErrNotWritable, "not an age"},
		"no folder":      {ageRef(dir+"/none/s.age", "k"), secrets.ErrUnavailable, "mkdir"},
		"folder":         {ageRef(dir, "k"), secrets.ErrRefused, "not a regular file"},
		"below a file":   {ageRef(dir+"/identity.txt/s.age", "k"), secrets.ErrUnavailable, "not a directory"},
		"dangling link":  {ageRef(dir+"/dangling.age", "k"), secrets.ErrUnavailable, "link to nothing"},
		"fifo":           {ageRef(dir+"/fifo.age", "k"), secrets.ErrRefused, "not a regular file"},
	} {
		for call, err := range each(t.Context(), s, c.ref) {
			if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) {
				t.Errorf("%s: %s: %v, want %v with %q", name, call, err, c.want, c.text)
			}
		}
	}
	if _, err := os.Lstat(dir + "/none"); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a folder was made")
	}
}

func TestSymbolicLinksStayAndShareALock(t *testing.T) {
	s, dir := newStore(t)
	for _, d := range []string{"real", "links"} {
		if err := os.Mkdir(filepath.Join(dir, d), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	real, link := filepath.Join(dir, "real/s.age"), filepath.Join(dir, "links/s.age")
	write(t, s, ageRef(real, "k"), "one")
	if err := os.Symlink("../real/s.age", link); err != nil {
		t.Fatal(err)
	}
	write(t, s, ageRef(link, "k"), "two")
	if info, err := os.Lstat(link); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		t.Errorf("the link became %v, %v", info.Mode(), err)
	}
	if c, err := s.Read(t.Context(), ageRef(real, "k")); err != nil || c.Value.Reveal() != "two" {
		t.Errorf("through the link was not written what it points to: %v", err)
	}
	if _, err := os.Lstat(link + ".lock"); err == nil {
		t.Error("the link has a lock of its own")
	}
}

func TestWaitingForTheLockEndsWithTheContext(t *testing.T) {
	s, dir := newStore(t)
	ref := ageRef(filepath.Join(dir, "s.age"), "k")
	v := write(t, s, ref, "kept")
	held := flock.New(ref.Path + ".lock")
	if ok, err := held.TryLock(); !ok || err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := s.Write(ctx, ref, secrets.Write{Value: secrets.NewValue("new"), Expect: v})
	if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, secrets.ErrUnavailable) || !strings.Contains(err.Error(), held.Path()) {
		t.Errorf("%v, want a deadline that names %s", err, held.Path())
	}
	if c, err := s.Read(t.Context(), ref); err != nil || c.Version != v {
		t.Errorf("reading needs no lock: %v", err)
	}
	// Behind a caller of this process that waits for the lock, too.
	waiting, stop := context.WithCancel(t.Context())
	first := make(chan error, 1)
	go func() {
		first <- s.Label(waiting, ref, secrets.Labels{"0123456789abcdef": {TokenID: 1, AccountID: 1}}, nil)
	}()
	ctx, cancel = context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := s.Label(ctx, ref, nil, []secrets.Fingerprint{"0123456789abcdef"}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v, want a deadline", err)
	}
	stop()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want a cancelled wait", err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := s.Write(t.Context(), ref, secrets.Write{Value: secrets.NewValue("new"), Expect: v})
		done <- err
	}()
	if err := held.Unlock(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Errorf("once the lock was free: %v", err)
	}
}

func TestValuesThatDoNotFit(t *testing.T) {
	s, dir := newStore(t)
	ref := ageRef(filepath.Join(dir, "s.age"), "k")
	write(t, s, ref, strings.Repeat("x", MaxValueSize))
	for _, v := range []string{strings.Repeat("dbtc_", MaxValueSize/5+1), "dbtc_\xff", ""} {
		_, err := s.Write(t.Context(), ref, secrets.Write{Value: secrets.NewValue(v)})
		if !errors.Is(err, secrets.ErrRefused) || strings.Contains(err.Error(), "dbtc_") {
			t.Errorf("%d bytes: %.200v", len(v), err)
		}
	}
}

func TestRandomnessThatFails(t *testing.T) {
	s, dir := newStore(t)
	s.config.Rand = strings.NewReader("too short")
	ref := ageRef(filepath.Join(dir, "s.age"), "k")
	if _, err := s.Write(t.Context(), ref, secrets.Write{Value: secrets.NewValue("v")}); err == nil {
		t.Error("written without a nonce")
	}
	if _, err := os.Stat(ref.Path); !errors.Is(err, fs.ErrNotExist) {
		t.Error("the file was made all the same")
	}
}
