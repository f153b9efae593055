package secretstest

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/tokenwarden/tokenwarden/secrets"
)

func testMissing(s *suite) {
	ref := s.Ref("missing", "token")
	c := s.read(ref)
	if !c.Value.Empty() || c.Version != "" || len(c.Labels) != 0 {
		s.Errorf("a missing object reads as a value of %d bytes, version %q, %d labels", len(c.Value.Reveal()), c.Version, len(c.Labels))
	}
	s.write(ref, value("first"), c.Version)
	s.holds(ref, value("first"))
}

func testWriteRead(s *suite) {
	ref := s.Ref("object", "token")
	v1 := s.write(ref, value("one"), "")
	if c := s.holds(ref, value("one")); c.Version != v1 {
		s.Errorf("reads version %q after a write that returned %q", c.Version, v1)
	}
	v2 := s.write(ref, value("two"), v1)
	other, err := s.Other.Read(s.ctx, ref)
	if err != nil || other.Value.Reveal() != value("two") || other.Version != v2 {
		s.Errorf("another client reads version %q, %v, want %q", other.Version, err, v2)
	}
}

func testStale(s *suite) {
	ref := s.Ref("object", "token")
	v1 := s.write(ref, value("one"), "")
	s.refused(ref, value("create"), "", secrets.ErrConflict)
	v2 := s.write(ref, value("two"), v1)
	s.refused(ref, value("stale"), v1, secrets.ErrConflict)
	s.refused(ref, value("stale create"), "", secrets.ErrConflict)
	if c := s.holds(ref, value("two")); c.Version != v2 {
		s.Errorf("a refused write moved the version from %q to %q", v2, c.Version)
	}
	if _, err := s.Other.Write(s.ctx, ref, secrets.Write{Value: secrets.NewValue(value("stale")), Expect: v1, Key: key("other")}); !errors.Is(err, secrets.ErrConflict) {
		s.Errorf("another client's stale write: %v", err)
	}
}

// The fence of a rotation writes the present value once more, so that a write
// which was decided on before must fail. Values that come back do not bring
// their version back.
func testVersionsDiffer(s *suite) {
	ref := s.Ref("object", "token")
	seen := map[secrets.Version]bool{"": true}
	var last secrets.Version
	for _, v := range []string{"a", "a", "b", "a", "b", "b"} {
		before := last
		last = s.write(ref, value(v), before)
		if seen[last] {
			s.Errorf("version %q occurs twice", last)
		}
		seen[last] = true
		s.refused(ref, value("stale"), before, secrets.ErrConflict)
		s.holds(ref, value(v))
	}
}

func testFields(s *suite) {
	a, b, third := s.Ref("shared", "first"), s.Ref("shared", "second"), s.Ref("shared", "third")
	v := s.write(a, value("a"), "")
	expect := secrets.Version("")
	if a.Object() == b.Object() {
		s.refused(b, value("b"), "", secrets.ErrConflict)
		if c := s.read(b); !c.Value.Empty() || c.Version != v {
			s.Errorf("a missing field of version %q reads as %d bytes, version %q", v, len(c.Value.Reveal()), c.Version)
		}
		expect = v
	}
	s.write(b, value("b"), expect)
	s.holds(a, value("a"))
	s.holds(b, value("b"))
	if s.ByHand != nil {
		s.ByHand(s.T, third, value("by hand"))
	}
	s.write(a, value("a2"), s.read(a).Version)
	s.holds(b, value("b"))
	if s.ByHand != nil {
		s.holds(third, value("by hand"))
	}
	if c := s.read(s.Ref("elsewhere", "first")); !c.Value.Empty() {
		s.Error("another object has the value too")
	}
}

func testOddValues(s *suite) {
	ref := s.Ref("odd", "token")
	var version secrets.Version
	for name, v := range map[string]string{
		"unicode":     "pässwörd-密码-🔑-\u2028",
		"newlines":    "\nline one\r\nline two\n\n",
		"spaces":      "  \ttabs and spaces  ",
		"markup":      `<a href="x">&amp; {"json": "\u0000"} ${HOME} %s %! '`,
		"json":        `{"token":"x"}`,
		"long":        strings.Repeat("0123456789abcdef", 256),
		"controls":    "a\x01b\x7fc",
		"looks null":  "null",
		"single byte": "x",
	} {
		if name == "json" && ref.Field == "" {
			continue // there a text that is JSON is read as fields
		}
		version = s.write(ref, v, version)
		if got := s.read(ref).Value.Reveal(); got != v {
			s.Errorf("%s: wrote %q, read %q", name, v, got)
		}
	}
}

// An empty value would read as a missing one.
func testEmptyValue(s *suite) {
	ref := s.Ref("object", "token")
	s.refused(ref, "", "", nil)
	v := s.write(ref, value("kept"), "")
	s.refused(ref, "", v, nil)
	if c := s.holds(ref, value("kept")); c.Version != v {
		s.Errorf("a refused write moved the version from %q to %q", v, c.Version)
	}
}

func testNotWritable(s *suite) {
	ref := secrets.Ref{Scheme: secrets.Env, Path: "TOKENWARDEN_SUITE"}
	s.refused(ref, value("x"), "", secrets.ErrNotWritable)
	s.fails(s.Store.Check(s.ctx, ref), secrets.ErrNotWritable)
}

func testCancelled(s *suite) {
	ref := s.Ref("object", "token")
	v := s.write(ref, value("kept"), "")
	ctx, cancel := context.WithCancel(s.ctx)
	cancel()
	_, err := s.Store.Read(ctx, ref)
	s.fails(err, context.Canceled)
	_, err = s.Store.Write(ctx, ref, secrets.Write{Value: secrets.NewValue(value("late")), Expect: v, Key: key("late")})
	s.fails(err, context.Canceled)
	s.fails(s.Store.Label(ctx, ref, secrets.Labels{fingerprint("late"): label(1)}, nil), context.Canceled)
	s.fails(s.Store.Check(ctx, ref), context.Canceled)
	_, err = s.Store.Recall(ctx, ref, func(secrets.Value) bool { return true })
	s.fails(err, context.Canceled)
	if c := s.holds(ref, value("kept")); c.Version != v || len(c.Labels) != 0 {
		s.Errorf("cancelled calls left version %q and %d labels", c.Version, len(c.Labels))
	}
}

// testRace lets many write on one version: check-and-set is the election.
func testRace(s *suite, exists bool) {
	ref := s.Ref("race", "token")
	var expect secrets.Version
	before := ""
	if exists {
		before = value("before")
		expect = s.write(ref, before, "")
	}
	var (
		start   = make(chan struct{})
		done    = make(chan struct{})
		wg      sync.WaitGroup
		results = make([]error, s.Writers)
		given   = make([]secrets.Version, s.Writers)
	)
	candidate := func(i int) string { return value("candidate") + strings.Repeat("y", i) }
	for i := range s.Writers {
		store := s.Store
		if i%2 == 1 {
			store = s.Other
		}
		wg.Go(func() {
			<-start
			given[i], results[i] = store.Write(s.ctx, ref, secrets.Write{Value: secrets.NewValue(candidate(i)), Expect: expect, Key: key(candidate(i))})
		})
	}
	watched := make(chan string, 1)
	go func() { // nobody may see anything but the old value and then the winner's
		defer close(watched)
		last := before
		for running := true; running; {
			select {
			case <-done:
				running = false
			case <-time.After(time.Millisecond): // leaves the processor to the writers
			}
			c, err := s.Store.Read(s.ctx, ref)
			got := c.Value.Reveal()
			if err != nil || got != last && last != before {
				watched <- "a reader saw a second change, or: " + errorText(err)
				return
			}
			last = got
		}
	}()
	close(start)
	wg.Wait()
	close(done)
	if bad := <-watched; bad != "" {
		s.Error(bad)
	}

	winner := -1
	for i, err := range results {
		s.clean(err)
		switch {
		case err == nil && winner >= 0:
			s.Fatalf("writers %d and %d both won", winner, i)
		case err == nil:
			winner = i
		case !errors.Is(err, secrets.ErrConflict):
			s.Errorf("writer %d: %v, want ErrConflict", i, err)
		}
	}
	if winner < 0 {
		s.Fatal("nobody won")
	}
	if c := s.holds(ref, candidate(winner)); c.Version != given[winner] {
		s.Errorf("reads version %q, the winner was given %q", c.Version, given[winner])
	}
}

func errorText(err error) string {
	if err == nil {
		return "no error"
	}
	return err.Error()
}
