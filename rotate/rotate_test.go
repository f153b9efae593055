package rotate_test

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tokenwarden/tokenwarden/internal/dbtcloud/dbtcloudtest"
	"github.com/tokenwarden/tokenwarden/rotate"
	"github.com/tokenwarden/tokenwarden/secrets"
)

func bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, f)
}

func TestRotateAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.must(rotate.Rotated, w.rotate(now()))
		w.finished(r)
		again := w.must(rotate.Unchanged, w.rotate(now()))
		if again.NewTokenID != r.NewTokenID {
			t.Errorf("a second run names %d, want %d", again.NewTokenID, r.NewTokenID)
		}
		w.finished(again)
	})
}

func TestRotateWithOverlap(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		first := w.must(rotate.Pending, w.rotate(defaults()))
		w.stored(first.NewTokenID)
		if first.PendingUntil == nil || time.Until(*first.PendingUntil) > 25*time.Hour {
			t.Fatalf("pending until %v", first.PendingUntil)
		}
		time.Sleep(12 * time.Hour)
		w.must(rotate.Pending, w.rotate(defaults()))
		if got := len(w.active()); got != 2 {
			t.Fatalf("%d active tokens during the overlap", got)
		}
		time.Sleep(13 * time.Hour)
		w.finished(w.must(rotate.Rotated, w.rotate(defaults())))
	})
}

func TestUseDuringTheOverlapOnlyProlongs(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.must(rotate.Pending, w.rotate(defaults()))
		time.Sleep(20 * time.Hour)
		w.sim.Use(w.old)
		time.Sleep(10 * time.Hour)
		r := w.must(rotate.Pending, w.rotate(defaults()))
		if !strings.Contains(r.Message, "last used") {
			t.Errorf("the message does not say when it was last used: %s", r.Message)
		}
		time.Sleep(15 * time.Hour)
		w.finished(w.must(rotate.Rotated, w.rotate(defaults())))
	})
}

func TestUseAfterTheOverlapAsksAPerson(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.must(rotate.Pending, w.rotate(defaults()))
		time.Sleep(30 * time.Hour)
		w.sim.Use(w.old)
		time.Sleep(time.Hour)
		r := w.must(rotate.Refused, w.rotate(defaults()))
		if !strings.Contains(r.Error, "after the overlap") {
			t.Errorf("error: %s", r.Error)
		}
		if got := len(w.active()); got != 2 {
			t.Fatalf("%d active tokens", got)
		}
		w.finished(w.must(rotate.Rotated, w.rotate(now())))
	})
}

func TestOnlyAFlagShortensTheOverlapInTheLabel(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		long := defaults()
		long.Overlap = 72 * time.Hour
		w.must(rotate.Pending, w.rotate(long))
		time.Sleep(48 * time.Hour)
		w.must(rotate.Pending, w.rotate(defaults())) // the default of this run is shorter, but no flag
		short := defaults()
		short.OverlapSet = true
		w.finished(w.must(rotate.Rotated, w.rotate(short)))
	})
}

func TestPermissionsSurvive(t *testing.T) {
	type change = func(*dbtcloudtest.Options, *dbtcloudtest.SeedAccount)
	old := func(a *dbtcloudtest.SeedAccount) *dbtcloudtest.SeedToken { return &a.ServiceTokens[1] }
	for name, c := range map[string]change{
		"as it is":                 func(*dbtcloudtest.Options, *dbtcloudtest.SeedAccount) {},
		"grants ignored at create": func(o *dbtcloudtest.Options, _ *dbtcloudtest.SeedAccount) { o.IgnoreGrantsAtCreate = true },
		"items without grants":     func(o *dbtcloudtest.Options, _ *dbtcloudtest.SeedAccount) { o.ItemsWithoutGrants = true },
		"items without semantic":   func(o *dbtcloudtest.Options, _ *dbtcloudtest.SeedAccount) { o.ItemsWithoutSemanticLayer = true },
		"semantic ids only":        func(o *dbtcloudtest.Options, _ *dbtcloudtest.SeedAccount) { o.SemanticLayerIDsOnly = true },
		"delete replies 200":       func(o *dbtcloudtest.Options, _ *dbtcloudtest.SeedAccount) { o.DeleteReplies200 = true },
		"deleted is 404":           func(o *dbtcloudtest.Options, _ *dbtcloudtest.SeedAccount) { o.HideDeleted404 = true },
		"slow to take effect":      func(o *dbtcloudtest.Options, _ *dbtcloudtest.SeedAccount) { o.TokensTakeEffectAfter = 3 * time.Second },
		"categories default to a list": func(o *dbtcloudtest.Options, _ *dbtcloudtest.SeedAccount) {
			o.DefaultCategories = json.RawMessage("[]")
		},
		"165 grants": func(_ *dbtcloudtest.Options, a *dbtcloudtest.SeedAccount) {
			old(a).Grants = nil
			for i := range int64(165) {
				a.Projects = append(a.Projects, dbtcloudtest.SeedProject{ID: 1000 + i, Name: "p"})
				old(a).Grants = append(old(a).Grants, dbtcloudtest.SeedGrant{PermissionSet: "job_admin", ProjectID: on(1000 + i)})
			}
		},
		"metadata_only alone": func(_ *dbtcloudtest.Options, a *dbtcloudtest.SeedAccount) {
			old(a).Grants, old(a).Mappings, old(a).MetadataOnly = nil, nil, true
		},
		"webhooks_only and a grant": func(_ *dbtcloudtest.Options, a *dbtcloudtest.SeedAccount) { old(a).WebhooksOnly = true },
		"several mappings": func(_ *dbtcloudtest.Options, a *dbtcloudtest.SeedAccount) {
			old(a).Grants = append(old(a).Grants, dbtcloudtest.SeedGrant{PermissionSet: "semantic_layer_only", AllProjects: all()})
			old(a).Mappings = append(old(a).Mappings, dbtcloudtest.SeedMapping{ProjectID: 12, CredentialID: 502})
		},
		"last used never": func(_ *dbtcloudtest.Options, a *dbtcloudtest.SeedAccount) { old(a).LastUsed = json.RawMessage("null") },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newWorld(t, c)
				w.finished(w.must(rotate.Rotated, w.rotate(now())))
			})
		})
	}
}

func TestRefusals(t *testing.T) {
	type change = func(*dbtcloudtest.Options, *dbtcloudtest.SeedAccount)
	none := func(*dbtcloudtest.Options, *dbtcloudtest.SeedAccount) {}
	adopting := now()
	adopting.Adopt = true
	for name, c := range map[string]struct {
		change change
		before func(*world)
		opts   rotate.Options
		says   string
	}{
		"no permission at all": {change: func(_ *dbtcloudtest.Options, a *dbtcloudtest.SeedAccount) {
			a.ServiceTokens[1].Grants, a.ServiceTokens[1].Mappings = nil, nil
		}, opts: now(), says: "no permission at all"},
		"flags ignored at create": {change: func(o *dbtcloudtest.Options, a *dbtcloudtest.SeedAccount) {
			a.ServiceTokens[1].MetadataOnly, o.IgnoreFlagsAtCreate = true, true
		}, opts: now(), says: "missing: metadata_only"},
		"name cut": {change: func(o *dbtcloudtest.Options, _ *dbtcloudtest.SeedAccount) { o.MaxNameLength = 20 }, opts: now(), says: "name"},
		"another token's value": {change: none, before: func(w *world) {
			w.memory.Set(w.refs[0], w.sim.ValueOf(700))
		}, opts: now(), says: "could not be shown"},
		"another token's value, labelled": {change: none, before: func(w *world) {
			value := secrets.NewValue(w.sim.ValueOf(700))
			w.memory.Set(w.refs[0], value.Reveal())
			_ = w.memory.Label(w.t.Context(), w.refs[0], secrets.Labels{value.Fingerprint(accountID): {TokenID: 700, AccountID: accountID}}, nil)
		}, opts: adopting, says: "never overwritten"},
		"a password": {change: none, before: func(w *world) { w.memory.Set(w.refs[0], "correct horse battery") }, opts: now(), says: "does not look like a dbt token"},
		"a dead value": {change: none, before: func(w *world) {
			w.memory.Set(w.refs[0], "dbtc_"+strings.Repeat("x", 50))
		}, opts: now(), says: "does not accept it"},
		"empty and --now": {change: none, before: func(w *world) { w.memory.Delete(w.refs[0]) }, opts: now(), says: "--now needs --adopt"},
		"lagging last_used": {change: func(o *dbtcloudtest.Options, _ *dbtcloudtest.SeedAccount) {
			o.LastUsedLag = time.Minute
		}, opts: now(), says: "could not be shown"},
		"no such token": {change: none, before: func(w *world) { w.old = 4711 }, opts: now(), says: "not to be found"},
		"deleted":       {change: none, before: func(w *world) { w.sim.Delete(777) }, opts: now(), says: "deleted"},
		"no Date": {change: func(o *dbtcloudtest.Options, _ *dbtcloudtest.SeedAccount) {
			o.NoDateHeader = true
		}, opts: defaults(), says: "Date"},
		"mappings that cannot be read": {change: none, before: func(w *world) {
			w.sim.Plan(dbtcloudtest.Rule{Operation: "get-mappings", Fault: dbtcloudtest.StatusBefore, Status: 404})
		}, opts: now(), says: "semantic layer"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newWorld(t, c.change)
				if c.before != nil {
					c.before(w)
				}
				before := w.memory.Get(w.refs[0])
				r := w.must(rotate.Refused, w.rotate(c.opts))
				if !strings.Contains(r.Error, c.says) {
					t.Errorf("error %q does not say %q", r.Error, c.says)
				}
				if got := w.memory.Get(w.refs[0]); !got.Equal(before) {
					t.Error("the destination was changed")
				}
				for _, token := range w.active() {
					if token.ID != 777 {
						t.Errorf("token %d %q is left over", token.ID, token.Name)
					}
				}
			})
		})
	}
}

func TestFirstWrite(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.memory.Delete(w.refs[0])
		opts := defaults()
		opts.Overlap, opts.Quiet, opts.OverlapSet, opts.QuietSet = 0, 0, true, true
		w.must(rotate.Pending, w.rotate(opts))
		if got := len(w.active()); got != 2 {
			t.Fatalf("%d active tokens after a first write", got)
		}
		w.must(rotate.Refused, w.rotate(now())) // --now needs --adopt as well
		time.Sleep(25 * time.Hour)
		w.finished(w.must(rotate.Rotated, w.rotate(defaults())))
	})
}

func TestAdopt(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, func(o *dbtcloudtest.Options, _ *dbtcloudtest.SeedAccount) { o.LastUsedLag = time.Hour })
		opts := now()
		opts.Adopt = true
		w.finished(w.must(rotate.Rotated, w.rotate(opts)))
	})
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.memory.Delete(w.refs[0])
		opts := now()
		opts.Adopt = true
		w.finished(w.must(rotate.Rotated, w.rotate(opts)))
	})
}

func TestTwoDestinations(t *testing.T) {
	for name, second := range map[string]string{
		"two objects":              "awssm://prod/dbt/airflow?region=eu-west-1#token",
		"two fields of one object": "vault://secret/dbt/airflow#other",
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newWorld(t)
				w.refs = append(w.refs, ref(second))
				w.memory.Set(w.refs[1], w.sim.ValueOf(w.old))
				w.finished(w.must(rotate.Rotated, w.rotate(now())))
			})
		})
	}
}

func TestDryRunChangesNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		opts := now()
		opts.DryRun = true
		r := w.must(rotate.Planned, w.rotate(opts))
		if r.Plan == nil || len(r.Plan.Permissions) != 5 {
			t.Errorf("plan: %+v", r.Plan)
		}
		for _, request := range w.sim.Requests() {
			if request.Method != "GET" || request.TokenID == w.old {
				t.Errorf("a dry run sent %s %s as token %d", request.Method, request.Path, request.TokenID)
			}
		}
		if len(w.memory.Labels(w.refs[0])) != 0 {
			t.Error("a dry run wrote a label")
		}
	})
}

func TestOwnCredential(t *testing.T) {
	adminToken := func(w *world) int64 {
		id, _ := w.sim.TokenByValue(w.admin.Reveal())
		return id
	}
	t.Run("not read from a destination", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			w := newWorld(t)
			w.memory.Delete(w.refs[0])
			r := w.must(rotate.Refused, w.rotateToken(adminToken(w), defaults()))
			if !strings.Contains(r.Error, "credential") {
				t.Error(r.Error)
			}
		})
	})
	t.Run("the value is there, but the credential comes from elsewhere", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			w := newWorld(t)
			w.memory.Set(w.refs[0], w.admin.Reveal())
			w.must(rotate.Refused, w.rotateToken(adminToken(w), defaults()))
		})
	})
	t.Run("read from the destination", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			w := newWorld(t)
			w.memory.Set(w.refs[0], w.admin.Reveal())
			old := adminToken(w)
			r := w.rotator()
			r.Account.CredentialRef = w.refs[0]
			result := w.must(rotate.Rotated, w.with(r, old, now()))
			w.equal(old, result.NewTokenID)
			w.stored(result.NewTokenID)
			if w.sim.Authenticates(w.admin.Reveal()) {
				t.Error("the old credential still works")
			}
		})
	})
	t.Run("another admin token, first write", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			w := newWorld(t)
			w.memory.Delete(w.refs[0])
			id, _ := w.sim.AddToken(dbtcloudtest.SeedToken{Name: "other admin", Grants: []dbtcloudtest.SeedGrant{{PermissionSet: "account_admin", AllProjects: all()}}})
			w.must(rotate.Pending, w.rotateToken(id, defaults()))
		})
	})
}
