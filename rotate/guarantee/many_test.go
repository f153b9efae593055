package guarantee

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/tokenwarden/tokenwarden/secrets"
)

// among makes the clerk's token one of two that are watched, and token 700 the
// other one.
func (c *clerk) among(t *testing.T) *Many {
	t.Helper()
	other, err := secrets.ParseRef("vault://secret/other#token")
	if err != nil {
		t.Fatal(err)
	}
	c.memory.Changed = nil
	c.memory.Set(other, c.sim.ValueOf(700))
	m := NewMany(c.sim, c.memory, map[int64][]secrets.Ref{777: c.refs, 700: {other}})
	c.watch = m.Of(777)
	m.Begin()
	return m
}

// Each row breaks one promise to one of two tokens, and the watch says which.
func TestWhatTheWatchOverManySees(t *testing.T) {
	named := func(name string) string { return fmt.Sprintf("Airflow [replaces %s abcd]", name) }
	for name, tc := range map[string]struct {
		do   func(*clerk)
		says string // empty: nothing
	}{
		"a replacement for each": {do: func(c *clerk) { c.createAs(named("777"), equal); c.createAs(named("700"), equal) }},
		"two for one":            {do: func(c *clerk) { c.createAs(named("777"), equal); c.createAs(named("777"), equal) }, says: "G5: token"},
		"one for nobody":         {do: func(c *clerk) { c.createAs("Airflow", equal) }, says: "G3: token"},
		"one for a stranger":     {do: func(c *clerk) { c.createAs(named("12"), equal) }, says: "G3: token"},
		"the other one's value": {do: func(c *clerk) {
			c.label(c.refs[0], 700)
			c.write(c.refs[0], 700)
		}, says: "G1: vault://secret/a#token"},
		"the other one deleted": {do: func(c *clerk) { c.ask("DELETE", c.token(700), "") }, says: "G2: token 700"},
		"our own credential's token renamed": {do: func(c *clerk) {
			id, _ := c.sim.TokenByValue(c.sim.AdminToken())
			c.ask("PUT", c.token(id), `{"name": "mine"}`)
		}, says: "strangers: token"},
		"a place that is nobody's": {do: func(c *clerk) {
			ref := c.refs[0]
			ref.Path = "secret/nobody"
			c.label(ref, 777)
		}, says: "places: vault://secret/nobody"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newClerk(t)
				m := c.among(t)
				tc.do(c)
				wrong := m.Violations()
				if tc.says == "" && len(wrong) > 0 || tc.says != "" && !slices.ContainsFunc(wrong, func(w string) bool { return strings.Contains(w, tc.says) }) {
					t.Errorf("the watch says %q, and not %q", wrong, tc.says)
				}
			})
		})
	}
}
