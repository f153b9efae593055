package audit

import (
	"fmt"
	"slices"
	"strings"
)

// readOnlySets may be had by a credential that only audits.
func readOnlySets() []string {
	return []string{
		"account_viewer", "readonly", "job_viewer", "analyst_read", "stakeholder", "metadata_only",
		"cost_insights_viewer", "cost_management_viewer",
	}
}

func auditorRules() []Rule {
	return []Rule{{
		ID:       "auditor-overprivileged",
		Title:    "This audit's own credential may do more than look",
		Severity: Low,
		Why:      "An audit runs every night on a machine that many can reach, and needs to read: account_viewer. A credential that can do more is the most attractive one in the account.",
		Fix:      "Make a service token with account_viewer alone for the audit, and use the account_admin one for rotations only.",
		Near: "account_viewer and the other read-only sets are fine. Which token asks is known from its label or its uid, or when there is only one; " +
			"dbt Cloud itself does not say.",
		Permission: "account_viewer",
		needs:      []need{needTokens, needGrants, needOwn},
		perItem:    true,
		check: func(f *Facts, _ *Policy, v *verdict) {
			for i := range f.Tokens.Items {
				t := &f.Tokens.Items[i]
				var more []string
				for _, g := range t.Grants {
					if !slices.Contains(readOnlySets(), g.Set) {
						more = append(more, Quote(g.Set))
					}
				}
				if more = distinct(more); t.Own && len(more) > 0 {
					names := strings.Join(more, ", ")
					v.flag(t.resource(), Low, fmt.Sprintf("this audit authenticates with it and needs account_viewer; it has %s", names),
						"Make a service token with account_viewer alone for the audit.", Fact{"permission_sets", names})
				}
			}
		},
	}, {
		ID:         "auditor-token-legacy",
		Title:      "This audit's own credential is a legacy token",
		Severity:   High,
		Why:        "The token that looks for legacy tokens is one. When dbt Labs withdraws them, the audit goes dark.",
		Fix:        "Rotate it like any other: `tokenwarden rotate --token-id ID`, with the reference that the audit reads as destination.",
		Near:       "As for service-token-legacy. A personal access token is never a legacy service token.",
		Permission: "account_viewer",
		needs:      []need{needTokens},
		perItem:    true,
		check: func(f *Facts, _ *Policy, v *verdict) {
			if f.Credential == PersonalCredential {
				return
			}
			v.sight = v.sight.worse(f.Own)
			for i := range f.Tokens.Items {
				t := &f.Tokens.Items[i]
				if t.Own && v.dated(t.resource(), "creation", t.CreatedAt) && t.CreatedAt.Time.Before(LegacyBefore()) {
					v.flag(t.resource(), High, fmt.Sprintf("this audit authenticates with it, and it was created on %s", day(t.CreatedAt.Time)),
						f.rotate(t.ID), Fact{"created_at", stamp(t.CreatedAt.Time)})
				}
			}
		},
	}}
}
