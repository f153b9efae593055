package dbtcloud

import (
	"context"
	"fmt"
	"strconv"
)

// UnmarshalJSON reads an item of the API; only a missing id is an error.
func (u *User) UnmarshalJSON(b []byte) error {
	o, err := readObject(b)
	if err != nil {
		return err
	}
	id, err := o.id()
	*u = User{
		ID:               id,
		Email:            o.text("email"),
		FirstName:        o.text("first_name"),
		LastName:         o.text("last_name"),
		IsActive:         o.flag("is_active"),
		State:            o.state(),
		LastLogin:        o.date("last_login"),
		APITokenLastUsed: o.date("apitoken_last_used"),
	}
	return err
}

// Users visits the account's users, page by page, whatever their state. An
// error of visit ends the list and is returned as it is. The single-user
// resource lacks apitoken_last_used, hence no method for it.
//
// GET /api/v3/accounts/{a}/users/ (spec).
func (c *Client) Users(ctx context.Context, visit func(User) error) (Pass, error) {
	users := listing[User]{
		op: "listing users", path: c.accountPath("users/"), id: func(u User) int64 { return u.ID },
	}
	return each(ctx, c, users, visit)
}

// UnmarshalJSON reads an item of the API; only a missing id is an error.
func (p *PersonalAccessToken) UnmarshalJSON(b []byte) error {
	o, err := readObject(b)
	if err != nil {
		return err
	}
	id, err := o.id()
	*p = PersonalAccessToken{
		ID:        id,
		UserID:    o.integer("user_id"),
		Name:      o.text("name"),
		State:     o.state(),
		Type:      int(o.integer("type")),
		CreatedAt: o.date("created_at"),
		LastUsed:  o.date("last_used"),
	}
	return err
}

// PersonalAccessTokens reads a user's tokens, whatever their state. Whether an
// administrator may see another user's is unknown: expect KindNotFound and
// KindForbidden, which then say nothing about the user.
//
// GET /api/v3/accounts/{a}/users/{u}/account-apikeys/ (spec).
func (c *Client) PersonalAccessTokens(ctx context.Context, userID int64) ([]PersonalAccessToken, error) {
	return whole(ctx, c, listing[PersonalAccessToken]{
		op:   fmt.Sprintf("listing the personal access tokens of user %d", userID),
		path: c.accountPath("users/" + strconv.FormatInt(userID, 10) + "/account-apikeys/"),
		id:   func(p PersonalAccessToken) int64 { return p.ID },
	})
}
