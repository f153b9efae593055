package rotate

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/tokenwarden/tokenwarden/internal/dbtcloud"
	"github.com/tokenwarden/tokenwarden/internal/inflight"
	"github.com/tokenwarden/tokenwarden/secrets"
)

// begin finds the stores and makes the first observation.
func (u *run) begin(ctx context.Context, survey *Survey) error {
	u.s.now = survey.Date
	if t, ok := survey.Tokens[u.s.old.id]; ok {
		u.s.old.token, u.s.old.looked = t, survey.Date
	}
	if err := u.openDestinations(); err != nil {
		return err
	}
	nonce, err := inflight.NewNonce(u.Rand)
	if err != nil {
		return err
	}
	u.s.run.nonce = nonce
	return u.observe(ctx, survey)
}

// observe looks at everything: the destinations, the old token, what replaces
// it, and what it may do.
func (u *run) observe(ctx context.Context, survey *Survey) error {
	if err := u.readDestinations(ctx); err != nil {
		return err
	}
	u.turnBack(survey)
	if err := u.collect(ctx, survey); err != nil {
		return err
	}
	if err := u.readOld(ctx); err != nil {
		return err
	}
	if err := u.readWinner(ctx); err != nil {
		return err
	}
	if u.s.old.life == alive {
		if _, replaces, ok := inflight.Split(u.s.old.token.Name); ok && replaces != u.s.old.id {
			if _, lives := survey.Tokens[replaces]; lives {
				u.s.old.inFlightOf = replaces
			}
		}
		if err := u.readOldPermissions(ctx); err != nil {
			return err
		}
	} else if err := u.follow(ctx, survey); err != nil {
		return err
	}
	u.judgeCredential()
	return nil
}

// collect makes the list of active replacements: those that say so by their
// name, those that this run knows of, and those that a label names, because people
// rename tokens. The list of tokens may lag behind: what it does not show is asked
// for by id.
func (u *run) collect(ctx context.Context, survey *Survey) error {
	known := u.s.replacements
	u.s.replacements = nil
	for _, t := range survey.Tokens {
		if _, replaces, ok := inflight.Split(t.Name); ok && replaces == u.s.old.id {
			u.collectToken(t, known)
		}
	}
	if err := u.collectKnown(ctx, survey, known); err != nil {
		return err
	}
	if err := u.collectLabelled(ctx, survey, known); err != nil {
		return err
	}
	slices.SortFunc(u.s.replacements, func(a, b replacement) int { return cmp.Compare(a.id(), b.id()) })
	u.classify()
	return nil
}

// collectToken adds an active token to the replacements, with what is known of it.
func (u *run) collectToken(t dbtcloud.ServiceToken, known []replacement) {
	if t.ID == u.s.old.id || u.s.replacement(t.ID) != nil || t.State == dbtcloud.Deleted || slices.Contains(u.deleted, t.ID) {
		return // a token that a name says to replace itself is not one of its replacements
	}
	r := replacement{token: t, mine: inflight.Nonce(t.Name) == u.s.run.nonce && u.s.run.creates > 0}
	for _, k := range known {
		if k.id() == t.ID {
			k.token, k.unseen = t, false
			r = k
		}
	}
	u.s.replacements = append(u.s.replacements, r)
}

// collectKnown adds the replacements that this run knew of before.
func (u *run) collectKnown(ctx context.Context, survey *Survey, known []replacement) error {
	for _, k := range known {
		if u.s.replacement(k.id()) != nil {
			continue
		}
		if t, ok := survey.Tokens[k.id()]; ok {
			u.collectToken(t, known) // renamed
			continue
		}
		switch t, seen, err := u.token(ctx, k.id()); {
		case err != nil:
			return err
		case seen == notFound:
			u.collectToken(k.token, known) // not proved gone: still to be reckoned with
			u.s.replacement(k.id()).unseen = true
		default:
			u.collectToken(t, known)
		}
	}
	return nil
}

// collectLabelled adds the replacements that the destinations' labels name.
func (u *run) collectLabelled(ctx context.Context, survey *Survey, known []replacement) error {
	asked := map[int64]bool{}
	for _, d := range u.s.destinations {
		for _, label := range d.content.Labels {
			id := u.replacementBy(label)
			if id == 0 || u.s.replacement(id) != nil || asked[id] {
				continue
			}
			if t, ok := survey.Tokens[id]; ok {
				u.collectToken(t, known)
				continue
			}
			t, seen, err := u.token(ctx, id)
			if err != nil {
				return err
			}
			asked[id] = seen == deleted // a 404 is another matter where its value is held
			if seen != notFound {
				u.collectToken(t, known)
				continue
			}
			if d.content.Labels[d.content.Value.Fingerprint(u.account)].TokenID != id {
				continue // nobody would miss it
			}
			if _, control, err := u.token(ctx, u.s.old.id); err != nil || control == notFound {
				return fmt.Errorf("%s holds the value of token %d, and whether that lives cannot be told: the service answers 404 for it and for token %d, as it does when the credential lacks a permission", d.ref, id, u.s.old.id)
			}
		}
	}
	return nil
}

// replacementBy is the replacement of the old token that a label names: one that
// replaces it, or one from which an undo is taking its place back. 0: none.
func (u *run) replacementBy(l secrets.Label) int64 {
	switch {
	case l.AccountID != u.account:
		return 0
	case l.Replaces == u.s.old.id:
		return l.TokenID
	case l.TokenID == u.s.old.id && !l.Written.IsZero():
		return l.Undoes
	}
	return 0
}

// sight is how a token answers.
type sight int

const (
	notFound sight = iota // 404: gone, never there, or a missing permission
	active
	deleted
)

// token reads one token.
func (u *run) token(ctx context.Context, id int64) (dbtcloud.ServiceToken, sight, error) {
	t, date, err := u.api.ServiceToken(ctx, id)
	u.saw(date)
	switch {
	case dbtcloud.KindOf(err) == dbtcloud.KindNotFound:
		return t, notFound, nil
	case err != nil:
		return t, notFound, fmt.Errorf("service token %d: %w", id, err)
	case t.State != dbtcloud.Active:
		return t, deleted, nil
	}
	return t, active, nil
}

// readOld asks whether the old token lives. "Not found" is not "gone": a missing
// permission looks the same, so it counts only when the same credential, right
// after, reads the replacement as active. It must come twice besides: a single
// one may be from something between us and the service.
func (u *run) readOld(ctx context.Context) error {
	t, seen, err := u.token(ctx, u.s.old.id)
	if err != nil {
		return err
	}
	allowed := false // the credential was seen to have its permission
	if seen == notFound {
		if control := u.control(); control != nil {
			again, proof, err := u.token(ctx, control.id())
			if err != nil {
				return err
			}
			if allowed = proof == active; allowed {
				control.token = again
			}
		}
		if t, seen, err = u.token(ctx, u.s.old.id); err != nil {
			return err
		}
	}
	switch {
	case seen == active:
		u.s.old.token, u.s.old.looked, u.s.old.life = t, u.s.now, alive
	case seen == deleted:
		u.s.old.token, u.s.old.life = t, gone
	case allowed:
		u.s.old.life = gone
	default:
		u.s.old.life = unseen
	}
	return nil
}

// control is the replacement by which a 404 for the old token is judged.
func (u *run) control() *replacement {
	if w := u.s.winner(); w != nil {
		return w
	}
	if len(u.s.replacements) > 0 {
		return &u.s.replacements[0]
	}
	return nil
}

// readWinner asks for the replacement that a destination holds: the list, which
// may lag behind, is not enough to say that a stored value lives, or to go by its
// name.
func (u *run) readWinner(ctx context.Context) error {
	w := u.s.winner()
	if w == nil {
		return nil
	}
	fresh, seen, err := u.token(ctx, w.id())
	switch {
	case err != nil:
		return err
	case seen == notFound:
		w.unseen = true
	case seen == deleted:
		u.forget(w.id())
	default:
		w.token, w.unseen, w.lives = fresh, false, true
	}
	return nil
}

// follow looks, for an old token that lives no more, whether what a destination
// holds came after it: 950 replaced 901, and that replaced 777. What was passed
// on the way is no orphan; 901 may be in an overlap of its own.
func (u *run) follow(ctx context.Context, survey *Survey) error {
	replaces := map[int64]int64{}
	for _, d := range u.s.destinations {
		for _, l := range d.content.Labels {
			if l.AccountID == u.account && l.Replaces != 0 { // an entry without may be one that stands for no value
				replaces[l.TokenID] = l.Replaces
			}
		}
	}
	for _, d := range u.s.destinations {
		if d.owner != ofAnotherToken || d.label.AccountID != u.account {
			continue
		}
		end := d.label.TokenID
		var passed []int64
		id := end
		if u.undoneBy(d) {
			id = u.s.old.id // the token that it had replaced has its place again
		}
		for ; id != 0 && id != u.s.old.id && !slices.Contains(passed, id); id = replaces[id] {
			passed = append(passed, id)
		}
		if id != u.s.old.id {
			continue
		}
		if _, ok := survey.Tokens[end]; !ok {
			if _, seen, err := u.token(ctx, end); err != nil || seen != active {
				return err
			}
		}
		u.s.successor, u.s.passed = end, passed
		return nil
	}
	return nil
}

// observeAnew looks at everything again, because it has changed under this run.
func (u *run) observeAnew(ctx context.Context) error {
	again, err := survey(ctx, u.api)
	if err != nil {
		return err
	}
	u.latest = again
	u.saw(again.Date)
	return u.observe(ctx, again)
}

// list reads the tokens again and collects the replacements from them.
func (u *run) list(ctx context.Context) (*Survey, error) {
	again, err := survey(ctx, u.api)
	if err != nil {
		return nil, err
	}
	u.latest = again
	u.saw(again.Date)
	return again, u.collect(ctx, again)
}
