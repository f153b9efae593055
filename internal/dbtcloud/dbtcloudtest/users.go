package dbtcloudtest

import (
	"encoding/json"
	"net/http"
	"strings"
)

type user struct {
	seed     SeedUser
	keyUsage usage // of the old API key: apitoken_last_used
	tokens   []*personalToken
}

func (u *user) active() bool {
	return u.seed.State == active && (u.seed.IsActive == nil || *u.seed.IsActive)
}

func (a *account) user(id int64) *user {
	for _, u := range a.users {
		if u.seed.ID == id {
			return u
		}
	}
	return nil
}

type userItem struct {
	ID               int64           `json:"id"`
	State            int             `json:"state"`
	FirstName        string          `json:"first_name"`
	LastName         string          `json:"last_name"`
	FullName         string          `json:"fullname"`
	Email            string          `json:"email"`
	IsActive         bool            `json:"is_active"`
	IsStaff          bool            `json:"is_staff"`
	CreatedAt        json.RawMessage `json:"created_at"`
	LastLogin        json.RawMessage `json:"last_login"`
	APITokenLastUsed json.RawMessage `json:"apitoken_last_used,omitempty"`
}

func (c *call) userItem(u *user) userItem {
	return userItem{
		ID: u.seed.ID, State: u.seed.State, FirstName: u.seed.FirstName, LastName: u.seed.LastName,
		FullName: strings.TrimSpace(u.seed.FirstName + " " + u.seed.LastName), Email: u.seed.Email,
		IsActive: u.seed.IsActive == nil || *u.seed.IsActive, CreatedAt: u.seed.CreatedAt, LastLogin: u.seed.LastLogin,
		APITokenLastUsed: u.keyUsage.date(c.now, &c.sim.opts, u.seed.ID),
	}
}

func (c *call) listUsers() reply {
	var users []*user
	for _, u := range c.account.users {
		if c.wanted(u.seed.State) {
			users = append(users, u)
		}
	}
	return list(c, users, func(u *user) any { return without(c.userItem(u), u.seed.Omit) })
}

// getUser lacks apitoken_last_used in version 3 (spec).
func (c *call) getUser() reply {
	u := c.account.user(c.ids[1])
	if u == nil {
		return notFound()
	}
	item := c.userItem(u)
	if strings.HasPrefix(c.in.path, "/api/v3/") {
		item.APITokenLastUsed = nil
	}
	return success(http.StatusOK, without(item, u.seed.Omit))
}

type personalToken struct {
	seed  SeedPAT
	usage usage
}

type personalTokenItem struct {
	ID        int64           `json:"id"`
	UserID    int64           `json:"user_id"`
	AccountID int64           `json:"account_id"`
	Name      string          `json:"name"`
	State     int             `json:"state"`
	Type      int             `json:"type"`
	CreatedAt json.RawMessage `json:"created_at"`
	LastUsed  json.RawMessage `json:"last_used,omitempty"`
}

func (c *call) personalTokenItem(u *user, t *personalToken) any {
	return without(personalTokenItem{
		ID: t.seed.ID, UserID: u.seed.ID, AccountID: c.account.id, Name: t.seed.Name, State: t.seed.State, Type: t.seed.Type,
		CreatedAt: t.seed.CreatedAt, LastUsed: t.usage.date(c.now, &c.sim.opts, t.seed.ID),
	}, t.seed.Omit)
}

// keeper finds the user whose personal access tokens are asked for. Whether an
// administrator may see those of others is unknown: Options.RefusePATLists.
func (c *call) keeper() *user {
	u := c.account.user(c.ids[1])
	if u == nil || c.sim.opts.RefusePATLists && c.cred.user != u {
		return nil
	}
	return u
}

func (c *call) listPersonalTokens() reply {
	u := c.keeper()
	if u == nil {
		return notFound()
	}
	var tokens []*personalToken
	for _, t := range u.tokens {
		if c.wanted(t.seed.State) {
			tokens = append(tokens, t)
		}
	}
	return list(c, tokens, func(t *personalToken) any { return c.personalTokenItem(u, t) })
}

func (c *call) getPersonalToken() reply {
	u := c.keeper()
	if u == nil {
		return notFound()
	}
	for _, t := range u.tokens {
		if t.seed.ID == c.ids[2] {
			return success(http.StatusOK, c.personalTokenItem(u, t))
		}
	}
	return notFound()
}
