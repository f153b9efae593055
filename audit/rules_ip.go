package audit

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tokenwarden/tokenwarden/internal/dbtcloud"
)

func ipRules() []Rule {
	const permission, plan = "security_admin", "Enterprise"
	rule := func(r Rule) Rule {
		r.Permission, r.Plan, r.needs = permission, plan, []need{needIPRules}
		return r
	}
	return []Rule{
		rule(Rule{
			ID:       "ip-restrictions-off",
			Title:    "IP restrictions are written down and not enforced",
			Severity: Low,
			Why:      "Somebody went to the trouble of listing who may come in, and the list is switched off: a stolen token works from anywhere.",
			Fix:      "Check that the rules let your own machines in, then switch them on in the account settings.",
			Near:     "The rules themselves say whether they are on. Without any rule nothing says it, and the check is \"not visible\".",
			check: func(f *Facts, _ *Policy, v *verdict) {
				if known, on := v.restricted(f); known && !on {
					v.flag(f.accountResource(), Low, fmt.Sprintf("%d IP rules exist, and none is enforced", len(f.Rules.Items)),
						"Switch IP restrictions on in the account settings.", Fact{"rules", ruleIDs(f.Rules.Items)})
				}
			},
		}),
		rule(Rule{
			ID:       "ip-restrictions-not-for-service-tokens",
			Title:    "IP restrictions do not apply to service tokens",
			Severity: Medium,
			Why:      "People are held to the network and machines are not: a service token, the credential that is copied most, works from anywhere.",
			Fix:      "Have the restrictions cover service tokens, after adding the addresses of your pipelines.",
			Near:     "Only where restrictions are enforced; where they are off altogether, ip-restrictions-off says so.",
			check:    checkServiceTokenRestriction,
		}),
		rule(Rule{
			ID:       "ip-rule-allows-all",
			Title:    "IP rule that lets every address in",
			Severity: Medium,
			Why:      "One range of length /0, in either family, makes all other allowances meaningless.",
			Fix:      "Replace it by the ranges that are meant.",
			Near:     "Allow rules with an active range of length /0, IPv4 ranges written as IPv6 included. 0.0.0.0 without a length is one host, see ip-rule-one-host. A /1 is not flagged.",
			check: func(f *Facts, _ *Policy, v *verdict) {
				v.eachRule(f, func(r *dbtcloud.IPRule, ranges []ipRange) {
					for _, x := range ranges {
						if r.Type == ruleAllow && x.everything() {
							v.flag(ruleResource(r), Medium, fmt.Sprintf("it allows %s: every address", Quote(x.text)), "Replace the range by those that are meant.", Fact{"cidr", x.text})
							return
						}
					}
				})
			},
		}),
		rule(Rule{
			ID:       "ip-rule-one-host",
			Title:    "IP rule whose address is one host and does not look it",
			Severity: Low,
			Why:      "An address without a length is stored as one host. \"0.0.0.0\" then means nobody and not everybody, \"10.0.0.0\" one machine and not a network: people are locked out, or believe in a rule that does nothing.",
			Fix:      "Write the length that is meant, for example 10.0.0.0/24.",
			Near:     "Flags a bare 0.0.0.0 or ::, a bare address that ends in .0, and a bare address in a rule whose name speaks of a range (any, all, everywhere, network, range, subnet …). An address with a length, /32 included, was meant so.",
			check: func(f *Facts, _ *Policy, v *verdict) {
				v.eachRule(f, func(r *dbtcloud.IPRule, ranges []ipRange) {
					var hosts []string
					for _, x := range ranges {
						if x.bare && (x.looksLikeNetwork() || namesRange(r.Name)) {
							hosts = append(hosts, x.text)
						}
					}
					if len(hosts) > 0 {
						names := strings.Join(hosts, ", ")
						v.flag(ruleResource(r), Low, fmt.Sprintf("%s is one host each, whatever the rule's name says", Quote(names)), "Write the length that is meant.", Fact{"cidr", names})
					}
				})
			},
		}),
		rule(Rule{
			ID:       "ip-rule-shadowed",
			Title:    "IP rule without effect",
			Severity: Low,
			Why:      "All that this rule says is already said by another one. Rules that do nothing hide what the others do.",
			Fix:      "Remove it, or the rule that covers it.",
			Near: "Flagged when each of its active ranges lies within a range of another rule of the same kind, with no range of the other kind in between: the most specific range decides. " +
				"A narrow allowance within a denied range is an exception and not flagged, nor is a range that only several others cover together. Of two equal rules the later one is flagged.",
			check: checkShadowed,
		}),
	}
}

func (f *Facts) accountResource() Resource {
	return Resource{Type: ResourceAccount, ID: f.AccountID, Name: f.Account}
}

// restricted reports whether the rules are enforced: each says it for the set.
// Where none says so, those that say nothing could not be judged.
func (v *verdict) restricted(f *Facts) (known, on bool) {
	rules := f.Rules.Items
	if len(rules) == 0 {
		v.sight = Sight{Outcome: NotVisible, Detail: "there are no IP rules, and nothing else says whether restrictions are on"}
		return false, false
	}
	if slices.ContainsFunc(rules, func(r dbtcloud.IPRule) bool { return r.RuleSetEnabled != nil && *r.RuleSetEnabled }) {
		return true, true
	}
	known = true
	for i := range rules {
		if rules[i].RuleSetEnabled == nil {
			known = false
			v.cannotTell(ruleResource(&rules[i]), NotVisible, "it does not say whether the rules are enforced")
		}
	}
	return known, false
}

func checkServiceTokenRestriction(f *Facts, _ *Policy, v *verdict) {
	if _, on := v.restricted(f); !on {
		return
	}
	var without []dbtcloud.IPRule
	for _, r := range f.Rules.Items {
		switch {
		case r.EnabledForServiceTokens == nil:
			v.cannotTell(ruleResource(&r), NotVisible, "it does not say whether it applies to service tokens")
		case !*r.EnabledForServiceTokens:
			without = append(without, r)
		}
	}
	if len(without) > 0 {
		v.flag(f.accountResource(), Medium, "IP restrictions are enforced, and not for service tokens",
			"Have the restrictions cover service tokens.", Fact{"rules", ruleIDs(without)})
	}
}

// checkShadowed goes by the vendor's rule that the most specific range decides:
// a narrow allowance within a denial is an exception, and the reverse (docs).
func checkShadowed(f *Facts, _ *Policy, v *verdict) {
	var all []ipRange
	perRule := make(map[int64][]ipRange)
	v.eachRule(f, func(r *dbtcloud.IPRule, ranges []ipRange) {
		all = append(all, ranges...)
		perRule[r.ID] = ranges
	})
	for i := range f.Rules.Items {
		r := &f.Rules.Items[i]
		ranges := perRule[r.ID]
		var by []string
		covered := 0
		for _, x := range ranges {
			if cover := x.coveredBy(all); cover != nil && cover.rule.Type == r.Type {
				by = append(by, fmt.Sprint(cover.rule.ID))
				covered++
			}
		}
		if covered > 0 && covered == len(ranges) {
			names := strings.Join(distinct(by), ", ")
			v.flag(ruleResource(r), Low, "all of its ranges are covered by rule "+names, "Remove it, or the rule that covers it.", Fact{"covered_by", names})
		}
	}
}
