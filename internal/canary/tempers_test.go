package canary_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tokenwarden/tokenwarden/internal/canary"
	"github.com/tokenwarden/tokenwarden/internal/dbtcloud/dbtcloudtest"
)

// seen is what a report says of one measurement.
type seen struct {
	name, text string
	verdict    canary.Verdict
}

// The report is true of a service of any temper, and no more than what the temper
// touches is found not to hold.
func TestTempers(t *testing.T) {
	type options = dbtcloudtest.Options
	const holds, fails, missing = canary.Holds, canary.Fails, canary.NotMeasured
	for _, c := range []struct {
		name   string
		change func(*options)
		want   []seen
		exit   int
	}{
		{"by the spec", func(*options) {}, []seen{
			{"grants at create", "honoured, read back as asked for", holds},
			{"name as asked", "verbatim", holds},
			{"longest name", "1024 or more characters", holds},
			{"duplicate names", "accepted", holds},
			{"created_at", "from the reply's Date", holds},
			{"form of the value", "dbtc_ and 50 characters", holds},
			{"uid in the value", "yes: the beginning, after the prefix", holds},
			{"fields passed over", "none", holds},
			{"last_used before use", "null", holds},
			{"new value accepted", "at the first look, 0s after the create", holds},
			{"last_used follows", "3 of them at the first look", holds},
			{"reply to DELETE", "204 without a body", holds},
			{"deleted token", "200 with state 2, 0s after the DELETE", holds},
			{"deleted value refused", "401 at the look 0s after the DELETE", holds},
			{"Date header", "on all ", holds},
			{"limit headers", "none", holds},
		}, 0},
		{"grants ignored", func(o *options) { o.IgnoreGrantsAtCreate = true }, []seen{{"grants at create", "ignored; set by the permissions POST and read back", holds}}, 0},
		{"names cut", func(o *options) { o.MaxNameLength = 140 }, []seen{{"longest name", "140 characters, in a rename; a longer name is cut", holds}}, 0},
		{"names cut where a probe ends", func(o *options) { o.MaxNameLength = 100 }, []seen{{"longest name", "100 characters, in a rename; a longer name is cut", holds}}, 0},
		{"names cut early", func(o *options) { o.MaxNameLength = 60 }, []seen{{"longest name", "60 characters, in a rename; a longer name is cut", fails}}, 1},
		{"long names refused", func(o *options) { o.MaxNameLength, o.RefuseLongNames = 255, true }, []seen{{"longest name", "255 characters, in a rename; a longer name is refused", holds}}, 0},
		{"long names refused at an odd length", func(o *options) { o.MaxNameLength, o.RefuseLongNames = 197, true }, []seen{{"longest name", "197 characters, in a rename; a longer name is refused", holds}}, 0},
		{"short names only", func(o *options) { o.MaxNameLength, o.RefuseLongNames = 64, true }, []seen{{"longest name", "64 characters, in a rename; a longer name is refused", fails}}, 1},
		{"the name itself is cut", func(o *options) { o.MaxNameLength = 10 }, []seen{
			{"name as asked", "cut to 10 characters of 25", fails}, {"longest name", "no longer one was tried", missing}, {"duplicate names", "accepted, under a changed name", fails}}, 1},
		{"names changed", func(o *options) { o.ChangeName = strings.ToUpper }, []seen{
			{"name as asked", "changed", fails}, {"longest name", "no longer one was tried", missing}, {"duplicate names", "under a changed name", fails}}, 1},
		{"unique names", func(o *options) { o.UniqueNames = true }, []seen{{"duplicate names", "refused; the name of a deleted token is free again", holds}}, 0},
		{"names that stay taken", func(o *options) { o.UniqueNames, o.NamesStayTaken = true, true }, []seen{{"duplicate names", "refused, for the name of a deleted token too", fails}}, 1},
		{"uid at the end", func(o *options) { o.UIDOf = func(v string) string { return v[len(v)-8:] } }, []seen{{"uid in the value", "yes: the end", fails}}, 1},
		{"uid in the middle", func(o *options) { o.UIDOf = func(v string) string { return v[20:30] } }, []seen{{"uid in the value", "yes: somewhere in the middle", fails}}, 1},
		{"uid elsewhere", func(o *options) { o.UIDOf = func(string) string { return "0123-4567" } }, []seen{{"uid in the value", "no", fails}}, 1},
		{"uid short", func(o *options) { o.UIDOf = func(v string) string { return v[5:8] } }, []seen{{"uid in the value", "too short to tell", fails}}, 1},
		{"no uid", func(o *options) { o.UIDOf = func(string) string { return "" } }, []seen{{"uid in the value", "has no uid", fails}}, 1},
		{"more fields", func(o *options) { o.ItemsWithMore = []string{"user_id", "expires_at", "Evil|`<b>"} }, []seen{
			{"fields passed over", "(a name that is not shown), expires_at, user_id", holds}}, 0},
		{"a delay until a value is accepted", func(o *options) { o.TokensTakeEffectAfter = 4 * time.Second }, []seen{{"new value accepted", "within 5s", holds}}, 0},
		{"a long delay", func(o *options) { o.TokensTakeEffectAfter = time.Minute }, []seen{{"new value accepted", "within 1m0s", fails}}, 1},
		{"never accepted", func(o *options) { o.StrangersToAdminAPI = []string{"metadata_only"} }, []seen{
			{"new value accepted", "not within 2m0s", fails}, {"last_used follows", "never accepted", missing}, {"deleted value refused", "never accepted", missing}}, 1},
		{"last_used lags", func(o *options) { o.LastUsedLag = 20 * time.Second }, []seen{{"last_used follows", "within 25s; 0 of them", fails}}, 1},
		{"last_used lags for long", func(o *options) { o.LastUsedLag = time.Hour }, []seen{{"last_used follows", "still null 2m0s after a use", fails}}, 1},
		{"last_used in large steps", func(o *options) { o.LastUsedStep = 24 * time.Hour }, []seen{{"last_used follows", "from the use when looked at 2m0s after it", fails}}, 1},
		{"last_used in small steps", func(o *options) { o.LastUsedStep = time.Second }, []seen{{"last_used follows", "3 of them at the first look", holds}}, 0},
		{"not every use noted", func(o *options) { o.LastUsedEvery = 3 * time.Second }, []seen{{"last_used follows", "-2s from the use when looked at 2m0s after it", fails}}, 1},
		{"no last_used", func(o *options) { o.ItemsWithoutLastUsed = true }, []seen{{"last_used before use", "absent", fails}, {"last_used follows", "absent after use", fails}}, 1},
		{"DELETE replies 200", func(o *options) { o.DeleteReplies200 = true }, []seen{{"reply to DELETE", "200 with a body", holds}}, 0},
		{"deleted tokens are 404", func(o *options) { o.HideDeleted404 = true }, []seen{{"deleted token", "404, 0s after the DELETE", holds}}, 0},
		{"items lag", func(o *options) { o.StaleItems = 3 * time.Second }, []seen{
			{"deleted token", "200 with state 2, 3s after the DELETE", holds}, {"longest name", "1024 or more characters", holds}}, 0},
		{"items lag for long", func(o *options) { o.StaleItems = 6500 * time.Millisecond }, []seen{{"deleted token", "10s after the DELETE", fails}}, 1},
		{"lists lag", func(o *options) { o.StaleLists = time.Minute }, nil, 0},
		{"a deleted value lives on", func(o *options) { o.DeletesTakeEffectAfter = 18 * time.Second }, []seen{{"deleted value refused", "401 at the look 25s after the DELETE", holds}}, 0},
		{"a deleted value works for ever", func(o *options) { o.DeletesTakeEffectAfter = time.Hour }, []seen{{"deleted value refused", "not within 2m0s: a deleted value still works", fails}}, 1},
		{"no Date", func(o *options) { o.NoDateHeader = true }, []seen{
			{"Date header", "missing on ", fails}, {"created_at", "not reached", missing}, {"last_used follows", "no Date to compare it with", fails}}, 1},
		{"limit headers", func(o *options) {
			o.LimitHeaders = http.Header{"X-Ratelimit-Limit": {"100"}, "Ratelimit": {"<script>|"}, "Set-Cookie": {"session=secret"}}
		}, []seen{{"limit headers", "Ratelimit: (not shown); X-Ratelimit-Limit: 100", holds}}, 0},
		{"throttling", func(o *options) { o.RatePerMinute, o.RetryAfter = 20, 30*time.Second }, []seen{{"limit headers", "Retry-After: 30; throttled", holds}}, 0},
		{"items without grants", func(o *options) { o.ItemsWithoutGrants, o.ItemsWithoutSemanticLayer = true, true }, nil, 0},
		{"a plan without metadata_only", func(o *options) { o.RefuseSets = []string{"metadata_only"} }, []seen{{"grants at create", "honoured", holds}}, 0},
		{"a plan with job_viewer only", func(o *options) { o.RefuseSets = []string{"metadata_only", "semantic_layer_only"} }, []seen{{"grants at create", "honoured", holds}}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newWorld(t, c.change)
				r := w.run()
				for _, want := range c.want {
					if got := line(r, want.name); !strings.Contains(got.Seen, want.text) || got.Verdict != want.verdict {
						t.Errorf("%s: %q %s, expected %q %s", want.name, got.Seen, got.Verdict, want.text, want.verdict)
					}
				}
				for _, m := range r.Measurements {
					touched := slices.ContainsFunc(c.want, func(s seen) bool { return s.name == m.Name })
					if !touched && m.Verdict != holds {
						t.Errorf("%s is untouched, and found: %q %s", m.Name, m.Seen, m.Verdict)
					}
				}
				if left := w.living(); len(left) > 0 || len(r.Left) > 0 || len(r.Errors) > 0 || r.ExitCode() != c.exit {
					t.Errorf("exit code %d, expected %d; active %d, left %+v, errors %q", r.ExitCode(), c.exit, left, r.Left, r.Errors)
				}
				if most := len(w.sim.Tokens()) - 2; most > 2 || r.Removed != most {
					t.Errorf("%d tokens were made, and %d are said to be removed", most, r.Removed)
				}
			})
		})
	}
}
