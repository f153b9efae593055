package audit

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tokenwarden/tokenwarden/internal/dbtcloud"
)

func grantRules() []Rule {
	return []Rule{{
		ID:       "service-token-overprivileged",
		Title:    "Service token that may do almost anything",
		Severity: Medium,
		Why: "A token with account_admin or owner can do everything in the account, make further tokens included; security_admin manages who gets in; " +
			"admin on all projects changes what every pipeline runs. Most pipelines need to start one job.",
		Fix: "Create a token with just the sets and projects that its user needs, switch over, delete this one. " +
			"Rotating does not help: it copies the permissions. Accept the few that must be so (this tool's own rotation needs account_admin) in the policy.",
		Near: "Low for account_admin, owner, security_admin, and admin on all projects; admin on single projects is not flagged. " +
			"Medium for a permission set this version does not know: its privilege is unknown, so it is not taken for harmless.",
		Permission: "account_viewer",
		needs:      []need{needTokens, needGrants},
		perItem:    true,
		check:      checkPrivileges,
	}, {
		ID:         "service-token-no-permissions",
		Title:      "Service token without any permission",
		Severity:   Low,
		Why:        "A token that may do nothing is left over from an interrupted creation or a removed project. It cannot be rotated: there is nothing to compare its replacement with.",
		Fix:        "Delete it in dbt Cloud.",
		Near:       "A token that has only the old metadata_only or webhooks_only flag has a permission. Rows that were deleted count for nothing.",
		Permission: "account_viewer",
		needs:      []need{needTokens, needGrants},
		perItem:    true,
		check: func(f *Facts, _ *Policy, v *verdict) {
			for i := range f.Tokens.Items {
				t := &f.Tokens.Items[i]
				switch {
				case !t.GrantsKnown || len(t.Grants) > 0 || t.MetadataOnly || t.WebhooksOnly:
				case v.flagsRead(t):
					v.flag(t.resource(), Low, "it has no permission at all", "Delete it in dbt Cloud.", lastUsed(t.LastUsed))
				}
			}
		},
	}, {
		ID:         "service-token-deprecated-flag",
		Title:      "Service token with a permission of the old kind",
		Severity:   Low,
		Why:        "Old tokens carry metadata_only or webhooks_only as a flag of their own where newer ones have a permission set. The flag is easily lost when such a token is copied by hand.",
		Fix:        "Make a token with the permission set of the same name and switch over.",
		Near:       "The permission sets metadata_only and webhooks_only are not flagged: only the flags are.",
		Permission: "account_viewer",
		needs:      []need{needTokens},
		perItem:    true,
		check: func(f *Facts, _ *Policy, v *verdict) {
			for i := range f.Tokens.Items {
				t := &f.Tokens.Items[i]
				var flags []string
				if t.MetadataOnly {
					flags = append(flags, "metadata_only")
				}
				if t.WebhooksOnly {
					flags = append(flags, "webhooks_only")
				}
				if len(flags) == 0 {
					v.flagsRead(t)
					continue
				}
				names := strings.Join(flags, " and ")
				v.flag(t.resource(), Low, fmt.Sprintf("its permission is the old flag %s", names),
					fmt.Sprintf("Make a token with the permission set %s and switch over.", names), Fact{"flags", names})
			}
		},
	}, {
		ID:         "service-token-dead-project",
		Title:      "Service token with permissions on a project that is gone",
		Severity:   Low,
		Why:        "Permissions on a project that no longer exists show that nobody has looked at the token since, and what it was for may be gone too.",
		Fix:        "If the token has no other permission, delete it; otherwise replace it by one without the dead rows.",
		Near:       "Runs only when the whole list of projects was read: a project that the credential is not shown looks the same as one that is gone.",
		Permission: "account_viewer",
		needs:      []need{needTokens, needGrants, needProjects},
		perItem:    true,
		check:      checkDeadProjects,
	}}
}

// flagsRead reports whether a token's two flags were understood, and says so
// when they were not: an unreadable flag is not false.
func (v *verdict) flagsRead(t *Token) bool {
	if t.FlagsUnread {
		v.cannotTell(t.resource(), Failed, "its metadata_only or webhooks_only could not be understood")
	}
	return !t.FlagsUnread
}

func checkPrivileges(f *Facts, _ *Policy, v *verdict) {
	for i := range f.Tokens.Items {
		t := &f.Tokens.Items[i]
		var high, unknown []string
		for _, g := range t.Grants {
			switch {
			case dbtcloud.ManagesTokens(g.Set) || g.Set == "security_admin":
				high = append(high, g.Set)
			case g.Set == "admin" && g.Project == 0:
				high = append(high, "admin on all projects")
			case !dbtcloud.KnownPermissionSet(g.Set):
				unknown = append(unknown, Quote(g.Set))
			}
		}
		if high = distinct(high); len(high) > 0 {
			names := strings.Join(high, ", ")
			v.flag(t.resource(), Low, "it has "+names, "Give its user a token with just what is needed; accept it in the policy where it must be so.",
				Fact{"permission_sets", names}, lastUsed(t.LastUsed))
		}
		if unknown = distinct(unknown); len(unknown) > 0 {
			names := strings.Join(unknown, ", ")
			v.flagPart(t.resource(), "unknown", Medium, fmt.Sprintf("unknown privilege: the permission set %s is not known to this version", names),
				"Look up in dbt's documentation what the set allows; accept it in the policy if it is meant to be so.", Fact{"permission_sets", names}, lastUsed(t.LastUsed))
		}
	}
}

func checkDeadProjects(f *Facts, _ *Policy, v *verdict) {
	if !f.Projects.Sight.Whole() {
		return
	}
	there := make(map[int64]bool, len(f.Projects.Items))
	for _, id := range f.Projects.Items {
		there[id] = true
	}
	for i := range f.Tokens.Items {
		t := &f.Tokens.Items[i]
		var gone []string
		for _, g := range t.Grants {
			if g.Project != 0 && !there[g.Project] {
				gone = append(gone, fmt.Sprint(g.Project))
			}
		}
		gone = distinct(gone)
		switch {
		case len(gone) == 0:
		case len(there) == 0:
			v.cannotTell(t.resource(), NotVisible, "it has permissions on projects, and not one project is shown")
		default:
			names := strings.Join(gone, ", ")
			v.flag(t.resource(), Low, fmt.Sprintf("it has permissions on project %s, which is gone (or not shown to this credential)", names),
				"Delete the token if it has no other use.", Fact{"projects", names}, lastUsed(t.LastUsed))
		}
	}
}

// distinct sorts and drops what repeats.
func distinct(s []string) []string {
	slices.Sort(s)
	return slices.Compact(s)
}
