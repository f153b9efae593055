package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tokenwarden/tokenwarden/internal/dbtcloud/dbtcloudtest"
	"github.com/tokenwarden/tokenwarden/rotate"
)

var (
	manySeed   = flag.Uint64("many.seed", 1, "what goes wrong in TestMany, and when")
	manyTokens = flag.Int("many.tokens", 150, "how many tokens TestMany rotates")
)

// TestMany rotates 150 tokens by the commands that a cron job has, each day once,
// with faults of both sides at random, kills among them, until nothing is flagged.
// Each run is held against the guarantees and against its own report.
func TestMany(t *testing.T) {
	t.Parallel()
	t.Logf("-many.seed=%d", *manySeed)
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Date(2026, time.November, 1, 2, 0, 0, 0, time.UTC))) // what is created now is not legacy
		e := newEstate(t, *manyTokens, *manySeed)
		days := 0
		for ; len(e.unrotated())+len(e.unfinished()) > 0; days++ {
			if days == 100 {
				t.Fatalf("after %d days tokens %d are flagged and %d unfinished", days, e.unrotated(), e.unfinished())
			}
			e.disturb(30, 20**manyTokens, "create-token")
			e.flagged("rotate", "--flagged", "--max", fmt.Sprint(*manyTokens), "--yes", "--format", "json")
			time.Sleep(20 * time.Minute)
			e.disturb(15, 10**manyTokens, "delete-token", "rename-token")
			e.check(e.run("rotate", "--pending", "--yes", "--format", "json"))
			time.Sleep(25 * time.Hour)
		}
		for old := range e.places {
			for _, wrong := range e.watch.Of(old).Settled() {
				t.Errorf("token %d in the end: %s", old, wrong)
			}
		}
		e.calm()
		if out := e.flagged("rotate", "--flagged", "--yes", "--format", "json"); out.code != exitOK || len(out.Rotations) > 0 || out.Left > 0 || len(out.LeftOut) > 0 {
			t.Errorf("a run when nothing is flagged any more: exit code %d, %s", out.code, out.text)
		}
		t.Logf("%d tokens in %d days: %d runs, %d requests, of which at most %d in any minute; %d killed, %d stopped early, %d faults reached",
			*manyTokens, days, e.runs, e.requests, e.most, e.killed, e.stopped, e.reached)
		if e.killed+e.stopped == 0 || e.reached < days {
			t.Error("too little went wrong to have tested anything")
		}
	})
}

// said is the JSON of rotate, and how the command ended.
type said struct {
	Rotations []rotate.Result
	Errors    []string
	LeftOut   []leftOut `json:"left_out"`
	Left      int
	Canaries  []int64

	code exitCode
	text string
	dead bool // killed: there is no report
}

// flagged runs the command and holds its report against what is true.
func (e *estate) flagged(args ...string) said {
	e.t.Helper()
	before := e.unrotated()
	out := e.run(args...)
	e.check(out)
	if out.dead || len(out.Errors) > 0 {
		return out
	}
	told := map[int64]bool{}
	for _, r := range out.Rotations {
		told[r.OldTokenID] = true
	}
	later := 0
	for _, l := range out.LeftOut {
		if told[l.TokenID] {
			e.t.Errorf("token %d is both begun and left out: %s", l.TokenID, out.text)
		}
		told[l.TokenID] = true
		living := e.watch.Of(l.TokenID).Living()
		switch {
		case l.Reason.later() && len(living) != 1, l.Reason == inFlight && len(living) < 2:
			e.t.Errorf("token %d is said to be left out for %s, and %d tokens of its family live", l.TokenID, l.Reason, len(living))
		case l.Reason.later():
			later++
		}
	}
	for _, id := range before {
		if !told[id] {
			e.t.Errorf("the report does not mention token %d, which was flagged", id)
		}
	}
	if out.Left != later {
		e.t.Errorf("%d left for a later run, of which %d are named", out.Left, later)
	}
	e.ownLast(out)
	return out
}

// ownLast: while others are to be rotated, the run's own credential is not.
func (e *estate) ownLast(out said) {
	for i, r := range out.Rotations {
		if r.OldTokenID == e.own && i != len(out.Rotations)-1 {
			e.t.Errorf("the run's own credential was rotated as number %d of %d", i+1, len(out.Rotations))
		}
	}
}

// check holds what a run says of each token against what is true, and the exit
// code against both.
func (e *estate) check(out said) {
	e.t.Helper()
	for _, v := range e.watch.Violations() {
		e.t.Errorf("run %d: %s", e.runs, v)
	}
	if e.t.Failed() {
		e.t.Fatalf("run %d (killed: %t): %s", e.runs, out.dead, out.text)
	}
	if out.dead {
		return
	}
	want := exitCode(rotate.ExitCode(out.Rotations))
	if len(out.Errors) > 0 {
		want = exitFailed
	}
	if out.code != want {
		e.t.Errorf("exit code %d instead of %d: %s", out.code, want, out.text)
	}
	for _, r := range out.Rotations {
		w := e.watch.Of(r.OldTokenID)
		var wrong []string
		switch r.Status {
		case rotate.Rotated, rotate.Unchanged:
			wrong = w.Settled()
		case rotate.Pending:
			wrong = w.Overlapping()
		case rotate.Failed, rotate.Refused:
			if r.Error == "" {
				wrong = []string{"it does not say why"}
			}
		case rotate.Planned:
			wrong = []string{"that is a plan"}
		}
		for _, text := range wrong {
			e.t.Errorf("token %d is said to be %s: %s", r.OldTokenID, r.Status, text)
		}
	}
}

// unrotated lists the legacy tokens that are alive.
func (e *estate) unrotated() (ids []int64) {
	for _, t := range e.sim.Tokens() {
		if _, ours := e.places[t.ID]; ours && t.Active() {
			ids = append(ids, t.ID)
		}
	}
	return ids
}

// unfinished lists the active tokens that still carry the name of a rotation.
func (e *estate) unfinished() (ids []int64) {
	for _, t := range e.sim.Tokens() {
		if t.Active() && strings.Contains(t.Name, "[replaces ") {
			ids = append(ids, t.ID)
		}
	}
	return ids
}

// The limit is that of any minute, not of those that a clock would begin.
func (e *estate) countRequests() {
	by := map[int64][]time.Time{}
	for _, r := range e.sim.Requests() {
		e.requests++
		if r.Fault != dbtcloudtest.NoFault {
			e.reached++
		}
		if r.Fault == dbtcloudtest.NoFault && r.Status == 429 {
			e.t.Errorf("run %d asked for more than 100 requests in a minute", e.runs)
		}
		by[r.TokenID] = append(by[r.TokenID], r.At)
	}
	for _, at := range by {
		slices.SortFunc(at, time.Time.Compare)
		first := 0
		for i := range at {
			for !at[first].After(at[i].Add(-time.Minute)) {
				first++
			}
			e.most = max(e.most, i-first+1)
		}
	}
	if e.most > 100 {
		e.t.Errorf("run %d: %d requests of one credential within a minute", e.runs, e.most)
	}
}

func (r *said) read(stdout string) error {
	r.text = stdout
	if stdout == "" {
		return nil // it ended before it could report; the exit code says so
	}
	return json.Unmarshal([]byte(stdout), r)
}

func writeConfiguration(t *testing.T, folder, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(folder, "tokenwarden.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
