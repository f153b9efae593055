package dbtcloud

import (
	"context"
	"fmt"
	"slices"
)

// knownField reports whether ServiceToken takes in the field of that name.
func knownField(name string) bool {
	switch name {
	case "id", "account_id", "uid", "name", "state", "created_at", "updated_at", "last_used", "metadata_only", "webhooks_only",
		"service_token_permissions", "permission_grants", "semantic_layer_credentials":
		return true
	}
	return false
}

// UnknownFields reads one token and names the fields that ServiceToken passes
// over, in alphabetical order. Only the names: what stands in such a field may be
// anything, a secret too. They are hostile.
//
// GET /api/v3/accounts/{a}/service-tokens/{id}/ (spec).
func (c *Client) UnknownFields(ctx context.Context, id int64) ([]string, error) {
	op := fmt.Sprintf("reading the fields of service token %d", id)
	rep, err := c.get(ctx, op, c.serviceTokenPath(id), nil)
	if err != nil {
		return nil, err
	}
	o, err := readObject(rep.data)
	if err != nil {
		return nil, c.unreadable(op, rep, errNotAnObject)
	}
	if o.integer("id") != id {
		return nil, c.unreadable(op, rep, errOtherToken)
	}
	var unknown []string
	for name := range o.fields {
		if !knownField(name) {
			unknown = append(unknown, name)
		}
	}
	slices.Sort(unknown)
	return unknown, nil
}
