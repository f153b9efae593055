package secretstest

import (
	"errors"
	"slices"

	"github.com/tokenwarden/tokenwarden/secrets"
)

// What others do, and what the network does.

func testByHand(s *suite) {
	ref := s.Ref("handmade", "token")
	v := s.write(ref, value("ours"), "")
	s.label(ref, secrets.Labels{fingerprint("ours"): label(901)})
	s.ByHand(s.T, ref, value("theirs"))
	c := s.holds(ref, value("theirs"))
	if _, known := c.Labels[c.Value.Fingerprint(account)]; known {
		s.Error("a value that somebody wrote by hand is taken for ours")
	}
	if c.Version == v {
		s.Error("a change by hand did not change the version")
	}
	s.refused(ref, value("stale"), v, secrets.ErrConflict)
	s.write(ref, value("next"), c.Version)

	made := s.Ref("made-by-hand", "token")
	s.ByHand(s.T, made, value("theirs"))
	s.holds(made, value("theirs"))
	s.refused(made, value("create"), "", secrets.ErrConflict)
}

// Labels belong to the object and not to a version, so that an old value that
// somebody brings back is still known for what it is.
func testRollback(s *suite) {
	ref := s.Ref("rolled-back", "token")
	old, replacement := label(777), label(901)
	s.label(ref, secrets.Labels{fingerprint("old"): old})
	v1 := s.write(ref, value("old"), "")
	s.label(ref, secrets.Labels{fingerprint("replacement"): replacement})
	v2 := s.write(ref, value("replacement"), v1)
	s.Rollback(s.T, ref)
	c := s.holds(ref, value("old"))
	if got := c.Labels[c.Value.Fingerprint(account)]; got != old {
		s.Errorf("the old value's label is %+v, want %+v", got, old)
	}
	if got := c.Labels[fingerprint("replacement")]; got != replacement {
		s.Errorf("the replacement's label is %+v, want %+v", got, replacement)
	}
	s.refused(ref, value("stale"), v2, secrets.ErrConflict)
}

func testPrevious(s *suite) {
	ref := s.Ref("history", "token")
	v := s.write(ref, value("one"), "")
	v = s.write(ref, value("two"), v)
	s.write(ref, value("three"), v)
	if got, want := s.Previous(s.T, ref), []string{value("two"), value("one")}; len(got) < 1 || got[0] != want[0] {
		s.Errorf("%d values can be recovered, and not the one before the present", len(got))
	} else if len(got) > 1 && !slices.Equal(got, want) {
		s.Errorf("recovered %q, want %q", got, want)
	}
}

// Recall finds a value by itself, of its own field, and never the present one.
func testRecall(s *suite) {
	ref, beside := s.Ref("recalled", "token"), s.Ref("recalled", "beside")
	is := func(name string) func(secrets.Value) bool {
		return func(v secrets.Value) bool { return v.Reveal() == value(name) }
	}
	recall := func(ref secrets.Ref, name, want string) {
		s.Helper()
		got, err := s.Store.Recall(s.ctx, ref, is(name))
		s.clean(err)
		if err != nil || got.Reveal() != want {
			s.Errorf("recalling %q of %s: %d bytes, %v", name, ref, len(got.Reveal()), err)
		}
	}
	recall(ref, "one", "")
	v := s.write(ref, value("one"), "")
	recall(ref, "one", "")
	if ref.Object() == beside.Object() {
		v = s.write(beside, value("other"), v)
	} else {
		s.write(beside, value("other"), "")
	}
	for _, name := range []string{"two", "three", "two", "four"} {
		v = s.write(ref, value(name), v)
	}
	before := s.read(ref)
	recall(ref, "one", value("one"))
	recall(ref, "two", value("two"))
	recall(ref, "three", value("three"))
	recall(ref, "four", "")
	recall(ref, "other", "")
	recall(ref, "never there", "")
	var newest []string
	if _, err := s.Store.Recall(s.ctx, ref, func(v secrets.Value) bool { newest = append(newest, v.Reveal()); return false }); err != nil {
		s.Error(err)
	}
	if len(newest) == 0 || newest[0] != value("two") || slices.Contains(newest, "") {
		s.Errorf("asked about %q", newest)
	}
	if after := s.read(ref); after.Version != before.Version || len(after.Labels) != len(before.Labels) {
		s.Error("recalling changed something")
	}
	_, err := s.Store.Recall(s.ctx, secrets.Ref{Scheme: secrets.Env, Path: "TOKENWARDEN_SUITE"}, is("one"))
	s.fails(err, secrets.ErrNotWritable)
}

// A lost reply is not a conflict, and the value is there for whoever looks.
func testLostReply(s *suite) {
	for _, exists := range []bool{false, true} {
		ref := s.Ref("create", "token")
		var v secrets.Version
		if exists {
			ref = s.Ref("replace", "token")
			v = s.write(ref, value("old"), "")
		}
		s.LoseReply()
		written := value("new")
		got, err := s.Store.Write(s.ctx, ref, secrets.Write{Value: secrets.NewValue(written), Expect: v, Key: key("lost")})
		s.clean(err)
		c := s.holds(ref, written)
		switch {
		case errors.Is(err, secrets.ErrConflict):
			s.Errorf("a write that took effect is reported as a conflict: %v", err)
		case err == nil && got != c.Version: // the store may look for itself
			s.Errorf("the write returned version %q, a read %q", got, c.Version)
		}
		if c.Version == v {
			s.Error("the version did not move")
		}
		s.refused(ref, value("again"), v, secrets.ErrConflict)
		s.write(ref, value("next"), c.Version)
	}
}
