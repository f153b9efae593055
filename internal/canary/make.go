package canary

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tokenwarden/tokenwarden/internal/dbtcloud"
)

// errUnanswered is of a create that may have happened.
var errUnanswered = errors.New("a create was not answered")

// isRefusal reports whether the service refused a create, for certain.
func isRefusal(err error) bool {
	return dbtcloud.KindOf(err) == dbtcloud.KindInvalid && !errors.Is(err, errUnanswered)
}

var errNoneTaken = errors.New("the service refused to create a token with any harmless permission set " +
	"(it takes an account_admin service token; a personal access token cannot create one)")

// list reads the active tokens.
func (r *run) list(ctx context.Context) (tokens []dbtcloud.ServiceToken, pass dbtcloud.Pass, err error) {
	pass, err = r.Client.ServiceTokens(ctx, func(t dbtcloud.ServiceToken) error {
		tokens = append(tokens, t)
		return nil
	})
	return tokens, pass, err
}

// prepare looks at the account, removes what an earlier try left behind, and
// chooses the project.
func (r *run) prepare(ctx context.Context) error {
	tokens, _, err := r.list(ctx)
	if err != nil {
		return err
	}
	if len(tokens) == 0 {
		return errors.New("no token is shown, not even the one that asks: the credential may not see them, so nothing was created")
	}
	for _, t := range tokens {
		r.before[t.ID] = true
		if nonceOf(t.Name) == "" {
			continue
		}
		if err := r.sweep(ctx, t.ID); err != nil {
			r.left = append(r.left, Left{TokenID: t.ID, Name: t.Name, Why: r.text(err)})
			return fmt.Errorf("token %d is left from an earlier try, so nothing was created: %w", t.ID, err)
		}
	}
	project := int64(0)
	_, err = r.Client.Projects(ctx, func(p dbtcloud.Project) error {
		if p.State != dbtcloud.Deleted && (project == 0 || p.ID < project) {
			project = p.ID
		}
		return nil
	})
	if err != nil && dbtcloud.KindOf(err) != dbtcloud.KindNotFound && dbtcloud.KindOf(err) != dbtcloud.KindForbidden {
		return err
	}
	r.grant, r.scope = dbtcloud.Grant{AllProjects: true}, "all projects"
	if project != 0 {
		r.grant, r.scope = dbtcloud.Grant{ProjectID: &project}, "one project"
	}
	return nil
}

// sweep removes a token that is called like a canary, if it is one.
func (r *run) sweep(ctx context.Context, id int64) error {
	t, _, err := r.Client.ServiceToken(ctx, id)
	if err != nil || t.State == dbtcloud.Deleted {
		return err
	}
	rows, err := r.Client.Permissions(ctx, id)
	if err != nil {
		return err
	}
	if why := foreign(t, rows); why != "" || nonceOf(t.Name) == "" {
		r.notices = append(r.notices, fmt.Sprintf("token %d is called like a canary and was not touched: %s. Look at it, and delete it by hand", id, why))
		return nil
	}
	if err := r.remove(r.held, id); err != nil {
		return err
	}
	r.leftOvers++
	return nil
}

// first creates the canary with the least permission that the service takes.
func (r *run) first() (*made, dbtcloud.CreatedServiceToken, time.Time, error) {
	var last error
	for _, set := range harmlessSets() {
		r.grant.PermissionSet = set
		m, reply, date, err := r.create()
		if err == nil {
			r.set = set
			return m, reply, date, nil
		}
		if last = err; !isRefusal(err) {
			return nil, reply, date, err
		}
	}
	return nil, dbtcloud.CreatedServiceToken{}, time.Time{}, fmt.Errorf("%w: %w", errNoneTaken, last)
}

// create asks for a canary, once. What is not answered is looked up, and what
// the look finds is among the made, for removal: its value is lost.
func (r *run) create() (*made, dbtcloud.CreatedServiceToken, time.Time, error) {
	name := nameOf(r.nonce)
	r.posted = true
	reply, date, err := r.Client.CreateServiceToken(r.held, dbtcloud.NewServiceToken{Name: name, Grants: []dbtcloud.Grant{r.grant}})
	if err == nil {
		m := &made{id: reply.ID, name: name, value: reply.Value}
		r.made = append(r.made, m)
		return m, reply, date, nil
	}
	if !dbtcloud.MayHaveHappened(err) {
		return nil, reply, date, err
	}
	found, lookErr := r.lookUp()
	switch {
	case lookErr != nil:
		r.lost = true
		return nil, reply, date, fmt.Errorf("%w, and whether it happened cannot be told: %w: %w", errUnanswered, lookErr, err)
	case len(found) == 0:
		r.lost = true
		return nil, reply, date, fmt.Errorf("%w: %w", errUnanswered, err)
	}
	for _, id := range found {
		r.made = append(r.made, &made{id: id, name: name})
	}
	return nil, reply, date, fmt.Errorf("%w, and had happened all the same: %w", errUnanswered, err)
}

// lookUp finds this run's tokens whose creation was not answered: two passes,
// five seconds apart, that each read the whole list and agree.
func (r *run) lookUp() ([]int64, error) {
	const passes, pause = 4, 5 * time.Second
	var before []int64
	agreeable := false
	for i := range passes {
		if i > 0 {
			if err := r.Sleep(r.held, pause); err != nil {
				return before, err
			}
		}
		tokens, pass, err := r.list(r.held)
		if err != nil {
			return nil, err
		}
		found := r.unknown(tokens)
		if agreeable && pass.Stable && slices.Equal(found, before) {
			return found, nil
		}
		agreeable, before = pass.Stable, found
	}
	if len(before) > 0 {
		return before, nil // it did happen, however restless the list is
	}
	return nil, errors.New("the list of service tokens changed each time it was read")
}

// unknown returns the tokens that carry the run's nonce and are not among the
// made yet.
func (r *run) unknown(tokens []dbtcloud.ServiceToken) []int64 {
	var found []int64
	for _, t := range tokens {
		isMade := slices.ContainsFunc(r.made, func(m *made) bool { return m.id == t.ID })
		if nonceOf(t.Name) == r.nonce && !r.before[t.ID] && !isMade {
			found = append(found, t.ID)
		}
	}
	slices.Sort(found)
	return found
}
