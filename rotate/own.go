package rotate

import (
	"context"
	"time"

	"github.com/tokenwarden/tokenwarden/internal/dbtcloud"
)

// There is no "who am I" for a service token. Whether the credential that this
// program runs with is the token to be rotated follows from, in this order: what
// the token may do (a credential that cannot manage tokens could not rotate),
// what the labels and the destinations tell, and how last_used moves.

// judgeCredential draws the conclusions that cost no request.
func (u *run) judgeCredential() {
	old := &u.s.old
	if old.life != alive || old.credential != maybe {
		return
	}
	if !old.permissions.mightManageTokens() {
		old.credential = no
		return
	}
	own := u.s.policy.credential
	for _, d := range u.s.destinations {
		if label, ok := d.content.Labels[own.Fingerprint(u.account)]; ok && label.AccountID == u.account {
			old.credential = no
			if label.TokenID == old.id {
				old.credential = yes
			}
			return
		}
		if d.owner == ofOld && !d.content.Value.Equal(own) {
			old.credential = no
			return
		}
	}
}

const (
	ownReads = 3
	// usedNow is how near last_used must be to a reply's Date to be the same
	// use: the header has whole seconds, and the service may write the one a
	// moment after the other.
	usedNow = 1500 * time.Millisecond
)

// identifyOwn asks which token moves with our own requests. The old token is our
// own credential when its last_used follows each of them. It is not when its
// last_used stands still while some other token's is up to the moment: that
// shows that the service does not lag. Anything else stays "maybe".
func (u *run) identifyOwn(ctx context.Context) error {
	u.s.old.identified = true
	candidates := []int64{u.s.old.id}
	now := u.s.now
	_, err := u.api.ServiceTokens(ctx, func(t dbtcloud.ServiceToken) error {
		recent := t.LastUsed.Known() && now.Sub(t.LastUsed.Time) < time.Minute
		if recent && t.ID != u.s.old.id && len(candidates) < 10 {
			candidates = append(candidates, t.ID)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, id := range candidates {
		follows, err := u.followsUs(ctx, id)
		if err != nil {
			return err
		}
		switch {
		case follows && id == u.s.old.id:
			u.s.old.credential = yes
			return nil
		case follows:
			u.s.old.credential = no
			return nil
		}
	}
	return nil
}

// followsUs reads a token a few times, at random intervals, and reports whether
// its last_used shows each of these very requests (or, where the service writes
// it after answering, the one before).
func (u *run) followsUs(ctx context.Context, id int64) (bool, error) {
	var before time.Time
	for i := range ownReads + 1 {
		if i > 0 {
			if err := u.pause(ctx); err != nil {
				return false, err
			}
		}
		t, date, err := u.api.ServiceToken(ctx, id)
		u.saw(date)
		if err != nil && dbtcloud.KindOf(err) != dbtcloud.KindNotFound {
			return false, err
		}
		if err != nil || date.IsZero() || !t.LastUsed.Known() {
			return false, nil
		}
		used := t.LastUsed.Time
		if i > 0 && !near(used, date) && !near(used, before) {
			return false, nil
		}
		before = date
	}
	return true, nil
}

func near(used, date time.Time) bool { return used.Sub(date).Abs() <= usedNow }
