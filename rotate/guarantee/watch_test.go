package guarantee

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tokenwarden/tokenwarden/internal/dbtcloud/dbtcloudtest"
	"github.com/tokenwarden/tokenwarden/secrets"
	"github.com/tokenwarden/tokenwarden/secrets/secretstest"
)

// clerk rotates token 777 by hand, one deed at a time, so that a test can leave
// one out or do another one besides.
type clerk struct {
	t      *testing.T
	sim    *dbtcloudtest.Sim
	memory *secretstest.Memory
	refs   []secrets.Ref
	watch  *Watch
	made   int64 // the replacement
}

const account = 12345

func newClerk(t *testing.T) *clerk {
	c := &clerk{t: t, sim: dbtcloudtest.New(dbtcloudtest.Options{Rand: rand.NewChaCha8([32]byte{7})}), memory: &secretstest.Memory{}}
	everywhere := true
	project := int64(11)
	err := c.sim.Load(dbtcloudtest.Seed{Accounts: []dbtcloudtest.SeedAccount{{ID: account, Name: "prod", Projects: []dbtcloudtest.SeedProject{{ID: 11, Name: "p"}},
		ServiceTokens: []dbtcloudtest.SeedToken{
			{ID: 700, Name: "someone else's", Grants: []dbtcloudtest.SeedGrant{{PermissionSet: "readonly", AllProjects: &everywhere}}},
			{ID: 777, Name: "Airflow", Grants: []dbtcloudtest.SeedGrant{
				{PermissionSet: "developer", ProjectID: &project, WritableEnvironmentCategories: json.RawMessage(`["staging","other"]`)},
				{PermissionSet: "owner", AllProjects: &everywhere, State: 2},
			}, Mappings: []dbtcloudtest.SeedMapping{{ProjectID: 11, CredentialID: 501}}},
		}}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, place := range []string{"vault://secret/a#token", "vault://secret/b#token"} {
		ref, err := secrets.ParseRef(place)
		if err != nil {
			t.Fatal(err)
		}
		c.refs = append(c.refs, ref)
		c.memory.Set(ref, c.sim.ValueOf(777))
		c.label(ref, 777)
	}
	c.watch = New(c.sim, c.memory, 777, c.refs...)
	c.watch.Begin()
	return c
}

// send makes a request; an answer that does not come is not waited for.
func (c *clerk) send(value, method, path, body string) {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), method, fmt.Sprintf("https://dbt.example.com/api/v3/accounts/%s", path), strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Token "+value)
	if answer, err := c.sim.RoundTrip(r); err == nil {
		_ = answer.Body.Close()
	}
}

func (c *clerk) ask(method, path, body string) {
	c.t.Helper()
	c.send(c.sim.AdminToken(), method, fmt.Sprintf("%d/%s", account, path), body)
}

func (c *clerk) token(id int64) string { return fmt.Sprintf("service-tokens/%d/", id) }

func (c *clerk) create(grants string) { c.createAs("Airflow [replaces 777 abcd]", grants) }

func (c *clerk) createAs(name, grants string) {
	c.ask("POST", "service-tokens/", fmt.Sprintf(`{"name": %q, "permission_grants": [%s]}`, name, grants))
	for _, t := range c.sim.Tokens() {
		c.made = max(c.made, t.ID)
	}
}

const equal = `{"permission_set": "developer", "project_id": 11, "writable_environment_categories": ["other", "staging"]}`

func (c *clerk) list() { c.ask("GET", "service-tokens/?limit=100&offset=0&state=1", "") }

func (c *clerk) mapIt() {
	c.ask("POST", "semantic-layer-credential-to-service-token-mapping/",
		fmt.Sprintf(`{"account_id": %d, "project_id": 11, "semantic_layer_credentials_id": 501, "service_token_id": %d, "state": 1}`, account, c.made))
}

func (c *clerk) label(ref secrets.Ref, id int64) {
	fp := secrets.NewValue(c.sim.ValueOf(id)).Fingerprint(account)
	if err := c.memory.Label(c.t.Context(), ref, secrets.Labels{fp: {TokenID: id, AccountID: account}}, nil); err != nil {
		c.t.Fatal(err)
	}
}

func (c *clerk) write(ref secrets.Ref, id int64) {
	content, err := c.memory.Read(c.t.Context(), ref)
	if err == nil {
		_, err = c.memory.Write(c.t.Context(), ref, secrets.Write{Value: secrets.NewValue(c.sim.ValueOf(id)), Expect: content.Version})
	}
	if err != nil {
		c.t.Fatal(err)
	}
}

func (c *clerk) read(ref secrets.Ref) {
	if _, err := c.watch.Through(c.memory).Read(c.t.Context(), ref); err != nil {
		c.t.Fatal(err)
	}
}

// deed is one step of a rotation.
type deed struct {
	name string
	do   func(*clerk)
}

// deeds are a rotation as it has to be.
func deeds() []deed {
	return []deed{
		{"create", func(c *clerk) { c.create(equal) }},
		{"map", (*clerk).mapIt},
		{"authenticate", func(c *clerk) { c.send(c.sim.ValueOf(c.made), "GET", "", "") }},
		{"label first", func(c *clerk) { c.label(c.refs[0], c.made) }},
		{"write first", func(c *clerk) { c.write(c.refs[0], c.made) }},
		{"label second", func(c *clerk) { c.label(c.refs[1], c.made) }},
		{"write second", func(c *clerk) { c.write(c.refs[1], c.made) }},
		{"read first", func(c *clerk) { c.read(c.refs[0]) }},
		{"read second", func(c *clerk) { c.read(c.refs[1]) }},
		{"permissions of the old one", func(c *clerk) { c.ask("GET", c.token(777)+"permissions/", "") }},
		{"permissions of the new one", func(c *clerk) { c.ask("GET", c.token(c.made)+"permissions/", "") }},
		{"delete", func(c *clerk) { c.ask("DELETE", c.token(777), "") }},
	}
}

// rotateWith does the deeds, with others in the place of some.
func (c *clerk) rotateWith(instead map[string]func(*clerk)) (wrong []string) {
	for _, d := range deeds() {
		do := d.do
		if other, changed := instead[d.name]; changed {
			do = other
		}
		do(c)
	}
	return slices.Concat(c.watch.Violations(), c.watch.Settled(), c.watch.Creates())
}

func nothing(*clerk) {}

func TestARotationAsItHasToBe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		if wrong := newClerk(t).rotateWith(nil); len(wrong) > 0 {
			t.Error(wrong)
		}
	})
}

// Each row breaks one promise, and the watch has to say which.
func TestWhatTheWatchSees(t *testing.T) {
	for name, tc := range map[string]struct {
		instead map[string]func(*clerk)
		says    string
	}{
		"no mapping":                    {map[string]func(*clerk){"map": nothing}, "G1: vault://secret/a"},
		"a right more":                  {map[string]func(*clerk){"create": func(c *clerk) { c.create(equal + `, {"permission_set": "owner"}`) }}, "G1: vault://secret/a"},
		"categories lost":               {map[string]func(*clerk){"create": func(c *clerk) { c.create(`{"permission_set": "developer", "project_id": 11}`) }}, "G1: vault://secret/a"},
		"all projects":                  {map[string]func(*clerk){"create": func(c *clerk) { c.create(strings.Replace(equal, `"project_id": 11, `, "", 1)) }}, "G1: vault://secret/a"},
		"no authentication":             {map[string]func(*clerk){"authenticate": nothing}, "G2: token 777 was deleted before the value of its replacement"},
		"a dead value wins":             {map[string]func(*clerk){"delete": func(c *clerk) { c.ask("DELETE", c.token(c.made), "") }}, "G1: vault://secret/a"},
		"one place left out":            {map[string]func(*clerk){"write second": nothing}, "G2: token 777 was deleted before vault://secret/b"},
		"not read back":                 {map[string]func(*clerk){"read second": nothing}, "G2: token 777 was deleted before the value of vault://secret/b"},
		"read before it was written":    {map[string]func(*clerk){"write second": func(c *clerk) { c.read(c.refs[1]); c.write(c.refs[1], c.made) }, "read second": nothing}, "G2: token 777 was deleted before the value of vault://secret/b"},
		"old permissions not re-read":   {map[string]func(*clerk){"permissions of the old one": nothing}, "permissions of token 777 were read"},
		"permissions not read back":     {map[string]func(*clerk){"permissions of the new one": nothing}, "were read once more"},
		"deleted too early":             {map[string]func(*clerk){"write first": func(c *clerk) { c.ask("DELETE", c.token(777), "") }}, "G2: token 777 was deleted while vault://secret/a#token held the value of token 777"},
		"value before label":            {map[string]func(*clerk){"label first": nothing}, "labels: vault://secret/a"},
		"never deleted":                 {map[string]func(*clerk){"delete": nothing}, "G3: 2 active tokens"},
		"a leftover":                    {map[string]func(*clerk){"map": func(c *clerk) { c.mapIt(); made := c.made; c.create(equal); c.made = made }}, "G3: 2 active tokens"},
		"created twice":                 {map[string]func(*clerk){"create": func(c *clerk) { c.create(equal); c.create(equal) }}, "G5: create number 2"},
		"looked up once":                {map[string]func(*clerk){"create": func(c *clerk) { c.create(equal); time.Sleep(6 * time.Second); c.list(); c.create(equal) }}, "G5: create number 2 was sent after 1 list passes"},
		"looked up in haste":            {map[string]func(*clerk){"create": func(c *clerk) { c.create(equal); c.list(); c.list(); c.create(equal) }}, "G5: create number 2 was sent after 2 list passes"},
		"somebody else's token renamed": {map[string]func(*clerk){"map": func(c *clerk) { c.mapIt(); c.ask("PUT", c.token(700), `{"name": "mine"}`) }}, "strangers: token 700"},
		"somebody else's token deleted": {map[string]func(*clerk){"map": func(c *clerk) { c.mapIt(); c.ask("DELETE", c.token(700), "") }}, "strangers: token 700"},
		"another place": {map[string]func(*clerk){"map": func(c *clerk) {
			c.mapIt()
			other := c.refs[0]
			other.Path = "secret/c"
			c.label(other, 777)
		}}, "places: vault://secret/c"},
		"another token's value overwritten": {map[string]func(*clerk){"label second": func(c *clerk) {
			c.memory.Set(c.refs[1], c.sim.ValueOf(700))
			c.label(c.refs[1], c.made)
		}}, "G7: vault://secret/b#token held the value of token 700"},
		"unknown value overwritten": {map[string]func(*clerk){"label second": func(c *clerk) {
			c.memory.Unlabel(c.refs[1])
			c.label(c.refs[1], c.made)
		}}, "G8: vault://secret/b"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				wrong := newClerk(t).rotateWith(tc.instead)
				if !slices.ContainsFunc(wrong, func(w string) bool { return strings.Contains(w, tc.says) }) {
					t.Errorf("the watch says %q, and not %q", wrong, tc.says)
				}
			})
		})
	}
}

// undoing are the deeds of an undo, after a rotation into its overlap.
func undoing() []deed {
	return []deed{
		{"authenticate", func(c *clerk) { c.send(c.sim.ValueOf(777), "GET", "", "") }},
		{"write first", func(c *clerk) { c.write(c.refs[0], 777) }},
		{"write second", func(c *clerk) { c.write(c.refs[1], 777) }},
		{"read first", func(c *clerk) { c.read(c.refs[0]) }},
		{"read second", func(c *clerk) { c.read(c.refs[1]) }},
		{"delete", func(c *clerk) { c.ask("DELETE", c.token(c.made), "") }},
	}
}

func TestWhatTheWatchSeesOfAnUndo(t *testing.T) {
	for name, tc := range map[string]struct {
		instead map[string]func(*clerk)
		says    string // "": nothing is wrong
	}{
		"as it has to be":       {nil, ""},
		"no authentication":     {map[string]func(*clerk){"authenticate": nothing}, "G2: replacement 778 was deleted before the value of token 777 had authenticated"},
		"one place left out":    {map[string]func(*clerk){"write second": nothing}, "G2: replacement 778 was deleted before vault://secret/b#token held"},
		"not read back":         {map[string]func(*clerk){"read second": nothing}, "G2: replacement 778 was deleted before the value of vault://secret/b#token was read back"},
		"deleted too early":     {map[string]func(*clerk){"write first": func(c *clerk) { c.ask("DELETE", c.token(c.made), "") }}, "G1: vault://secret/a"},
		"the wrong one deleted": {map[string]func(*clerk){"delete": func(c *clerk) { c.ask("DELETE", c.token(777), "") }}, "whose place was to be taken back"},
		"never deleted":         {map[string]func(*clerk){"delete": nothing}, "G3: 2 active tokens"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newClerk(t)
				c.rotateWith(map[string]func(*clerk){"delete": nothing})
				c.watch.Undo()
				c.watch.Begin()
				if over := c.watch.Overlapping(); len(over) == 0 {
					t.Error("nothing is back yet, and the watch does not see it")
				}
				for _, d := range undoing() {
					do := d.do
					if other, changed := tc.instead[d.name]; changed {
						do = other
					}
					do(c)
				}
				wrong := strings.Join(slices.Concat(c.watch.Violations(), c.watch.Settled()), "; ")
				if says := strings.ReplaceAll(tc.says, "778", fmt.Sprint(c.made)); (says == "") != (wrong == "") || !strings.Contains(wrong, says) {
					t.Errorf("the watch says %q, and not %q", wrong, says)
				}
			})
		})
	}
}

func TestALookedUpCreateMayBeRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClerk(t)
		c.create(equal)
		c.list()
		time.Sleep(5 * time.Second)
		c.list()
		c.create(equal)
		if wrong := c.watch.Creates(); len(wrong) > 0 {
			t.Error(wrong)
		}
		c.watch.Begin() // another process knows nothing of the creates of this one
		c.create(equal)
		if wrong := c.watch.Creates(); len(wrong) > 0 {
			t.Error(wrong)
		}
	})
}

// What an earlier process has read is nothing that a later one may delete on.
func TestEachRunReadsForItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		wrong := newClerk(t).rotateWith(map[string]func(*clerk){"delete": func(c *clerk) {
			c.watch.Begin()
			c.ask("DELETE", c.token(777), "")
		}})
		if len(wrong) != 5 {
			t.Errorf("%d violations: %q", len(wrong), wrong)
		}
	})
}

func TestAPersonMayWriteWhatTheyLike(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClerk(t)
		c.write(c.refs[0], 777)
		c.memory.Set(c.refs[0], "by hand")
		c.list()
		if wrong := c.watch.Violations(); len(wrong) > 0 {
			t.Error(wrong)
		}
	})
}

func TestOrphansAndOverlap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClerk(t)
		wrong := c.rotateWith(map[string]func(*clerk){"delete": nothing})
		if over := c.watch.Overlapping(); len(over) > 0 || len(wrong) == 0 || len(c.watch.Orphans()) > 0 {
			t.Error(over, wrong, c.watch.Orphans())
		}
		c.create(equal)
		if over := c.watch.Overlapping(); len(over) == 0 || !slices.Equal(c.watch.Orphans(), []int64{c.made}) {
			t.Error(over, c.watch.Orphans())
		}
	})
}

func TestSecrets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClerk(t)
		if found := c.watch.Secrets("a log with " + c.sim.ValueOf(700) + " in it"); !slices.Equal(found, []int64{700}) {
			t.Error(found)
		}
		if found := c.watch.Secrets("a log without"); len(found) > 0 {
			t.Error(found)
		}
	})
}
