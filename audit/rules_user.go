package audit

import (
	"fmt"
	"time"

	"github.com/tokenwarden/tokenwarden/internal/dbtcloud"
)

// userKeyWindow is how recent a use must be to count as present.
const userKeyWindow = 90 * 24 * time.Hour

// UserKeysWithdrawn is the moment from which on user API keys are taken to be
// withdrawn. The vendor says "October 2024" and no day (docs): a use is held to
// be after the withdrawal when the whole month has passed.
func UserKeysWithdrawn() time.Time { return time.Date(2024, time.November, 1, 0, 0, 0, 0, time.UTC) }

func userRules() []Rule {
	return []Rule{{
		ID:       "user-api-key-in-use",
		Title:    "Personal API credential of a user in use",
		Severity: High,
		Why: "User API keys were withdrawn in October 2024 and \"will no longer work\": whatever still sends one breaks, " +
			"and it acts with all the rights of a person. The only sign of such a key is the user's apitoken_last_used. " +
			"Whether the use of a personal access token moves that date as well is not documented.",
		Fix: "Find what authenticates as this user (a script, a pipeline, an IDE) and give it a service token with just the permissions it needs. " +
			"If the user merely works with a personal access token, accept the finding in the policy.",
		Near: "High when the last use is on or after 2024-11-01 (UTC) and within 90 days; info for any older date, " +
			"which nobody can clear. A user whose date is null never used one and is not flagged.",
		Permission: "account_viewer",
		Mission:    true,
		needs:      []need{needUsers},
		perItem:    true,
		check:      checkUserKeys,
	}}
}

func checkUserKeys(f *Facts, _ *Policy, v *verdict) {
	for i := range f.Users.Items {
		u := &f.Users.Items[i]
		if u.Deleted || u.APIKeyUsed.Presence == dbtcloud.Null {
			continue
		}
		if !v.dated(u.resource(), "apitoken_last_used", u.APIKeyUsed) {
			continue
		}
		used := u.APIKeyUsed.Time
		evidence := []Fact{{"apitoken_last_used", stamp(used)}}
		if u.Inactive {
			evidence = append(evidence, Fact{"is_active", "false"})
		}
		if used.Before(UserKeysWithdrawn()) || f.Now.Sub(used) > userKeyWindow {
			v.flag(u.resource(), Info,
				fmt.Sprintf("a personal API credential was last used on %s; nothing newer is known", day(used)),
				"Nothing is urgent: check that nothing still depends on a key of this user.", evidence...)
			continue
		}
		v.flag(u.resource(), High,
			fmt.Sprintf("a personal API credential was used on %s, after user API keys were withdrawn (October 2024); "+
				"it is not documented whether a personal access token moves this date too", day(used)),
			"Give whatever authenticates as this user a service token of its own.", evidence...)
	}
}
