package canary

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/tokenwarden/tokenwarden/internal/dbtcloud"
	"github.com/tokenwarden/tokenwarden/internal/inflight"
	"github.com/tokenwarden/tokenwarden/secrets"
)

// The measurements, by the names that a report gives them.
const (
	ofGrants    = "grants at create"
	ofEcho      = "name as asked"
	ofCreatedAt = "created_at"
	ofValue     = "form of the value"
	ofUID       = "uid in the value"
	ofFields    = "fields passed over"
	ofUnused    = "last_used before use"
	ofAccepted  = "new value accepted"
	ofLastUsed  = "last_used follows"
	ofLength    = "longest name"
	ofNames     = "duplicate names"
	ofDeletion  = "reply to DELETE"
	ofGone      = "deleted token"
	ofRefused   = "deleted value refused"
	ofDates     = "Date header"
	ofLimits    = "limit headers"
)

// measure does everything but the last cleaning up.
func (r *run) measure(ctx context.Context) error {
	if err := r.prepare(ctx); err != nil {
		return err
	}
	var err error
	if r.nonce, err = inflight.NewNonce(r.Rand); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return nil // Run says why
	}
	m, reply, date, err := r.first()
	if err != nil {
		return err
	}
	born := r.Now()
	if reply.CreatedAt.Known() && !date.IsZero() {
		apart := date.Sub(reply.CreatedAt.Time).Abs()
		r.facts.createdAt = &apart
	}
	r.facts.value = formOf(reply.Value, reply.UID)

	r.take(ctx, ofEcho, func(ctx context.Context) error { return r.measureEcho(ctx, m, reply.Name) })
	r.take(ctx, ofAccepted, func(ctx context.Context) error { return r.measureAccepted(ctx, m, born) })
	r.take(ctx, ofGrants, func(ctx context.Context) error { return r.measureGrants(ctx, m) })
	r.take(ctx, ofFields, func(ctx context.Context) error { return r.measureFields(ctx, m) })
	if r.facts.accepted != nil && r.facts.accepted.held {
		r.take(ctx, ofLastUsed, func(ctx context.Context) error { return r.measureLastUsed(ctx, m) })
	}
	r.take(ctx, ofLength, func(ctx context.Context) error { return r.measureLength(ctx, m) })
	r.take(ctx, ofNames, func(context.Context) error { return r.measureDuplicate() })
	r.take(ctx, ofDeletion, func(ctx context.Context) error { return r.measureDeletion(ctx, m) })
	if n := r.facts.names; n != nil && !n.duplicate && m.gone {
		r.take(ctx, ofNames, func(context.Context) error { return r.measureReuse() })
	}
	return nil
}

// readBack reads the canary; while it is as young as this, a copy that lags
// behind may not know it yet.
func (r *run) readBack(ctx context.Context, m *made) (dbtcloud.ServiceToken, error) {
	for _, pause := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second} {
		t, _, err := r.Client.ServiceToken(ctx, m.id)
		if dbtcloud.KindOf(err) != dbtcloud.KindNotFound {
			return t, err
		}
		if err := r.Sleep(ctx, pause); err != nil {
			return t, err
		}
	}
	t, _, err := r.Client.ServiceToken(ctx, m.id)
	return t, err
}

func (r *run) measureEcho(ctx context.Context, m *made, reply string) error {
	t, err := r.readBack(ctx, m)
	if err != nil {
		return err
	}
	r.facts.echo = &echoFact{asked: m.name, reply: reply, read: t.Name}
	r.facts.unused = &t.LastUsed.Presence
	return nil
}

// measureGrants reads the permissions back. Where a create ignores them, they are
// set the older way, as a rotation would.
func (r *run) measureGrants(ctx context.Context, m *made) error {
	rows, err := r.Client.Permissions(ctx, m.id)
	if err != nil {
		return err
	}
	r.facts.grants = r.compare(rows)
	if r.facts.grants.rows > 0 {
		return nil
	}
	// A create that ignores grants has not looked whether the plan has the set.
	sets := harmlessSets()
	for _, set := range sets[slices.Index(sets, r.set):] {
		r.set, r.grant.PermissionSet = set, set
		if err = r.Client.SetPermissions(ctx, m.id, []dbtcloud.Grant{r.grant}); dbtcloud.KindOf(err) != dbtcloud.KindInvalid {
			break
		}
	}
	if err != nil && dbtcloud.KindOf(err) != dbtcloud.KindInvalid {
		return err
	}
	if rows, err = r.Client.Permissions(ctx, m.id); err != nil {
		return err
	}
	r.facts.grants = r.compare(rows)
	r.facts.grants.posted = true
	return nil
}

func (r *run) compare(rows []dbtcloud.Grant) *grantsFact {
	rows = slices.DeleteFunc(slices.Clone(rows), func(g dbtcloud.Grant) bool { return g.State == dbtcloud.Deleted })
	f := &grantsFact{rows: len(rows)}
	if len(rows) == 1 {
		got, want := rows[0], r.grant
		sameProject := got.ProjectID == nil && want.ProjectID == nil || got.ProjectID != nil && want.ProjectID != nil && *got.ProjectID == *want.ProjectID
		f.equal = got.PermissionSet == want.PermissionSet && got.AllProjects == want.AllProjects && sameProject
	}
	return f
}

func (r *run) measureFields(ctx context.Context, m *made) error {
	names, err := r.Client.UnknownFields(ctx, m.id)
	if err != nil {
		return err
	}
	shown := []string{}
	for _, name := range names {
		if !fieldName.MatchString(name) {
			name = "(a name that is not shown)"
		}
		shown = append(shown, name)
	}
	r.facts.fields = &shown
	return nil
}

// formOf tells what a value looks like, and nothing of the value.
func formOf(secret secrets.Value, uid string) *valueFact {
	f := &valueFact{probed: dbtcloud.LooksLikeToken(secret), uid: nowhere}
	value := secret.Reveal()
	rest := value
	for _, prefix := range []string{"dbtc_", "dbtu_"} {
		if after, found := strings.CutPrefix(value, prefix); found {
			f.prefix, rest = prefix, after
		}
	}
	f.length = len(rest)
	switch {
	case uid == "":
		f.uid = noUID
	case len(uid) < 6:
		f.uid = tooShort
	case uid == value || uid == rest:
		f.uid = whole
	case strings.HasPrefix(rest, uid):
		f.uid = atStart
	case strings.HasPrefix(value, uid):
		f.uid = withPrefix
	case strings.HasSuffix(rest, uid):
		f.uid = atEnd
	case strings.Contains(rest, uid):
		f.uid = inMiddle
	}
	return f
}
