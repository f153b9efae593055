package dbtcloud

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"time"

	"github.com/tokenwarden/tokenwarden/secrets"
)

const serviceTokensPath = "service-tokens/"

var (
	errOtherToken = errors.New("the reply is about another service token")
	errNoValue    = errors.New("the reply has no usable token_string")
	errDeadGrant  = errors.New("one of the grants is a deleted row: granting it would widen the token's rights")
)

var tokenShape = regexp.MustCompile(`^(dbt[a-z]_[A-Za-z0-9_-]{16,200}|[0-9a-fA-F]{32,128})$`)

// LooksLikeToken reports whether a value has the form of a token's: dbtc_ or dbtu_
// and some fifty characters by public samples; older ones carry no prefix and are
// hexadecimal. Nothing else is to be sent anywhere to find out whose it is.
func LooksLikeToken(value secrets.Value) bool { return tokenShape.MatchString(value.Reveal()) }

// UnmarshalJSON reads an item of the API. Only an item without an id is an
// error; see Unread for the rest.
func (t *ServiceToken) UnmarshalJSON(b []byte) error {
	o, err := readObject(b)
	if err != nil {
		return err
	}
	id, err := o.id()
	if err != nil {
		return err
	}
	*t = ServiceToken{
		ID:           id,
		AccountID:    o.integer("account_id"),
		UID:          o.text("uid"),
		Name:         o.text("name"),
		State:        o.state(),
		CreatedAt:    o.date("created_at"),
		UpdatedAt:    o.date("updated_at"),
		LastUsed:     o.date("last_used"),
		MetadataOnly: o.is("metadata_only"),
		WebhooksOnly: o.is("webhooks_only"),
	}
	// An item may carry its grants twice (recorded). The provider's name has
	// whole rows, with states; the spec's has what a create sends.
	for _, name := range []string{"service_token_permissions", "permission_grants"} {
		var grants []Grant
		if o.into(name, &grants) {
			t.HasGrants = true
			if len(t.Grants) == 0 {
				t.Grants = grants
			}
		}
	}
	t.HasSemanticLayer = o.into("semantic_layer_credentials", &t.SemanticLayer)
	t.Unread = o.unread
	return nil
}

// UnmarshalJSON reads an entry: an object, or an id alone. It never fails: an
// entry in a form unknown to us still says that there is a credential.
func (s *SemanticLayerCredential) UnmarshalJSON(b []byte) error {
	*s = SemanticLayerCredential{}
	if o, err := readObject(b); err == nil {
		s.ID, s.ProjectID = o.integer("id"), o.integer("project_id")
		return nil
	}
	alone := object{fields: map[string]json.RawMessage{"id": b}}
	s.ID = alone.integer("id")
	return nil
}

func (c *Client) serviceTokenPath(id int64) string {
	return c.accountPath(serviceTokensPath) + strconv.FormatInt(id, 10) + "/"
}

// ServiceTokens visits the account's service tokens that are not deleted, page
// by page. Deleted ones, which the service may list in spite of the filter, are
// counted in Pass.Read. An error of visit ends the list and is returned as it is.
//
// GET /api/v3/accounts/{a}/service-tokens/?state=1 (spec; the filter: provider).
func (c *Client) ServiceTokens(ctx context.Context, visit func(ServiceToken) error) (Pass, error) {
	tokens := listing[ServiceToken]{
		op:    "listing service tokens",
		path:  c.accountPath(serviceTokensPath),
		query: url.Values{"state": {strconv.Itoa(int(Active))}},
		id:    func(t ServiceToken) int64 { return t.ID },
	}
	return each(ctx, c, tokens, func(t ServiceToken) error {
		if t.State == Deleted {
			return nil
		}
		return visit(t)
	})
}

// ServiceToken reads one token, and the server's time of the reply (zero: it
// had none). A deleted token is no error: its State says so.
//
// GET /api/v3/accounts/{a}/service-tokens/{id}/ (spec).
func (c *Client) ServiceToken(ctx context.Context, id int64) (ServiceToken, time.Time, error) {
	op := fmt.Sprintf("reading service token %d", id)
	rep, err := c.get(ctx, op, c.serviceTokenPath(id), nil)
	if err != nil {
		return ServiceToken{}, dateOf(err), err
	}
	var t ServiceToken
	if err := json.Unmarshal(rep.data, &t); !rep.hasData || err != nil {
		return ServiceToken{}, rep.date, c.unreadable(op, rep, errNotAnObject)
	}
	if t.ID != id {
		return ServiceToken{}, rep.date, c.unreadable(op, rep, errOtherToken)
	}
	return t, rep.date, nil
}

// newServiceToken is the body of a create (spec). The booleans are sent only
// where they are set, because a create is not specified to take them.
type newServiceToken struct {
	Name         string     `json:"name"`
	Grants       []newGrant `json:"permission_grants"`
	MetadataOnly bool       `json:"metadata_only,omitempty"`
	WebhooksOnly bool       `json:"webhooks_only,omitempty"`
}

type newGrant struct {
	PermissionSet string          `json:"permission_set"`
	ProjectID     *int64          `json:"project_id,omitempty"` // absent: all projects
	Categories    json.RawMessage `json:"writable_environment_categories,omitempty"`
}

// CreateServiceToken makes a token and returns it with its value, and the
// server's time. It is sent once; where it failed, MayHaveHappened tells
// whether a token without a known value may exist now. An answer of success
// without an id or a value is such an error. Deleted grants are refused.
//
// POST /api/v3/accounts/{a}/service-tokens/ (spec; the reply: recorded).
func (c *Client) CreateServiceToken(ctx context.Context, n NewServiceToken) (CreatedServiceToken, time.Time, error) {
	body := newServiceToken{Name: n.Name, Grants: []newGrant{}, MetadataOnly: n.MetadataOnly, WebhooksOnly: n.WebhooksOnly}
	r := request{op: "creating a service token", method: http.MethodPost, path: c.accountPath(serviceTokensPath)}
	for _, g := range n.Grants {
		if g.State == Deleted {
			return CreatedServiceToken{}, time.Time{}, c.unsent(r, KindInvalid, errDeadGrant)
		}
		grant := newGrant{PermissionSet: g.PermissionSet, Categories: g.WritableEnvironmentCategories}
		if !g.AllProjects {
			grant.ProjectID = g.ProjectID
		}
		body.Grants = append(body.Grants, grant)
	}
	r.body = body
	rep, err := c.write(ctx, r)
	if err != nil {
		return CreatedServiceToken{}, dateOf(err), err
	}
	var t ServiceToken
	if err := json.Unmarshal(rep.data, &t); !rep.hasData || err != nil {
		return CreatedServiceToken{}, rep.date, c.unreadable(r.op, rep, errNotAnObject)
	}
	o, _ := readObject(rep.data) // it was read once
	value := o.text("token_string")
	if !usable(value) {
		return CreatedServiceToken{}, rep.date, c.unreadable(r.op, rep, errNoValue)
	}
	return CreatedServiceToken{ServiceToken: t, Value: secrets.NewValue(value)}, rep.date, nil
}

// RenameServiceToken changes the name, which is all that a PUT changes.
//
// PUT /api/v3/accounts/{a}/service-tokens/{id}/ (spec).
func (c *Client) RenameServiceToken(ctx context.Context, id int64, name string) error {
	body := struct {
		Name string `json:"name"`
	}{name}
	_, err := c.write(ctx, request{
		op: fmt.Sprintf("renaming service token %d", id), method: http.MethodPut, path: c.serviceTokenPath(id), body: body,
	})
	return err
}

// DeleteServiceToken deletes the token. Any 2xx is success, whatever it says:
// the spec promises 204, sibling resources answer 200 with the deleted object
// (recorded). A GET tells whether the token is gone.
//
// DELETE /api/v3/accounts/{a}/service-tokens/{id}/ (spec).
func (c *Client) DeleteServiceToken(ctx context.Context, id int64) error {
	_, err := c.write(ctx, request{
		op: fmt.Sprintf("deleting service token %d", id), method: http.MethodDelete, path: c.serviceTokenPath(id), statusOnly: true,
	})
	return err
}

// dateOf is the server's time of the reply that err stands for.
func dateOf(err error) time.Time {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Date
	}
	return time.Time{}
}
