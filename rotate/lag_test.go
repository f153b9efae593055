package rotate_test

import (
	"testing"
	"time"

	"github.com/tokenwarden/tokenwarden/internal/dbtcloud/dbtcloudtest"
	"github.com/tokenwarden/tokenwarden/rotate"
)

func lists(lag time.Duration) func(*dbtcloudtest.Options, *dbtcloudtest.SeedAccount) {
	return func(o *dbtcloudtest.Options, _ *dbtcloudtest.SeedAccount) { o.StaleLists = lag }
}

// A list that still shows the name in flight is no reason to rename again.
func TestAListThatLagsBehindTheRename(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, lists(3*time.Second))
		labelled(&cellWorld{world: w})
		r := w.must(rotate.Pending, w.rotate(defaults()))
		time.Sleep(25 * time.Hour)
		w.sim.ForgetRequests()
		w.finished(w.must(rotate.Rotated, w.rotate(defaults())))
		w.finished(w.must(rotate.Unchanged, w.rotate(defaults())))
		renames := 0
		for _, request := range w.sim.Requests() {
			if request.Operation == "rename-token" {
				renames++
			}
		}
		if renames != 1 {
			t.Errorf("%d was renamed %d times", r.NewTokenID, renames)
		}
	})
}

// A replacement that a label tells of is found although no list shows it yet.
func TestAListThatLagsBehindTheCreate(t *testing.T) {
	start := &start{options: now(), seed: lists(time.Minute), prepare: labelled, earlier: diesAt(point{onStore, "write", 1}, fault{before: kill})}
	bubble(t, func(t *testing.T) {
		w := start.world(t)
		w.must(rotate.Refused, w.execute().result)
		if living := w.watch.Living(); len(living) != 2 {
			t.Errorf("a second replacement was made: %+v", living)
		}
	})
}

// A list that still shows a replacement which somebody deleted does not make a
// dead value count as a finished rotation.
func TestAListThatLagsBehindADeletion(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		labelled(&cellWorld{world: w})
		r := w.must(rotate.Rotated, w.rotate(now()))
		w.sim.Configure(func(o *dbtcloudtest.Options) { o.StaleLists = 2 * time.Second })
		w.sim.Rename(r.NewTokenID, "Airflow prod [replaces 777 abcd]")
		time.Sleep(3 * time.Second)
		w.sim.Delete(r.NewTokenID)
		w.must(rotate.Refused, w.rotate(now()))
	})
}

// … nor a dead one as waiting in its overlap: the token is replaced anew.
func TestAListThatLagsBehindADeletionInTheOverlap(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, lists(30*time.Second))
		labelled(&cellWorld{world: w})
		first := w.must(rotate.Pending, w.rotate(defaults()))
		time.Sleep(time.Hour)
		w.sim.Delete(first.NewTokenID)
		second := w.must(rotate.Pending, w.rotate(defaults()))
		if second.NewTokenID == first.NewTokenID {
			t.Errorf("the destinations hold the value of %d, which is dead", first.NewTokenID)
		}
		w.stored(second.NewTokenID)
	})
}
