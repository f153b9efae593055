package secrets

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

const secret = "dbtc_Zq7-ThisMustNeverShowUpAnywhere_0123456789abcdef"

// holder keeps a Value where fmt cannot call its methods.
type holder struct {
	Name  string
	inner struct{ token Value }
	list  []Value
	named map[string]Value
	any   any
	ptr   *Value
}

func newHolder() holder {
	v := NewValue(secret)
	h := holder{Name: "n", list: []Value{v}, named: map[string]Value{"k": v}, any: v, ptr: &v}
	h.inner.token = v
	return h
}

func TestValueIsNeverPrinted(t *testing.T) {
	v := NewValue(secret)
	h := newHolder()
	shapes := map[string]any{
		"value": v, "pointer": &v, "slice": []Value{v}, "map": map[string]Value{"k": v},
		"content": Content{Value: v}, "write": &Write{Value: v}, "holder": h, "pointer to holder": &h,
		"error": fmt.Errorf("writing: %w", &Error{Op: "writing", Ref: Ref{Scheme: Env, Path: "X"}, Err: fmt.Errorf("%v %s %q", v, v, v)}),
	}
	for name, shape := range shapes {
		t.Run(name, func(t *testing.T) {
			for _, verb := range "vsqxXdbBoOcUtTeEfFgGpw" {
				for _, flags := range []string{"", "+", "#", "-", " ", "0", "#+", "# ", "80", ".60", "-80.60", "+.3", "[1]"} {
					if got := fmt.Sprintf("%"+flags+string(verb), shape); leaks(got) {
						t.Errorf("%%%s%c prints the secret: %s", flags, verb, got)
					}
				}
			}
			for _, got := range []string{fmt.Sprint(shape), fmt.Sprintln(shape), fmt.Errorf("%w%v", errors.New("x"), shape).Error()} {
				if leaks(got) {
					t.Errorf("printed: %s", got)
				}
			}
			encodings(t, shape)
		})
	}
}

// encodings fails when any encoder writes the secret of shape. An encoder may
// refuse a shape, but then its error must not hold the secret either.
func encodings(t *testing.T, shape any) {
	t.Helper()
	var out bytes.Buffer
	opts := &slog.HandlerOptions{Level: slog.LevelDebug, AddSource: true}
	for _, h := range []slog.Handler{slog.NewTextHandler(&out, opts), slog.NewJSONHandler(&out, opts)} {
		slog.New(h).With("with", shape).Info("msg", "key", shape, slog.Group("g", slog.Any("in", shape)))
	}
	if leaks(out.String()) {
		t.Errorf("slog: %s", out.String())
	}
	type marshal func(any) ([]byte, error)
	for name, m := range map[string]marshal{"json": json.Marshal, "yaml": yaml.Marshal, "xml": xml.Marshal, "gob": gobMarshal} {
		if b, err := m(shape); leaks(string(b)) || leaks(fmt.Sprint(err)) {
			t.Errorf("%s: %s %v", name, b, err)
		}
	}
}

func gobMarshal(v any) ([]byte, error) {
	var out bytes.Buffer
	err := gob.NewEncoder(&out).Encode(v)
	return out.Bytes(), err
}

// leaks looks for the secret in the clear, cut short, or in hex or decimals.
func leaks(s string) bool {
	for _, form := range []string{"ThisMustNever", secret[:6], fmt.Sprintf("%x", "ThisMust"), fmt.Sprintf("%X", "ThisMust"), strings.Trim(fmt.Sprint([]byte("ThisMust")), "[]")} {
		if strings.Contains(s, form) {
			return true
		}
	}
	return false
}

func TestLeaksSeesALeak(t *testing.T) {
	for _, got := range []string{secret, fmt.Sprintf("%x", secret), fmt.Sprintf("%X", secret), fmt.Sprintf("%v", []byte(secret)), fmt.Sprintf("%.8s", secret)} {
		if !leaks(got) {
			t.Errorf("leaks does not see %q", got)
		}
	}
}

func TestValueShowsThatItIsRedacted(t *testing.T) {
	b, err := json.Marshal(map[string]Value{"token": NewValue(secret)})
	if err != nil || string(b) != `{"token":"[redacted]"}` {
		t.Errorf("json: %s %v", b, err)
	}
	b, err = yaml.Marshal(map[string]Value{"token": NewValue(secret)})
	if err != nil || !strings.Contains(string(b), "[redacted]") {
		t.Errorf("yaml: %s %v", b, err)
	}
	if got := fmt.Sprintf("%v|%s|%#v", NewValue(secret), NewValue(secret), NewValue(secret)); got != "[redacted]|[redacted]|[redacted]" {
		t.Error(got)
	}
}

func TestValue(t *testing.T) {
	if NewValue(secret).Reveal() != secret || NewValue(secret).Empty() {
		t.Error("a value does not hold what it was made of")
	}
	if !NewValue("").Empty() || NewValue("").Reveal() != "" || NewValue("") != (Value{}) {
		t.Error("the empty value is not the zero Value")
	}
	for _, c := range []struct {
		a, b string
		want bool
	}{{secret, secret, true}, {secret, secret + "x", false}, {"", "", true}, {"", "x", false}, {"ab", "ac", false}} {
		if got := NewValue(c.a).Equal(NewValue(c.b)); got != c.want {
			t.Errorf("Equal(%q, %q) = %v", c.a, c.b, got)
		}
	}
}

func TestFingerprint(t *testing.T) {
	// printf '12345\nabc' | sha256sum
	const want = "ad60a117692b7958"
	if got := NewValue("abc").Fingerprint(12345); got != want {
		t.Errorf("fingerprint is %s, want %s: it must never change, labels are found by it", got, want)
	}
	if NewValue("abc").Fingerprint(1) == NewValue("abc").Fingerprint(2) {
		t.Error("two accounts share a fingerprint")
	}
	// The separator keeps account and value apart.
	if NewValue("23").Fingerprint(1) == NewValue("3").Fingerprint(12) {
		t.Error("account and value run into each other")
	}
	if NewValue("").Fingerprint(1) != "" {
		t.Error("nothing has a fingerprint")
	}
}
