package agefile

import (
	"crypto/rand"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/tokenwarden/tokenwarden/secrets"
)

func TestRecordsDoNotPrintTheirValues(t *testing.T) {
	r := record{}
	if err := r.put(secrets.NewValue("dbtc_shown"), time.Now(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		if got := fmt.Sprintf(verb, r); strings.Contains(got, "dbtc_shown") {
			t.Errorf("%s: %s", verb, got)
		}
	}
}

// Versions are logged, so a version must not let anybody try out values.
func TestVersionsDoNotGiveTheValueAway(t *testing.T) {
	var a, b record
	for _, r := range []*record{&a, &b} {
		if err := r.put(secrets.NewValue("the same"), time.Now(), rand.Reader); err != nil {
			t.Fatal(err)
		}
	}
	if a.version() == b.version() {
		t.Error("the same value has the same version twice")
	}
}

func FuzzDecode(f *testing.F) {
	for _, s := range []string{
		"", "{}", `{"format":1}`, `{"format":1,"keys":{"k":null}}`, `{"format":1,"keys":{"k":{"value":"v","revision":3,"nonce":"x","written":"2026-11-23T02:00:00Z"}}}`,
		`{"format":1,"keys":{"k":{"value":"v","metadata":{"tokenwarden-0123456789abcdef":"token=1/account=2","owner":"me"},"previous":[{"value":"u","revision":2,"written":"2026-11-22T02:00:00Z"}]}}}`,
		`{"format":1,"keys":{"k":{"value":12345678901}}}`, `{"format":9}`, `{"format":1,"keys":{}}x`, `{"format":1,"keys":{"":{"value":"\ud800"}}}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := decode(b)
		if err != nil {
			if len(err.Error()) > 200 {
				t.Errorf("the error quotes the content: %v", err)
			}
			return
		}
		r := d.record("k")
		before := r.labels()
		if (r.version() == "") != (r.Revision == 0 && r.Value.Empty()) {
			t.Errorf("version %q of %+v", r.version(), r)
		}
		fp := secrets.NewValue("new").Fingerprint(1)
		l := secrets.Label{TokenID: 1, AccountID: 1}
		version := r.version()
		r.label(secrets.Labels{fp: l}, nil)
		if r.version() != version {
			t.Error("a label moved the version")
		}
		if err := r.put(secrets.NewValue("new"), time.Unix(1, 0), rand.Reader); err != nil {
			t.Fatal(err)
		}
		if r.version() == version || len(r.Previous) > keep {
			t.Errorf("version %q, %d previous values after a write", r.version(), len(r.Previous))
		}
		out, err := d.encode()
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		again, err := decode(out)
		if err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
		before[fp] = l
		got := again.record("k")
		if got.version() != r.version() || got.Value.Reveal() != "new" || !reflect.DeepEqual(got.labels(), before) {
			t.Errorf("written %+v, read %+v", r, got)
		}
		for key, want := range d.Keys {
			if w := again.Keys[key]; (w == nil) != (want == nil) || w != nil && w.version() != want.version() {
				t.Errorf("key %q changed", key)
			}
		}
	})
}

// What a machine with 200 tokens has: each with a full history and three labels.
func benchmarkStore(b *testing.B) (*Store, secrets.Ref, secrets.Version) {
	s, dir := newStore(b)
	doc := &document{Format: format, Keys: map[string]*record{}}
	for i := range 200 {
		r := doc.record(fmt.Sprint("key-", i))
		for n := range keep + 1 {
			v := secrets.NewValue(fmt.Sprintf("dbtc_%03d_%02d_%s", i, n, strings.Repeat("x", 40)))
			if err := r.put(v, time.Now(), rand.Reader); err != nil {
				b.Fatal(err)
			}
			if n < 3 {
				r.label(secrets.Labels{v.Fingerprint(1): {TokenID: int64(i + 1), AccountID: 1, Replaces: 1, Written: time.Now(), Until: time.Now()}}, nil)
			}
		}
	}
	id, err := loadIdentity(s.config.IdentityFile)
	if err != nil {
		b.Fatal(err)
	}
	path := filepath.Join(dir, "s.age")
	if err := save(path, doc, id, func() {}); err != nil {
		b.Fatal(err)
	}
	return s, ageRef(path, "key-100"), doc.record("key-100").version()
}

func BenchmarkRead200Keys(b *testing.B) {
	s, ref, _ := benchmarkStore(b)
	for b.Loop() {
		if _, err := s.Read(b.Context(), ref); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkWrite200Keys(b *testing.B) {
	s, ref, v := benchmarkStore(b)
	for b.Loop() {
		var err error
		if v, err = s.Write(b.Context(), ref, secrets.Write{Value: secrets.NewValue("dbtc_next"), Expect: v}); err != nil {
			b.Fatal(err)
		}
	}
}
