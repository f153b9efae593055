package secretstest

import (
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/tokenwarden/tokenwarden/secrets"
)

// account is whose tokens the suite's values are.
const account = 12345

func fingerprint(name string) secrets.Fingerprint {
	return secrets.NewValue(value(name)).Fingerprint(account)
}

func label(token int64) secrets.Label {
	at := time.Date(2026, 11, 23, 2, 15, 4, 0, time.UTC)
	return secrets.Label{TokenID: token, AccountID: account, Replaces: token - 1, Written: at, Until: at.Add(24 * time.Hour), First: token%2 == 0}
}

func (s *suite) labels(ref secrets.Ref, want secrets.Labels) secrets.Content {
	s.Helper()
	c := s.read(ref)
	if !maps.Equal(c.Labels, want) {
		s.Errorf("%s has the labels %v, want %v", ref, c.Labels, want)
	}
	return c
}

// A value's entry is written before the value, and the write still goes by the
// version that was seen before both.
func testLabelFirst(s *suite) {
	ref := s.Ref("labelled", "token")
	seen := s.read(ref).Version
	one := secrets.Labels{fingerprint("one"): label(901)}
	s.label(ref, one)
	c := s.read(ref)
	if !c.Value.Empty() || c.Version != seen {
		s.Errorf("a label made a value of %d bytes, version %q", len(c.Value.Reveal()), c.Version)
	}
	if !s.LabelsNeedObject {
		s.labels(ref, one)
	}
	v1 := s.write(ref, value("one"), seen)
	s.labels(ref, one)

	both := secrets.Labels{fingerprint("one"): label(901), fingerprint("two"): label(950)}
	s.label(ref, secrets.Labels{fingerprint("two"): label(950)})
	if c := s.labels(ref, both); c.Version != v1 || c.Value.Reveal() != value("one") {
		s.Errorf("a label moved the version from %q to %q", v1, c.Version)
	}
	s.write(ref, value("two"), v1)
	s.labels(ref, both)
	if other, err := s.Other.Read(s.ctx, ref); err != nil || !maps.Equal(other.Labels, both) {
		s.Errorf("another client sees the labels %v, %v", other.Labels, err)
	}
}

func testLabelsMerge(s *suite) {
	ref := s.Ref("labelled", "token")
	a, b, c := fingerprint("a"), fingerprint("b"), fingerprint("c")
	s.write(ref, value("a"), "")
	s.labels(ref, secrets.Labels{})
	s.label(ref, secrets.Labels{a: label(1), b: label(2)})
	s.label(ref, secrets.Labels{b: label(20), c: label(3)})
	s.labels(ref, secrets.Labels{a: label(1), b: label(20), c: label(3)})
	s.label(ref, nil, a, fingerprint("never set"))
	s.labels(ref, secrets.Labels{b: label(20), c: label(3)})
	s.label(ref, secrets.Labels{a: label(4)}, b)
	s.labels(ref, secrets.Labels{a: label(4), c: label(3)})
	s.label(ref, nil, a, c)
	s.labels(ref, secrets.Labels{})
	s.holds(ref, value("a"))
}

// Labels have no check-and-set, so several clients must be able to add theirs
// at once, while values are being written.
func testLabelsConcurrent(s *suite) {
	ref := s.Ref("labelled", "token")
	v := s.write(ref, value("0"), "")
	want := secrets.Labels{}
	var wg sync.WaitGroup
	failed := make(chan error, 100)
	for i := range min(s.Writers, 20) {
		name := fmt.Sprint("label ", i)
		want[fingerprint(name)] = label(int64(i + 2))
		store := s.Store
		if i%2 == 1 {
			store = s.Other
		}
		wg.Go(func() {
			if err := store.Label(s.ctx, ref, secrets.Labels{fingerprint(name): label(int64(i + 2))}, nil); err != nil {
				failed <- err
			}
		})
	}
	last := ""
	for i := range 5 {
		last = value(fmt.Sprint(i))
		v = s.write(ref, last, v)
	}
	wg.Wait()
	close(failed)
	for err := range failed {
		s.Errorf("labelling: %v", err)
	}
	s.labels(ref, want)
	s.holds(ref, last)
}

func testMetadata(s *suite) {
	ref := s.Ref("owned", "token")
	s.write(ref, value("one"), "")
	s.SetMetadata(s.T, ref, "owner", "data-platform")
	s.SetMetadata(s.T, ref, secrets.LabelPrefix+"note", "not a label")
	fp := fingerprint("one")
	s.label(ref, secrets.Labels{fp: label(1)})
	s.write(ref, value("two"), s.read(ref).Version)
	s.labels(ref, secrets.Labels{fp: label(1)})
	s.label(ref, nil, fp)
	for key, want := range map[string]string{"owner": "data-platform", secrets.LabelPrefix + "note": "not a label"} {
		if got := s.Metadata(s.T, ref, key); got != want {
			s.Errorf("somebody else's %s is %q now, want %q", key, got, want)
		}
	}
}

func testCheck(s *suite) {
	missing, ref := s.Ref("missing", "token"), s.Ref("object", "token")
	s.write(ref, value("one"), "")
	s.label(ref, secrets.Labels{fingerprint("one"): label(1)})
	for _, r := range []secrets.Ref{missing, ref} {
		before := s.read(r)
		if err := s.Store.Check(s.ctx, r); err != nil {
			s.Errorf("checking %s: %v", r, err)
		}
		after := s.read(r)
		if after.Version != before.Version || !after.Value.Equal(before.Value) || !maps.Equal(after.Labels, before.Labels) {
			s.Errorf("checking %s changed it: version %q, then %q", r, before.Version, after.Version)
		}
		s.write(r, value("after"), before.Version)
	}
}

func testDenyReading(s *suite) {
	ref := s.Ref("denied", "token")
	s.write(ref, value("kept"), "")
	s.DenyReading(s.T, ref)
	_, err := s.Store.Read(s.ctx, ref)
	s.fails(err, secrets.ErrDenied)
	s.denied(s.Store.Check(s.ctx, ref))
}

func testDenyWriting(s *suite) {
	ref := s.Ref("denied", "token")
	v := s.write(ref, value("kept"), "")
	s.DenyWriting(s.T, ref)
	_, err := s.Store.Write(s.ctx, ref, secrets.Write{Value: secrets.NewValue(value("new")), Expect: v, Key: key("denied")})
	s.denied(err)
	s.denied(s.Store.Check(s.ctx, ref))
	s.holds(ref, value("kept"))
}

// denied: either error says that asking again with this credential is useless.
func (s *suite) denied(err error) {
	s.Helper()
	s.fails(err, nil)
	if !errors.Is(err, secrets.ErrDenied) && !errors.Is(err, secrets.ErrNotWritable) {
		s.Errorf("error is %q, want ErrDenied or ErrNotWritable", err)
	}
}
