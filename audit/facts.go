package audit

import (
	"time"

	"github.com/tokenwarden/tokenwarden/internal/dbtcloud"
)

// Facts are what one account showed: all that a rule gets to see. Items are kept
// no larger than the rules need, as an account may have thousands.
type Facts struct {
	Account    string // the configured name, for commands; may be empty
	AccountID  int64
	Now        time.Time
	Credential Credential

	Tokens         List[Token]
	Users          List[User]
	Projects       List[int64] // ids of the projects that are there
	Rules          List[dbtcloud.IPRule]
	SCIMTokens     List[Secret]
	PersonalTokens List[Secret]
	Destinations   List[Destination]

	// Grants is how much is known of what tokens may do; a token's own
	// GrantsKnown says it for one.
	Grants Sight
	// Own is whether it is known which token this audit authenticates with.
	Own Sight
}

// Token is an active service token.
type Token struct {
	ID           int64
	Name         string
	CreatedAt    dbtcloud.Timestamp
	LastUsed     dbtcloud.Timestamp
	Grants       []Grant
	GrantsKnown  bool
	MetadataOnly bool
	WebhooksOnly bool
	FlagsUnread  bool // one of these two stands there and could not be understood
	Own          bool // the one that this audit authenticates with
}

func (t *Token) resource() Resource {
	return Resource{Type: ResourceServiceToken, ID: t.ID, Name: t.Name}
}

// Grant is one permission of a token: a set in one project, or in all (0).
type Grant struct {
	Set     string
	Project int64
}

// User is a member of the account, or was one.
type User struct {
	ID         int64
	Name       string // the address, else the name
	Inactive   bool   // known to be deactivated or deleted
	Deleted    bool
	APIKeyUsed dbtcloud.Timestamp
}

func (u *User) resource() Resource { return Resource{Type: ResourceUser, ID: u.ID, Name: u.Name} }

// Secret is a personal access token or a SCIM token.
type Secret struct {
	Resource  Resource
	Owner     *User // nil for a SCIM token
	CreatedAt dbtcloud.Timestamp
	LastUsed  dbtcloud.Timestamp
}

// Destination is a place where the value of a token is kept, as a [Locator]
// knows it. One of Empty, Unlabelled, TokenID, Elsewhere and Err tells what is
// known of what it holds.
type Destination struct {
	Ref string // the reference, which holds no secret

	// For is the active token that this place is configured for; 0 when the
	// configured name or id is that of no active token.
	For int64
	// ByTemplate says that this place was filled in from the account's store, as
	// for every other token: nobody has written down that this one is there.
	ByTemplate bool

	Empty      bool
	Unlabelled bool      // it holds a value of unknown owner, or another account's
	TokenID    int64     // the token of this account whose value it holds, by its label
	Until      time.Time // end of the overlap by the label; zero: none
	Elsewhere  bool      // the configuration says that others manage the token (rotate: never)
	Err        string    // why it could not be read
}
