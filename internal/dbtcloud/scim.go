package dbtcloud

import "context"

// UnmarshalJSON reads an item of the API; only a missing id is an error.
func (t *SCIMToken) UnmarshalJSON(b []byte) error {
	o, err := readObject(b)
	if err != nil {
		return err
	}
	id, err := o.id()
	*t = SCIMToken{
		ID: id, Name: o.text("name"), State: o.state(), CreatedAt: o.date("created_at"), LastUsed: o.date("last_used"),
	}
	return err
}

// SCIMTokens reads the account's provisioning tokens, whatever their state.
//
// GET /api/v3/accounts/{a}/scim-config/tokens/ (spec).
func (c *Client) SCIMTokens(ctx context.Context) ([]SCIMToken, error) {
	return whole(ctx, c, listing[SCIMToken]{
		op: "listing SCIM tokens", path: c.accountPath("scim-config/tokens/"), id: func(t SCIMToken) int64 { return t.ID },
	})
}
