// Package awssm keeps secrets in AWS Secrets Manager: awssm://NAME?region=R is a
// secret's string, and awssm://NAME?region=R#FIELD one key of the JSON object in
// it, beside the others.
//
// A version (secrets.Version) is the id of the version that AWSCURRENT is
// attached to. A write makes a version with the staging label AWSPENDING, whose
// content is that of the expected version with the new value in it, and then
// moves AWSCURRENT there from the expected version. The service refuses the move
// when AWSCURRENT is elsewhere: that is the check-and-set. AWSPREVIOUS stays at
// what was replaced.
//
// Labels are tags. Nothing else of a secret is touched: not its KMS key, other
// tags, resource policy, description or replication.
//
// Facts about the service are from the Secrets Manager API Reference and User
// Guide; package awstest lists them as rules, each with its source.
package awssm

import (
	"cmp"
	"context"
	"crypto/rand"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/tokenwarden/tokenwarden/secrets"
)

// DefaultTimeout bounds one call of the store, repeated tries of a read
// included. It is below the time that a rotation holds signals back for its
// store step.
const DefaultTimeout = 15 * time.Second

// Config is what a store can be told. The zero value is the usual one.
// Credentials, profile, region and endpoint come from where all AWS tools take
// them: the SDK's default chain of environment, shared files and roles.
type Config struct {
	// Credentials replace the default chain; nil: the chain.
	Credentials aws.CredentialsProvider
	// Timeout bounds one call of the store; 0: DefaultTimeout.
	Timeout time.Duration
	// UserAgent is how requests introduce themselves beside the SDK, as
	// "name/version"; empty: "tokenwarden".
	UserAgent string
	// Transport replaces TCP and TLS, for tests; nil: the real one.
	Transport http.RoundTripper
	// Rand is where the names of writes without a key come from; nil: crypto/rand.
	Rand io.Reader
}

// Store implements secrets.Store. The AWS configuration is read on the first
// call, not before.
type Store struct {
	cfg Config

	mu      sync.Mutex
	base    *aws.Config // nil until the first call
	clients map[place]*secretsmanager.Client
	pending map[string]secrets.Labels // by object: entries that wait for the secret to be created
}

var _ secrets.Store = (*Store)(nil)

// New returns a store. Nothing is read or sent yet.
func New(cfg Config) *Store {
	cfg.Timeout = cmp.Or(cfg.Timeout, DefaultTimeout)
	cfg.UserAgent = cmp.Or(cfg.UserAgent, "tokenwarden")
	if cfg.Rand == nil {
		cfg.Rand = rand.Reader
	}
	return &Store{cfg: cfg, clients: map[place]*secretsmanager.Client{}, pending: map[string]secrets.Labels{}}
}

// Read implements secrets.Store. A secret without a version reads as empty, like
// a missing one, but with its labels.
func (s *Store) Read(ctx context.Context, ref secrets.Ref) (content secrets.Content, err error) {
	err = s.with(ctx, "reading", ref, func(ctx context.Context, x *secret) error {
		content, err = x.read(ctx)
		return err
	})
	if err != nil {
		return secrets.Content{}, err
	}
	return content, nil
}

// Write implements secrets.Store. The same key, expected version and value are
// the same write, however often and wherever they come: once it has taken effect
// it returns the same version. A write that expects no version creates the
// secret, with the labels that wait for it, under the account's default key.
func (s *Store) Write(ctx context.Context, ref secrets.Ref, w secrets.Write) (version secrets.Version, err error) {
	err = s.with(ctx, "writing", ref, func(ctx context.Context, x *secret) error {
		version, err = x.write(ctx, w)
		return err
	})
	if err != nil {
		return "", err
	}
	return version, nil
}

// Label implements secrets.Store. AWS keeps no tags for a secret that does not
// exist: until this store's first Write creates it, the entries are kept in this
// process, and are lost with it, as is the value that they would have stood for.
func (s *Store) Label(ctx context.Context, ref secrets.Ref, set secrets.Labels, drop []secrets.Fingerprint) error {
	return s.with(ctx, "labelling", ref, func(ctx context.Context, x *secret) error {
		return x.label(ctx, set, drop)
	})
}

// Recall implements secrets.Store. AWS keeps a version without a staging label
// until there are more than a hundred.
func (s *Store) Recall(ctx context.Context, ref secrets.Ref, accept func(secrets.Value) bool) (value secrets.Value, err error) {
	err = s.with(ctx, "recalling", ref, func(ctx context.Context, x *secret) error {
		value, err = x.recall(ctx, accept)
		return err
	})
	if err != nil {
		return secrets.Value{}, err
	}
	return value, nil
}

// Check implements secrets.Store. It refuses a secret that must not be written
// to, and proves permissions with requests that cannot have an effect: see
// (*secret).prove.
func (s *Store) Check(ctx context.Context, ref secrets.Ref) error {
	return s.with(ctx, "checking", ref, func(ctx context.Context, x *secret) error {
		return x.check(ctx)
	})
}

// with opens the secret of ref for one call.
func (s *Store) with(ctx context.Context, op string, ref secrets.Ref, do func(context.Context, *secret) error) error {
	limited, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	x, err := s.open(limited, ref)
	if err == nil {
		err = do(limited, x)
	}
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return &secrets.Error{Op: op, Ref: ref, Err: err}
}
