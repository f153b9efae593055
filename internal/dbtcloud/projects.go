package dbtcloud

import "context"

// UnmarshalJSON reads an item of the API; only a missing id is an error.
func (p *Project) UnmarshalJSON(b []byte) error {
	o, err := readObject(b)
	if err != nil {
		return err
	}
	id, err := o.id()
	*p = Project{ID: id, Name: o.text("name"), State: o.state()}
	return err
}

// Projects visits the account's projects, page by page, whatever their state.
// An error of visit ends the list and is returned as it is.
//
// GET /api/v3/accounts/{a}/projects/ (spec).
func (c *Client) Projects(ctx context.Context, visit func(Project) error) (Pass, error) {
	projects := listing[Project]{
		op: "listing projects", path: c.accountPath("projects/"), id: func(p Project) int64 { return p.ID },
	}
	return each(ctx, c, projects, visit)
}
