package secretstest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tokenwarden/tokenwarden/secrets"
)

// Harness is one fresh, empty store and what the suite needs to play the rest
// of the world. Functions that are nil are things that cannot be played for
// this store; what needs them is left out, so set every one you can.
type Harness struct {
	// Store is what is tested.
	Store secrets.Store
	// Other is a second client of the same backend: another process or machine.
	// nil: Store itself.
	Other secrets.Store
	// Ref makes a reference to a field of an object called name, both in letters,
	// digits and "-". Where an object has one value only, as in an age store, each
	// field is an object of its own.
	Ref func(name, field string) secrets.Ref

	// Writers is how many write at once in the race. 0: 200.
	Writers int
	// LabelsNeedObject is set for a store that cannot keep labels beside an
	// object that does not exist yet, and attaches them at the first write.
	LabelsNeedObject bool

	// LoseReply makes the next write of Store take effect and its reply get lost.
	LoseReply func()
	// ByHand has a human write value with other tools, without any label.
	ByHand func(t *testing.T, ref secrets.Ref, value string)
	// Rollback has a human bring the previous version back with other tools.
	Rollback func(t *testing.T, ref secrets.Ref)
	// Previous recovers what ref held before, the newest first.
	Previous func(t *testing.T, ref secrets.Ref) []string
	// SetMetadata puts somebody else's entry beside the object, Metadata reads it.
	SetMetadata func(t *testing.T, ref secrets.Ref, key, value string)
	Metadata    func(t *testing.T, ref secrets.Ref, key string) string
	// DenyReading and DenyWriting take the right away from Store's credential.
	DenyReading func(t *testing.T, ref secrets.Ref)
	DenyWriting func(t *testing.T, ref secrets.Ref)
}

// marker is in every value that the suite writes, and so must not be in any
// error. It looks like a token, which is what a store will hold.
const marker = "dbtc_SUITE"

// value returns a secret that differs from every other name's.
func value(name string) string {
	return marker + strings.ReplaceAll(name, " ", "-") + strings.Repeat("x", 12)
}

// suite is one test's harness.
type suite struct {
	Harness
	*testing.T
	ctx context.Context
}

// Run tests a store. open is called once for each test, which is a subtest of
// t, and once before them to see what can be played.
func Run(t *testing.T, open func(t *testing.T) Harness) {
	tests := []struct {
		name string
		test func(*suite)
		can  func(Harness) bool // nil: always
	}{
		{"missing reads as empty", testMissing, nil},
		{"write and read back", testWriteRead, nil},
		{"stale version", testStale, nil},
		{"every write is a new version", testVersionsDiffer, nil},
		{"fields of one object", testFields, nil},
		{"odd values", testOddValues, nil},
		{"an empty value is refused", testEmptyValue, nil},
		{"an env reference is not writable", testNotWritable, nil},
		{"check changes nothing", testCheck, nil},
		{"cancelled context", testCancelled, nil},
		{"label before value", testLabelFirst, nil},
		{"labels merge", testLabelsMerge, nil},
		{"labels of several clients", testLabelsConcurrent, nil},
		{"one winner creates", func(s *suite) { testRace(s, false) }, nil},
		{"one winner replaces", func(s *suite) { testRace(s, true) }, nil},
		{"written by hand", testByHand, func(h Harness) bool { return h.ByHand != nil }},
		{"rolled back by hand", testRollback, func(h Harness) bool { return h.Rollback != nil }},
		{"previous values", testPrevious, func(h Harness) bool { return h.Previous != nil }},
		{"recalled values", testRecall, nil},
		{"other metadata", testMetadata, func(h Harness) bool { return h.SetMetadata != nil }},
		{"lost reply", testLostReply, func(h Harness) bool { return h.LoseReply != nil }},
		{"reading denied", testDenyReading, func(h Harness) bool { return h.DenyReading != nil }},
		{"writing denied", testDenyWriting, func(h Harness) bool { return h.DenyWriting != nil }},
	}
	able := open(t)
	for _, c := range tests {
		if c.can != nil && !c.can(able) {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			h := open(t)
			if h.Other == nil {
				h.Other = h.Store
			}
			if h.Writers == 0 {
				h.Writers = 200
			}
			c.test(&suite{Harness: h, T: t, ctx: t.Context()})
		})
	}
}

// key makes the Write.Key of a write, unique for its caller.
func key(name string) string { return fmt.Sprintf("%s-%d", name, time.Now().UnixNano()) }

func (s *suite) read(ref secrets.Ref) secrets.Content {
	s.Helper()
	c, err := s.Store.Read(s.ctx, ref)
	s.clean(err)
	if err != nil {
		s.Fatalf("reading %s: %v", ref, err)
	}
	return c
}

// write must succeed.
func (s *suite) write(ref secrets.Ref, v string, expect secrets.Version) secrets.Version {
	s.Helper()
	version, err := s.Store.Write(s.ctx, ref, secrets.Write{Value: secrets.NewValue(v), Expect: expect, Key: key("write")})
	s.clean(err)
	if err != nil {
		s.Fatalf("writing %s: %v", ref, err)
	}
	if version == "" {
		s.Errorf("writing %s returned the version of a missing object", ref)
	}
	return version
}

// refused must fail, and with want if that is set.
func (s *suite) refused(ref secrets.Ref, v string, expect secrets.Version, want error) {
	s.Helper()
	version, err := s.Store.Write(s.ctx, ref, secrets.Write{Value: secrets.NewValue(v), Expect: expect, Key: key("refused")})
	s.fails(err, want)
	if version != "" {
		s.Errorf("a write that failed returned version %q", version)
	}
}

func (s *suite) label(ref secrets.Ref, set secrets.Labels, drop ...secrets.Fingerprint) {
	s.Helper()
	err := s.Store.Label(s.ctx, ref, set, drop)
	s.clean(err)
	if err != nil {
		s.Fatalf("labelling %s: %v", ref, err)
	}
}

// holds says what ref must hold now, and returns all of it.
func (s *suite) holds(ref secrets.Ref, want string) secrets.Content {
	s.Helper()
	c := s.read(ref)
	if c.Value.Reveal() != want {
		s.Fatalf("%s holds %q, want %q", ref, c.Value.Reveal(), want)
	}
	return c
}

// fails checks an error: that there is one, that it is want, and that it says
// what was done to what, and no value.
func (s *suite) fails(err, want error) {
	s.Helper()
	s.clean(err)
	if err == nil {
		s.Fatal("no error")
	}
	if want != nil && !errors.Is(err, want) {
		s.Errorf("error is %q, want %q", err, want)
	}
	if _, ok := errors.AsType[*secrets.Error](err); !ok {
		s.Errorf("%T is no *secrets.Error: %v", err, err)
	}
}

func (s *suite) clean(err error) {
	s.Helper()
	if err != nil && strings.Contains(err.Error(), marker) {
		s.Errorf("the error contains a value: %v", err)
	}
}
