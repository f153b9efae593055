package dbtcloud

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

var (
	errGrant    = errors.New("a permission row cannot be understood")
	errNoGrants = errors.New("there are no grants to set: permissions can be set once only")
)

// UnmarshalJSON reads a permission row. Unlike other items a row must be
// understood altogether: what a token may do is not to be guessed.
func (g *Grant) UnmarshalJSON(b []byte) error {
	o, err := readObject(b)
	if err != nil {
		return err
	}
	*g = Grant{
		ID:             o.integer("id"),
		AccountID:      o.integer("account_id"),
		ServiceTokenID: o.integer("service_token_id"),
		PermissionSet:  o.text("permission_set"),
		State:          o.state(),
	}
	if o.has("project_id") {
		project := o.integer("project_id")
		g.ProjectID = &project
	}
	if allProjects := o.flag("all_projects"); allProjects != nil {
		g.AllProjects = *allProjects
	} else {
		g.AllProjects = g.ProjectID == nil
	}
	if o.has("writable_environment_categories") {
		g.WritableEnvironmentCategories = bytes.Clone(o.fields["writable_environment_categories"])
	}
	if g.PermissionSet == "" || len(o.unread) > 0 {
		return fmt.Errorf("%w (unreadable: %q)", errGrant, o.unread)
	}
	return nil
}

func (c *Client) permissionsPath(id int64) string { return c.serviceTokenPath(id) + "permissions/" }

// Permissions reads every permission row of a token, those included that are
// not active. It fails rather than return a part of them.
//
// GET /api/v3/accounts/{a}/service-tokens/{id}/permissions/, paginated (spec).
func (c *Client) Permissions(ctx context.Context, id int64) ([]Grant, error) {
	return whole(ctx, c, listing[Grant]{
		op:   fmt.Sprintf("reading the permissions of service token %d", id),
		path: c.permissionsPath(id),
		id:   func(g Grant) int64 { return g.ID },
	})
}

// row is what the provider sends for a grant.
type row struct {
	AccountID      int64           `json:"account_id"`
	ServiceTokenID int64           `json:"service_token_id"`
	ProjectID      *int64          `json:"project_id,omitempty"`
	AllProjects    bool            `json:"all_projects"`
	PermissionSet  string          `json:"permission_set"`
	Categories     json.RawMessage `json:"writable_environment_categories,omitempty"`
}

// SetPermissions gives a token that has none its permissions, all at once. The
// service takes this once only (recorded), so an empty list is refused here, and
// deleted rows are too.
//
// POST /api/v3/accounts/{a}/service-tokens/{id}/permissions/ (provider).
func (c *Client) SetPermissions(ctx context.Context, id int64, grants []Grant) error {
	r := request{
		op: fmt.Sprintf("setting the permissions of service token %d", id), method: http.MethodPost, path: c.permissionsPath(id),
	}
	if len(grants) == 0 {
		return c.unsent(r, KindInvalid, errNoGrants)
	}
	rows := make([]row, 0, len(grants))
	for _, g := range grants {
		if g.State == Deleted {
			return c.unsent(r, KindInvalid, errDeadGrant)
		}
		rows = append(rows, row{
			AccountID: c.service.account, ServiceTokenID: id, ProjectID: g.ProjectID, AllProjects: g.AllProjects,
			PermissionSet: g.PermissionSet, Categories: g.WritableEnvironmentCategories,
		})
	}
	r.body = rows
	_, err := c.write(ctx, r)
	return err
}
