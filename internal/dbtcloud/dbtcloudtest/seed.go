package dbtcloudtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
)

// Seed is a whole population. Fields of type json.RawMessage go into replies as
// they are, so that odd dates, null and "" can be planted. An id or value left
// out is generated, a state left out is 1 (active), a created_at left out is the
// time of loading, and a last_used left out is null; a field named in Omit is
// missing from replies altogether.
type Seed struct {
	Accounts []SeedAccount `json:"accounts"`
}

// SeedAccount is one account. One without an active service token that may do
// everything gets one, named "simulator admin".
type SeedAccount struct {
	ID            int64             `json:"id"`
	Name          string            `json:"name"`
	Plan          string            `json:"plan,omitempty"`   // default "enterprise"; audit logs are only there (docs)
	Unpaid        bool              `json:"unpaid,omitempty"` // every request is 401 (recorded)
	ServiceTokens []SeedToken       `json:"service_tokens,omitempty"`
	Projects      []SeedProject     `json:"projects,omitempty"`
	Users         []SeedUser        `json:"users,omitempty"`
	IPRules       []SeedIPRule      `json:"ip_rules,omitempty"`
	IPRulesOn     bool              `json:"ip_rules_enabled,omitempty"`
	SCIMTokens    []SeedSCIMToken   `json:"scim_tokens,omitempty"`
	AuditLogs     []json.RawMessage `json:"audit_logs,omitempty"`
}

// SeedToken is one service token.
type SeedToken struct {
	ID           int64           `json:"id,omitempty"`
	UID          string          `json:"uid,omitempty"`
	Name         string          `json:"name"`
	Value        string          `json:"value,omitempty"`
	State        int             `json:"state,omitempty"`
	CreatedAt    json.RawMessage `json:"created_at,omitempty"`
	UpdatedAt    json.RawMessage `json:"updated_at,omitempty"`
	LastUsed     json.RawMessage `json:"last_used,omitempty"`
	Grants       []SeedGrant     `json:"grants,omitempty"`
	MetadataOnly bool            `json:"metadata_only,omitempty"`
	WebhooksOnly bool            `json:"webhooks_only,omitempty"`
	Mappings     []SeedMapping   `json:"mappings,omitempty"`
	Omit         []string        `json:"omit,omitempty"`
	IPDenied     bool            `json:"ip_denied,omitempty"` // the IP restrictions keep this credential out
}

// SeedGrant is one permission row. AllProjects left out means: without a project.
type SeedGrant struct {
	ID                            int64           `json:"id,omitempty"`
	PermissionSet                 string          `json:"permission_set"`
	ProjectID                     *int64          `json:"project_id,omitempty"`
	AllProjects                   *bool           `json:"all_projects,omitempty"`
	State                         int             `json:"state,omitempty"`
	WritableEnvironmentCategories json.RawMessage `json:"writable_environment_categories,omitempty"`
}

// SeedMapping ties the token it stands in to a semantic layer credential.
type SeedMapping struct {
	ID           int64 `json:"id,omitempty"`
	ProjectID    int64 `json:"project_id"`
	CredentialID int64 `json:"semantic_layer_credentials_id"`
	State        int   `json:"state,omitempty"`
}

// SeedProject is one project.
type SeedProject struct {
	ID          int64           `json:"id,omitempty"`
	Name        string          `json:"name"`
	Description string          `json:"description,omitempty"`
	State       int             `json:"state,omitempty"`
	CreatedAt   json.RawMessage `json:"created_at,omitempty"`
}

// SeedUser is one member of the account.
type SeedUser struct {
	ID               int64           `json:"id,omitempty"`
	Email            string          `json:"email"`
	FirstName        string          `json:"first_name,omitempty"`
	LastName         string          `json:"last_name,omitempty"`
	IsActive         *bool           `json:"is_active,omitempty"` // default true
	State            int             `json:"state,omitempty"`
	CreatedAt        json.RawMessage `json:"created_at,omitempty"`
	LastLogin        json.RawMessage `json:"last_login,omitempty"`
	APITokenLastUsed json.RawMessage `json:"apitoken_last_used,omitempty"`
	// APIKey is the value of an old user API key. It sees every account that
	// has a user with this id (docs: a user-scoped key sees several accounts).
	APIKey               string    `json:"api_key,omitempty"`
	PermissionSets       []string  `json:"permission_sets,omitempty"`
	PersonalAccessTokens []SeedPAT `json:"personal_access_tokens,omitempty"`
	Omit                 []string  `json:"omit,omitempty"`
}

// SeedPAT is one personal access token.
type SeedPAT struct {
	ID        int64           `json:"id,omitempty"`
	Name      string          `json:"name"`
	Value     string          `json:"value,omitempty"`
	Type      int             `json:"type,omitempty"` // 1 Cloud CLI, 2 general, 3 native app, 4 SCIM (spec); default 2
	State     int             `json:"state,omitempty"`
	CreatedAt json.RawMessage `json:"created_at,omitempty"`
	LastUsed  json.RawMessage `json:"last_used,omitempty"`
	Omit      []string        `json:"omit,omitempty"`
}

// SeedIPRule is one rule of the IP restrictions.
type SeedIPRule struct {
	ID                      int64      `json:"id,omitempty"`
	Name                    string     `json:"name"`
	Type                    int        `json:"type"` // 1 allow, 2 deny
	State                   int        `json:"state,omitempty"`
	Description             string     `json:"description,omitempty"`
	EnabledForServiceTokens *bool      `json:"enabled_for_service_tokens,omitempty"` // default true
	CIDRs                   []SeedCIDR `json:"cidrs,omitempty"`
}

// SeedCIDR is one range; an IPv6 form left out is made as the service makes it.
type SeedCIDR struct {
	ID       int64  `json:"id,omitempty"`
	CIDR     string `json:"cidr"`
	CIDRIPv6 string `json:"cidr_ipv6,omitempty"`
	State    int    `json:"state,omitempty"`
	Enabled  *bool  `json:"enabled,omitempty"`
}

// SeedSCIMToken is one credential of the account's user provisioning.
type SeedSCIMToken struct {
	ID        int64           `json:"id,omitempty"`
	Name      string          `json:"name"`
	CreatedAt json.RawMessage `json:"created_at,omitempty"`
	LastUsed  json.RawMessage `json:"last_used,omitempty"`
}

// ReadSeed reads a seed in JSON. An unknown or repeated field and a value of the
// wrong kind are errors that name the place and the line, and nothing else of
// what is in the file: it may hold token values.
func ReadSeed(r io.Reader) (Seed, error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return Seed{}, fmt.Errorf("reading the seed: %w", err)
	}
	var seed Seed
	if err := json.Unmarshal(text, &seed); err != nil {
		var syntax *json.SyntaxError
		var kind *json.UnmarshalTypeError
		switch {
		case errors.As(err, &syntax):
			return Seed{}, fmt.Errorf("reading the seed: line %d: %s", line(text, syntax.Offset), syntax)
		case errors.As(err, &kind):
			return Seed{}, fmt.Errorf("reading the seed: line %d: %s cannot be a %s", line(text, kind.Offset), kind.Field, kind.Value)
		}
		return Seed{}, fmt.Errorf("reading the seed: %w", err)
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	if err := checkFields(decoder, reflect.TypeFor[Seed](), ""); err != nil {
		return Seed{}, fmt.Errorf("reading the seed: line %d: %w", line(text, decoder.InputOffset()), err)
	}
	return seed, nil
}

func line(text []byte, offset int64) int {
	return 1 + bytes.Count(text[:min(offset, int64(len(text)))], []byte("\n"))
}

// checkFields walks JSON that is known to fit t and finds fields that t has not.
// encoding/json's own check does not say where.
func checkFields(d *json.Decoder, t reflect.Type, place string) error {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	raw := t == reflect.TypeFor[json.RawMessage]()
	if raw || t.Kind() != reflect.Struct && t.Kind() != reflect.Slice {
		var skipped json.RawMessage
		return d.Decode(&skipped)
	}
	open, err := d.Token()
	if err != nil || open == nil { // null
		return err
	}
	seen := map[string]bool{}
	for i := 0; d.More(); i++ {
		var inner reflect.Type
		at := fmt.Sprintf("%s[%d]", place, i)
		if t.Kind() == reflect.Slice {
			inner = t.Elem()
		} else {
			key, err := d.Token()
			if err != nil {
				return err
			}
			name := key.(string)
			at = strings.TrimPrefix(place+"."+name, ".")
			field, known := fieldNamed(t, name)
			if !known {
				return fmt.Errorf("%s: unknown field %.40q", at, name)
			}
			if seen[name] {
				return fmt.Errorf("%s: stands there twice", at)
			}
			seen[name] = true
			inner = field.Type
		}
		if err := checkFields(d, inner, at); err != nil {
			return err
		}
	}
	_, err = d.Token()
	return err
}

func fieldNamed(t reflect.Type, name string) (reflect.StructField, bool) {
	for field := range t.Fields() {
		if tag, _, _ := strings.Cut(field.Tag.Get("json"), ","); tag == name {
			return field, true
		}
	}
	return reflect.StructField{}, false
}
