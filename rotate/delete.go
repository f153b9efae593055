package rotate

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/tokenwarden/tokenwarden/secrets"
)

const (
	deleteLimit = 5 * time.Second // a DELETE that is not answered by then is looked up
	deleteTries = 3
)

// delete removes a token and sees that it is gone: state 2, or a 404 while the
// same credential, right after, reads the control token. An answer that does not
// come is settled by the look. Whether a token that is still there may go is for
// next to decide anew, since minutes may have passed: that is an againError.
func (u *run) delete(ctx context.Context, as string, id, control int64) error {
	err := u.write(ctx, Entry{Step: as, TokenID: id}, func() error {
		limited, cancel := context.WithTimeout(ctx, deleteLimit)
		defer cancel()
		return u.api.DeleteServiceToken(limited, id)
	})
	if isPlanned(err) {
		return err
	}
	isGone, lookErr := u.confirmGone(ctx, id, control, err == nil)
	switch {
	case lookErr != nil:
		return lookErr
	case isGone:
		u.s.run.deletes = 0
		return u.witness(ctx, Entry{Step: as, TokenID: id, Detail: "the token is gone: read back as deleted, or as 404 twice while another token was visible"})
	case err == nil:
		err = errors.New("the service accepted it, and still shows the token as active")
	}
	err = fmt.Errorf("deleting service token %d: %w", id, err)
	if u.s.run.deletes++; u.s.run.deletes >= deleteTries {
		return err
	}
	if err := u.Sleep(ctx, time.Duration(u.s.run.deletes)*time.Second); err != nil {
		return err
	}
	return &againError{err}
}

// againError is of an act that did not come to pass and that next may choose
// again, or not.
type againError struct{ error }

func (e *againError) Unwrap() error { return e.error }

// confirmGone looks until the token is gone, or, when the DELETE was accepted,
// for a few seconds more: a reply may come from a copy that lags behind.
func (u *run) confirmGone(ctx context.Context, id, control int64, accepted bool) (bool, error) {
	looks := 1
	if accepted {
		looks = 4
	}
	for i := range looks {
		if i > 0 {
			if err := u.Sleep(ctx, time.Duration(i)*time.Second); err != nil {
				return false, err
			}
		}
		_, seen, err := u.token(ctx, id)
		switch {
		case err != nil:
			return false, fmt.Errorf("confirming that service token %d is gone: %w", id, err)
		case seen == deleted:
			return true, nil
		case seen == notFound:
			// Any answer that shows the control proves the permission: an old
			// token that a person deleted meanwhile still answers with state 2.
			_, proof, err := u.token(ctx, control)
			if err != nil {
				return false, fmt.Errorf("confirming that service token %d is gone: %w", id, err)
			}
			if proof == notFound {
				return false, fmt.Errorf("confirming that service token %d is gone: the service answers 404 for it and for token %d too, so the credential may have lost a permission, and nothing is concluded", id, control)
			}
			// And it comes twice: a single 404 may be from something in between.
			if _, again, err := u.token(ctx, id); err != nil || again != active {
				return err == nil, err
			}
		}
	}
	return false, nil
}

// controlToken is the token whose being visible proves that a 404 for another
// one is no missing permission: the old token, or what replaced it.
func (u *run) controlToken() int64 {
	switch w := u.s.winner(); {
	case u.s.old.life == alive:
	case w != nil:
		return w.id()
	case u.s.successor != 0:
		return u.s.successor
	}
	return u.s.old.id
}

// drop removes a replacement of another run whose value is nowhere, behind the
// fence. The destinations were read after the fence was set.
func (u *run) drop(ctx context.Context, id int64) error {
	fresh, seen, err := u.token(ctx, id)
	if err != nil {
		return err
	}
	if seen == active {
		r := u.s.replacement(id)
		r.token = fresh
		if because := u.s.keep(r); because != "" {
			return nil // used since it was listed: next says so
		}
	}
	if err := u.delete(ctx, "drop", id, u.controlToken()); err != nil {
		return err
	}
	u.dropLabelsOf(ctx, id)
	u.forget(id)
	return nil
}

// dropLabelsOf removes every entry of a token that is gone, for which the same holds.
func (u *run) dropLabelsOf(ctx context.Context, id int64) {
	entries := map[secrets.Fingerprint]bool{}
	for _, d := range u.s.destinations {
		for fp, l := range d.content.Labels {
			entries[fp] = entries[fp] || l.TokenID == id
		}
	}
	for fp, its := range entries {
		if its {
			u.dropLabels(ctx, fp)
		}
	}
}

// dropLabels removes the entry of a token that is gone and whose value no
// destination ever came to hold. That it stays is harmless, so a failure is
// only logged.
func (u *run) dropLabels(ctx context.Context, fp secrets.Fingerprint) {
	if fp == "" {
		return
	}
	for i := range u.s.destinations {
		d := &u.s.destinations[i]
		if _, ok := d.content.Labels[fp]; !ok || fp == d.content.Value.Fingerprint(u.account) {
			continue
		}
		if err := d.store.Label(ctx, d.ref, nil, []secrets.Fingerprint{fp}); err != nil {
			u.Log.Warn("a label of a removed token stays behind", "ref", d.ref.String(), "error", err)
			continue
		}
		for j := range u.s.destinations {
			if other := &u.s.destinations[j]; other.ref.Object() == d.ref.Object() {
				other.content.Labels = maps.Clone(other.content.Labels)
				delete(other.content.Labels, fp)
			}
		}
	}
}

// isGone reports whether a token is known to be neither active nor needed.
func (u *run) isGone(id int64) bool {
	_, lives := u.latest.Tokens[id]
	return !lives && u.latest.Stable
}
