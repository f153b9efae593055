// Package rotate replaces a service token by one with the same permissions, in
// every place that holds its value. At no moment does a consumer fail, and no live
// token is left that nobody knows of.
//
// A rotation observes, decides on one step, carries it out, and begins again.
// Nothing is remembered between runs: the state is read from dbt Cloud (the old
// token, and the tokens that replace it by their name or by a label) and from the
// destinations (whose value each of them holds). The function next decides; it is
// pure, from the state to one step. A step either can be repeated safely, or looks
// first whether it was done already. A run that is killed anywhere is therefore
// finished by the same command, on any machine.
//
// Five rules keep runs that compete, or that were killed, from doing harm:
//
//   - Whose value a destination holds is told by the value itself: its
//     fingerprint leads to the label that the store keeps beside it.
//   - A replacement whose value is stored wins over one whose value is not. Among
//     those that are stored nowhere the lowest id wins.
//   - A run removes its own replacement only when no write of its value can
//     succeed any more: none was sent, or its check-and-set has definitely failed.
//   - A run removes another run's replacement only behind a fence: it has written
//     the present value of the first destination again, so that a write of the
//     other run, should that wake up, must fail.
//   - The old token is deleted only after every destination was read again.
package rotate

import (
	"context"
	"io"
	"log/slog"
	"time"

	"github.com/tokenwarden/tokenwarden/internal/dbtcloud"
	"github.com/tokenwarden/tokenwarden/secrets"
)

// Reader is what a rotation reads from dbt Cloud. *dbtcloud.Client implements it.
type Reader interface {
	ServiceTokens(ctx context.Context, visit func(dbtcloud.ServiceToken) error) (dbtcloud.Pass, error)
	ServiceToken(ctx context.Context, id int64) (dbtcloud.ServiceToken, time.Time, error)
	Permissions(ctx context.Context, id int64) ([]dbtcloud.Grant, error)
	Mappings(ctx context.Context, projectID int64) ([]dbtcloud.Mapping, error)
	Projects(ctx context.Context, visit func(dbtcloud.Project) error) (dbtcloud.Pass, error)
}

// Writer is what a rotation changes in dbt Cloud. No call is ever retried by
// its implementation.
type Writer interface {
	CreateServiceToken(ctx context.Context, t dbtcloud.NewServiceToken) (dbtcloud.CreatedServiceToken, time.Time, error)
	SetPermissions(ctx context.Context, id int64, grants []dbtcloud.Grant) error
	CreateMapping(ctx context.Context, m dbtcloud.Mapping) error
	RenameServiceToken(ctx context.Context, id int64, name string) error
	DeleteServiceToken(ctx context.Context, id int64) error
}

// Client is one credential's view of one account.
type Client interface {
	Reader
	Writer
	// Authenticate tells whether the credential's value is accepted, and the
	// server's time.
	Authenticate(ctx context.Context) (time.Time, error)
	// Room waits until so many requests can be sent without waiting for the
	// request limit in between.
	Room(ctx context.Context, requests int) error
}

// Account is where a rotation takes place and with which credential.
type Account struct {
	Name       string // label from the configuration
	ID         int64
	Credential secrets.Value
	// CredentialRef is where the credential was read from. When the token to be
	// rotated is the credential itself, one of the destinations must be this.
	CredentialRef secrets.Ref
	// As returns a client that authenticates with value.
	As func(value secrets.Value) Client
}

// Rotator rotates the tokens of one account. Its zero fields mean: the real
// clock, no log, no evidence.
type Rotator struct {
	Account Account
	// Store returns the store of a reference.
	Store func(ref secrets.Ref) (secrets.Store, error)
	// AfterStore runs a command once the new value is in every destination; its
	// failure keeps the old token. Nil refuses requests that have a command.
	AfterStore func(ctx context.Context, command []string, env map[string]string) error
	// Evidence is told of every write before and after it. If it cannot be
	// written, the write is not done.
	Evidence Evidence
	// Progress is told, in a few words, what the rotation does now.
	Progress func(text string)

	Now   func() time.Time                           // local clock, for the evidence and results only
	Sleep func(context.Context, time.Duration) error // returns early with ctx's error
	Rand  io.Reader                                  // crypto/rand.Reader
	Log   *slog.Logger
}

// Options say how a rotation is to be done.
type Options struct {
	Overlap time.Duration // the old token lives at least this long after the value was stored
	Quiet   time.Duration // and has not been used for this long
	// OverlapSet and QuietSet: given explicitly for this run. Only an explicit
	// overlap shortens the one that an earlier run wrote into the label.
	OverlapSet bool
	QuietSet   bool
	Now        bool // --now: both are 0, and the old token goes in this run
	// Adopt takes a value of unknown owner in a destination for the old token's.
	Adopt bool
	// Compromised is why the token must go at once; it means Now, and the evidence
	// says it. Empty: it is an ordinary rotation.
	Compromised string
	// NoProof refuses where a value of unknown owner would have to be proved.
	NoProof bool
	// LabelOnly proves and labels what the destinations hold and does nothing else.
	LabelOnly bool
	// OrphanMinAge is the server-side age from which a replacement whose value
	// is nowhere may be dropped.
	OrphanMinAge time.Duration
	Timeout      time.Duration // for each rotation; 0: none
	DryRun       bool
}

// Request names one rotation.
type Request struct {
	TokenID      int64
	Destinations []secrets.Ref // absolute; any order, duplicates are refused
	AfterStore   []string      // command and arguments
	// Undo takes the token's place back from its replacement.
	Undo bool
}

// Status is what a rotation came to.
type Status string

// The statuses, as `rotate --format json` prints them.
const (
	Rotated   Status = "rotated"
	Pending   Status = "pending"
	Unchanged Status = "unchanged"
	Refused   Status = "refused"
	Failed    Status = "failed"
	Planned   Status = "planned"
	Undone    Status = "undone"
)

// Result is one rotation's outcome. Its JSON form is fixed; adding is fine.
type Result struct {
	AccountID  int64  `json:"account_id"`
	Account    string `json:"account,omitempty"`
	Name       string `json:"name"`
	OldTokenID int64  `json:"old_token_id"`
	NewTokenID int64  `json:"new_token_id,omitempty"`
	Status     Status `json:"status"`
	// Undo: the token's place was to be taken back from new_token_id, whether
	// that was asked for or an earlier run had begun it.
	Undo         bool                `json:"undo,omitempty"`
	Destinations []DestinationResult `json:"destinations"`
	Steps        []StepResult        `json:"steps"`
	Error        string              `json:"error,omitempty"`   // why it was refused or failed
	Message      string              `json:"message,omitempty"` // what a person should know or do
	Warnings     []string            `json:"warnings,omitempty"`
	// PendingUntil is when the old token may go; set for status pending where
	// it is known.
	PendingUntil *time.Time `json:"pending_until,omitempty"`
	Plan         *Plan      `json:"plan,omitempty"`
	// Compromised is why the token had to go at once; empty: it had not.
	Compromised string `json:"compromised,omitempty"`
	// Widespread: it failed of something that is no matter of this token alone,
	// so that another rotation would fail as well.
	Widespread bool `json:"-"`
}

// DestinationResult tells of one destination: whether it holds the
// replacement's value (for an undo, the token's own), and whether this run read
// that back.
type DestinationResult struct {
	Ref      string `json:"ref"`
	Written  bool   `json:"written"`
	ReadBack bool   `json:"read_back"`
}

// StepResult is one step that was taken.
type StepResult struct {
	Step    string    `json:"step"`
	At      time.Time `json:"at"`
	Outcome string    `json:"outcome"` // done, failed, planned
	Detail  string    `json:"detail,omitempty"`
}

// Plan is what a rotation would copy and where it would write: shown before a
// person confirms, and by a dry run.
type Plan struct {
	Permissions  []string   `json:"permissions"`
	LastUsed     *time.Time `json:"last_used,omitempty"`
	NextStep     string     `json:"next_step"`
	Destinations []string   `json:"destinations"` // "REF: holds the token's value", …
	Overlap      string     `json:"overlap"`
	Quiet        string     `json:"quiet"`
}

// ExitCode is what the command should exit with: 2 when something failed, else 1
// when something was refused, else 0.
func ExitCode(results []Result) int {
	code := 0
	for _, r := range results {
		switch r.Status {
		case Failed:
			return 2
		case Refused:
			code = 1
		case Rotated, Pending, Unchanged, Planned, Undone:
		}
	}
	return code
}
