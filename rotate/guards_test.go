package rotate_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/tokenwarden/tokenwarden/internal/dbtcloud"
	"github.com/tokenwarden/tokenwarden/internal/dbtcloud/dbtcloudtest"
	"github.com/tokenwarden/tokenwarden/rotate"
	"github.com/tokenwarden/tokenwarden/rotate/guarantee"
	"github.com/tokenwarden/tokenwarden/secrets"
	"github.com/tokenwarden/tokenwarden/secrets/secretstest"
)

// TestWatched plays a few rotations under the watch, which sees at once when a
// guard is missing. The matrix does so thousands of times; these are quick.
func TestWatched(t *testing.T) {
	for name, c := range map[string]struct {
		rules []dbtcloudtest.Rule
		want  rotate.Status
	}{
		"undisturbed":              {want: rotate.Rotated},
		"create without an answer": {rules: []dbtcloudtest.Rule{{Operation: "create-token", Nth: 1, Fault: dbtcloudtest.ResetAfter}}, want: rotate.Rotated},
		"create that comes late":   {rules: []dbtcloudtest.Rule{{Operation: "create-token", Nth: 1, Fault: dbtcloudtest.TimeoutLate, Late: 3 * time.Second}}, want: rotate.Rotated},
		"delete without an answer": {rules: []dbtcloudtest.Rule{{Operation: "delete-token", Nth: 1, Fault: dbtcloudtest.ResetAfter}}, want: rotate.Rotated},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newWorld(t)
				second("vault://secret/dbt/other#token")(&cellWorld{world: w})
				watch := guarantee.New(w.sim, w.memory, w.old, w.refs...)
				watch.Begin()
				w.sim.Plan(c.rules...)
				r := w.rotator()
				r.Log = slog.New(slog.NewTextHandler(w.logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
				r.Progress = func(text string) { w.logged.WriteString(text) }
				r.Store = func(secrets.Ref) (secrets.Store, error) { return watch.Through(w.memory), nil }
				result := w.must(c.want, w.with(r, w.old, now()))
				if wrong := slices.Concat(watch.Violations(), watch.Creates(), watch.Settled()); len(wrong) > 0 {
					t.Error(wrong)
				}
				text, err := json.Marshal(result)
				if err != nil {
					t.Fatal(err)
				}
				if ids := watch.Secrets(w.logged.String() + string(text)); len(ids) > 0 {
					t.Errorf("the values of %d are printed", ids)
				}
			})
		})
	}
}

// The end of an overlap is a matter of the service's clock: one of ours that is
// two days ahead does not end it.
func TestLocalClockDoesNotEndTheOverlap(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.must(rotate.Pending, w.rotate(defaults()))
		r := w.rotator()
		r.Now = func() time.Time { return time.Now().Add(48 * time.Hour) }
		w.must(rotate.Pending, w.with(r, w.old, defaults()))
		if got := len(w.active()); got != 2 {
			t.Errorf("%d active tokens during the overlap", got)
		}
	})
}

// However much of a minute's requests is used up, the program's own limit does not
// make a rotation stand still while a new value is nowhere.
func TestNoWaitForTheLimitBeforeTheStore(t *testing.T) {
	for used := 50; used < 100; used += 5 {
		bubble(t, func(t *testing.T) {
			w := newWorld(t)
			service, err := dbtcloud.New(dbtcloud.Config{Host: "https://dbt.example.com", AccountID: accountID, Transport: w.sim})
			if err != nil {
				t.Fatal(err)
			}
			for range used {
				if _, err := service.As(w.admin).Authenticate(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			r := w.rotator()
			r.Account.As = func(v secrets.Value) rotate.Client { return service.As(v) }
			var created time.Time
			w.sim.Plan(dbtcloudtest.Rule{Operation: "create-token", Nth: 1, After: func() { created = time.Now() }})
			r.Store = func(secrets.Ref) (secrets.Store, error) {
				return &secretstest.Intercept{Store: w.memory, After: func(_ context.Context, c secretstest.Call) error {
					if c.Op == secretstest.Write && time.Since(created) > 0 {
						t.Errorf("with %d requests used it took %s from the create to the store", used, time.Since(created))
					}
					return nil
				}}, nil
			}
			w.must(rotate.Pending, w.with(r, w.old, defaults()))
		})
	}
}

// A secret that must not be written to is a person's matter: running again would
// change nothing. Nothing was created for it.
func TestASecretThatMustNotBeWritten(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.store = &secretstest.Intercept{Store: w.memory, Before: func(_ context.Context, c secretstest.Call) error {
			if c.Op == secretstest.Check {
				return fmt.Errorf("%w: AWS rotates it itself", secrets.ErrRefused)
			}
			return nil
		}}
		w.must(rotate.Refused, w.rotate(defaults()))
		if n := len(w.active()); n != 1 {
			t.Errorf("%d tokens are active", n)
		}
	})
}
