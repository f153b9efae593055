package rotate_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/tokenwarden/tokenwarden/internal/dbtcloud/dbtcloudtest"
	"github.com/tokenwarden/tokenwarden/rotate"
	"github.com/tokenwarden/tokenwarden/secrets"
	"github.com/tokenwarden/tokenwarden/secrets/secretstest"
)

// What the model has found: one small test for each. The one about a predecessor
// in its overlap was found in the first try at mending the one before it.

// A name that a person gave the old token made it its own orphan: it was
// dropped as a replacement whose value is nowhere.
func TestFoundOldTokenNamedAsItsOwnReplacement(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.sim.Rename(w.old, oldName+" [replaces 777]")
		r := w.must(rotate.Pending, w.rotate(defaults()))
		if token, _ := w.sim.Token(w.old); !token.Active() {
			t.Error("the old token was deleted in its overlap")
		}
		w.stored(r.NewTokenID)
	})
}

// The label of a value that was just written was taken away by somebody: the run
// thought that its replacement was nowhere, and removed what the consumers use.
func TestFoundLabelTakenAwayBetweenWriteAndRead(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.store = &secretstest.Intercept{Store: w.memory, After: func(_ context.Context, c secretstest.Call) error {
			if c.Op == secretstest.Write && c.N == 1 {
				w.memory.Unlabel(c.Ref)
			}
			return nil
		}}
		r := w.must(rotate.Pending, w.rotate(defaults()))
		w.stored(r.NewTokenID)
		if len(w.active()) != 2 {
			t.Errorf("active: %+v", w.active())
		}
		if l := w.memory.Labels(w.refs[0])[w.memory.Get(w.refs[0]).Fingerprint(accountID)]; l.TokenID != r.NewTokenID || l.Until.IsZero() {
			t.Errorf("the label was not written again: %+v", l)
		}
	})
}

// A replacement whose name has a line break was not known by its suffix: the one
// whose reply was lost lived on beside a second one.
func TestFoundNameWithALineBreak(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.sim.Rename(w.old, "two\nlines")
		w.sim.Plan(dbtcloudtest.Rule{Operation: "create-token", Nth: 1, Fault: dbtcloudtest.ResetAfter})
		r := w.must(rotate.Rotated, w.rotate(now()))
		if token, _ := w.sim.Token(r.NewTokenID); token.Name != "two\nlines" {
			t.Errorf("the replacement is called %q", token.Name)
		}
		if len(w.active()) != 1 {
			t.Errorf("active: %+v", w.active())
		}
	})
}

// A create that was given up for lost arrived when the next rotation was over
// already: every run said unchanged, and the token lived on.
func TestFoundCreateThatArrivesInTheNextGeneration(t *testing.T) {
	for name, hidden := range map[string]bool{"deleted tokens are shown": false, "deleted tokens are 404": true} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newWorld(t, func(o *dbtcloudtest.Options, _ *dbtcloudtest.SeedAccount) { o.HideDeleted404 = hidden })
				second := w.must(rotate.Rotated, w.rotate(now()))
				third := w.must(rotate.Rotated, w.rotateToken(second.NewTokenID, now()))
				late, _ := w.sim.AddToken(dbtcloudtest.SeedToken{Name: oldName + " [replaces 777 late]"})
				w.must(rotate.Refused, w.rotate(now()))
				time.Sleep(11 * time.Minute)
				if r := w.must(rotate.Unchanged, w.rotate(now())); r.NewTokenID != third.NewTokenID {
					t.Errorf("names %d, want %d", r.NewTokenID, third.NewTokenID)
				}
				if token, _ := w.sim.Token(late); token.Active() {
					t.Error("the token that came late still lives")
				}
				w.finished(third)
			})
		})
	}
}

// 777 was replaced by 901, and that is in an overlap of its own: for a run that
// is asked about 777 it is no orphan, however little it is used.
func TestFoundPredecessorInItsOverlapIsNoOrphan(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		second := w.must(rotate.Rotated, w.rotate(now()))
		third := w.must(rotate.Pending, w.rotateToken(second.NewTokenID, defaults()))
		time.Sleep(time.Hour)
		if r := w.must(rotate.Unchanged, w.rotate(now())); r.NewTokenID != third.NewTokenID {
			t.Errorf("names %d, want %d", r.NewTokenID, third.NewTokenID)
		}
		if token, _ := w.sim.Token(second.NewTokenID); !token.Active() {
			t.Error("it was deleted in its overlap")
		}
	})
}

// A chain of labels led to a living token, and unchanged was said though a
// destination held something else.
func TestFoundChainWhoseEndIsNotStored(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.refs = append(w.refs, ref("vault://secret/dbt/other#token"))
		w.memory.Set(w.refs[1], w.sim.ValueOf(w.old))
		second := w.must(rotate.Rotated, w.rotate(now()))
		w.must(rotate.Rotated, w.rotateToken(second.NewTokenID, now()))
		w.memory.Rollback(w.refs[1])
		r := w.must(rotate.Refused, w.rotate(now()))
		if !strings.Contains(r.Error, w.refs[1].String()) {
			t.Error(r.Error)
		}
	})
}

// A person gave a stored replacement one more mapping, in a project in which the
// old token has none: it was copied on to the next destination unseen.
func TestFoundMappingTheOldTokenLacks(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		second := ref("vault://secret/dbt/other#token")
		first := w.must(rotate.Pending, w.rotate(defaults()))
		w.refs = append(w.refs, second)
		old := secrets.NewValue(w.sim.ValueOf(w.old))
		w.memory.Set(second, old.Reveal())
		w.sim.SetMappings(first.NewTokenID, dbtcloudtest.SeedMapping{ProjectID: 11, CredentialID: 501}, dbtcloudtest.SeedMapping{ProjectID: 12, CredentialID: 502})
		w.must(rotate.Refused, w.rotate(defaults()))
		if !w.memory.Get(second).Equal(old) {
			t.Error("a value with other permissions was stored")
		}
	})
}

// A local clock that is a day ahead kept every rotation from being begun, as if
// its deadline had passed.
func TestFoundLocalClockDoesNotDecide(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.rotator()
		r.Now = func() time.Time { return time.Now().Add(24 * time.Hour) }
		w.finished(w.must(rotate.Rotated, w.with(r, w.old, now())))
	})
}

// A DELETE that failed was sent again, up to minutes later under throttling,
// though the look in between had shown that a consumer used the token.
func TestFoundUseBetweenTwoDeletes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.must(rotate.Pending, w.rotate(defaults()))
		time.Sleep(49 * time.Hour)
		w.sim.Plan(dbtcloudtest.Rule{
			Operation: "delete-token", Nth: 1, Fault: dbtcloudtest.StatusBefore, Status: 503,
			Before: func() { w.sim.Use(w.old) },
		})
		r := w.must(rotate.Refused, w.rotate(defaults()))
		if !strings.Contains(r.Error, "last used") || w.sim.Hits()[0] != 1 {
			t.Error(r.Error)
		}
		if token, _ := w.sim.Token(w.old); !token.Active() {
			t.Error("a token in use was deleted")
		}
	})
}

// A run that was about to delete the old token found another run's value in the
// destination. It had not listed that run's replacement, took it for dead, and
// wrote its own value again, which the other run had dropped meanwhile.
func TestFoundRivalSeenOnlyByTheLabel(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		opts := defaults()
		opts.OrphanMinAge = 0
		var rival rotate.Result
		w.sim.Plan(dbtcloudtest.Rule{
			Operation: "delete-token", Nth: 1, Fault: dbtcloudtest.StatusBefore, Status: 503,
			Before: func() {
				w.memory.Rollback(w.refs[0]) // a person
				rival = w.must(rotate.Pending, w.rotate(opts))
			},
		})
		first := w.rotate(now())
		w.stored(rival.NewTokenID)
		if token, _ := w.sim.Token(rival.NewTokenID); !token.Active() || first.Status == rotate.Rotated && first.NewTokenID != rival.NewTokenID {
			t.Errorf("%+v; active: %+v", first, w.active())
		}
	})
}

// The replacement was deleted by a person during the last steps. Where the
// service answers 404 for deleted tokens, the run still said rotated.
func TestFoundReplacementNotSeenAtTheEnd(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, func(o *dbtcloudtest.Options, _ *dbtcloudtest.SeedAccount) { o.HideDeleted404 = true })
		w.refs = append(w.refs, ref("vault://secret/dbt/other#token"))
		w.memory.Set(w.refs[1], w.sim.ValueOf(w.old))
		first := w.must(rotate.Rotated, w.rotate(now()))
		w.memory.Rollback(w.refs[1])
		w.store = &secretstest.Intercept{Store: w.memory, Before: func(_ context.Context, c secretstest.Call) error {
			if c.Op == secretstest.Write {
				w.sim.Delete(first.NewTokenID)
			}
			return nil
		}}
		r := w.must(rotate.Failed, w.rotate(defaults()))
		if !strings.Contains(r.Error, "404") {
			t.Error(r.Error)
		}
	})
}

// While a run was about to delete the old token, its replacement was taken back
// and deleted, and the DELETE failed. The run stored the dead value once more, over
// the old token's, which lived.
func TestFoundTakenBackBeforeTheDelete(t *testing.T) {
	for _, hidden := range []bool{false, true} {
		bubble(t, func(t *testing.T) {
			w := newWorld(t, func(o *dbtcloudtest.Options, _ *dbtcloudtest.SeedAccount) { o.HideDeleted404 = hidden })
			w.sim.Plan(dbtcloudtest.Rule{
				Operation: "delete-token", Nth: 1, Fault: dbtcloudtest.StatusBefore, Status: 503,
				Before: func() {
					id, _ := w.sim.TokenByValue(w.memory.Get(w.refs[0]).Reveal())
					w.memory.Rollback(w.refs[0])
					w.sim.Delete(id)
				},
			})
			first := w.rotate(now())
			if id, active := w.sim.TokenByValue(w.memory.Get(w.refs[0]).Reveal()); !active {
				t.Errorf("the destination holds the value of token %d, which is dead (hidden: %v)", id, hidden)
			}
			if again := w.rotate(now()); first.Status != rotate.Rotated {
				w.finished(w.must(rotate.Rotated, again))
			}
		})
	}
}

// A write that was asked for again was accepted at the second time, and two more
// rotations were over before the run looked at it: it wrote over their value, and
// would have removed a replacement that the consumers had meanwhile.
func TestFoundAcceptedWriteOfLongAgo(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		var second, third rotate.Result
		w.store = &secretstest.Intercept{
			Store: w.memory,
			Before: func(_ context.Context, c secretstest.Call) error {
				if c.Op == secretstest.Write && c.N == 1 {
					return secrets.ErrUnavailable
				}
				return nil
			},
			After: func(_ context.Context, c secretstest.Call) error {
				if c.Op == secretstest.Write && c.N == 2 {
					slow := w.store
					w.store = w.memory
					second = w.must(rotate.Rotated, w.rotate(now()))
					third = w.must(rotate.Pending, w.rotateToken(second.NewTokenID, defaults()))
					w.store = slow
				}
				return nil
			},
		}
		w.must(rotate.Failed, w.rotate(defaults()))
		w.stored(third.NewTokenID)
		if token, _ := w.sim.Token(second.NewTokenID); !token.Active() {
			t.Error("a token in its overlap was removed")
		}
	})
}

// The labels that lead from an old token to the present one were pruned, so what
// a rotation of long ago had left behind could not be settled any more.
func TestFoundLabelsPrunedWhileAnOrphanLives(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		last := w.must(rotate.Rotated, w.rotate(now()))
		orphan, _ := w.sim.AddToken(dbtcloudtest.SeedToken{Name: oldName + " [replaces 777 abcd]"})
		for range 20 {
			last = w.must(rotate.Rotated, w.rotateToken(last.NewTokenID, now()))
		}
		time.Sleep(11 * time.Minute)
		if r := w.must(rotate.Unchanged, w.rotate(now())); r.NewTokenID != last.NewTokenID {
			t.Errorf("--token-id 777 names %d, want %d", r.NewTokenID, last.NewTokenID)
		}
		if token, _ := w.sim.Token(orphan); token.Active() {
			t.Error("the orphan still lives")
		}
		before := len(w.memory.Labels(w.refs[0]))
		last = w.must(rotate.Rotated, w.rotateToken(last.NewTokenID, now()))
		if after := len(w.memory.Labels(w.refs[0])); after >= before {
			t.Errorf("%d labels before, %d after: none was pruned", before, after)
		}
		w.finished(last)
	})
}
