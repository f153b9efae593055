package audit

import (
	"context"
	"fmt"

	"github.com/tokenwarden/tokenwarden/internal/dbtcloud"
)

// afford reports whether the policy allows so many requests beyond the lists,
// and spends them.
func (g *gatherer) afford(requests int) bool {
	if limit := g.policy.lookups(); limit >= 0 && g.visits+requests > limit {
		return false
	}
	g.visits += requests
	return true
}

// grants completes what the items of the list say of their permissions. Items
// that carry no grants are asked for one by one, if there are few.
func (g *gatherer) grants(ctx context.Context) Sight {
	var bare []*Token
	for i := range g.facts.Tokens.Items {
		if t := &g.facts.Tokens.Items[i]; !t.GrantsKnown {
			bare = append(bare, t)
		}
	}
	if len(bare) == 0 {
		return g.facts.Tokens.Sight
	}
	if g.gaveUp == "" && !g.afford(len(bare)) {
		return Sight{Outcome: NotVisible, Detail: fmt.Sprintf("the list does not show the permissions of %d tokens, and asking for each is %d requests: more than the policy's lookups allow", len(bare), len(bare))}
	}
	names := make(map[string]string)
	sight := g.facts.Tokens.Sight
	for _, t := range bare {
		one := g.read(ctx, fmt.Sprintf("permissions of service token %d", t.ID), func(ctx context.Context) error {
			rows, err := g.account.Source.Permissions(ctx, t.ID)
			if err == nil {
				t.Grants, t.GrantsKnown = grantsOf(rows, names), true
			}
			return err
		})
		sight = sight.worse(one)
		if one.Outcome == NotVisible {
			break // what is refused for one is refused for all
		}
	}
	return sight
}

// personalTokens asks for the tokens of each user. Whether an administrator may
// see them is not documented: a refusal is something not visible, no error, and
// not one token in the whole account is taken for the same.
func (g *gatherer) personalTokens(ctx context.Context) Sight {
	users := g.facts.Users.Items
	if g.gaveUp == "" && !g.afford(len(users)) {
		return Sight{Outcome: NotVisible, Detail: fmt.Sprintf("one request for each of %d users: more than the policy's lookups allow", len(users))}
	}
	list := &g.facts.PersonalTokens
	sight := g.facts.Users.Sight
	members := 0
	for i := range users {
		one := g.personalTokensOf(ctx, &users[i])
		if one.Outcome == NotVisible && users[i].Deleted {
			continue // gone, and what they had with them
		}
		sight = sight.worse(one)
		if users[i].Inactive {
			continue
		}
		members++
		if one.Outcome == NotVisible {
			return sight // what is refused for one member is refused for all
		}
	}
	if sight.Whole() && members > 0 && len(list.Items) == 0 {
		return Sight{Outcome: NotVisible, Detail: fmt.Sprintf("not one of %d users is shown to have any, which may mean that they are not shown", members), Refused: true}
	}
	return sight
}

func (g *gatherer) personalTokensOf(ctx context.Context, u *User) Sight {
	return g.read(ctx, fmt.Sprintf("personal access tokens of user %d", u.ID), func(ctx context.Context) error {
		tokens, err := g.account.Source.PersonalAccessTokens(ctx, u.ID)
		for _, t := range tokens {
			if t.State != dbtcloud.Deleted {
				g.facts.PersonalTokens.Items = append(g.facts.PersonalTokens.Items, Secret{
					Resource:  Resource{Type: ResourcePersonalToken, ID: t.ID, Name: t.Name},
					Owner:     u,
					CreatedAt: t.CreatedAt, LastUsed: t.LastUsed,
				})
			}
		}
		return err
	})
}

// destinations asks where the tokens' values are kept.
func (g *gatherer) destinations(ctx context.Context) Sight {
	if g.account.Locator == nil {
		return Sight{Outcome: NotVisible, Detail: "no destinations are configured"}
	}
	active := make([]TokenName, 0, len(g.facts.Tokens.Items))
	for i := range g.facts.Tokens.Items {
		active = append(active, TokenName{ID: g.facts.Tokens.Items[i].ID, Name: g.facts.Tokens.Items[i].Name})
	}
	found, err := g.account.Locator.Locate(ctx, active)
	g.facts.Destinations.Items = found
	if err != nil {
		return Sight{Outcome: Failed, Detail: fmt.Sprintf("looking for the tokens' destinations: %v", err)}
	}
	return g.facts.Tokens.Sight
}
