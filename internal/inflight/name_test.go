package inflight_test

import (
	"crypto/rand"
	"fmt"
	"strings"
	"testing"

	"github.com/tokenwarden/tokenwarden/internal/inflight"
)

func TestSplit(t *testing.T) {
	tests := []struct {
		name  string
		plain string
		id    int64 // 0: not in flight
	}{
		{"Airflow prod [replaces 777 a1B2]", "Airflow prod", 777},
		{"Airflow prod [replaces 777]", "Airflow prod", 777},
		{"two\nlines [replaces 777 0000]", "two\nlines", 777},
		{"x [replaces 1] [replaces 777 abcd]", "x [replaces 1]", 777},
		{" [replaces 777 abcd]", "", 777},
		{"[replaces 777 abcd]", "", 777}, // a service that trims names
		{"Airflow prod[replaces 777]", "Airflow prod", 777},
		{"Airflow prod [replaces 0777]", "", 0},
		{"Airflow prod [replaces 777 a1B]", "", 0},
		{"Airflow prod [replaces 777 a1B2c]", "", 0},
		{"Airflow prod [replaces 777 a1-2]", "", 0},
		{"Airflow prod [replaces 777 a1B2] ", "", 0},
		{"Airflow prod [replaces -777]", "", 0},
		{"Airflow prod [replaces 0]", "", 0},
		{"Airflow prod [replaces 9999999999999999999]", "", 0},
		{"Airflow prod [replaces x]", "", 0},
		{"Airflow prod", "", 0},
		{"", "", 0},
	}
	for _, test := range tests {
		plain, id, ok := inflight.Split(test.name)
		if test.id == 0 {
			test.plain = test.name
		}
		if plain != test.plain || id != test.id || ok != (test.id != 0) {
			t.Errorf("%q: %q, %d, %v", test.name, plain, id, ok)
		}
	}
}

func FuzzSplit(f *testing.F) {
	f.Add("Airflow prod", int64(777), "a1B2")
	f.Add("x [replaces 1]", int64(1), "")
	f.Fuzz(func(t *testing.T, name string, id int64, nonce string) {
		flying := fmt.Sprintf("%s [replaces %d]", name, id)
		if len(nonce) == 4 && strings.Trim(nonce, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == "" {
			flying = fmt.Sprintf("%s [replaces %d %s]", name, id, nonce)
		}
		plain, got, ok := inflight.Split(flying)
		if ok != (id > 0) || (ok && (plain != name || got != id)) {
			t.Errorf("%q: %q, %d, %v", flying, plain, got, ok)
		}
	})
}

// Whatever a token is called, its replacement is known by its name: a run that
// was killed after the create has nothing else.
func FuzzName(f *testing.F) {
	f.Add("Airflow prod", int64(777))
	f.Add("two\nlines", int64(1))
	f.Add("x [replaces 1 abcd]", int64(2))
	f.Fuzz(func(t *testing.T, old string, id int64) {
		if id <= 0 {
			return
		}
		nonce, err := inflight.NewNonce(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		name := inflight.Name(old, id, nonce)
		if _, replaces, ok := inflight.Split(name); !ok || replaces != id || inflight.Nonce(name) != nonce {
			t.Errorf("%q: replaces %d (%v), nonce %q", name, replaces, ok, inflight.Nonce(name))
		}
	})
}
