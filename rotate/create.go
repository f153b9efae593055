package rotate

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/tokenwarden/tokenwarden/internal/dbtcloud"
	"github.com/tokenwarden/tokenwarden/internal/inflight"
)

// lookUpPause lies between the two list passes that must agree before a create
// without an answer counts as not having happened.
const lookUpPause = 5 * time.Second

// create asks for the replacement, once. An answer that does not come leaves the
// question open whether it exists; next then asks for a look before anything
// else. From here on signals are held back.
func (u *run) create(ctx context.Context) error {
	if err := u.api.Room(ctx, u.requestsUntilStored()); err != nil {
		return err
	}
	if u.held == nil {
		u.held = hold(ctx)
	}
	ctx = u.held
	old := &u.s.old
	name := inflight.Name(old.token.Name, old.id, u.s.run.nonce)
	wanted := dbtcloud.NewServiceToken{
		Name: name, Grants: old.permissions.Grants,
		MetadataOnly: old.permissions.MetadataOnly, WebhooksOnly: old.permissions.WebhooksOnly,
	}
	var made dbtcloud.CreatedServiceToken
	err := u.write(ctx, Entry{Step: "create", Permissions: old.permissions.Lines()}, func() error {
		var date time.Time
		var err error
		made, date, err = u.api.CreateServiceToken(ctx, wanted)
		u.saw(date)
		return err
	})
	if isPlanned(err) {
		return err
	}
	if err != nil && !dbtcloud.MayHaveHappened(err) {
		if dbtcloud.KindOf(err) == dbtcloud.KindInvalid {
			u.s.run.refused = fmt.Sprintf("the service refused to create a replacement (a personal access token cannot; it takes an account_admin service token): %v", err)
			return nil
		}
		return err
	}
	u.s.run.creates++
	if err != nil {
		u.Log.Warn("a create was not answered; looking whether it happened", "token", old.id, "error", err)
		u.s.run.mayHaveCreated = true
		return nil
	}
	m := replacement{token: made.ServiceToken, mine: true, value: made.Value}
	if made.Name != name {
		m.problem = fmt.Sprintf("the service changed the replacement's name to %q, so a rotation in flight could not be told by it; shorten the token's name", made.Name)
	}
	u.include(m)
	// Others may have created one at the same time.
	_, err = u.list(ctx)
	return err
}

// requestsUntilStored is about how many requests there are from the create to the
// first store: for all of them room is made before, so that no wait of a minute
// comes while a value is nowhere.
func (u *run) requestsUntilStored() int {
	const others = 15 // create, look, permissions read and set, and what goes wrong
	old := u.s.old.permissions
	return others + pages(len(u.latest.Tokens)) + 2*pages(len(old.Grants)) + 3*len(old.Mappings)
}

func pages(items int) int { return items/100 + 1 }

// include takes a replacement into the state, in the order of ids.
func (u *run) include(m replacement) {
	u.s.replacements = append(u.s.replacements, m)
	slices.SortFunc(u.s.replacements, func(a, b replacement) int { return cmp.Compare(a.id(), b.id()) })
}

// lookUp finds out whether a create that was not answered has happened: two
// list passes, five seconds apart, that each read the whole list and agree. What
// they show of this run's own is for next to remove, since its value is lost.
func (u *run) lookUp(ctx context.Context) error {
	const passes = 6
	var before []int64
	agreeable := false // the pass before read the whole list
	for i := range passes {
		if i > 0 {
			if err := u.Sleep(ctx, lookUpPause); err != nil {
				return err
			}
		}
		survey, err := u.list(ctx)
		if err != nil {
			return fmt.Errorf("looking whether a create happened: %w", err)
		}
		lost := u.s.lost()
		if agreeable && survey.Stable && slices.Equal(lost, before) {
			u.s.run.mayHaveCreated = false
			return nil
		}
		agreeable, before = survey.Stable, lost
	}
	if len(before) > 0 {
		u.s.run.mayHaveCreated = false // it did, however restless the list is
		return nil
	}
	return fmt.Errorf("whether a create happened cannot be told: the list of service tokens changed during each of %d passes; the next run looks again", passes)
}

// remove deletes this run's own replacement. That its value is in no
// destination, and cannot come to be in one any more, is for next to know.
func (u *run) remove(ctx context.Context, st step) error {
	m := u.s.replacement(st.token)
	lost, problem := m.value.Empty(), m.problem
	fp := m.value.Fingerprint(u.account)
	if err := u.delete(ctx, "remove", m.id(), u.controlToken()); err != nil {
		return err
	}
	u.forget(st.token)
	u.dropLabels(ctx, fp)
	switch {
	case lost:
	case problem != "":
		u.s.run.refused = problem + "; the replacement was removed again"
	case u.s.run.failure == "":
		u.s.run.withdrawn = st.because
	}
	return u.readDestinations(ctx)
}

// forget takes out a replacement that a look has shown as deleted, for the rest
// of the run: a list that lags behind does not bring it back.
func (u *run) forget(id int64) {
	u.deleted = append(u.deleted, id)
	u.s.replacements = slices.DeleteFunc(u.s.replacements, func(r replacement) bool { return r.id() == id })
	u.classify()
}
