package rotate_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/tokenwarden/tokenwarden/internal/dbtcloud/dbtcloudtest"
	"github.com/tokenwarden/tokenwarden/rotate"
	"github.com/tokenwarden/tokenwarden/secrets"
)

// What people and other runs may have done before this one: one test for each
// row that next has to know.

func row(t *testing.T, name string, f func(*testing.T, *world)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		bubble(t, func(t *testing.T) { f(t, newWorld(t)) })
	})
}

func TestRows(t *testing.T) {
	row(t, "old renamed during the overlap", func(t *testing.T, w *world) {
		w.must(rotate.Pending, w.rotate(defaults()))
		w.sim.Rename(w.old, "Airflow new")
		r := w.must(rotate.Rotated, w.rotate(now()))
		if token, _ := w.sim.Token(r.NewTokenID); token.Name != "Airflow new" {
			t.Errorf("the replacement is called %q", token.Name)
		}
	})
	row(t, "replacement renamed: found by its label", func(t *testing.T, w *world) {
		first := w.must(rotate.Pending, w.rotate(defaults()))
		w.sim.Rename(first.NewTokenID, "Airflow by hand")
		r := w.must(rotate.Rotated, w.rotate(now()))
		if r.NewTokenID != first.NewTokenID {
			t.Errorf("a second replacement %d was made", r.NewTokenID)
		}
		if token, _ := w.sim.Token(r.NewTokenID); token.Name != "Airflow by hand" {
			t.Errorf("the name that a person gave was changed to %q", token.Name)
		}
	})
	row(t, "old deleted by a human after the store", func(t *testing.T, w *world) {
		w.must(rotate.Pending, w.rotate(defaults()))
		w.sim.Delete(w.old)
		w.finished(w.must(rotate.Rotated, w.rotate(defaults())))
	})
	row(t, "old deleted by a human between create and store", func(t *testing.T, w *world) {
		w.sim.Plan(dbtcloudtest.Rule{Operation: "create-token", Nth: 1, After: func() { w.sim.Delete(w.old) }})
		w.finished(w.must(rotate.Rotated, w.rotate(now())))
	})
	row(t, "replacement deleted before retirement", func(t *testing.T, w *world) {
		first := w.must(rotate.Pending, w.rotate(defaults()))
		w.sim.Delete(first.NewTokenID)
		r := w.must(rotate.Rotated, w.rotate(now()))
		if r.NewTokenID == first.NewTokenID {
			t.Error("the deleted replacement was kept")
		}
		w.finished(r)
	})
	row(t, "old absent and no label", func(t *testing.T, w *world) {
		w.must(rotate.Refused, w.rotateToken(4711, defaults()))
	})
	row(t, "a chain of rotations names its living end", func(t *testing.T, w *world) {
		second := w.must(rotate.Rotated, w.rotate(now()))
		third := w.must(rotate.Rotated, w.rotateToken(second.NewTokenID, now()))
		for _, id := range []int64{w.old, second.NewTokenID} {
			if r := w.must(rotate.Unchanged, w.rotateToken(id, now())); r.NewTokenID != third.NewTokenID {
				t.Errorf("--token-id %d names %d, want %d", id, r.NewTokenID, third.NewTokenID)
			}
		}
		w.finished(third)
	})
	row(t, "the target is itself in flight", func(t *testing.T, w *world) {
		first := w.must(rotate.Pending, w.rotate(defaults()))
		r := w.must(rotate.Refused, w.rotateToken(first.NewTokenID, defaults()))
		if !strings.Contains(r.Error, "still lives") {
			t.Error(r.Error)
		}
	})
	row(t, "the old name still has a suffix whose token is gone", func(t *testing.T, w *world) {
		w.sim.Rename(w.old, oldName+" [replaces 4711 ab12]")
		w.finished(w.must(rotate.Rotated, w.rotate(now())))
	})
	row(t, "a suffix without a nonce counts as well", func(t *testing.T, w *world) {
		id, _ := w.sim.AddToken(dbtcloudtest.SeedToken{Name: oldName + " [replaces 777]"})
		r := w.must(rotate.Refused, w.rotate(now()))
		if !strings.Contains(r.Error, "run the same command again") {
			t.Error(r.Error)
		}
		time.Sleep(11 * time.Minute)
		w.finished(w.must(rotate.Rotated, w.rotate(now())))
		if token, _ := w.sim.Token(id); token.Active() {
			t.Error("the orphan still lives")
		}
	})
	row(t, "an orphan that somebody uses is left alone", func(t *testing.T, w *world) {
		id, _ := w.sim.AddToken(dbtcloudtest.SeedToken{Name: oldName + " [replaces 777 abcd]"})
		time.Sleep(11 * time.Minute)
		w.sim.Use(id)
		w.must(rotate.Refused, w.rotate(now()))
		if token, _ := w.sim.Token(id); !token.Active() {
			t.Error("a used token was deleted")
		}
	})
	row(t, "nothing is dropped while a value of unknown owner is there", func(t *testing.T, w *world) {
		w.memory.Set(w.refs[0], "dbtc_"+strings.Repeat("x", 50))
		id, _ := w.sim.AddToken(dbtcloudtest.SeedToken{Name: oldName + " [replaces 777 abcd]"})
		time.Sleep(11 * time.Minute)
		w.must(rotate.Refused, w.rotate(now()))
		if token, _ := w.sim.Token(id); !token.Active() {
			t.Error("the orphan was dropped")
		}
	})
	row(t, "an orphan beside an empty destination", func(t *testing.T, w *world) {
		w.memory.Delete(w.refs[0])
		id, _ := w.sim.AddToken(dbtcloudtest.SeedToken{Name: oldName + " [replaces 777 abcd]"})
		time.Sleep(11 * time.Minute)
		opts := now()
		opts.Adopt = true
		w.finished(w.must(rotate.Rotated, w.rotate(opts)))
		if token, _ := w.sim.Token(id); token.Active() {
			t.Error("the orphan still lives")
		}
	})
	row(t, "one of two destinations was written", func(t *testing.T, w *world) {
		second := ref("vault://secret/dbt/other#token")
		w.refs = append(w.refs, second)
		w.memory.Set(second, w.sim.ValueOf(w.old))
		r := w.rotator()
		real := r.Store
		r.Store = func(ref secrets.Ref) (secrets.Store, error) {
			s, err := real(ref)
			return failingWrite{s, second}, err
		}
		first := w.must(rotate.Failed, w.with(r, w.old, now()))
		if !first.Destinations[0].Written || first.Destinations[1].Written {
			t.Errorf("destinations: %+v", first.Destinations)
		}
		if len(w.active()) != 2 {
			t.Error("both tokens must stay alive")
		}
		done := w.must(rotate.Rotated, w.rotate(now()))
		if done.NewTokenID != first.NewTokenID {
			t.Error("the value was not read back from the first destination")
		}
		w.finished(done)
	})
	row(t, "a permission lost in the middle is not 'gone'", func(t *testing.T, w *world) {
		w.must(rotate.Pending, w.rotate(defaults()))
		id, _ := w.sim.TokenByValue(w.admin.Reveal())
		w.sim.Plan(dbtcloudtest.Rule{Operation: "get-token", Nth: 1, Fault: dbtcloudtest.LostPermission})
		w.must(rotate.Failed, w.rotate(now()))
		if len(w.active()) != 2 {
			t.Error("something was deleted")
		}
		w.sim.Restore(id)
		w.sim.Plan()
		w.finished(w.must(rotate.Rotated, w.rotate(now())))
	})
	row(t, "a single 404 for the old token is not 'gone'", func(t *testing.T, w *world) {
		w.must(rotate.Pending, w.rotate(defaults()))
		w.sim.Plan(dbtcloudtest.Rule{Operation: "get-token", Nth: 1, Fault: dbtcloudtest.StatusBefore, Status: 404})
		w.finished(w.must(rotate.Rotated, w.rotate(now())))
	})
	row(t, "a hand-made rollback during the overlap is written over", func(t *testing.T, w *world) {
		first := w.must(rotate.Pending, w.rotate(defaults()))
		w.memory.Rollback(w.refs[0])
		r := w.rotate(now())
		if token, _ := w.sim.Token(w.old); r.Status == rotate.Rotated && token.Active() {
			t.Error("rotated, but the old token lives")
		}
		if id, active := w.sim.TokenByValue(w.memory.Get(w.refs[0]).Reveal()); !active {
			t.Errorf("the destination holds the value of %d, which is dead (replacement was %d, status %s: %s)", id, first.NewTokenID, r.Status, r.Error)
		}
	})
	row(t, "two rotators at once", func(t *testing.T, w *world) {
		results := make(chan rotate.Result, 2)
		for range 2 {
			r := w.rotator()
			go func() { results <- w.with(r, w.old, now()) }()
		}
		a, b := <-results, <-results
		if a.Status != rotate.Rotated && b.Status != rotate.Rotated {
			t.Logf("%+v\n%+v", a, b)
			time.Sleep(11 * time.Minute)
			a = w.must(rotate.Rotated, w.rotate(now()))
		}
		if a.Status != rotate.Rotated {
			a = b
		}
		w.finished(a)
	})
}

// failingWrite refuses writes to one reference.
type failingWrite struct {
	secrets.Store
	ref secrets.Ref
}

func (f failingWrite) Write(ctx context.Context, ref secrets.Ref, w secrets.Write) (secrets.Version, error) {
	if ref == f.ref {
		return "", errors.New("disk full")
	}
	return f.Store.Write(ctx, ref, w)
}
