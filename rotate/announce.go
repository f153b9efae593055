package rotate

import (
	"context"
	"time"

	"github.com/tokenwarden/tokenwarden/secrets"
)

// A DELETE takes no condition, and no check-and-set of a store can hold it back.
// So that a rotation that ends and an undo that begins do not meet, each says
// beside the arbiter what it is about to do, and then looks whether the other has:
// whatever the order, at least one of the two sees it. The rotation announces, and
// where it finds that an undo did, it writes the arbiter's present value again:
// the check-and-set decides, and whoever loses stops. The undo announces what it is
// about to take back, and where it finds that a rotation did, it leaves everything
// as it is until the run that made it is over, dead, or frozen for so
// long that nothing could be told of it.

const (
	// announcementLife is how long an announced deletion may be about to happen.
	announcementLife = 10 * time.Minute
	// announcementUse is how long a run goes by its own announcement: a DELETE
	// that takes effect a little later is still within its life.
	announcementUse = 5 * time.Minute
)

// announcedLately reports whether this run's announcement still holds. Without
// server time there is nothing to say; an undo does not begin without either.
func (s *state) announcedLately() bool {
	return s.now.IsZero() || !s.run.announced.IsZero() && s.now.Sub(s.run.announced) < announcementUse
}

// deletionAnnounced reports whether the old token may be about to be deleted, by
// an announcement of that time.
func (s *state) deletionAnnounced(at time.Time) bool {
	return !at.IsZero() && s.now.Sub(at) < announcementLife
}

// undoAnnounced reports whether an undo has said, beside the arbiter, that it is
// about to take the old token's place back from its replacement.
func (s *state) undoAnnounced(w *replacement) bool {
	_, announced := s.destinations[0].undoOf(w.id())
	return announced
}

// announce says that the old token is about to be deleted.
func (u *run) announce(ctx context.Context) error {
	label := secrets.Label{TokenID: u.s.old.id, AccountID: u.account, Written: u.s.now}
	if err := u.labelEntry(ctx, 0, secrets.DeletionEntry(u.account, u.s.old.id), label); err != nil {
		return err
	}
	u.s.run.announced, u.s.run.fenced = label.Written, false
	return nil
}
