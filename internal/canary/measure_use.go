package canary

import (
	"context"
	"errors"
	"time"

	"github.com/tokenwarden/tokenwarden/internal/dbtcloud"
)

// patience is the pauses between the looks at something that takes time: two
// minutes of them.
func patience() []time.Duration {
	const s = time.Second
	return []time.Duration{0, s, s, s, 2 * s, 5 * s, 5 * s, 10 * s, 15 * s, 20 * s, 30 * s, 30 * s}
}

// wait looks until something holds, or patience is at its end. It counts the
// time from start.
func (r *run) wait(ctx context.Context, start time.Time, holds func() (bool, error)) (waitFact, error) {
	var f waitFact
	for i, pause := range patience() {
		if pause > 0 {
			if err := r.Sleep(ctx, pause); err != nil {
				return f, err
			}
		}
		now, err := holds()
		if err != nil {
			return f, err
		}
		f.after = r.Now().Sub(start)
		if now {
			f.held, f.first = true, i == 0
			return f, nil
		}
	}
	return f, nil
}

// accepts tells whether the service takes the canary's value, and the time of
// the reply.
func (r *run) accepts(ctx context.Context, m *made) (bool, time.Time, error) {
	date, err := r.As(m.value).Authenticate(ctx)
	if dbtcloud.KindOf(err) == dbtcloud.KindUnauthorized {
		return false, date, nil
	}
	return err == nil, date, err
}

func (r *run) measureAccepted(ctx context.Context, m *made, born time.Time) error {
	f, err := r.wait(ctx, born, func() (bool, error) {
		ok, _, err := r.accepts(ctx, m)
		return ok, err
	})
	if err != nil {
		return err
	}
	r.facts.accepted = &f
	if !f.held {
		r.missing[ofLastUsed] = "the value was never accepted"
		r.missing[ofRefused] = "the value was never accepted"
	}
	return nil
}

var errRefusedAgain = errors.New("the value was accepted, and is refused again")

const (
	useCount = 3
	useApart = 2 * time.Second
	// usedNow is how near last_used must be to a reply's Date for a rotation to
	// take the two for the same use.
	usedNow = 1500 * time.Millisecond
)

// measureLastUsed uses the canary's value a few times, as the proof of a rotation
// does, and looks each time whether last_used has moved. The first use is waited
// for.
func (r *run) measureLastUsed(ctx context.Context, m *made) error {
	f := useFact{}
	for i := range useCount {
		if err := r.Sleep(ctx, useApart); err != nil {
			return err
		}
		ok, date, err := r.accepts(ctx, m)
		if err != nil {
			return err
		}
		if !ok {
			return errRefusedAgain
		}
		f.uses++
		f.undated = f.undated || date.IsZero()
		shown := false
		look := func() (bool, error) {
			t, _, err := r.Client.ServiceToken(ctx, m.id)
			if err != nil {
				return false, err
			}
			f.presence = t.LastUsed.Presence
			if !t.LastUsed.Known() || date.IsZero() {
				return false, nil
			}
			apart := t.LastUsed.Time.Sub(date)
			if i == 0 {
				f.apart = apart
			}
			shown = apart.Abs() <= usedNow
			return shown, nil
		}
		if i > 0 {
			if _, err := look(); err != nil {
				return err
			}
			if shown {
				f.atOnce++
			}
			continue
		}
		waited, err := r.wait(ctx, r.Now(), func() (bool, error) {
			found, err := look()
			// There is nothing to wait for where last_used, or a Date, is missing.
			return found || f.undated || f.presence == dbtcloud.Absent || f.presence == dbtcloud.Unreadable, err
		})
		if err != nil {
			return err
		}
		if f.shown, f.after = shown, waited.after; shown && waited.first {
			f.atOnce++
		}
	}
	r.facts.lastUsed = &f
	return nil
}
