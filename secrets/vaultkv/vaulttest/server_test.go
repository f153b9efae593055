package vaulttest

import (
	"net/http"
	"net/http/httptest"
	"reflect"
	"sync"
	"testing"
	"time"
)

// Observe hears of each change of a secret, in order, with what it then holds.
func TestObserve(t *testing.T) {
	s := New()
	var heard []Secret
	s.Observe = func(there Secret) { heard = append(heard, there) }
	a := s.Admin()
	a.Must(t, "PUT", "secret/metadata/dbt/x", labels(map[string]any{"a": "1"}))
	write(t, a, "dbt/x", "one")
	a.Do(t, "PUT", "secret/data/dbt/x", put(map[string]any{"token": "two"}, 7)).expect(t, 400, "did not match")
	a.Must(t, "PATCH", "secret/metadata/dbt/x", labels(map[string]any{"b": "2"}))
	a.Do(t, "GET", "secret/data/dbt/x", nil)
	a.Must(t, "DELETE", "secret/data/dbt/x", nil)
	a.Must(t, "DELETE", "secret/metadata/dbt/x", nil)
	one, first, both := map[int]map[string]any{1: {"token": "one"}}, map[string]string{"a": "1"}, map[string]string{"a": "1", "b": "2"}
	none := map[int]map[string]any{}
	want := []Secret{
		{Path: "secret/dbt/x", Versions: none, Custom: first},
		{Path: "secret/dbt/x", Versions: one, Current: 1, Custom: first},
		{Path: "secret/dbt/x", Versions: one, Current: 1, Custom: both},
		{Path: "secret/dbt/x", Versions: none, Current: 1, Custom: both},
		{Path: "secret/dbt/x"},
	}
	if !reflect.DeepEqual(heard, want) {
		t.Errorf("heard %v, want %v", heard, want)
	}
}

// Of many that write on one version one wins, over loopback as in process.
func TestOneWriterWins(t *testing.T) {
	s := New()
	loopback := httptest.NewServer(s)
	defer loopback.Close()
	overNetwork := s.Admin()
	overNetwork.Address, overNetwork.Transport = loopback.URL, nil
	for _, a := range []Admin{s.Admin(), overNetwork} {
		a.Do(t, "DELETE", "secret/metadata/x", nil)
		won := make(chan int, 50)
		var wg sync.WaitGroup
		for i := range 50 {
			wg.Go(func() {
				if a.Do(t, "PUT", "secret/data/x", put(map[string]any{"token": i}, 0)).Status == http.StatusOK {
					won <- i
				}
			})
		}
		wg.Wait()
		if len(won) != 1 {
			t.Fatalf("%d writers won", len(won))
		}
		if got := a.Do(t, "GET", "secret/data/x", nil).inner("data")["token"]; number(got) != <-won {
			t.Errorf("the secret holds %v", got)
		}
	}
}

// Leases and delete_version_after go by the server's clock.
func TestClock(t *testing.T) {
	s := New()
	now := time.Date(2026, 11, 23, 2, 0, 0, 0, time.UTC)
	s.Now = func() time.Time { return now }
	a := s.Admin()
	user := a
	user.Token = a.NewToken(t, map[string]any{"policies": []string{"default"}, "ttl": "1h"})
	a.Must(t, "PUT", "secret/metadata/x", map[string]any{"delete_version_after": "30m"})
	write(t, a, "x", "one")
	now = now.Add(29 * time.Minute)
	a.Do(t, "GET", "secret/data/x", nil).expect(t, 200, "")
	now = now.Add(2 * time.Minute)
	gone(t, a, 1, false)
	user.Do(t, "GET", "auth/token/lookup-self", nil).expect(t, 200, "")
	now = now.Add(30 * time.Minute)
	user.Do(t, "GET", "auth/token/lookup-self", nil).expect(t, 403, "permission denied")
}
