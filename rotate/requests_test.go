package rotate_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/tokenwarden/tokenwarden/internal/dbtcloud/dbtcloudtest"
	"github.com/tokenwarden/tokenwarden/rotate"
	"github.com/tokenwarden/tokenwarden/secrets"
	"github.com/tokenwarden/tokenwarden/secrets/secretstest"
)

const (
	requestsFile   = "../docs/requests.md"
	tokensCounted  = 1000
	beforeAnyStep  = "observe"
	listing        = "list"
	requestsHeader = `# What a rotation asks for

Written by ` + "`make docs`" + ` and compared by ` + "`make test`" + `, which counts. The account has 1,000 active service tokens, so a pass over their list takes
ten requests; the token that is rotated has grants of several kinds and one semantic layer mapping, and one destination holds its value. Several
rotations in one command share the first list. While the replacement lives beside the old token, there are 1,001 of them, and a pass takes eleven.

Each further destination takes one more of each of the store's calls; each further project with a mapping, as many of the calls about mappings as the one here. The steps are
those of ` + "`--format json`" + `; *list* and *observe* come before the first of them.
`
)

// asked is one kind of call that one step makes.
type asked struct{ step, side, operation string }

// counter counts the calls of one run by the step that makes them.
type counter struct {
	*world
	undoes bool
	step   string
	order  []asked
	count  map[asked]int
}

func (c *counter) note(side, operation string) {
	a := asked{c.step, side, operation}
	if c.count[a] == 0 {
		c.order = append(c.order, a)
	}
	c.count[a]++
}

func (c *counter) RoundTrip(r *http.Request) (*http.Response, error) {
	c.note(onService, c.sim.Operation(r))
	return c.sim.RoundTrip(r)
}

// run is `tokenwarden rotate`, counted.
func (c *counter) run(opts rotate.Options, want rotate.Status) {
	c.t.Helper()
	c.step, c.order, c.count = listing, nil, map[asked]int{}
	c.transport = c
	r := c.rotator()
	r.Progress = func(text string) { c.step, _, _ = strings.Cut(text, " ") }
	r.Store = func(secrets.Ref) (secrets.Store, error) {
		return &secretstest.Intercept{Store: c.memory, Before: func(_ context.Context, call secretstest.Call) error {
			c.note(onStore, string(call.Op))
			return nil
		}}, nil
	}
	survey, err := r.Survey(context.Background())
	if err != nil {
		c.t.Fatal(err)
	}
	c.step = beforeAnyStep
	c.must(want, r.Rotate(context.Background(), survey, rotate.Request{TokenID: c.old, Destinations: c.refs, Undo: c.undoes}, opts))
}

// TestRequests counts what rotations ask for in a large account, and holds it
// against the document.
func TestRequests(t *testing.T) {
	var b strings.Builder
	b.WriteString(requestsHeader)
	reasons, needed := why(), map[asked]bool{}
	course := func(title string, c *counter) {
		requests := 0
		fmt.Fprintf(&b, "\n## %s\n\n| step | of | call | times | why |\n|---|---|---|---:|---|\n", title)
		for _, a := range c.order {
			needed[a] = true
			reason := reasons[a]
			if reason == "" {
				t.Errorf("%s: no reason is given for %q of %s in the step %q", title, a.operation, a.side, a.step)
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %d | %s |\n", a.step, a.side, a.operation, c.count[a], reason)
			if a.side == onService {
				requests += c.count[a]
			}
		}
		fmt.Fprintf(&b, "\n%d requests to dbt Cloud.\n", requests)
	}
	bubble(t, func(t *testing.T) {
		c := &counter{world: largeWorld(t)}
		labelled(&cellWorld{world: c.world})
		c.run(now(), rotate.Rotated)
		course("At once (--now)", c)
		c.run(now(), rotate.Unchanged)
		course("The same command again", c)
	})
	bubble(t, func(t *testing.T) {
		c := &counter{world: largeWorld(t)}
		labelled(&cellWorld{world: c.world})
		c.run(defaults(), rotate.Pending)
		course("With an overlap: the first run", c)
		time.Sleep(25 * time.Hour)
		c.run(defaults(), rotate.Rotated)
		course("With an overlap: when it is over (--pending)", c)
	})
	bubble(t, func(t *testing.T) {
		c := &counter{world: largeWorld(t)}
		labelled(&cellWorld{world: c.world})
		c.run(defaults(), rotate.Pending)
		c.undoes = true
		c.run(defaults(), rotate.Undone)
		course("Undone in the overlap (--undo)", c)
	})
	bubble(t, func(t *testing.T) {
		c := &counter{world: largeWorld(t)}
		c.run(now(), rotate.Rotated)
		course("At once, and nothing says yet whose value the destination holds", c)
	})
	for a := range reasons {
		if !needed[a] {
			t.Errorf("a reason is given for %q of %s in the step %q, which nobody makes", a.operation, a.side, a.step)
		}
	}
	compareRequests(t, b.String())
}

func largeWorld(t *testing.T) *world {
	w := newWorld(t, func(_ *dbtcloudtest.Options, a *dbtcloudtest.SeedAccount) {
		for i := len(a.ServiceTokens) + 1; i < tokensCounted; i++ { // and the admin's own
			a.ServiceTokens = append(a.ServiceTokens, dbtcloudtest.SeedToken{
				ID: int64(10_000 + i), Name: fmt.Sprintf("token %d", i), Grants: []dbtcloudtest.SeedGrant{{PermissionSet: "readonly", AllProjects: all()}},
			})
		}
	})
	active := 0
	for _, token := range w.sim.Tokens() {
		if token.Active() {
			active++
		}
	}
	if active != tokensCounted {
		t.Fatalf("%d active tokens", active)
	}
	return w
}

func compareRequests(t *testing.T, want string) {
	if os.Getenv("UPDATE_DOCS") != "" {
		if err := os.WriteFile(requestsFile, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(requestsFile)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("docs/requests.md is stale; make docs writes it anew. It has to say:\n%s", want)
	}
}
