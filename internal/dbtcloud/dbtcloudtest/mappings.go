package dbtcloudtest

import (
	"net/http"
	"strconv"
)

// mapping ties a service token to the semantic layer credential it uses in one
// project. The vendor specifies none of it; this is what the provider uses.
type mapping struct {
	ID             int64 `json:"id"`
	AccountID      int64 `json:"account_id"`
	ProjectID      int64 `json:"project_id"`
	CredentialID   int64 `json:"semantic_layer_credentials_id"`
	ServiceTokenID int64 `json:"service_token_id"`
	State          int   `json:"state"`
}

// getMappings answers for one project, which must be named (provider).
func (c *call) getMappings() reply {
	project, err := strconv.ParseInt(c.query.Get("project_id"), 10, 64)
	if err != nil {
		return invalid("project_id", "This field is required.")
	}
	var found []*mapping
	for _, m := range c.account.mappings {
		if m.ProjectID == project && m.State == active {
			found = append(found, m)
		}
	}
	return list(c, found, func(m *mapping) any { return *m })
}

// postMapping takes one credential per token and project (docs).
func (c *call) postMapping() reply {
	var in mapping
	if refusal, ok := c.decode(&in); !ok {
		return refusal
	}
	t := c.sim.world.tokens[in.ServiceTokenID]
	switch {
	case in.AccountID != 0 && in.AccountID != c.account.id:
		return invalid("account_id", "It is not the account of the path.")
	case in.ProjectID <= 0:
		return invalid("project_id", "This field is required.")
	case in.CredentialID <= 0:
		return invalid("semantic_layer_credentials_id", "This field is required.")
	case t == nil || t.account != c.account || t.state != active:
		return invalid("service_token_id", "Invalid pk - object does not exist.")
	}
	for _, m := range c.account.mappings {
		if m.State == active && m.ServiceTokenID == t.id && m.ProjectID == in.ProjectID {
			return invalid("service_token_id", "The service token already has a credential in this project.")
		}
	}
	added := &mapping{
		ID: c.sim.world.nextID(), AccountID: c.account.id, ProjectID: in.ProjectID, CredentialID: in.CredentialID,
		ServiceTokenID: t.id, State: active,
	}
	c.account.mappings = append(c.account.mappings, added)
	return success(http.StatusCreated, *added)
}

// deleteMapping answers with the object: the provider reads a body.
func (c *call) deleteMapping() reply {
	for _, m := range c.account.mappings {
		if m.ID == c.ids[1] && m.State == active {
			m.State = deleted
			return success(http.StatusOK, *m)
		}
	}
	return notFound()
}
