package audit

import (
	"fmt"
	"time"

	"github.com/tokenwarden/tokenwarden/internal/dbtcloud"
)

func unusedRules() []Rule {
	return []Rule{{
		ID:       "service-token-unused",
		Title:    "Service token that nobody uses",
		Severity: Low,
		Why:      "A token without a user is a risk without a benefit: nobody would notice if somebody else began to use it.",
		Fix:      "Find out whom it was made for, and delete it in dbt Cloud if nobody needs it.",
		Near: "A token that was never used, or not for unused_for (90 days unless the policy says otherwise), is flagged on the day the time is full; " +
			"one younger than that is not. A missing last_used is \"could not tell\": only null means never.",
		Permission: "account_viewer",
		needs:      []need{needTokens},
		perItem:    true,
		check: func(f *Facts, p *Policy, v *verdict) {
			for i := range f.Tokens.Items {
				t := &f.Tokens.Items[i]
				v.unused(t.resource(), t.CreatedAt, t.LastUsed, f.Now, p.unusedFor(),
					"Delete it in dbt Cloud if nobody needs it; nothing shows who made it.")
			}
		},
	}}
}

// unused flags what has existed for the whole of a window and was not used in
// it. What was used lately needs no creation date to be judged.
func (v *verdict) unused(r Resource, created, used dbtcloud.Timestamp, now time.Time, window time.Duration, fix string) {
	since := now.Add(-window)
	switch {
	case used.Known() && used.Time.After(since):
	case used.Known():
		v.flag(r, v.rule.Severity, fmt.Sprintf("last used on %s, %s ago", day(used.Time), days(now.Sub(used.Time))), fix, lastUsed(used))
	case created.Known() && created.Time.After(since): // too young to be called unused
	case used.Presence == dbtcloud.Unreadable:
		v.cannotTell(r, Failed, fmt.Sprintf("its last use %s could not be understood", Quote(used.Raw)))
	case used.Presence == dbtcloud.Absent:
		v.cannotTell(r, NotVisible, "its last use is not shown")
	case v.dated(r, "creation", created):
		v.flag(r, v.rule.Severity, fmt.Sprintf("never used since it was created on %s", day(created.Time)), fix,
			Fact{"created_at", stamp(created.Time)}, lastUsed(used))
	}
}
