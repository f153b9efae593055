package rotate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tokenwarden/tokenwarden/secrets"
)

// store writes the replacement's value into one destination: its label, then the
// value by check-and-set against the version that this run decided on, then a
// look. The version is never read again just before writing: the check-and-set
// is the election between rotators.
func (u *run) store(ctx context.Context, r *replacement, i int) error {
	d := &u.s.destinations[i]
	if r.value.Empty() {
		return fmt.Errorf("the value of replacement %d is not known to this run and could not be read back from any destination", r.id())
	}
	if !d.mayArrive {
		label := secrets.Label{
			TokenID: r.id(), AccountID: u.account, Replaces: u.s.old.id,
			Written: u.s.now, First: d.first(), Ready: false,
		}
		if !u.s.now.IsZero() {
			label.Until = u.s.now.Add(u.overlapLength())
		}
		if err := u.label(ctx, i, r.value, label); err != nil {
			return err
		}
	}
	w := secrets.Write{Value: r.value, Expect: d.content.Version, Key: fmt.Sprintf("store/%d/%d/%s", u.account, r.id(), d.ref.Place())}
	var version secrets.Version
	err := u.write(ctx, Entry{Step: "store", TokenID: r.id(), Ref: d.ref.String()}, func() error {
		var err error
		version, err = d.store.Write(ctx, d.ref, w)
		return err
	})
	if isPlanned(err) {
		return err
	}
	r.stored = r.stored || err == nil
	look, lookErr := d.store.Read(ctx, d.ref)
	// Nothing is concluded from a look that failed, or that shows the version from
	// before the write: it may come from a copy that lags behind.
	decided := lookErr == nil && look.Version != w.Expect
	switch {
	case lookErr == nil && look.Value.Equal(r.value):
		// Written, whatever the answer was; also when a conflict was only our
		// own lost write.
		d.mayArrive, u.s.run.stores, r.stored = false, 0, true
		u.took(i, look, r, version)
		return nil
	case decided && errors.Is(err, secrets.ErrConflict):
		// Final for this run: somebody else was first, and it was not our own lost write.
		d.mayArrive, u.s.run.stores = false, 0
		if i > 0 || u.s.winner() != nil {
			u.s.run.failure = fmt.Sprintf("%v; token %d and its replacement %d both stay alive, and the same command goes on from there", err, u.s.old.id, r.id())
		} else {
			u.s.run.beaten = fmt.Sprintf("somebody else wrote %s first", d.ref)
		}
		return u.rivals(ctx)
	case decided && err == nil:
		d.mayArrive, u.s.run.stores = false, 0
		u.s.run.failure = fmt.Sprintf("%s took the value of replacement %d and does not show it: somebody else wrote it meanwhile", d.ref, r.id())
		return u.rivals(ctx)
	}
	// No clear answer: it may be there, or arrive later.
	d.mayArrive = true
	u.s.run.stores++
	u.Log.Warn("a write was not answered clearly; asking again by the same check-and-set", "ref", d.ref.String(), "error", err)
	if u.s.winner() != nil && u.s.run.stores >= maxStores {
		return errors.Join(err, lookErr)
	}
	return u.Sleep(ctx, time.Second)
}

// took notes that a destination holds the replacement's value. Other fields of
// the same object are now at the version that this write returned: if anybody
// else wrote in between, their own check-and-set still shows it.
func (u *run) took(i int, look secrets.Content, r *replacement, version secrets.Version) {
	u.wrote(i, look, version)
	if u.s.old.credential == yes && u.s.old.permissions.managesTokens() && u.s.lacking(r.id()) < 0 {
		// From here on every request of ours with the old value would look as if
		// a consumer still used it.
		u.api = u.Account.As(r.value)
	}
}

// wrote notes what a destination holds after a write, whichever value that was of.
func (u *run) wrote(i int, look secrets.Content, version secrets.Version) {
	d := &u.s.destinations[i]
	d.content = look
	if i == 0 {
		u.fencedOff()
	}
	if version == "" {
		version = look.Version
	}
	for j := range u.s.destinations {
		other := &u.s.destinations[j]
		if j != i && other.ref.Object() == d.ref.Object() {
			other.content.Version = version
			other.content.Labels = look.Labels
		}
	}
	u.classify()
}

// rivals observes again after a lost election: what the destinations hold now,
// and whose that is.
func (u *run) rivals(ctx context.Context) error {
	if err := u.readDestinations(ctx); err != nil {
		return err
	}
	_, err := u.list(ctx)
	return err
}

func (u *run) overlapLength() time.Duration {
	if u.s.policy.Now {
		return 0
	}
	return u.s.policy.Overlap
}
