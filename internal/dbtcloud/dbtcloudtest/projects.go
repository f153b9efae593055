package dbtcloudtest

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

// project has the fields of the recorded reply that the provider reads.
type project struct {
	ID                     int64           `json:"id"`
	AccountID              int64           `json:"account_id"`
	Name                   string          `json:"name"`
	Description            string          `json:"description"`
	State                  int             `json:"state"`
	Type                   int             `json:"type"`
	ConnectionID           *int64          `json:"connection_id"`
	RepositoryID           *int64          `json:"repository_id"`
	SemanticLayerConfigID  *int64          `json:"semantic_layer_config_id"`
	SkippedSetup           bool            `json:"skipped_setup"`
	DBTProjectSubdirectory *string         `json:"dbt_project_subdirectory"`
	CreatedAt              json.RawMessage `json:"created_at"`
	UpdatedAt              json.RawMessage `json:"updated_at"`
}

func (a *account) project(id int64) *project {
	for _, p := range a.projects {
		if p.ID == id {
			return p
		}
	}
	return nil
}

// listProjects filters and orders as the provider's data source asks for.
func (c *call) listProjects() reply {
	part := strings.ToLower(c.query.Get("name__icontains"))
	var found []*project
	for _, p := range c.account.projects {
		if c.wanted(p.State) && strings.Contains(strings.ToLower(p.Name), part) {
			found = append(found, p)
		}
	}
	if c.query.Get("order_by") == "name" {
		slices.SortStableFunc(found, func(p, q *project) int { return strings.Compare(p.Name, q.Name) })
	}
	return list(c, found, func(p *project) any { return *p })
}

func (c *call) getProject() reply {
	if p := c.account.project(c.ids[1]); p != nil {
		return success(http.StatusOK, *p)
	}
	return notFound()
}

type projectRequest struct {
	Name                   *string `json:"name"`
	Description            *string `json:"description"`
	State                  int     `json:"state"`
	RepositoryID           *int64  `json:"repository_id"`
	ConnectionID           *int64  `json:"connection_id"`
	DBTProjectSubdirectory *string `json:"dbt_project_subdirectory"`
}

func (c *call) createProject() reply {
	p := &project{State: active}
	if refusal, ok := c.fill(p); !ok {
		return refusal
	}
	p.ID, p.AccountID = c.sim.world.nextID(), c.account.id
	p.CreatedAt = writeDate(c.now, p.ID)
	p.UpdatedAt = p.CreatedAt
	c.account.projects = append(c.account.projects, p)
	return success(http.StatusCreated, *p)
}

// updateProject is also how the provider deletes: a POST with state 2.
func (c *call) updateProject() reply {
	p := c.account.project(c.ids[1])
	if p == nil || p.State != active {
		return notFound()
	}
	if refusal, ok := c.fill(p); !ok {
		return refusal
	}
	return success(http.StatusOK, *p)
}

// fill puts the request's fields into p.
func (c *call) fill(p *project) (refusal reply, ok bool) {
	var in projectRequest
	if refusal, ok := c.decode(&in); !ok {
		return refusal, false
	}
	if in.Name == nil || *in.Name == "" {
		return invalid("name", "This field is required."), false // recorded
	}
	p.Name, p.UpdatedAt = *in.Name, writeDate(c.now, p.ID)
	if in.Description != nil {
		p.Description = *in.Description
	}
	if in.State == deleted {
		p.State = deleted
	}
	if in.RepositoryID != nil {
		p.RepositoryID = in.RepositoryID
	}
	if in.ConnectionID != nil {
		p.ConnectionID = in.ConnectionID
	}
	if in.DBTProjectSubdirectory != nil {
		p.DBTProjectSubdirectory = in.DBTProjectSubdirectory
		if *in.DBTProjectSubdirectory == "" {
			p.DBTProjectSubdirectory = nil // the provider plans null for one that was not set
		}
	}
	return reply{}, true
}

// deleteProject answers 200 with state 2 (recorded).
func (c *call) deleteProject() reply {
	p := c.account.project(c.ids[1])
	if p == nil || p.State != active {
		return notFound()
	}
	p.State, p.UpdatedAt = deleted, writeDate(c.now, p.ID)
	return success(http.StatusOK, *p)
}
