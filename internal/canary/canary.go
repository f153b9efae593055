// Package canary measures what the vendor of dbt Cloud does not document, with
// one harmless token in a real account: what a create does with grants and
// names, how last_used follows a use, what a delete answers and how soon it
// holds. Each observation is held against what this program assumes.
//
// Whatever it makes it removes: at the end, after a failure, after a signal, and
// after a create whose reply was lost; what an earlier try left behind goes
// first. Where a token may be left all the same, the report names it.
//
// What is measured (facts) and what that means (judge) are kept apart: judging
// is pure.
package canary

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/tokenwarden/tokenwarden/internal/dbtcloud"
	"github.com/tokenwarden/tokenwarden/secrets"
)

// Reader is what a canary reads from dbt Cloud. *dbtcloud.Client implements it.
type Reader interface {
	ServiceTokens(ctx context.Context, visit func(dbtcloud.ServiceToken) error) (dbtcloud.Pass, error)
	ServiceToken(ctx context.Context, id int64) (dbtcloud.ServiceToken, time.Time, error)
	UnknownFields(ctx context.Context, id int64) ([]string, error)
	Permissions(ctx context.Context, id int64) ([]dbtcloud.Grant, error)
	Projects(ctx context.Context, visit func(dbtcloud.Project) error) (dbtcloud.Pass, error)
}

// Writer is what a canary changes in dbt Cloud: its own tokens, and nothing else.
type Writer interface {
	CreateServiceToken(ctx context.Context, t dbtcloud.NewServiceToken) (dbtcloud.CreatedServiceToken, time.Time, error)
	SetPermissions(ctx context.Context, id int64, grants []dbtcloud.Grant) error
	RenameServiceToken(ctx context.Context, id int64, name string) error
	DeleteServiceToken(ctx context.Context, id int64) error
}

// Client is the view of an account that the credential has.
type Client interface {
	Reader
	Writer
}

// Login is one value's view of the service.
type Login interface {
	Authenticate(ctx context.Context) (time.Time, error)
}

// Canary is one measurement of one account.
type Canary struct {
	Host    string                    // the account's; the report shows its kind only
	Client  Client                    // tells Replies of what it gets
	As      func(secrets.Value) Login // tells Replies, too
	Replies *Replies                  // how the replies looked
	Now     func() time.Time          // measures how long something took
	Sleep   func(context.Context, time.Duration) error
	Rand    io.Reader // for the name
	// Progress is told, in a few words, what is being measured.
	Progress func(text string)
}

// Run measures. It returns when everything that it made is removed, or cannot be
// removed: then the report says so. When ctx ends, what is left of the measuring
// is left out, and the removing has another 25 seconds.
func (c *Canary) Run(ctx context.Context) Report {
	held, release := hold(ctx)
	defer release()
	r := &run{Canary: c, held: held, missing: map[string]string{}, before: map[int64]bool{}}
	err := r.measure(ctx)
	if ctx.Err() != nil {
		err = fmt.Errorf("the run was ended before all was measured: %w", context.Cause(ctx))
	}
	if err != nil {
		r.fail(err)
	}
	r.cleanUp()
	return r.report()
}

// run is a measurement under way.
type run struct {
	*Canary
	held   context.Context // for whatever must not be cut short by a signal
	nonce  string
	set    string         // the permission set that the service took
	scope  string         // on which projects
	grant  dbtcloud.Grant // the same as a row
	before map[int64]bool // the tokens that were there already

	posted bool // a create was sent
	made   []*made
	lost   bool // a create was not answered, and no list shows its token

	facts     facts
	missing   map[string]string // why a measurement was not taken
	leftOvers int               // tokens of an earlier try that were removed
	notices   []string
	left      []Left
	errors    []string
}

// made is a token that this run created, or may have.
type made struct {
	id    int64
	name  string
	value secrets.Value // empty when the reply was lost
	gone  bool
}

func (r *run) fail(err error) { r.errors = append(r.errors, r.text(err)) }

// text is an error for the report, which does not say whose account it is.
func (r *run) text(err error) string {
	s := accessURL.ReplaceAllStringFunc(err.Error(), HostKind)
	if _, name, _ := strings.Cut(r.Host, "://"); name != "" { // a transport's error names it without the scheme
		s = strings.ReplaceAll(s, name, HostKind(r.Host))
	}
	return plain(s)
}

// take takes one measurement. That one fails does not keep the others from being
// taken. The second does: a service that answers nothing is asked for long enough.
func (r *run) take(ctx context.Context, name string, measure func(context.Context) error) {
	switch {
	case ctx.Err() != nil:
		r.missing[name] = "the run was ended before"
		return
	case len(r.errors) >= 2:
		r.missing[name] = "left out, because others had failed"
		return
	}
	if r.Progress != nil {
		r.Progress(name)
	}
	err := measure(ctx)
	if err == nil {
		return
	}
	if ctx.Err() != nil { // that is the failure
		r.missing[name] = "the run was ended meanwhile"
		return
	}
	r.missing[name] = "failed, see above"
	r.fail(fmt.Errorf("%s: %w", name, err))
}

// hold returns a context that is cancelled 25 seconds after ctx ends: less than
// the 30 after which Kubernetes kills an evicted pod.
func hold(ctx context.Context) (held context.Context, release func()) {
	const holdBack = 25 * time.Second
	held, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		timer := time.AfterFunc(holdBack, cancel)
		context.AfterFunc(held, func() { timer.Stop() })
	})
	return held, func() { stop(); cancel() }
}
