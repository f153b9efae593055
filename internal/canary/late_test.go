package canary_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/tokenwarden/tokenwarden/internal/dbtcloud/dbtcloudtest"
)

// A create that was given up, and that happens before the run is over, is found
// by its last look.
func TestCreateThatComesLate(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, func(o *dbtcloudtest.Options) { o.DeletesTakeEffectAfter = 100 * time.Second }) // a long run
		w.sim.Plan(dbtcloudtest.Rule{Operation: "create-token", Nth: 2, Fault: dbtcloudtest.TimeoutLate, Late: time.Minute})
		r := w.run()
		if made := len(w.sim.Tokens()) - 2; made != 2 || len(w.living()) != 0 || r.Removed != 2 {
			t.Errorf("%d were made, %d live: %s", made, w.living(), w.shown(r))
		}
		if r.ExitCode() != 2 { // a measurement is missing
			t.Errorf("exit code %d", r.ExitCode())
		}
	})
}

// A service that has stopped answering is not asked for each measurement anew.
func TestServiceThatStopsAnswering(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.sim.Plan(dbtcloudtest.Rule{Path: "/api/v3/accounts/*/service-tokens/*/", Fault: dbtcloudtest.StatusBefore, Status: 503})
		start := time.Now()
		r := w.run()
		if took := time.Since(start); took > 5*time.Minute {
			t.Errorf("it took %s", took)
		}
		if len(r.Left) != 1 || len(w.living()) != 1 || r.Left[0].TokenID != w.living()[0] {
			t.Errorf("%d live: %s", w.living(), w.shown(r))
		}
	})
}

// What the look after a lost reply has found is removed by its id, even if no
// list can be read any more.
func TestFoundAndThenNoList(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.sim.Plan(
			dbtcloudtest.Rule{Operation: "create-token", Fault: dbtcloudtest.ResetAfter},
			dbtcloudtest.Rule{Operation: "list-tokens", Nth: 4, Times: -1, Fault: dbtcloudtest.StatusBefore, Status: 503},
		)
		r := w.run()
		if len(w.living()) != 0 || r.Removed != 1 || r.ExitCode() != 2 || w.sim.Hits()[1] == 0 {
			t.Errorf("%d live: %s", w.living(), w.shown(r))
		}
	})
}

// A list that still shows a canary of before is no reason to remove it again.
func TestListThatShowsWhatIsGone(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, func(o *dbtcloudtest.Options) { o.StaleLists = time.Hour })
		w.sim.AddToken(dbtcloudtest.SeedToken{ID: 800, Name: "tokenwarden canary [ab2c]", CreatedAt: stamp(time.Now()), LastUsed: json.RawMessage("null")})
		time.Sleep(2 * time.Hour)
		w.sim.Delete(800)
		if r := w.run(); r.LeftOvers != 0 || r.ExitCode() != 0 {
			t.Errorf("%s", w.shown(r))
		}
	})
}
