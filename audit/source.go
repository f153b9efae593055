package audit

import (
	"context"

	"github.com/tokenwarden/tokenwarden/internal/dbtcloud"
)

// Population reads the lists that can be long: page by page, each item once. A
// pass that is not stable may have skipped some.
type Population interface {
	ServiceTokens(ctx context.Context, visit func(dbtcloud.ServiceToken) error) (dbtcloud.Pass, error)
	Users(ctx context.Context, visit func(dbtcloud.User) error) (dbtcloud.Pass, error)
	Projects(ctx context.Context, visit func(dbtcloud.Project) error) (dbtcloud.Pass, error)
}

// Settings reads what is one request each. Permissions and PersonalAccessTokens
// cost one per token and per user, which is why [Policy.Lookups] limits them.
type Settings interface {
	Accounts(ctx context.Context) ([]dbtcloud.Account, error)
	IPRules(ctx context.Context) ([]dbtcloud.IPRule, error)
	SCIMTokens(ctx context.Context) ([]dbtcloud.SCIMToken, error)
	Permissions(ctx context.Context, tokenID int64) ([]dbtcloud.Grant, error)
	PersonalAccessTokens(ctx context.Context, userID int64) ([]dbtcloud.PersonalAccessToken, error)
}

// Source is one account as one credential sees it.
type Source interface {
	Population
	Settings
}

// TokenName is what a [Locator] needs to know of a token.
type TokenName struct {
	ID   int64
	Name string
}

// Locator says where the values of tokens are kept, by the configuration and by
// the labels in the stores. It never sends a stored value to dbt Cloud: that
// would move the last_used that audits live on.
type Locator interface {
	Locate(ctx context.Context, active []TokenName) ([]Destination, error)
}

// Credential is what an account is audited with.
type Credential int

// The kinds of credential. There is no request that tells: a value's prefix is
// a hint, so anything that is not known to be personal is treated as though it
// were a service token, which must at least see one token, itself.
const (
	UnknownCredential Credential = iota
	ServiceTokenCredential
	PersonalCredential
)

// Account is one account to audit.
type Account struct {
	Name string // what the configuration calls it; may be empty
	ID   int64
	Host string // the base URL, for the report

	// Source reads the account. Where it could not be built, because the store
	// of its credential cannot be read, say, Err tells why and the account is
	// reported as failed.
	Source Source
	Err    error

	Credential Credential
	// Own tells whether a token is the one that this audit authenticates with;
	// nil when nobody can tell. Nothing is concluded when it says so of several.
	Own func(dbtcloud.ServiceToken) bool

	// Locator is nil when no destinations are configured.
	Locator Locator
}
