package canary

import (
	"slices"
	"time"

	"github.com/tokenwarden/tokenwarden/internal/dbtcloud"
)

// harmlessSets are what a canary may be given, the least first; the first one
// that the account's plan takes is used, on one project where there is one.
//
//   - metadata_only reads the Discovery API's metadata and nothing of this one
//     (docs; recorded: a create takes it on one project);
//   - semantic_layer_only, which the smaller plans have (docs), does nothing at
//     all without a mapping to a credential, and a canary has none;
//   - job_viewer reads jobs and their runs.
//
// None can write, start a run or reach a warehouse. account_viewer would do as
// well, and reads far more. A token without any permission would be the least,
// and could not tell whether grants are honoured.
func harmlessSets() []string { return []string{"metadata_only", "semantic_layer_only", "job_viewer"} }

// ownUse is how long after its creation a canary may be used by its own run.
const ownUse = time.Hour

// foreign says why a token that is called like a canary may be something else,
// and is not for this program to remove; "" when nothing speaks for that.
func foreign(t dbtcloud.ServiceToken, rows []dbtcloud.Grant) string {
	unharmful := func(g dbtcloud.Grant) bool {
		return g.State != dbtcloud.Deleted && !slices.Contains(harmlessSets(), g.PermissionSet)
	}
	switch {
	case slices.ContainsFunc(rows, unharmful):
		return "it has a permission that no canary has"
	case t.WebhooksOnly:
		return "it is webhooks_only, which no canary is"
	case len(t.SemanticLayer) > 0:
		return "it is mapped to a semantic layer credential, which no canary is"
	case slices.Contains(t.Unread, "webhooks_only") || slices.Contains(t.Unread, "semantic_layer_credentials"):
		return "not all that it may do can be understood"
	}
	switch t.LastUsed.Presence {
	case dbtcloud.Null:
		return ""
	case dbtcloud.Known:
		if t.CreatedAt.Known() && t.LastUsed.Time.Sub(t.CreatedAt.Time) <= ownUse {
			return ""
		}
		return "it was used later than a canary is"
	case dbtcloud.Absent, dbtcloud.Unreadable:
	}
	return "whether somebody uses it cannot be seen"
}
