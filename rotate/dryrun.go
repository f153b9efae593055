package rotate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tokenwarden/tokenwarden/internal/dbtcloud"
	"github.com/tokenwarden/tokenwarden/secrets"
)

// A dry run is another implementation of the interfaces, chosen here; nothing
// deeper knows of it. It reads as the real one does, and ends at the first call
// that would change something or use a value that is not our own credential.

// plannedError is what the dry implementation answers to such a call.
type plannedError struct{ what string }

func (e *plannedError) Error() string { return "dry run: would " + e.what }

func isPlanned(err error) bool {
	_, ok := errors.AsType[*plannedError](err)
	return ok
}

func planned(format string, args ...any) error {
	return &plannedError{what: fmt.Sprintf(format, args...)}
}

func (r *Rotator) dry() *Rotator {
	c := *r
	c.Evidence = nil
	c.AfterStore = func(context.Context, []string, map[string]string) error {
		return planned("run the after_store command")
	}
	c.Account.As = func(v secrets.Value) Client {
		return dryClient{Reader: r.Account.As(v), own: v.Equal(r.Account.Credential), client: r.Account.As(v)}
	}
	c.Store = func(ref secrets.Ref) (secrets.Store, error) {
		s, err := r.Store(ref)
		return dryStore{Store: s}, err
	}
	return &c
}

type dryClient struct {
	Reader
	own    bool
	client Client
}

func (c dryClient) Authenticate(ctx context.Context) (time.Time, error) {
	if c.own {
		return c.client.Authenticate(ctx)
	}
	return time.Time{}, planned("prove by last_used that a destination holds the token's value")
}

func (dryClient) Room(context.Context, int) error { return nil } // nothing is created

func (dryClient) CreateServiceToken(_ context.Context, t dbtcloud.NewServiceToken) (dbtcloud.CreatedServiceToken, time.Time, error) {
	return dbtcloud.CreatedServiceToken{}, time.Time{}, planned("create a replacement for it with the same permissions")
}

func (dryClient) SetPermissions(_ context.Context, id int64, _ []dbtcloud.Grant) error {
	return planned("set the permissions of replacement %d", id)
}

func (dryClient) CreateMapping(_ context.Context, m dbtcloud.Mapping) error {
	return planned("give replacement %d its semantic layer mapping in project %d", m.ServiceTokenID, m.ProjectID)
}

func (dryClient) RenameServiceToken(_ context.Context, id int64, _ string) error {
	return planned("give replacement %d its plain name", id)
}

func (dryClient) DeleteServiceToken(_ context.Context, id int64) error {
	return planned("delete token %d", id)
}

type dryStore struct{ secrets.Store }

func (dryStore) Write(_ context.Context, ref secrets.Ref, _ secrets.Write) (secrets.Version, error) {
	return "", planned("write %s", ref)
}

func (dryStore) Label(_ context.Context, ref secrets.Ref, set secrets.Labels, _ []secrets.Fingerprint) error {
	for _, l := range set {
		return planned("label %s as token %d's", ref, l.TokenID)
	}
	return planned("remove a label from %s", ref)
}
