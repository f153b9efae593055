package rotate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tokenwarden/tokenwarden/secrets"
)

// turnBack notes what an undo has to know, and makes an undo of a rotation that
// was asked for a replacement from which one is taking the place back: that is on
// its way out, and what stays is the token that it had replaced.
func (u *run) turnBack(survey *Survey) {
	own := u.s.policy.credential.Fingerprint(u.account)
	for _, d := range u.s.destinations {
		if _, lives := survey.Tokens[u.s.old.id]; !u.s.undo.asked && lives && u.undoneBy(d) {
			u.s.old.id, u.s.undo.asked = d.label.TokenID, true
			u.s.old.token = survey.Tokens[u.s.old.id]
		}
		if l, ok := d.content.Labels[own]; ok && l.AccountID == u.account {
			u.s.undo.own = l.TokenID
		}
	}
	u.classify()
	if !u.s.undo.asked {
		return
	}
	for _, d := range u.s.destinations {
		if _, lives := survey.Tokens[d.label.Replaces]; lives && d.owner == ofOld {
			u.s.old.inFlightOf = d.label.Replaces // by the label, whatever people call it
		}
	}
}

// undoneBy reports whether a destination holds the value of a token that took its
// place back from the token of this run.
func (u *run) undoneBy(d destination) bool {
	l, ok := d.content.Labels[secrets.UndoEntry(u.account, u.s.old.id)]
	return ok && l.AccountID == u.account && l.Undoes == u.s.old.id && l.TokenID == d.label.TokenID && d.label.AccountID == u.account
}

// undoesIn picks the entries of undoes that bring the old token back and are not
// known to be over.
func (u *run) undoesIn(labels secrets.Labels) []secrets.Label {
	var found []secrets.Label
	for _, l := range labels {
		if l.AccountID == u.account && l.TokenID == u.s.old.id && l.Undoes != 0 && !l.Written.IsZero() {
			found = append(found, l)
		}
	}
	slices.SortFunc(found, func(a, b secrets.Label) int { return cmp.Compare(a.Undoes, b.Undoes) })
	return found
}

// undoEntry is the entry of this undo beside a destination.
func (u *run) undoEntry(d *destination) (secrets.Fingerprint, secrets.Label) {
	l, _ := d.undoOf(u.s.undo.leaver)
	return secrets.UndoEntry(u.account, u.s.undo.leaver), l
}

// recall finds the old token's value: in a destination that holds it still or
// again, else among the versions before the present ones, by the fingerprints
// that the labels call the token's. Then the value has to authenticate.
func (u *run) recall(ctx context.Context) error {
	known := map[secrets.Fingerprint]bool{}
	for _, d := range u.s.destinations {
		for fp, l := range d.content.Labels {
			known[fp] = known[fp] || l.TokenID == u.s.old.id && l.AccountID == u.account
		}
	}
	is := func(v secrets.Value) bool { return known[v.Fingerprint(u.account)] }
	var found secrets.Value
	if i := u.s.has(ofOld); i >= 0 {
		found = u.s.destinations[i].content.Value
	}
	var failed error
	var places []string
	for i := 0; i < len(u.s.destinations) && found.Empty(); i++ {
		d := u.s.destinations[i]
		v, err := d.store.Recall(ctx, d.ref, is)
		found, failed, places = v, errors.Join(failed, err), append(places, d.ref.String())
	}
	switch {
	case !found.Empty():
	case failed != nil:
		return failed
	default:
		u.s.undo.why = fmt.Sprintf("no version that can be recovered of %s holds the value of token %d (by the labels' fingerprints): store it by hand if you have it; both tokens stay alive",
			strings.Join(places, " or "), u.s.old.id)
		return nil
	}
	if err := u.proveOld(ctx, found); isPlanned(err) {
		return planned("put the value of token %d back into %s", u.s.old.id, u.s.destinations[u.s.notBack()].ref)
	} else if err != nil {
		return err
	}
	u.s.undo.value = found
	return nil
}

// proveOld shows that the old token's value authenticates, while that lives.
func (u *run) proveOld(ctx context.Context, value secrets.Value) error {
	if u.s.undo.proved {
		return nil
	}
	r := replacement{token: u.s.old.token, value: value}
	if err := u.proveAlive(ctx, &r); err != nil {
		return err
	}
	if !r.proved { // deleted meanwhile
		u.s.old.life = gone
	}
	u.s.undo.proved = r.proved
	return nil
}

// putBack writes the old token's value into one destination, by check-and-set
// against the version that this run decided on. As in store the entries come
// before the value; where the value is there already, writing it again has to come
// before the entry, which says that no frozen run can write there any more.
func (u *run) putBack(ctx context.Context, i int) error {
	d := &u.s.destinations[i]
	value, there, leaver := u.s.undo.value, d.owner == ofOld, u.s.leaver()
	if !there && !d.mayArrive {
		if err := u.labelUndo(ctx, i, value, leaver); err != nil {
			return err
		}
		if late, err := u.lookAround(ctx, i); late || err != nil {
			return err
		}
	}
	w := secrets.Write{Value: value, Expect: d.content.Version, Key: fmt.Sprintf("put-back/%d/%d/%s", u.account, leaver, d.ref.Place())}
	var version secrets.Version
	err := u.write(ctx, Entry{Step: string(putBack), TokenID: u.s.old.id, Ref: d.ref.String()}, func() error {
		var err error
		version, err = d.store.Write(ctx, d.ref, w)
		return err
	})
	if isPlanned(err) {
		return err
	}
	look, lookErr := d.store.Read(ctx, d.ref)
	// A look that shows the version from before may come from a copy that lags behind.
	moved := lookErr == nil && look.Version != w.Expect
	switch {
	case moved && look.Value.Equal(value):
		d.mayArrive, u.s.run.stores = false, 0
		u.wrote(i, look, version)
		if !there {
			return nil
		}
		if err := u.labelUndo(ctx, i, value, leaver); err != nil {
			return err
		}
		return u.readDestination(ctx, i)
	case moved && (err == nil || errors.Is(err, secrets.ErrConflict)):
		// Final for this run: somebody else was first.
		d.mayArrive = false
		u.s.run.failure = fmt.Sprintf("somebody else wrote %s meanwhile; token %d and its replacement %d both stay alive, and the same command goes on from there", d.ref, u.s.old.id, leaver)
		return u.rivals(ctx)
	}
	d.mayArrive = true
	u.s.run.stores++
	u.Log.Warn("a write was not answered clearly; asking again by the same check-and-set", "ref", d.ref.String(), "error", err)
	return u.Sleep(ctx, time.Second)
}

// labelUndo says beside a destination what is undone there, and whose the value
// is that comes back, where no label says so yet.
func (u *run) labelUndo(ctx context.Context, i int, value secrets.Value, leaver int64) error {
	d := &u.s.destinations[i]
	fp, first := value.Fingerprint(u.account), d.owner == empty || d.label.First
	undone := secrets.Label{TokenID: u.s.old.id, AccountID: u.account, Undoes: leaver, Written: u.s.now, Until: u.s.now.Add(u.overlapLength())}
	set := secrets.Labels{secrets.UndoEntry(u.account, leaver): undone}
	if known := d.content.Labels[fp]; known.TokenID != u.s.old.id || first && !known.First {
		set[fp] = secrets.Label{TokenID: u.s.old.id, AccountID: u.account, Replaces: known.Replaces, Written: u.s.now, First: first}
	}
	return u.labelEntries(ctx, i, set)
}

// lookAround is the other half of announce: this undo has said beside the arbiter
// what it is about to do, and looks whether a run said there that it is about to
// delete the old token. What is written goes by the version that was decided on.
func (u *run) lookAround(ctx context.Context, i int) (late bool, err error) {
	if i > 0 {
		return false, nil // decided at the arbiter
	}
	d := u.s.destinations[0]
	look, err := d.store.Read(ctx, d.ref)
	if err != nil {
		return false, err
	}
	announced := look.Labels[secrets.DeletionEntry(u.account, u.s.old.id)].Written
	if u.s.deletionAnnounced(announced) {
		u.s.run.refused = u.s.tooLateToBegin(announced).because
		return true, nil
	}
	err = u.readOld(ctx) // a run that is through has taken its announcement away
	return u.s.old.life != alive, err
}

// verify reads everything once more before the replacement goes: every
// destination holds the old token's value, that token lives and its value
// authenticates, and when the replacement was last used.
func (u *run) verify(ctx context.Context, id int64) error {
	if err := u.readDestinations(ctx); err != nil {
		return err
	}
	if err := u.readOld(ctx); err != nil {
		return err
	}
	r := u.s.replacement(id)
	if u.s.old.life != alive || r == nil || u.s.notBack() >= 0 {
		_, err := u.list(ctx)
		return err // next goes on from what is there now
	}
	fresh, seen, err := u.token(ctx, id)
	switch {
	case err != nil:
		return err
	case seen == notFound:
		return fmt.Errorf("service token %d: the service answers 404 for the replacement: the credential may have lost a permission", id)
	case seen == deleted:
		u.dismissed(ctx, id)
		return nil
	}
	r.token = fresh
	if err := u.proveOld(ctx, u.s.destinations[0].content.Value); isPlanned(err) {
		return planned("delete replacement %d", id)
	} else if err != nil {
		return err
	}
	u.s.run.fresh = true
	return nil
}

// dismiss deletes the replacement. From here on the old token is the credential
// in use if it may manage tokens: the replacement may be our own.
func (u *run) dismiss(ctx context.Context, id int64) error {
	if u.s.old.permissions.managesTokens() {
		u.api = u.Account.As(u.s.destinations[0].content.Value)
	}
	if err := u.delete(ctx, string(dismiss), id, u.s.old.id); err != nil {
		return err
	}
	u.dismissed(ctx, id)
	return nil
}

// dismissed forgets a replacement that is gone, and takes its labels away.
func (u *run) dismissed(ctx context.Context, id int64) {
	u.dropLabelsOf(ctx, id)
	u.forget(id)
}

// closeUndo notes beside the destinations which undoes are over, and reads them as
// the last act: unlike after a rotation, both the token and whoever wants to rotate
// it are still there. The entries stay, without a time, so that whoever asks for a
// replacement that is gone is told which token has its place. Nothing depends on it.
func (u *run) closeUndo(ctx context.Context) error {
	noted := map[string]bool{}
	for _, d := range u.s.destinations {
		for _, l := range d.undoes {
			entry := fmt.Sprint(d.ref.Object(), l.Undoes)
			if u.s.replacement(l.Undoes) != nil || noted[entry] {
				continue
			}
			noted[entry] = true
			over := secrets.Label{TokenID: l.TokenID, AccountID: l.AccountID, Undoes: l.Undoes}
			if err := d.store.Label(ctx, d.ref, secrets.Labels{secrets.UndoEntry(u.account, l.Undoes): over}, nil); err != nil {
				u.Log.Warn("that an undo is over could not be noted", "ref", d.ref.String(), "error", err)
			}
		}
	}
	u.dropLabels(ctx, secrets.DeletionEntry(u.account, u.s.old.id)) // of a run that has not deleted it
	return u.readDestinations(ctx)
}
