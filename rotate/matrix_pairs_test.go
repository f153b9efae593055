package rotate_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tokenwarden/tokenwarden/internal/dbtcloud/dbtcloudtest"
)

// pair is two faults, the second one later in the same run or somewhere in the
// next.
type pair struct {
	*start
	first, second cell
	nextRun       bool
}

func (p pair) String() string {
	run := "the same run"
	if p.nextRun {
		run = "the next run"
	}
	return fmt.Sprintf("%s: %s at %s, then in %s %s at %s", p.start.name, p.first.fault.name, p.first.point, run, p.second.fault.name, p.second.point)
}

func (p pair) faults() [][]*injected {
	first := &injected{point: p.first.point, fault: p.first.fault}
	second := &injected{point: p.second.point, fault: p.second.fault}
	if p.nextRun {
		return [][]*injected{{first}, {second}}
	}
	return [][]*injected{{first, second}}
}

// tempers are the answers that the service may have to what nobody outside knows
// of it; pairs meet each of them.
func tempers() map[string]func(*dbtcloudtest.Options) {
	return map[string]func(*dbtcloudtest.Options){
		"as specified":               func(*dbtcloudtest.Options) {},
		"deleted tokens are 404":     func(o *dbtcloudtest.Options) { o.HideDeleted404 = true },
		"values take effect late":    func(o *dbtcloudtest.Options) { o.TokensTakeEffectAfter = 3 * time.Second },
		"lists lag behind":           func(o *dbtcloudtest.Options) { o.StaleLists, o.Latency = 3*time.Second, 200*time.Millisecond },
		"items say as little as may": func(o *dbtcloudtest.Options) { o.ItemsWithoutGrants, o.ItemsWithoutSemanticLayer = true, true },
		"a DELETE answers 200":       func(o *dbtcloudtest.Options) { o.DeleteReplies200 = true },
		"names are unique":           func(o *dbtcloudtest.Options) { o.UniqueNames = true },
		"deletes take effect late":   func(o *dbtcloudtest.Options) { o.DeletesTakeEffectAfter = 10 * time.Second },
	}
}

// under is a start in a service of a temper.
func (s *start) under(name string, temper func(*dbtcloudtest.Options)) *start {
	changed := *s
	changed.name += ", " + name
	changed.pause = 5 * time.Second // what is listed late is listed then
	changed.seed = func(o *dbtcloudtest.Options, a *dbtcloudtest.SeedAccount) {
		if s.seed != nil {
			s.seed(o, a)
		}
		temper(o)
	}
	return &changed
}

// TestMatrixPairs plays pairs of faults that a seed chooses: MATRIX_PAIRS of
// them, 150 without it, from the seed MATRIX_SEED, the same one without it. What
// fails is played again by the seed that is printed.
func TestMatrixPairs(t *testing.T) {
	pairs, seed := fromEnv(t, "MATRIX_PAIRS", 150), fromEnv(t, "MATRIX_SEED", 1)
	t.Logf("%d pairs from seed %d", pairs, seed)
	var all []*start
	var undisturbed [][]point
	for _, s := range starts() {
		for _, name := range slices.Sorted(maps.Keys(tempers())) {
			tempered := s.under(name, tempers()[name])
			all, undisturbed = append(all, tempered), append(undisturbed, points(t, tempered))
		}
	}
	const lanes = 4
	var persons atomic.Int64
	t.Cleanup(func() { t.Logf("%d pairs needed a person to delete an orphan that was used late", persons.Load()) })
	for lane := range lanes {
		t.Run(fmt.Sprintf("lane %d", lane), func(t *testing.T) {
			t.Parallel()
			for n := lane; n < pairs; n += lanes {
				r := rand.New(rand.NewPCG(uint64(seed), uint64(n)))
				i := r.IntN(len(all))
				persons.Add(int64(playPair(t, r, all[i], undisturbed[i]).persons))
			}
		})
	}
}

func fromEnv(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		t.Fatalf("%s=%s is no count", name, text)
	}
	return n
}

// playPair draws a fault, sees which calls follow it, draws a second one for one
// of these, and plays both.
func playPair(t *testing.T, r *rand.Rand, s *start, calls []point) (c course) {
	t.Helper()
	p := pair{start: s, first: draw(r, s, calls)}
	synctest.Test(t, func(t *testing.T) {
		w := s.world(t)
		once := w.execute(&injected{point: p.first.point, fault: p.first.fault})
		after := once.calls[slices.Index(once.calls, p.first.point)+1:]
		next := w.execute().calls
		// What lasts leaves no room for a second fault in the same run.
		if p.nextRun = len(after) == 0 || p.first.lasts || r.IntN(2) == 0; p.nextRun {
			after = next
		}
		p.second = draw(r, s, after)
	})
	synctest.Test(t, func(t *testing.T) { c = play(s.world(t), p.faults()...) })
	if len(c.wrong) > 0 {
		t.Errorf("%s (runs: %s):\n  %s", p, strings.Join(c.runs, ", "), strings.Join(c.wrong, "\n  "))
	}
	return c
}

// draw chooses a call and one of the faults that it may meet.
func draw(r *rand.Rand, s *start, calls []point) cell {
	for {
		at := calls[r.IntN(len(calls))]
		faults := faultsOf(at.side)
		f := faults[r.IntN(len(faults))]
		if f.skip == nil || f.skip(s, at) == "" {
			return cell{s, at, f}
		}
	}
}
