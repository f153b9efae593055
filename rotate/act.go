package rotate

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/tokenwarden/tokenwarden/internal/inflight"
	"github.com/tokenwarden/tokenwarden/secrets"
)

// act carries out one step and brings the state up to date with what it did.
// Each act either is idempotent or looks before it leaps.
func (u *run) act(ctx context.Context, st step) error {
	switch st.do {
	case preflight:
		return u.preflight(ctx)
	case prove:
		return u.prove(ctx, st.destination)
	case recognise, adopt:
		return u.labelAsOld(ctx, st.destination)
	case identify:
		return u.identifyOwn(ctx)
	case create:
		return u.create(ctx)
	case lookUp:
		return u.lookUp(ctx)
	case remove:
		return u.remove(ctx, st)
	case fence:
		return u.fence(ctx)
	case drop:
		return u.drop(ctx, st.token)
	case look:
		_, err := u.lookAt(ctx, u.s.replacement(st.token))
		return err
	case equalise:
		return u.equalise(ctx, u.s.replacement(st.token))
	case store:
		return u.store(ctx, u.s.replacement(st.token), st.destination)
	case afterStore:
		return u.afterStore(ctx, st.token)
	case confirm:
		return u.confirm(ctx, st.token)
	case retire:
		return u.retire(ctx)
	case rename:
		return u.rename(ctx, u.s.replacement(st.token))
	case sweep:
		return u.sweep(ctx)
	case announce:
		return u.announce(ctx)
	case recall:
		return u.recall(ctx)
	case putBack:
		return u.putBack(ctx, st.destination)
	case verify:
		return u.verify(ctx, st.token)
	case dismiss:
		return u.dismiss(ctx, st.token)
	case stop:
	}
	return fmt.Errorf("rotation step %q is not one that can be carried out", st.do)
}

func (u *run) warn(text string) {
	if !slices.Contains(u.result.Warnings, text) {
		u.result.Warnings = append(u.result.Warnings, text)
	}
}

// preflight asks every store whether its destination can be read, written and
// labelled, before anything new comes into the world.
func (u *run) preflight(ctx context.Context) error {
	for i := range u.s.destinations {
		d := &u.s.destinations[i]
		err := d.store.Check(ctx, d.ref)
		if errors.Is(err, secrets.ErrTooManyLabels) {
			if u.s.undo.asked {
				continue // the rotation left room for that
			}
			if err = u.makeRoom(ctx, i); err == nil {
				err = d.store.Check(ctx, d.ref)
			}
		}
		if errors.Is(err, secrets.ErrRefused) || errors.Is(err, secrets.ErrTooManyLabels) {
			// It could be read, and running again changes nothing: a person has to.
			u.s.run.refused = err.Error()
			return nil
		}
		if err != nil {
			return err
		}
	}
	u.s.run.preflighted = true
	return nil
}

// labelAsOld writes down that the present value of a destination is the old
// token's.
func (u *run) labelAsOld(ctx context.Context, i int) error {
	d := &u.s.destinations[i]
	label := secrets.Label{TokenID: u.s.old.id, AccountID: u.account, Written: u.s.now}
	if err := u.label(ctx, i, d.content.Value, label); err != nil {
		return err
	}
	if err := u.readDestination(ctx, i); err != nil {
		return err
	}
	u.judgeCredential()
	return nil
}

// maxLabels is how many entries are kept beside an object before those of dead
// tokens are pruned: AWS takes 50 tags, Vault 64 keys, and they are not all ours.
// Until then they stay, since they tell which token succeeded which.
const maxLabels = 16

// label merges one entry into those of a destination's object.
func (u *run) label(ctx context.Context, i int, value secrets.Value, label secrets.Label) error {
	return u.labelEntry(ctx, i, value.Fingerprint(u.account), label)
}

func (u *run) labelEntry(ctx context.Context, i int, fp secrets.Fingerprint, label secrets.Label) error {
	before, ok := u.s.destinations[i].content.Labels[fp]
	if ok && before.TokenID == label.TokenID && before.Replaces == label.Replaces {
		label.First = label.First || before.First // two fields of one object share the entry
	}
	return u.labelEntries(ctx, i, secrets.Labels{fp: label})
}

func (u *run) labelEntries(ctx context.Context, i int, set secrets.Labels) error {
	d := &u.s.destinations[i]
	var prune []secrets.Fingerprint
	if len(d.content.Labels) >= maxLabels {
		prune = u.prunable(d.content)
	}
	e := Entry{Step: "label", Ref: d.ref.String()}
	for _, l := range set {
		e.TokenID = l.TokenID
	}
	return u.write(ctx, e, func() error { return d.store.Label(ctx, d.ref, set, prune) })
}

// makeRoom takes everything away that can be spared beside a destination.
func (u *run) makeRoom(ctx context.Context, i int) error {
	d := &u.s.destinations[i]
	over, dead := u.spent(d.content)
	if len(over)+len(dead) == 0 {
		return nil
	}
	err := u.write(ctx, Entry{Step: "label", Ref: d.ref.String()}, func() error {
		return d.store.Label(ctx, d.ref, nil, append(over, dead...))
	})
	if err != nil {
		return err
	}
	return u.readDestination(ctx, i)
}

// prunable names the notes of undoes that are over, and if those are not enough the
// oldest half of the dead entries.
func (u *run) prunable(c secrets.Content) []secrets.Fingerprint {
	over, dead := u.spent(c)
	if len(c.Labels)-len(over) < maxLabels {
		return over
	}
	return append(over, dead[:len(dead)/2]...)
}

// spent names the notes of undoes that are over, and, the oldest first, the entries
// whose token this run knows to be neither the old one nor a replacement, and whose
// value is not the present.
func (u *run) spent(c secrets.Content) (over, dead []secrets.Fingerprint) {
	if u.leftBehind(c.Labels) {
		return nil, nil
	}
	for fp, l := range c.Labels {
		current := fp == c.Value.Fingerprint(u.account)
		switch {
		case l.Undoes != 0 && l.Written.IsZero():
			over = append(over, fp)
		case !current && l.TokenID != u.s.old.id && u.s.replacement(l.TokenID) == nil && u.isGone(l.TokenID):
			dead = append(dead, fp)
		}
	}
	slices.SortFunc(dead, func(a, b secrets.Fingerprint) int { return c.Labels[a].Written.Compare(c.Labels[b].Written) })
	return over, dead
}

// leftBehind reports whether a replacement of a past rotation still lives: the
// chain of entries from its old token to the present one is what settles it.
func (u *run) leftBehind(labels secrets.Labels) bool {
	for _, t := range u.latest.Tokens {
		_, replaces, inFlight := inflight.Split(t.Name)
		if _, lives := u.latest.Tokens[replaces]; !inFlight || lives {
			continue
		}
		for _, l := range labels {
			if l.TokenID == replaces {
				return true
			}
		}
	}
	return false
}

// fence writes the arbiter's present value again by check-and-set. A run that
// was frozen before its own write to it now fails there.
func (u *run) fence(ctx context.Context) error {
	d := &u.s.destinations[0]
	w := secrets.Write{Value: d.content.Value, Expect: d.content.Version, Key: "fence/" + u.s.run.nonce + "/" + string(d.content.Version)}
	err := u.write(ctx, Entry{Step: "fence", Ref: d.ref.String()}, func() error {
		_, err := d.store.Write(ctx, d.ref, w)
		return err
	})
	if err == nil {
		u.s.run.fenced = true
		u.fencedOff()
	}
	if errors.Is(err, secrets.ErrConflict) {
		return fmt.Errorf("%w: another run is at work", err)
	}
	if err != nil {
		return err
	}
	return u.readDestinations(ctx)
}

// fencedOff notes that the arbiter's version has moved: whoever made one of the
// replacements seen until now had read an older one before. Of one that comes into
// the world later that cannot be said.
func (u *run) fencedOff() {
	for i := range u.s.replacements {
		u.s.replacements[i].fenced = true
	}
}

// afterStore runs the configured command now that every destination holds the
// new value, and notes in the labels that it has succeeded, so that later runs
// do not run it again.
func (u *run) afterStore(ctx context.Context, token int64) error {
	if u.AfterStore == nil {
		return fmt.Errorf("the after_store command cannot be run here; the old token stays")
	}
	leaves := u.s.old.id
	if u.s.undo.asked {
		leaves = u.s.undo.leaver
	}
	env := map[string]string{
		"TOKENWARDEN_ACCOUNT_ID":   strconv.FormatInt(u.account, 10),
		"TOKENWARDEN_OLD_TOKEN_ID": strconv.FormatInt(leaves, 10),
		"TOKENWARDEN_NEW_TOKEN_ID": strconv.FormatInt(token, 10),
	}
	err := u.write(ctx, Entry{Step: "after-store", TokenID: token}, func() error {
		return u.AfterStore(ctx, u.req.AfterStore, env)
	})
	if err != nil {
		return fmt.Errorf("the after_store command failed, so token %d stays alive: %w", leaves, err)
	}
	u.s.run.commandDone = true
	for i := range u.s.destinations {
		d := &u.s.destinations[i]
		fp, label := d.content.Value.Fingerprint(u.account), d.label
		if u.s.undo.asked {
			fp, label = u.undoEntry(d)
		}
		label.Ready = true
		if err := u.labelEntry(ctx, i, fp, label); err != nil {
			return err
		}
		// The entry alone changed: take it over instead of reading again.
		d.content.Labels = maps.Clone(d.content.Labels)
		d.content.Labels[fp] = label
	}
	u.classify()
	return nil
}
