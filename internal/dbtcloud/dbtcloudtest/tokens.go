package dbtcloudtest

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

type token struct {
	id        int64
	account   *account
	uid       string
	value     string
	cred      *credential
	name      string
	state     int
	createdAt json.RawMessage
	updatedAt json.RawMessage
	usage     usage
	rows      []row

	metadataOnly, webhooksOnly bool
	omit                       []string

	validFrom, deletedAt time.Time
	versions             []version // oldest first, for Options.StaleLists
}

// version is what a token was from some time on.
type version struct {
	from  time.Time
	name  string
	state int
}

// uidOf is "part of the token" (provider); which part is unknown.
func uidOf(value string) string { return value[min(5, len(value)):min(13, len(value))] }

type tokenItem struct {
	ID               int64           `json:"id"`
	CreatedAt        json.RawMessage `json:"created_at"`
	UpdatedAt        json.RawMessage `json:"updated_at"`
	AccountID        int64           `json:"account_id"`
	UID              string          `json:"uid"`
	Name             string          `json:"name"`
	State            int             `json:"state"`
	PermissionGrants *[]row          `json:"permission_grants,omitempty"`
	LastUsed         json.RawMessage `json:"last_used,omitempty"`
	SemanticLayer    *[]semanticItem `json:"semantic_layer_credentials,omitempty"`
	MetadataOnly     bool            `json:"metadata_only"`
	WebhooksOnly     bool            `json:"webhooks_only"`
	TokenString      string          `json:"token_string,omitempty"` // in the reply to a create alone (spec)
}

// semanticItem is an entry of semantic_layer_credentials; its form is assumed.
type semanticItem struct {
	ID        int64 `json:"id"`
	ProjectID int64 `json:"project_id,omitempty"`
}

// body makes the item of a reply out of t as it was in version v.
func (c *call) body(t *token, v version) tokenItem {
	o := &c.sim.opts
	item := tokenItem{
		ID: t.id, CreatedAt: t.createdAt, UpdatedAt: t.updatedAt, AccountID: t.account.id, UID: t.uid,
		Name: v.name, State: v.state, MetadataOnly: t.metadataOnly, WebhooksOnly: t.webhooksOnly,
	}
	if !o.ItemsWithoutGrants {
		rows := []row{}
		for _, r := range t.rows {
			if r.State == active {
				rows = append(rows, r)
			}
		}
		item.PermissionGrants = &rows
	}
	if !o.ItemsWithoutLastUsed {
		item.LastUsed = t.usage.date(c.now, o, t.id)
	}
	if !o.ItemsWithoutSemanticLayer {
		entries := []semanticItem{}
		for _, m := range t.account.mappings {
			if m.ServiceTokenID == t.id && m.State == active {
				entry := semanticItem{ID: m.CredentialID, ProjectID: m.ProjectID}
				if o.SemanticLayerIDsOnly {
					entry.ProjectID = 0
				}
				entries = append(entries, entry)
			}
		}
		item.SemanticLayer = &entries
	}
	return item
}

func (c *call) item(t *token) any { return c.itemAt(t, t.current()) }

// itemAt is the item of t as it was in version v, with the fields more and less
// that it is to have.
func (c *call) itemAt(t *token, v version) any {
	return with(without(c.body(t, v), t.omit), c.sim.opts.ItemsWithMore)
}

func (t *token) current() version { return t.versions[len(t.versions)-1] }

// asOf returns what t was some time before now; ok is false before it was there.
// A version from the future is one from before the clock was put back: it counts.
func (t *token) asOf(now time.Time, before time.Duration) (v version, ok bool) {
	for _, candidate := range t.versions {
		if candidate.from.After(now.Add(-before)) && !candidate.from.After(now) {
			break
		}
		v, ok = candidate, true
	}
	return v, ok
}

// change puts a new name or state into force.
func (t *token) change(now time.Time, name string, state int) {
	if state != active && t.state == active {
		t.deletedAt = now
	}
	t.name, t.state, t.updatedAt = name, state, writeDate(now, t.id)
	t.versions = append(t.versions, version{now, name, state})
}

// listTokens includes deleted tokens unless it is told not to (provider).
func (c *call) listTokens() reply {
	type listed struct {
		t *token
		v version
	}
	var all []listed
	for _, t := range c.account.tokens {
		if v, ok := t.asOf(c.now, c.sim.opts.StaleLists); ok && c.wanted(v.state) {
			all = append(all, listed{t, v})
		}
	}
	return list(c, all, func(l listed) any { return c.itemAt(l.t, l.v) })
}

// target finds the token of the path, deleted ones included.
func (c *call) target() *token {
	if t := c.sim.world.tokens[c.ids[1]]; t != nil && t.account == c.account {
		return t
	}
	return nil
}

// getToken answers 200 with state 2 for a deleted token (provider).
func (c *call) getToken() reply {
	t := c.target()
	if t == nil {
		return notFound()
	}
	v, ok := t.asOf(c.now, c.sim.opts.StaleItems)
	if !ok || v.state != active && c.sim.opts.HideDeleted404 {
		return notFound()
	}
	return success(http.StatusOK, c.itemAt(t, v))
}

type tokenRequest struct {
	AccountID        *int64         `json:"account_id"`
	Name             *string        `json:"name"`
	State            int            `json:"state"`
	PermissionGrants []grantRequest `json:"permission_grants"`
	MetadataOnly     bool           `json:"metadata_only"`
	WebhooksOnly     bool           `json:"webhooks_only"`
}

func (c *call) createToken() reply {
	if c.cred.token == nil {
		// docs: a personal access token cannot create service tokens.
		return failure(http.StatusBadRequest, "Service tokens can only be created by a service token.")
	}
	var in tokenRequest
	if refusal, ok := c.decode(&in); !ok {
		return refusal
	}
	name, refusal, ok := c.nameOf(&in, nil)
	if !ok {
		return refusal
	}
	o := &c.sim.opts
	grants := in.PermissionGrants
	if o.IgnoreGrantsAtCreate {
		grants = nil
	}
	for _, g := range grants {
		if refusal, ok := c.acceptable(g); !ok {
			return refusal
		}
	}
	value, err := c.sim.newValue("dbtc_")
	if err != nil {
		return failure(http.StatusInternalServerError, err.Error())
	}
	uid := uidOf
	if o.UIDOf != nil {
		uid = o.UIDOf
	}
	id := c.sim.world.nextID()
	created := writeDate(c.now, id)
	t := &token{
		id: id, account: c.account, uid: uid(value), value: value, name: name, state: active,
		createdAt: created, updatedAt: created, usage: usage{shown: json.RawMessage("null")},
		metadataOnly: in.MetadataOnly && !o.IgnoreFlagsAtCreate, webhooksOnly: in.WebhooksOnly && !o.IgnoreFlagsAtCreate,
		validFrom: c.now.Add(o.TokensTakeEffectAfter), versions: []version{{c.now, name, active}},
	}
	t.cred = &credential{account: c.account, token: t}
	c.assign(t, grants)
	c.account.tokens = append(c.account.tokens, t)
	c.sim.world.tokens[id], c.sim.world.credentials[value] = t, t.cred
	item := c.body(t, t.current())
	item.TokenString = value
	return success(http.StatusCreated, item)
}

// renameToken changes the name and nothing else (spec).
func (c *call) renameToken() reply { return c.update(false) }

// updateToken is how the provider updates: POST, with the state as well.
func (c *call) updateToken() reply { return c.update(true) }

func (c *call) update(andState bool) reply {
	t := c.target()
	if t == nil || t.state != active {
		return notFound()
	}
	var in tokenRequest
	if refusal, ok := c.decode(&in); !ok {
		return refusal
	}
	name, refusal, ok := c.nameOf(&in, t)
	if !ok {
		return refusal
	}
	state := active
	if andState && in.State == deleted {
		state = deleted
	}
	t.change(c.now, name, state)
	return success(http.StatusOK, c.item(t))
}

func (c *call) deleteToken() reply {
	t := c.target()
	if t == nil || t.state != active {
		return notFound()
	}
	t.change(c.now, t.name, deleted)
	if c.sim.opts.DeleteReplies200 {
		return success(http.StatusOK, c.item(t))
	}
	return reply{status: http.StatusNoContent} // spec
}

// nameOf is the name that a request gives to t, nil for a new token.
func (c *call) nameOf(in *tokenRequest, t *token) (name string, refusal reply, ok bool) {
	if in.AccountID != nil && *in.AccountID != c.account.id {
		return "", invalid("account_id", "It is not the account of the path."), false
	}
	if in.Name == nil || strings.TrimSpace(*in.Name) == "" {
		return "", invalid("name", "This field is required."), false // recorded
	}
	name = *in.Name
	o := &c.sim.opts
	if o.ChangeName != nil {
		name = o.ChangeName(name)
	}
	if runes := []rune(name); o.MaxNameLength > 0 && len(runes) > o.MaxNameLength {
		if o.RefuseLongNames {
			return "", invalid("name", "Ensure this field has no more characters."), false
		}
		name = string(runes[:o.MaxNameLength])
	}
	if o.UniqueNames {
		for _, other := range c.account.tokens {
			if other != t && (other.state == active || o.NamesStayTaken) && other.name == name {
				return "", invalid("name", "A service token with this name already exists."), false
			}
		}
	}
	return name, reply{}, true
}

// decode reads the body; the refusal is for one that is no JSON of the right form.
func (c *call) decode(into any) (refusal reply, ok bool) {
	if err := json.Unmarshal(c.in.body, into); err != nil {
		return invalid("non_field_errors", "The body is not the JSON that was expected."), false
	}
	return reply{}, true
}
