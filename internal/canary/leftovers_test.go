package canary_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tokenwarden/tokenwarden/internal/dbtcloud/dbtcloudtest"
)

// What an earlier try left behind goes first, but only if it can be nothing else.
func TestLeftOvers(t *testing.T) {
	const name = "tokenwarden canary [ab2c]"
	one := func(set string) []dbtcloudtest.SeedGrant { return []dbtcloudtest.SeedGrant{{PermissionSet: set}} }
	type seed = dbtcloudtest.SeedToken
	for what, c := range map[string]struct {
		token  seed
		used   time.Duration // after it was created; 0: never
		notice string        // "": it is removed
		other  bool          // it is not called like a canary, and passed over
	}{
		"never used":            {token: seed{Name: name, Grants: one("metadata_only")}},
		"with a long name":      {token: seed{Name: name + strings.Repeat("y", 200), Grants: one("semantic_layer_only")}},
		"used by its own run":   {token: seed{Name: name, Grants: one("job_viewer")}, used: time.Hour},
		"without permissions":   {token: seed{Name: name}},
		"a deleted, wider row":  {token: seed{Name: name, Grants: []dbtcloudtest.SeedGrant{{PermissionSet: "owner", State: 2}}}},
		"metadata_only boolean": {token: seed{Name: name, MetadataOnly: true}},

		"used later":           {token: seed{Name: name, Grants: one("metadata_only")}, used: time.Hour + time.Second, notice: "it was used later"},
		"with another set":     {token: seed{Name: name, Grants: one("job_admin")}, notice: "has a permission that no canary has"},
		"with one set more":    {token: seed{Name: name, Grants: append(one("metadata_only"), one("brand_new_set")...)}, notice: "has a permission that no canary has"},
		"webhooks_only":        {token: seed{Name: name, WebhooksOnly: true}, notice: "webhooks_only"},
		"mapped":               {token: seed{Name: name, Grants: one("semantic_layer_only"), Mappings: []dbtcloudtest.SeedMapping{{ProjectID: 11, CredentialID: 5}}}, notice: "mapped"},
		"last_used is missing": {token: seed{Name: name, Grants: one("metadata_only"), Omit: []string{"last_used"}}, notice: "cannot be seen"},

		"another name":       {token: seed{Name: "tokenwarden canary", Grants: one("metadata_only")}, other: true},
		"a similar name":     {token: seed{Name: name + " of Ada", Grants: one("metadata_only")}, other: true},
		"both fillers":       {token: seed{Name: name + "xy", Grants: one("metadata_only")}, other: true},
		"a name with more":   {token: seed{Name: "my " + name, Grants: one("metadata_only")}, other: true},
		"an impossible name": {token: seed{Name: "tokenwarden canary [AB10]", Grants: one("metadata_only")}, other: true},
	} {
		t.Run(what, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newWorld(t)
				created := time.Now().Add(-48 * time.Hour)
				c.token.ID, c.token.CreatedAt, c.token.LastUsed = 800, stamp(created), json.RawMessage("null")
				if c.used > 0 {
					c.token.LastUsed = stamp(created.Add(c.used))
				}
				w.sim.AddToken(c.token)
				r := w.run()
				removed := c.notice == "" && !c.other
				if lives := slices.Contains(w.living(), 800); lives == removed || r.LeftOvers == 1 != removed {
					t.Errorf("it lives: %t, %d are said to be removed", lives, r.LeftOvers)
				}
				if c.notice != "" && (len(r.Notices) != 1 || !strings.Contains(r.Notices[0], "token 800") || !strings.Contains(r.Notices[0], c.notice) || r.ExitCode() != 1) {
					t.Errorf("exit code %d, notices %q", r.ExitCode(), r.Notices)
				}
				if c.notice == "" && r.ExitCode() != 0 {
					t.Errorf("exit code %d: %s", r.ExitCode(), w.shown(r))
				}
				if line(r, "deleted token").Verdict != "holds" {
					t.Errorf("it kept the run from measuring: %s", w.shown(r))
				}
			})
		})
	}
}

func stamp(t time.Time) json.RawMessage {
	return json.RawMessage(`"` + t.UTC().Format(time.RFC3339) + `"`)
}

// A left-over that cannot be removed ends the run before another is made.
func TestLeftOverThatStays(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.sim.AddToken(dbtcloudtest.SeedToken{ID: 800, Name: "tokenwarden canary [ab2c]", CreatedAt: json.RawMessage(`"2000-01-01T00:00:00Z"`), LastUsed: json.RawMessage("null")})
		w.sim.Plan(dbtcloudtest.Rule{Operation: "delete-token", Fault: dbtcloudtest.StatusBefore, Status: 403})
		r := w.run()
		if r.ExitCode() != 2 || len(r.Left) != 1 || r.Left[0].TokenID != 800 || len(w.sim.Tokens()) != 3 {
			t.Errorf("%s", w.shown(r))
		}
	})
}

// A credential that cannot create tokens makes none, and the report says why.
func TestCredentialsThatCannot(t *testing.T) {
	for set, want := range map[string]string{"job_viewer": "not found", "account_viewer": "not found", "dead": "unauthorized"} {
		bubble(t, func(t *testing.T) {
			w := newWorld(t)
			w.sim.SetGrants(700, dbtcloudtest.SeedGrant{PermissionSet: set})
			if set == "dead" {
				w.sim.Delete(700)
			}
			r := w.run()
			if r.ExitCode() != 2 || len(r.Errors) != 1 || !strings.Contains(r.Errors[0], want) || len(w.sim.Tokens()) != 2 {
				t.Errorf("%s: %s", set, w.shown(r))
			}
		})
	}
	// docs: a personal access token's create is refused with 400.
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.sim.Plan(dbtcloudtest.Rule{Operation: "create-token", Fault: dbtcloudtest.StatusBefore, Status: 400})
		r := w.run()
		if r.ExitCode() != 2 || !strings.Contains(r.Errors[0], "personal access token") || len(w.living()) != 0 {
			t.Errorf("%s", w.shown(r))
		}
	})
}

// The permissions that a canary gets are the ones that were meant, and others
// are noticed.
func TestGrantsOfTheCanary(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.run()
		for _, token := range w.sim.Tokens()[2:] {
			if g := token.Grants; len(g) != 1 || g[0].PermissionSet != "metadata_only" || g[0].ProjectID == nil || *g[0].ProjectID != 11 {
				t.Errorf("token %d has %+v", token.ID, g)
			}
		}
	})
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.sim.Plan(dbtcloudtest.Rule{Operation: "get-permissions", Before: func() {
			for _, id := range w.living() {
				w.sim.SetGrants(id, dbtcloudtest.SeedGrant{PermissionSet: "metadata_only"}, dbtcloudtest.SeedGrant{PermissionSet: "owner"})
			}
		}})
		r := w.run()
		if got := line(r, "grants at create"); got.Verdict != "does not hold" || !strings.Contains(got.Seen, "others than were asked for (rows: 2)") || r.ExitCode() != 1 || len(w.living()) != 0 {
			t.Errorf("%s", w.shown(r))
		}
	})
}
