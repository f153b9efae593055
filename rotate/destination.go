package rotate

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/tokenwarden/tokenwarden/secrets"
)

// openDestinations sorts the references, which fixes the arbiter for every run
// on every machine, and finds their stores.
func (u *run) openDestinations() error {
	refs := slices.Clone(u.req.Destinations)
	slices.SortFunc(refs, func(a, b secrets.Ref) int { return strings.Compare(a.Place(), b.Place()) })
	if len(refs) == 0 {
		return &refusedError{fmt.Sprintf("token %d has no destination: name one with --to or in the configuration", u.s.old.id)}
	}
	for i, ref := range refs {
		if i > 0 && refs[i-1].Place() == ref.Place() {
			return &refusedError{fmt.Sprintf("%s is named twice as a destination of token %d", ref, u.s.old.id)}
		}
		if !ref.Writable() {
			return &refusedError{fmt.Sprintf("%s cannot be written, so it cannot be a destination", ref)}
		}
		store, err := u.Store(ref)
		if err != nil {
			return err
		}
		u.s.destinations = append(u.s.destinations, destination{ref: ref, store: store})
		u.s.credentialInDestination = u.s.credentialInDestination || ref.Place() == u.Account.CredentialRef.Place()
	}
	return nil
}

func (u *run) readDestinations(ctx context.Context) error {
	for i := range u.s.destinations {
		if err := u.readDestination(ctx, i); err != nil {
			return err
		}
	}
	return nil
}

func (u *run) readDestination(ctx context.Context, i int) error {
	d := &u.s.destinations[i]
	content, err := d.store.Read(ctx, d.ref)
	if err != nil {
		return err
	}
	d.content = content
	for i := range u.s.replacements {
		u.s.replacements[i].lives = false
	}
	u.classify()
	return nil
}

// classify says whose value each destination holds, by its fingerprint.
func (u *run) classify() {
	for _, d := range u.s.destinations {
		label := d.content.Labels[d.content.Value.Fingerprint(u.account)]
		if r := u.s.replacement(label.TokenID); label.AccountID == u.account && r != nil && r.value.Empty() && !r.mine {
			r.value = d.content.Value
		}
	}
	ready := true
	for i := range u.s.destinations {
		d := &u.s.destinations[i]
		d.owner, d.label, d.unlabelled = unknown, secrets.Label{}, false
		d.undoes = u.undoesIn(d.content.Labels)
		if d.content.Value.Empty() {
			d.owner = empty
			continue
		}
		label, ok := d.content.Labels[d.content.Value.Fingerprint(u.account)]
		if !ok {
			// Somebody took the label away from a value that this run knows.
			if r := u.s.replacementWith(d.content.Value); r != nil {
				d.owner, d.unlabelled = ofReplacement, true
				d.label = secrets.Label{TokenID: r.id(), AccountID: u.account, Replaces: u.s.old.id}
				ready = false
			}
			continue
		}
		d.label = label
		switch {
		case label.AccountID == u.account && label.TokenID == u.s.old.id:
			d.owner = ofOld
		case label.AccountID == u.account && u.s.replacement(label.TokenID) != nil:
			d.owner = ofReplacement
			ready = ready && label.Ready
		case label.AccountID == u.account && label.Replaces == u.s.old.id:
			d.owner = ofDead
		default:
			d.owner = ofAnotherToken
		}
	}
	if w := u.s.winner(); w != nil && u.s.lacking(w.id()) < 0 {
		u.s.run.commandDone = u.s.run.commandDone || ready
	}
	u.s.announced = u.s.destinations[0].content.Labels[secrets.DeletionEntry(u.account, u.s.old.id)].Written
	u.s.undo.leaver = cmp.Or(u.s.leaver(), u.s.undo.leaver, u.s.unfinished())
}
