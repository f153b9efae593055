package audit

func personalRules() []Rule {
	needs := []need{needUsers, needPersonalTokens}
	const fix = "Ask its owner to rotate or delete it: only the owner can."
	return []Rule{{
		ID:         "personal-access-token-old",
		Title:      "Personal access token older than the policy allows",
		Severity:   Low,
		Why:        "A personal access token acts with all the rights of a person and does not expire by itself.",
		Fix:        fix,
		Near:       "Runs only under a policy with max_age. A token of exactly that age is not flagged.",
		Permission: "account_admin",
		needs:      needs,
		perItem:    true,
		applies:    func(p *Policy) bool { return p.MaxAge > 0 },
		check: func(f *Facts, p *Policy, v *verdict) {
			v.oldSecrets(f.PersonalTokens.Items, f, p, fix)
		},
	}, {
		ID:         "personal-access-token-unused",
		Title:      "Personal access token that is not used",
		Severity:   Low,
		Why:        "Nobody would notice if somebody else began to use it.",
		Fix:        fix,
		Near:       "As for service tokens: never used, or not for unused_for, and older than that.",
		Permission: "account_admin",
		needs:      needs,
		perItem:    true,
		check: func(f *Facts, p *Policy, v *verdict) {
			v.unusedSecrets(f.PersonalTokens.Items, f, p, fix)
		},
	}, {
		ID:         "personal-access-token-of-inactive-user",
		Title:      "Personal access token of a user who is no longer active",
		Severity:   Medium,
		Why:        "The person has left, the credential has not. Whether dbt Cloud still accepts it is not documented.",
		Fix:        "Delete the token in dbt Cloud, or remove the user altogether.",
		Near:       "Users whose is_active is false or who are deleted. A user whose item does not say counts as active.",
		Permission: "account_admin",
		needs:      needs,
		perItem:    true,
		check: func(f *Facts, _ *Policy, v *verdict) {
			for _, s := range f.PersonalTokens.Items {
				if s.Owner.Inactive {
					v.flag(s.Resource, Medium, "its owner "+Quote(s.Owner.Name)+" is no longer active", "Delete it in dbt Cloud.",
						Fact{"user", s.Owner.Name}, lastUsed(s.LastUsed))
				}
			}
		},
	}}
}

func scimRules() []Rule {
	const fix = "Make a new SCIM token, give it to the identity provider, delete this one."
	return []Rule{{
		ID:         "scim-token-old",
		Title:      "SCIM token older than the policy allows",
		Severity:   Low,
		Why:        "A SCIM token creates users and puts them into groups: who has it decides who gets in.",
		Fix:        fix,
		Near:       "Runs only under a policy with max_age. A token of exactly that age is not flagged.",
		Permission: "security_admin",
		Plan:       "Enterprise",
		needs:      []need{needSCIMTokens},
		perItem:    true,
		applies:    func(p *Policy) bool { return p.MaxAge > 0 },
		check: func(f *Facts, p *Policy, v *verdict) {
			v.oldSecrets(f.SCIMTokens.Items, f, p, fix)
		},
	}, {
		ID:         "scim-token-unused",
		Title:      "SCIM token that is not used",
		Severity:   Low,
		Why:        "Either provisioning has stopped working, or the token was replaced and never deleted.",
		Fix:        "Check the identity provider; delete the token if it has another one.",
		Near:       "As for service tokens: never used, or not for unused_for, and older than that.",
		Permission: "security_admin",
		Plan:       "Enterprise",
		needs:      []need{needSCIMTokens},
		perItem:    true,
		check: func(f *Facts, p *Policy, v *verdict) {
			v.unusedSecrets(f.SCIMTokens.Items, f, p, "Check the identity provider; delete the token if it has another one.")
		},
	}}
}

func (v *verdict) oldSecrets(secrets []Secret, f *Facts, p *Policy, fix string) {
	for _, s := range secrets {
		if v.dated(s.Resource, "creation", s.CreatedAt) {
			v.old(s.Resource, s.CreatedAt.Time, f.Now, p.MaxAge, fix, s.evidence()...)
		}
	}
}

func (v *verdict) unusedSecrets(secrets []Secret, f *Facts, p *Policy, fix string) {
	for _, s := range secrets {
		v.unused(s.Resource, s.CreatedAt, s.LastUsed, f.Now, p.unusedFor(), fix)
	}
}

func (s *Secret) evidence() []Fact {
	facts := []Fact{lastUsed(s.LastUsed)}
	if s.Owner != nil {
		facts = append(facts, Fact{"user", s.Owner.Name})
	}
	return facts
}
