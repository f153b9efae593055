package dbtcloud

import (
	"encoding/json"
	"time"

	"github.com/tokenwarden/tokenwarden/secrets"
)

// State is the life of a resource. Deleted ones still answer GET with 200 and
// stand in unfiltered lists (provider).
type State int

// The states (spec).
const (
	Active  State = 1
	Deleted State = 2
)

// ServiceToken is an account's machine credential (spec).
type ServiceToken struct {
	ID        int64     `json:"id"`
	AccountID int64     `json:"account_id"`
	UID       string    `json:"uid"` // "part of the token" (provider); one public example shows its first characters after the prefix, which is not certain: never print it
	Name      string    `json:"name"`
	State     State     `json:"state"`
	CreatedAt Timestamp `json:"created_at"`
	UpdatedAt Timestamp `json:"updated_at"`
	// LastUsed: null is never used; absent is unknown (spec). How much it lags
	// behind the use is not documented.
	LastUsed Timestamp `json:"last_used"`

	// Grants are the rows that the item carries. HasGrants is false when it
	// carries no such list, which says nothing about the token's permissions.
	// The list in an item is not paginated and not authoritative (a nested item
	// was recorded with an empty list although it had grants): what the token
	// may do is answered by Permissions.
	Grants    []Grant `json:"-"`
	HasGrants bool    `json:"-"`

	// MetadataOnly and WebhooksOnly are what old tokens have instead of a
	// permission set; they are part of their permissions (spec).
	MetadataOnly bool `json:"-"`
	WebhooksOnly bool `json:"-"`

	// SemanticLayer lists the semantic layer credentials that the item names;
	// HasSemanticLayer is false when the item has no such list (spec: optional).
	SemanticLayer    []SemanticLayerCredential `json:"-"`
	HasSemanticLayer bool                      `json:"-"`

	// Unread names fields that stand in the item but could not be understood
	// (their value here is the zero value). Whoever relies on one of them must
	// look: an unreadable metadata_only is not false.
	Unread []string `json:"-"`
}

// Grant is one permission row of a service token (spec).
type Grant struct {
	ID             int64  `json:"id,omitempty"`
	AccountID      int64  `json:"account_id,omitempty"`
	ServiceTokenID int64  `json:"service_token_id,omitempty"`
	PermissionSet  string `json:"permission_set"` // unknown names are carried through verbatim
	ProjectID      *int64 `json:"project_id,omitempty"`
	// AllProjects is also true when the row does not say and names no project,
	// which is how rows in permission_grants are written (spec).
	AllProjects bool  `json:"all_projects"`
	State       State `json:"state,omitempty"` // 0: the row does not say; each row has its own: copying a deleted row would widen rights
	// WritableEnvironmentCategories is the raw value: null or absent, [] (no
	// environment write), ["all"], or some of development, staging, production,
	// other (recorded, docs). Nil means that the field was absent or null.
	WritableEnvironmentCategories json.RawMessage `json:"writable_environment_categories,omitempty"`
}

// SemanticLayerCredential is an entry of an item's semantic_layer_credentials.
// Its form is not specified: ProjectID is 0 when the entry does not say.
type SemanticLayerCredential struct {
	ID        int64
	ProjectID int64
}

// Mapping ties a service token to the semantic layer credential it uses in one
// project. Unspecified by the vendor, used by the provider. A replacement
// without its mappings is a silent outage (docs).
type Mapping struct {
	ID             int64 `json:"id,omitempty"`
	AccountID      int64 `json:"account_id"`
	ProjectID      int64 `json:"project_id"`
	CredentialID   int64 `json:"semantic_layer_credentials_id"`
	ServiceTokenID int64 `json:"service_token_id"`
	State          State `json:"state"`
}

// NewServiceToken is what a create sends.
type NewServiceToken struct {
	Name         string
	Grants       []Grant // sent as permission_grants: set, project, environment categories
	MetadataOnly bool
	WebhooksOnly bool
}

// CreatedServiceToken is the reply to a create: the only time the value is shown.
type CreatedServiceToken struct {
	ServiceToken
	Value secrets.Value
}

// User is a member of the account (spec).
type User struct {
	ID               int64     `json:"id"`
	Email            string    `json:"email"`
	FirstName        string    `json:"first_name"`
	LastName         string    `json:"last_name"`
	IsActive         *bool     `json:"is_active"` // nil: the item does not say
	State            State     `json:"state"`     // 0: the item does not say
	LastLogin        Timestamp `json:"last_login"`
	APITokenLastUsed Timestamp `json:"apitoken_last_used"` // the only sign of a user API key in use (spec)
}

// PersonalAccessToken is a user's own credential (spec).
type PersonalAccessToken struct {
	ID        int64     `json:"id"`
	UserID    int64     `json:"user_id"`
	Name      string    `json:"name"`
	State     State     `json:"state"`
	Type      int       `json:"type"` // 1 Cloud CLI, 2 general, 3 native app, 4 SCIM
	CreatedAt Timestamp `json:"created_at"`
	LastUsed  Timestamp `json:"last_used"`
}

// Account is what a credential can see of an account (recorded).
type Account struct {
	ID     int64  `json:"id"`
	Name   string `json:"name"`
	State  State  `json:"state"`
	Plan   string `json:"plan"`
	Locked bool   `json:"locked"`
}

// Project (recorded).
type Project struct {
	ID    int64  `json:"id"`
	Name  string `json:"name"`
	State State  `json:"state"`
}

// IPRule is one rule of the account's IP restrictions (recorded).
type IPRule struct {
	ID                      int64  `json:"id"`
	Name                    string `json:"name"`
	Type                    int    `json:"type"` // 1 allow, 2 deny
	State                   State  `json:"state"`
	RuleSetEnabled          *bool  `json:"rule_set_enabled"` // nil: the rule does not say; there is no GET for the set itself
	EnabledForServiceTokens *bool  `json:"enabled_for_service_tokens"`
	CIDRs                   []CIDR `json:"cidrs"`
	Description             string `json:"description"`
}

// CIDR is one address range of an IPRule (recorded).
type CIDR struct {
	ID       int64  `json:"id"`
	CIDR     string `json:"cidr"`
	CIDRIPv6 string `json:"cidr_ipv6"`
	State    State  `json:"state"`
	Enabled  bool   `json:"enabled"` // true unless the range says otherwise
}

// SCIMToken is a credential of the account's user provisioning (spec).
type SCIMToken struct {
	ID        int64     `json:"id"`
	Name      string    `json:"name"`
	State     State     `json:"state"`
	CreatedAt Timestamp `json:"created_at"`
	LastUsed  Timestamp `json:"last_used"`
}

// Pass is what reading a list to its end (or not) came to.
type Pass struct {
	Read int // items read, deleted ones included
	// Total is the service's total_count; -1 when it never said.
	Total int
	// Stable is true when every page gave the same total and Read equals it:
	// offset paging skips an item when another is deleted meanwhile, and only a
	// stable pass proves that something is not in the list.
	Stable bool
	Date   time.Time // server time of the last page; zero: the reply had no Date header
}
