package dbtcloud

import "slices"

// permissionSets are those that the vendor's description lists (spec). Others
// appear regularly; what they allow is not known here.
var permissionSets = []string{
	"account_admin", "account_viewer", "admin", "analyst", "analyst_read", "billing_admin", "cost_insights_admin",
	"cost_insights_viewer", "cost_management_admin", "cost_management_viewer", "database_admin", "developer",
	"fusion_admin", "git_admin", "job_admin", "job_creator", "job_runner", "job_viewer", "manage_marketplace_apps",
	"member", "metadata_only", "notification_manager", "owner", "project_creator", "readonly", "scim_only",
	"security_admin", "semantic_layer_only", "stakeholder", "team_admin", "webhooks_only",
}

// KnownPermissionSet reports whether the vendor describes a permission set. Of
// any other it is unknown what it allows.
func KnownPermissionSet(set string) bool { return slices.Contains(permissionSets, set) }

// ManagesTokens reports whether a permission set is known to let its holder
// create and delete service tokens (docs).
func ManagesTokens(set string) bool { return set == "account_admin" || set == "owner" }
