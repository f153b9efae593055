package audit

import "fmt"

func destinationRules() []Rule {
	return []Rule{{
		ID:       "stored-value-dead",
		Title:    "Stored value of a token that no longer exists",
		Severity: High,
		Why:      "Whatever reads this place gets a value that dbt Cloud refuses: its consumers fail, or will at their next start.",
		Fix:      "Find out who deleted the token. Put a live token's value there (`tokenwarden secret put REF`), or remove the place from the configuration.",
		Near: "Decided by the label beside the value and the list of tokens; no stored value is sent anywhere. " +
			"A value without a label is unknown, not dead.",
		Permission: "account_viewer",
		needs:      []need{needTokens, needDestinations},
		check:      checkStored,
	}, {
		ID:       "service-token-unmanaged",
		Title:    "Service token with no known destination",
		Severity: Info,
		Why:      "Where a token's value is kept has to be known before it can be replaced. For this one nobody has written it down: rotating it would break consumers that nobody can list.",
		Fix:      "Find its consumers and add its destinations to the configuration, or mark it `rotate: never` with a reason.",
		Near: "A token with an entry, `rotate: never` included, and one whose value a label names, are managed. A place that the account's `store` gives " +
			"to every token counts only once it holds something. Needs a configuration with destinations.",

		Permission: "account_viewer",
		needs:      []need{needTokens, needDestinations},
		check: func(f *Facts, _ *Policy, v *verdict) {
			managed := make(map[int64]bool)
			for _, d := range f.Destinations.Items {
				if d.ByTemplate && d.Err != "" {
					v.sight = v.sight.worse(Sight{Outcome: Failed, Detail: fmt.Sprintf("%s: %s", d.Ref, d.Err)})
				}
				if !d.ByTemplate || !d.Empty {
					managed[d.For], managed[d.TokenID] = true, true
				}
			}
			for i := range f.Tokens.Items {
				if t := &f.Tokens.Items[i]; !managed[t.ID] {
					v.flag(t.resource(), Info, "no destination of it is known", "Add its destinations to the configuration.", lastUsed(t.LastUsed))
				}
			}
		},
	}}
}

func checkStored(f *Facts, _ *Policy, v *verdict) {
	names := make(map[int64]string, len(f.Tokens.Items))
	active := make(map[int64]bool, len(f.Tokens.Items))
	for i := range f.Tokens.Items {
		names[f.Tokens.Items[i].ID], active[f.Tokens.Items[i].ID] = f.Tokens.Items[i].Name, true
	}
	for _, d := range f.Destinations.Items {
		switch {
		case d.Err != "":
			v.sight = v.sight.worse(Sight{Outcome: Failed, Detail: fmt.Sprintf("%s: %s", d.Ref, d.Err)})
		case d.Unlabelled:
			v.sight = v.sight.worse(Sight{Outcome: NotVisible, Detail: fmt.Sprintf("%s: it holds a value that no label explains", d.Ref)})
		case d.TokenID != 0 && !active[d.TokenID]:
			name := names[d.For]
			if name == "" {
				name = d.Ref
			}
			v.flagPart(Resource{Type: ResourceServiceToken, ID: d.TokenID, Name: name}, d.Ref, High,
				fmt.Sprintf("%s holds the value of token %d, which is not among the active ones", d.Ref, d.TokenID),
				"Put a live token's value there: tokenwarden secret put "+ShellWord(d.Ref), Fact{"destination", d.Ref})
		}
	}
}
