package rotate

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/tokenwarden/tokenwarden/internal/dbtcloud"
	"github.com/tokenwarden/tokenwarden/internal/inflight"
	"github.com/tokenwarden/tokenwarden/secrets"
)

// confirm reads everything once more before the old token goes: every
// destination holds the replacement's value, the replacement lives and its value
// authenticates, and the old token's permissions did not change meanwhile.
func (u *run) confirm(ctx context.Context, id int64) error {
	if err := u.readDestinations(ctx); err != nil {
		return err
	}
	r := u.s.replacement(id)
	if r == nil || u.s.lacking(id) >= 0 {
		// Somebody wrote there: perhaps a rival, whose replacement only a list shows.
		if err := u.readOld(ctx); err != nil {
			return err
		}
		_, err := u.list(ctx)
		return err
	}
	fresh, seen, err := u.token(ctx, id)
	switch {
	case err != nil:
		return err
	case seen == notFound:
		return fmt.Errorf("service token %d: the service answers 404 for the replacement, so the old token stays", id)
	case seen == deleted:
		u.s.run.refused = fmt.Sprintf("replacement %d was deleted by somebody else, and the destinations hold its dead value: run the same command again to replace token %d anew", id, u.s.old.id)
		return nil
	}
	r.token = fresh
	var got Permissions
	var problem string
	want, wrong, comparing := u.permissions(ctx, u.s.old.token)
	if comparing == nil {
		got, problem, comparing = u.permissions(ctx, fresh)
	}
	// The old token comes last: whether this run stood still somewhere above shows
	// by the time of that reply, and what was announced does not hold any more then.
	if err := u.readOld(ctx); err != nil {
		return err
	}
	if u.s.old.life != alive {
		return nil // next goes on from what is there now
	}
	if comparing != nil {
		return comparing
	}
	u.s.old.permissions, u.s.old.problem = want, wrong
	if diff := difference(u.s.old.permissions, got); problem == "" && len(diff) > 0 {
		problem = "its permissions are not equal to the old token's any more: " + strings.Join(shorten(diff), "; ")
	}
	if problem != "" {
		r.checked, r.problem = false, problem
		return nil
	}
	if !r.proved {
		if err := u.proveAlive(ctx, r); err != nil {
			return err
		}
	}
	u.s.run.fresh = true
	return nil
}

// retire deletes the old token. From here on the replacement is the credential
// in use if it may manage tokens: the old one may be our own, and the look that
// confirms its end would be answered with 401.
func (u *run) retire(ctx context.Context) error {
	w := u.s.winner()
	if u.s.old.permissions.managesTokens() {
		u.api = u.Account.As(w.value)
	}
	if err := u.delete(ctx, "delete", u.s.old.id, w.id()); err != nil {
		return err
	}
	u.s.old.life = gone
	u.dropLabels(ctx, secrets.DeletionEntry(u.account, u.s.old.id))
	return nil
}

// rename gives the replacement the plain name that the old token had last. A
// service that refuses it for good leaves a finished rotation with a warning:
// names are matched without the suffix.
func (u *run) rename(ctx context.Context, r *replacement) error {
	name, _, _ := inflight.Split(u.s.old.token.Name)
	if name == "" {
		name, _, _ = inflight.Split(r.token.Name)
	}
	changed := u.s.run.changed
	const tries = 3
	var last error
	for i := range tries {
		if i > 0 {
			if err := u.Sleep(ctx, time.Duration(i)*time.Second); err != nil {
				return err
			}
		}
		last = u.write(ctx, Entry{Step: "rename", TokenID: r.id()}, func() error {
			return u.api.RenameServiceToken(ctx, r.id(), name)
		})
		if isPlanned(last) {
			return last
		}
		if last == nil {
			r.token.Name, u.s.run.renamed = name, true
			return nil
		}
		fresh, seen, err := u.token(ctx, r.id())
		if err != nil {
			return err
		}
		if seen == deleted {
			u.forget(r.id()) // a list still showed it: next says what that leaves
			return nil
		}
		if seen == active {
			r.token = fresh
			if _, _, inFlight := inflight.Split(fresh.Name); !inFlight {
				u.s.run.renamed = true
				return nil
			}
		}
		if dbtcloud.KindOf(last) == dbtcloud.KindInvalid {
			u.s.run.renameRefused = fmt.Sprintf("the service refuses to rename token %d to its plain name, so it keeps %q: %v", r.id(), r.token.Name, last)
			u.s.run.changed = changed // a refusal changed nothing
			return nil
		}
	}
	return last
}

// sweep lists the tokens once more, as the last act: a create that was given up
// for lost may have arrived after all, and a rival has had time to withdraw.
func (u *run) sweep(ctx context.Context) error {
	const passes = 3
	for i := range passes {
		if i > 0 {
			if err := u.Sleep(ctx, lookUpPause); err != nil {
				return err
			}
		}
		if _, err := u.list(ctx); err != nil {
			return err
		}
		if len(u.s.orphans()) == 0 {
			break
		}
	}
	u.s.run.swept = true
	if u.s.undo.asked {
		return u.closeUndo(ctx)
	}
	return nil
}
