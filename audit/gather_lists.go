package audit

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/tokenwarden/tokenwarden/internal/dbtcloud"
)

// pass reads a list until one pass proves that nothing was skipped: offset
// paging loses an item when another is deleted meanwhile. A second look is enough
// for a list that changed; one that never adds up is not read to its end,
// whatever was seen of it. A list whose length nobody ever said ends where it
// ends.
func pass(what string, read func() (dbtcloud.Pass, error)) error {
	const attempts = 2
	var p dbtcloud.Pass
	for range attempts {
		var err error
		if p, err = read(); err != nil {
			return err
		}
		if p.Stable || p.Total < 0 {
			return nil
		}
	}
	return fmt.Errorf("the list of %s did not add up in %d passes: %d items read of %d; some may be missing", what, attempts, p.Read, p.Total)
}

func (g *gatherer) tokens(ctx context.Context) error {
	list := &g.facts.Tokens
	names := make(map[string]string) // one copy of each permission set's name
	return pass("service tokens", func() (dbtcloud.Pass, error) {
		list.Items = list.Items[:0]
		return g.account.Source.ServiceTokens(ctx, func(t dbtcloud.ServiceToken) error {
			// A state that nobody knows is not known to be deleted.
			if t.State != dbtcloud.Deleted {
				list.Items = append(list.Items, g.token(t, names))
			}
			return nil
		})
	})
}

func (g *gatherer) token(t dbtcloud.ServiceToken, names map[string]string) Token {
	kept := Token{
		ID: t.ID, Name: t.Name, CreatedAt: t.CreatedAt, LastUsed: t.LastUsed,
		Grants: grantsOf(t.Grants, names), MetadataOnly: t.MetadataOnly, WebhooksOnly: t.WebhooksOnly,
	}
	// An empty list proves nothing: one was recorded of a token that had grants.
	kept.GrantsKnown = t.HasGrants && len(t.Grants) > 0
	kept.FlagsUnread = slices.ContainsFunc(t.Unread, func(field string) bool {
		return field == "metadata_only" || field == "webhooks_only"
	})
	if g.account.Own != nil {
		kept.Own = g.account.Own(t)
	}
	return kept
}

// grantsOf keeps the rows that are alive; each has a state of its own.
func grantsOf(rows []dbtcloud.Grant, names map[string]string) []Grant {
	var grants []Grant
	for _, row := range rows {
		if row.State == dbtcloud.Deleted {
			continue
		}
		name, ok := names[row.PermissionSet]
		if !ok {
			name = row.PermissionSet
			names[name] = name
		}
		grant := Grant{Set: name}
		if row.ProjectID != nil && !row.AllProjects {
			grant.Project = *row.ProjectID
		}
		grants = append(grants, grant)
	}
	return grants
}

func (g *gatherer) users(ctx context.Context) error {
	list := &g.facts.Users
	return pass("users", func() (dbtcloud.Pass, error) {
		list.Items = list.Items[:0]
		return g.account.Source.Users(ctx, func(u dbtcloud.User) error {
			name := u.Email
			if name == "" {
				name = strings.TrimSpace(u.FirstName + " " + u.LastName)
			}
			deleted := u.State == dbtcloud.Deleted
			list.Items = append(list.Items, User{
				ID: u.ID, Name: name, APIKeyUsed: u.APITokenLastUsed,
				Deleted: deleted, Inactive: deleted || (u.IsActive != nil && !*u.IsActive),
			})
			return nil
		})
	})
}

func (g *gatherer) projects(ctx context.Context) error {
	list := &g.facts.Projects
	return pass("projects", func() (dbtcloud.Pass, error) {
		list.Items = list.Items[:0]
		return g.account.Source.Projects(ctx, func(p dbtcloud.Project) error {
			if p.State != dbtcloud.Deleted {
				list.Items = append(list.Items, p.ID)
			}
			return nil
		})
	})
}

func (g *gatherer) ipRules(ctx context.Context) error {
	rules, err := g.account.Source.IPRules(ctx)
	for _, r := range rules {
		if r.State != dbtcloud.Deleted {
			g.facts.Rules.Items = append(g.facts.Rules.Items, r)
		}
	}
	return err
}

func (g *gatherer) scimTokens(ctx context.Context) error {
	tokens, err := g.account.Source.SCIMTokens(ctx)
	for _, t := range tokens {
		if t.State != dbtcloud.Deleted {
			g.facts.SCIMTokens.Items = append(g.facts.SCIMTokens.Items, Secret{
				Resource:  Resource{Type: ResourceSCIMToken, ID: t.ID, Name: t.Name},
				CreatedAt: t.CreatedAt, LastUsed: t.LastUsed,
			})
		}
	}
	return err
}
