package dbtcloud

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tokenwarden/tokenwarden/secrets"
)

func TestBucket(t *testing.T) {
	for name, tc := range map[string]struct {
		change   func(*Config)
		requests int
		want     time.Duration
	}{
		"the burst is free":        {func(*Config) {}, 100, 0},
		"then 100 a minute":        {func(*Config) {}, 200, minute},
		"slower than its burst":    {func(c *Config) { c.PerMinute = 10 }, 20, minute},
		"a burst of its own":       {func(c *Config) { c.PerMinute, c.Burst = 60, 1 }, 31, 30 * time.Second},
		"the vendor's whole limit": {func(c *Config) { c.PerMinute = 5000 }, 5100, minute},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newTestService(t, answers(response(200, noAccounts)), tc.change)
			start := time.Now()
			var wg sync.WaitGroup
			for range tc.requests {
				wg.Go(func() {
					// Every client of the same value shares the bucket.
					if _, err := s.As(secrets.NewValue(testToken)).Authenticate(context.Background()); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			if took := time.Since(start); (took - tc.want).Abs() > 100*time.Millisecond {
				t.Errorf("%s: %d requests took %v, want %v", name, tc.requests, took, tc.want)
			}
			other := time.Now()
			if _, err := s.As(secrets.NewValue("another")).Authenticate(context.Background()); err != nil || time.Since(other) > 0 {
				t.Errorf("%s: another credential waited %v (%v)", name, time.Since(other), err)
			}
		})
	}
}

// Wherever a minute begins, it has no more requests than the limit: also the
// first one, when the bucket is full, and those around a cooldown.
func TestNoMinuteHasMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sent []time.Time
		transport := &fake{answer: func(n int, _ *http.Request) (*http.Response, error) {
			if n%150 < 5 { // these open connections, those a hundred later find them open
				time.Sleep(800 * time.Millisecond)
			}
			sent = append(sent, time.Now()) // and now they are there
			if n == 130 {
				return response(429, `{}`, "Retry-After", "90"), nil
			}
			return response(200, noAccounts), nil
		}}
		c := newTestClient(t, transport)
		for i := range 500 {
			if _, err := c.Accounts(t.Context()); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Duration(i%7) * 50 * time.Millisecond)
		}
		for i := 100; i < len(sent); i++ {
			if within := sent[i].Sub(sent[i-100]); within < time.Minute {
				t.Fatalf("requests %d to %d arrived within %s", i-99, i+1, within)
			}
		}
		if took := sent[len(sent)-1].Sub(sent[0]); took > 7*time.Minute {
			t.Errorf("500 requests took %s", took)
		}
	})
}

// What was made room for goes out without a pause, whatever was sent before.
func TestRoom(t *testing.T) {
	for sent := range 230 {
		synctest.Test(t, func(t *testing.T) {
			c := newTestClient(t, &fake{answer: func(int, *http.Request) (*http.Response, error) { return response(200, noAccounts), nil }})
			send := func(n int) {
				for range n {
					if _, err := c.Accounts(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
			}
			for range sent {
				send(1)
				time.Sleep(200 * time.Millisecond)
			}
			start := time.Now()
			if err := c.Room(t.Context(), 20); err != nil {
				t.Fatal(err)
			}
			if waited := time.Since(start); waited > minute || waited > 0 && sent <= 80 {
				t.Errorf("waited %s for room after %d requests", waited, sent)
			}
			start = time.Now()
			if send(20); time.Since(start) > 0 {
				t.Errorf("after %d requests there was no room for 20: they took %s", sent, time.Since(start))
			}
			if err := c.Room(t.Context(), 1000); err != nil {
				t.Fatal(err)
			}
			start = time.Now()
			if send(100); time.Since(start) > 0 {
				t.Errorf("after %d requests there was no room for a minute's: they took %s", sent, time.Since(start))
			}
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			if err := c.Room(ctx, 50); KindOf(err) != KindThrottled {
				t.Errorf("with ten seconds left: %v", err)
			}
		})
	}
}

func TestBucketGivesUpAtOnceWithoutTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		transport := answers(response(200, noAccounts))
		c := newTestClient(t, transport, func(cfg *Config) { cfg.PerMinute, cfg.Burst = 1, 1 })
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if _, err := c.Authenticate(ctx); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		for range 3 { // what was not used is given back
			err := c.DeleteServiceToken(ctx, 1)
			if KindOf(err) != KindThrottled || MayHaveHappened(err) || time.Since(start) > 0 || transport.count() != 1 {
				t.Errorf("%v after %v", err, time.Since(start))
			}
		}
		time.Sleep(time.Minute)
		if _, err := c.Authenticate(context.Background()); err != nil || transport.count() != 2 {
			t.Error(err)
		}
	})
}

func TestThrottling(t *testing.T) {
	for name, tc := range map[string]struct {
		header []string
		want   time.Duration
	}{
		"the vendor's cooldown": {nil, 5 * time.Minute},
		"seconds":               {[]string{"Retry-After", "17"}, 17 * time.Second},
		"fractions":             {[]string{"Retry-After", "1.5"}, 1500 * time.Millisecond},
		"zero is one second":    {[]string{"Retry-After", "0"}, time.Second},
		"a date":                {[]string{"Retry-After", serverTime.Add(42 * time.Second).Format(http.TimeFormat)}, 42 * time.Second},
		"a date that is over":   {[]string{"Retry-After", serverTime.Add(-time.Hour).Format(http.TimeFormat)}, time.Second},
		"nonsense":              {[]string{"Retry-After", "soon"}, 5 * time.Minute},
		"negative":              {[]string{"Retry-After", "-3"}, 5 * time.Minute},
		"absurd":                {[]string{"Retry-After", "1e300"}, 24 * time.Hour},
		"not a number":          {[]string{"Retry-After", "NaN"}, 5 * time.Minute},
		"a date, but no Date":   {[]string{"Date", "", "Retry-After", "Sat, 01 Jan 2000 00:01:00 GMT"}, time.Minute}, // synctest starts at 2000-01-01
	} {
		synctest.Test(t, func(t *testing.T) {
			transport := answers(response(429, `{}`, tc.header...), response(200, noAccounts))
			c := newTestClient(t, transport)
			start := time.Now()
			_, err := c.Accounts(context.Background())
			if took := time.Since(start); err != nil || transport.count() != 2 || took != tc.want {
				t.Errorf("%s: waited %v, want %v (%v)", name, took, tc.want, err)
			}
		})
	}
}

func TestThrottledAgainAndAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(context.Background(), 15*time.Minute)
		defer cancel()
		transport := answers(response(429, `{}`))
		start := time.Now()
		_, err := newTestClient(t, transport).Accounts(ctx)
		// At 0, 5 and 10 minutes; a wait until 15 would leave no time to ask.
		if took := time.Since(start); KindOf(err) != KindThrottled || took != 10*time.Minute || transport.count() != 3 {
			t.Errorf("%v after %v and %d requests", err, took, transport.count())
		}
	})
}

func TestCooldownIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		transport := answers(response(429, `{}`, "Retry-After", "60"), response(204, ``))
		var log strings.Builder
		s := newTestService(t, transport, logTo(&log))
		a, b, other := s.As(secrets.NewValue("a-token")), s.As(secrets.NewValue("a-token")), s.As(secrets.NewValue("b-token"))
		start := time.Now()
		err := a.DeleteServiceToken(context.Background(), 1) // a write: it is not sent again, but the cooldown holds
		if KindOf(err) != KindThrottled || !MayHaveHappened(err) {
			t.Fatal(err)
		}
		if !strings.Contains(log.String(), `"level":"WARN","msg":"throttled by the service"`) {
			t.Errorf("whoever waits is not told why: %s", log.String())
		}
		short, cancel := context.WithTimeout(context.Background(), 59*time.Second)
		defer cancel()
		if err := b.DeleteServiceToken(short, 1); KindOf(err) != KindThrottled || MayHaveHappened(err) {
			t.Errorf("without the time for it: %v", err)
		}
		if err := other.DeleteServiceToken(context.Background(), 1); err != nil || time.Since(start) != 0 {
			t.Errorf("another credential: %v after %v", err, time.Since(start))
		}
		if err := b.DeleteServiceToken(context.Background(), 1); err != nil || time.Since(start) != time.Minute {
			t.Errorf("the same credential: %v after %v", err, time.Since(start))
		}
	})
}

func TestWaitersLearnOfACooldown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		transport := &fake{answer: func(n int, _ *http.Request) (*http.Response, error) {
			if n == 1 {
				time.Sleep(2 * time.Second)
				return response(429, `{}`, "Retry-After", "60"), nil
			}
			return response(204, ``), nil
		}}
		c := newTestClient(t, transport, func(cfg *Config) { cfg.PerMinute, cfg.Burst = 10, 1 })
		start := time.Now()
		var wg sync.WaitGroup
		wg.Go(func() { _ = c.DeleteServiceToken(context.Background(), 1) })
		synctest.Wait()
		// This one waits for the bucket, 6 s, when the 429 arrives after 2 s.
		if err := c.DeleteServiceToken(context.Background(), 2); err != nil || time.Since(start) != 62*time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		wg.Wait()
	})
}

func TestInjectedSleepEndsTheWait(t *testing.T) {
	var slept []time.Duration
	transport := answers(response(429, `{}`), response(200, noAccounts))
	c := newTestClient(t, transport, func(cfg *Config) {
		cfg.Now = func() time.Time { return serverTime } // a clock that stands still
		cfg.Sleep = func(_ context.Context, d time.Duration) error { slept = append(slept, d); return nil }
	})
	if _, err := c.Accounts(context.Background()); err != nil || len(slept) != 1 || slept[0] != cooldown {
		t.Errorf("%v; slept %v", err, slept)
	}
}
