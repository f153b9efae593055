package dbtcloudtest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
)

// row is one permission row of a service token, with a state of its own (spec).
type row struct {
	ID             int64           `json:"id"`
	AccountID      int64           `json:"account_id"`
	ServiceTokenID int64           `json:"service_token_id"`
	ProjectID      *int64          `json:"project_id"`
	AllProjects    bool            `json:"all_projects"`
	PermissionSet  string          `json:"permission_set"`
	State          int             `json:"state"`
	Categories     json.RawMessage `json:"writable_environment_categories,omitempty"`
}

func newRow(t *token, g SeedGrant) row {
	r := row{
		ID: g.ID, AccountID: t.account.id, ServiceTokenID: t.id, ProjectID: g.ProjectID, AllProjects: g.ProjectID == nil,
		PermissionSet: g.PermissionSet, State: g.State, Categories: g.WritableEnvironmentCategories,
	}
	if g.AllProjects != nil {
		r.AllProjects = *g.AllProjects
	}
	return r
}

// grantRequest is a grant in a create, or a row in the older POST.
type grantRequest struct {
	AccountID      *int64          `json:"account_id"`
	ServiceTokenID *int64          `json:"service_token_id"`
	PermissionSet  string          `json:"permission_set"` // unknown sets are taken: new ones appear regularly
	ProjectID      *int64          `json:"project_id"`     // null or absent: all projects (spec)
	AllProjects    *bool           `json:"all_projects"`
	Categories     json.RawMessage `json:"writable_environment_categories"`
}

// categories reads a writable_environment_categories: null, absent, or a list
// of the documented values.
func categories(raw json.RawMessage) ([]string, error) {
	if raw == nil {
		return nil, nil
	}
	var values []string
	if err := json.Unmarshal(raw, &values); err != nil {
		return nil, fmt.Errorf("writable_environment_categories is no list of strings")
	}
	for _, v := range values {
		if !slices.Contains([]string{"all", "development", "staging", "production", "other"}, v) {
			return nil, fmt.Errorf("writable_environment_categories has an unknown value")
		}
	}
	return values, nil
}

func (c *call) acceptable(g grantRequest) (refusal reply, ok bool) {
	switch _, err := categories(g.Categories); {
	case g.PermissionSet == "":
		return invalid("permission_set", "This field is required."), false
	case slices.Contains(c.sim.opts.RefuseSets, g.PermissionSet):
		return invalid("permission_set", "It is not available on this plan."), false
	case err != nil:
		return invalid("writable_environment_categories", err.Error()), false
	case g.AccountID != nil && *g.AccountID != c.account.id:
		return invalid("account_id", "It is not the account of the path."), false
	case g.ProjectID == nil && g.AllProjects != nil && !*g.AllProjects:
		return invalid("project_id", "This field is required."), false // assumed
	}
	if g.ProjectID != nil && c.sim.opts.RejectUnknownProjects {
		if p := c.account.project(*g.ProjectID); p == nil || p.State != active {
			return invalid("project_id", "Invalid pk - object does not exist."), false
		}
	}
	return reply{}, true
}

// assign gives t its rows.
func (c *call) assign(t *token, grants []grantRequest) []row {
	before := len(t.rows)
	for _, g := range grants {
		if g.Categories == nil {
			g.Categories = c.sim.opts.DefaultCategories
		}
		t.rows = append(t.rows, newRow(t, SeedGrant{
			ID: c.sim.world.nextID(), PermissionSet: g.PermissionSet, ProjectID: g.ProjectID, AllProjects: g.AllProjects,
			State: active, WritableEnvironmentCategories: g.Categories,
		}))
	}
	return t.rows[before:]
}

// getPermissions lists every row, deleted ones included, in pages (spec,
// recorded: tokens with 150 rows exist).
func (c *call) getPermissions() reply {
	t := c.target()
	if t == nil || t.state != active && c.sim.opts.HideDeleted404 {
		return notFound()
	}
	var rows []row
	for _, r := range t.rows {
		if c.wanted(r.State) {
			rows = append(rows, r)
		}
	}
	return list(c, rows, func(r row) any { return r })
}

// postPermissions works once (recorded).
func (c *call) postPermissions() reply {
	t := c.target()
	if t == nil || t.state != active {
		return notFound()
	}
	var grants []grantRequest
	if refusal, ok := c.decode(&grants); !ok {
		return refusal
	}
	for _, g := range grants {
		if refusal, ok := c.acceptable(g); !ok {
			return refusal
		}
		if g.ServiceTokenID != nil && *g.ServiceTokenID != t.id {
			return invalid("service_token_id", "It is not the service token of the path.")
		}
	}
	if len(t.rows) > 0 {
		// recorded, spelling included
		return failure(http.StatusBadRequest, "Service token permissions cannot be updated after assigment. Please create a new service token.")
	}
	rows := slices.Clone(c.assign(t, grants))
	if rows == nil {
		rows = []row{}
	}
	return success(http.StatusOK, rows)
}
