package dbtcloud

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
)

const mappingsPath = "semantic-layer-credential-to-service-token-mapping/"

var errMapping = errors.New("a semantic layer mapping cannot be understood")

// UnmarshalJSON reads a mapping, of which every id must be there.
func (m *Mapping) UnmarshalJSON(b []byte) error {
	o, err := readObject(b)
	if err != nil {
		return err
	}
	*m = Mapping{
		ID:             o.integer("id"),
		AccountID:      o.integer("account_id"),
		ProjectID:      o.integer("project_id"),
		CredentialID:   o.integer("semantic_layer_credentials_id"),
		ServiceTokenID: o.integer("service_token_id"),
		State:          o.state(),
	}
	if m.ProjectID <= 0 || m.CredentialID <= 0 || m.ServiceTokenID <= 0 || len(o.unread) > 0 {
		return fmt.Errorf("%w (unreadable: %q)", errMapping, o.unread)
	}
	return nil
}

// Mappings reads every mapping of a project, deleted ones included. It fails
// rather than return a part of them.
//
// GET /api/v3/accounts/{a}/semantic-layer-credential-to-service-token-mapping/?project_id=P (provider).
func (c *Client) Mappings(ctx context.Context, projectID int64) ([]Mapping, error) {
	return whole(ctx, c, listing[Mapping]{
		op:    fmt.Sprintf("reading the semantic layer mappings of project %d", projectID),
		path:  c.accountPath(mappingsPath),
		query: url.Values{"project_id": {strconv.FormatInt(projectID, 10)}},
		id:    func(m Mapping) int64 { return m.ID },
	})
}

// CreateMapping ties m's service token to m's credential in m's project. The
// account, id and state of m are not used: they are the Service's, the
// service's and active.
//
// POST to the same path (provider; recorded).
func (c *Client) CreateMapping(ctx context.Context, m Mapping) error {
	m.ID, m.AccountID, m.State = 0, c.service.account, Active
	_, err := c.write(ctx, request{
		op: fmt.Sprintf("mapping service token %d to semantic layer credential %d", m.ServiceTokenID, m.CredentialID), method: http.MethodPost,
		path: c.accountPath(mappingsPath), body: m,
	})
	return err
}
