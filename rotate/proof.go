package rotate

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/tokenwarden/tokenwarden/internal/dbtcloud"
	"github.com/tokenwarden/tokenwarden/secrets"
)

const (
	proofs = 3 // probes that must each move last_used
	// Over a slow link more of somebody else's uses fall between two looks, so it
	// takes more probes to tell them from ours.
	slowLink   = 120 * time.Millisecond
	slowProofs = 5
	proofLimit = 30 * time.Second // how long a busy old token is tried
	// proofYield lets another rotator, whose probes and ours disturb each other,
	// make its three in peace.
	proofYield = 8 * time.Second
)

// prove tries to show that a value of unknown owner is the old token's, and
// labels it at once if it is.
func (u *run) prove(ctx context.Context, i int) error {
	value := u.s.destinations[i].content.Value
	why, err := u.proveOwner(ctx, i, value)
	if isPlanned(err) {
		return err
	}
	if err != nil || why != "" {
		// Another run that has shown it meanwhile may even be done, old token and all.
		if over, lookErr := u.overtaken(ctx, i, value); lookErr == nil && over {
			return u.observeAnew(ctx)
		}
	}
	if err != nil {
		return err
	}
	if why != "" {
		u.s.destinations[i].unproved = why
		return nil
	}
	if u.s.old.credential == maybe {
		u.s.old.credential = no // our own value would have been told by equality
	}
	return u.labelAsOld(ctx, i)
}

// proveOwner shows that a destination's value is the old token's: three requests
// made with that value, a random one to three seconds apart, each of which moves
// the old token's last_used to its own Date, while nothing moves it in between.
// A value that is another token's cannot do that, however busy the old token is:
// its consumers' uses do not lie as far apart as our probes.
// The returned text says why it was not shown; "" means that it was.
func (u *run) proveOwner(ctx context.Context, i int, value secrets.Value) (why string, err error) {
	if !dbtcloud.LooksLikeToken(value) {
		return "it does not look like a dbt token, so it was not tried", nil
	}
	probe := u.Account.As(value)
	last, why, err := u.lastUsed(ctx)
	if err != nil || why != "" {
		return why, err
	}
	var seen sightings
	unmoved, yielded := 0, false
	for spent := time.Duration(0); spent < proofLimit; {
		sent := time.Now()
		date, err := probe.Authenticate(ctx)
		if err != nil {
			return notOurs(err)
		}
		took := time.Since(sent)
		if date.IsZero() {
			return "the service sends no Date header to compare last_used with", nil
		}
		after, why, err := u.lastUsed(ctx)
		if err != nil || why != "" {
			return why, err
		}
		hit := after.After(last) && near(after, date)
		if !after.After(last) {
			// Where it shows whole seconds, a use just before may have been in this one.
			if unmoved++; unmoved == 2 || !near(after, date) {
				return "a request made with it does not move the token's last_used (it is another token's, or the service shows use with a delay)", nil
			}
		}
		wait, err := u.interval()
		if err != nil {
			return "", err
		}
		if err := u.Sleep(ctx, wait); err != nil {
			return "", err
		}
		spent += wait
		still, why, err := u.lastUsed(ctx)
		if err != nil || why != "" {
			return why, err
		}
		quiet := still.Equal(after)
		if hit && quiet {
			seen.add(sighting{used: after, date: date, sent: sent, took: took})
		}
		last = still
		switch {
		case seen.enough():
			return "", nil
		case quiet:
			continue
		}
		if over, err := u.overtaken(ctx, i, value); over || err != nil {
			return "another run has settled it meanwhile", err
		}
		if yielded {
			continue
		}
		// Whoever else uses the token may be another rotator that proves the same.
		// One of two gives way, once.
		if yielded, err = u.coin(); err != nil {
			return "", err
		}
		if yielded {
			if err := u.Sleep(ctx, proofYield); err != nil {
				return "", err
			}
			spent += proofYield
			if last, why, err = u.lastUsed(ctx); err != nil || why != "" {
				return why, err
			}
		}
	}
	return fmt.Sprintf("the token is in such use that %s did not suffice to tell our own requests from its consumers'", proofLimit), nil
}

// sighting is a probe that moved last_used while nothing else did.
type sighting struct {
	used time.Time     // what it was moved to
	date time.Time     // of its answer
	sent time.Time     // when the probe was sent, by the runtime's clock
	took time.Duration // until its answer
}

// sightings are those that fit together: uses that lie as far apart as our probes
// do, whose intervals nobody else knows. One that does not fit begins anew.
type sightings []sighting

func (all *sightings) add(s sighting) {
	if n := len(*all); n > 0 && !s.fits((*all)[n-1]) {
		*all = nil
	}
	*all = append(*all, s)
}

func (s sighting) fits(before sighting) bool {
	apart := s.sent.Sub(before.sent) + (s.took-before.took)/2
	if (s.date.Sub(before.date) - apart).Abs() > 2*time.Second {
		return true // the service's clock jumped, or does not run as ours: each Date has to do
	}
	// The way there is not as fast as the way back.
	tolerance := 100*time.Millisecond + (s.took+before.took)/4
	if s.used.Nanosecond() == 0 && before.used.Nanosecond() == 0 {
		tolerance += time.Second // whole seconds are shown
	}
	return (s.used.Sub(before.used) - apart).Abs() <= tolerance
}

func (all sightings) enough() bool {
	slow := slices.ContainsFunc(all, func(s sighting) bool { return s.took > slowLink })
	return len(all) >= slowProofs || len(all) >= proofs && !slow
}

// overtaken reports whether a destination's value has an owner by now, or is
// another one: another run, or a person, was there.
func (u *run) overtaken(ctx context.Context, i int, value secrets.Value) (bool, error) {
	if err := u.readDestination(ctx, i); err != nil {
		return false, err
	}
	d := &u.s.destinations[i]
	return d.owner != unknown || !d.content.Value.Equal(value), nil
}

// lastUsed reads when the old token was last used; never used is the zero time.
func (u *run) lastUsed(ctx context.Context) (t time.Time, why string, err error) {
	token, date, err := u.api.ServiceToken(ctx, u.s.old.id)
	u.saw(date)
	if err != nil {
		return t, "", fmt.Errorf("service token %d: %w", u.s.old.id, err)
	}
	u.s.old.token, u.s.old.looked = token, u.s.now
	switch token.LastUsed.Presence {
	case dbtcloud.Known:
		return token.LastUsed.Time, "", nil
	case dbtcloud.Null:
		return t, "", nil
	case dbtcloud.Absent, dbtcloud.Unreadable:
	}
	return t, "the service does not show when the token was last used", nil
}

// notOurs judges the answer to a probe.
func notOurs(err error) (why string, _ error) {
	switch dbtcloud.KindOf(err) {
	case dbtcloud.KindUnauthorized:
		return "the service does not accept it (a dead token, or one of another host)", nil
	case dbtcloud.KindIPRestricted:
		return "the service refuses it from this address", nil
	}
	return "", fmt.Errorf("asking the service with the stored value: %w", err)
}

// pause waits a random one to three seconds.
func (u *run) pause(ctx context.Context) error {
	d, err := u.interval()
	if err != nil {
		return err
	}
	return u.Sleep(ctx, d)
}

// coin is true half the time.
func (u *run) coin() (bool, error) {
	var b [1]byte
	if _, err := io.ReadFull(u.Rand, b[:]); err != nil {
		return false, fmt.Errorf("flipping a coin: %w", err)
	}
	return b[0]&1 == 1, nil
}

func (u *run) interval() (time.Duration, error) {
	var b [4]byte
	if _, err := io.ReadFull(u.Rand, b[:]); err != nil {
		return 0, fmt.Errorf("drawing a random interval: %w", err)
	}
	return time.Second + time.Duration(binary.BigEndian.Uint32(b[:])%2000)*time.Millisecond, nil
}
