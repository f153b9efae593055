package rotate

import (
	"context"
	"time"
)

// Evidence keeps a record of what a rotation did. Record is called with an
// intent before each call that changes something and with its outcome after it,
// and with what was seen where that proves something: the replacement's
// permissions as read back, and that a deleted token is gone.
type Evidence interface {
	Record(ctx context.Context, e Entry) error
}

// Entry is one line of evidence. It never holds a secret.
type Entry struct {
	At          time.Time `json:"at"`                   // local clock
	ServerTime  time.Time `json:"server_time,omitzero"` // dbt Cloud's clock, as of its last reply
	Phase       string    `json:"phase"`                // intent, outcome, seen
	Step        string    `json:"step"`                 // create, set-permissions, map, label, store, fence, drop, remove, after-store, delete, rename; put-back, dismiss; seen: equalise
	AccountID   int64     `json:"account_id"`
	OldTokenID  int64     `json:"old_token_id"`
	TokenID     int64     `json:"token_id,omitempty"`    // the token that the step is about, where known
	Ref         string    `json:"ref,omitempty"`         // the destination that the step is about
	Outcome     string    `json:"outcome,omitempty"`     // done, failed
	Detail      string    `json:"detail,omitempty"`      // what was found or why it failed
	Compromised bool      `json:"compromised,omitempty"` // the token had to go at once
	Permissions []string  `json:"permissions,omitempty"` // of the old token (intent to create) and of the replacement (seen by equalise)
}
