package notify

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"
)

// Notifier ensures that people know what stands.
type Notifier struct {
	Channel Channel
	States  StateStore
	Remind  time.Duration            // an unchanged alert is said again after this long; 0: never
	Owner   func(name string) string // the Slack ID to mention for an alert's owner, or nothing; nil: nobody
	Limit   time.Duration            // for all of it; 0: 5 minutes
	Clock   Clock
	Rand    io.Reader // nil: crypto/rand
}

// Result is what Ensure came to.
type Result struct {
	// State says that there was no usable memory: it wraps ErrNoState or
	// ErrBrokenState. The messages say it too, and the state has been begun
	// anew: nothing is left to do but to say it.
	State    error
	Accounts []Outcome
}

// Outcome is what became of one account.
type Outcome struct {
	Account string
	Items   int // what there was to announce
	Told    int // what Slack took
	Err     error
	// Unattached is why the report does not go with it. The announcement was
	// delivered all the same, and nothing comes again because of it.
	Unattached error
}

// ErrBusy: another run is announcing and did not end in time.
var ErrBusy = errors.New("another run is announcing")

// Pace and bounds of one Ensure.
const (
	defaultLimit = 5 * time.Minute
	claimPoll    = 2 * time.Second
	// claimGrace is for clocks of two machines that differ: a claim outlives the
	// last moment its run sends anything by this much.
	claimGrace = time.Minute
	// claimLongest is longer than anybody announces: what is claimed beyond it was
	// claimed by a clock that was wrong, and would keep all runs silent until then.
	claimLongest = 24 * time.Hour
	// saveLimit is for remembering what was told, even when time is up.
	saveLimit = 20 * time.Second
)

// plan is what there is to say about one account.
type plan struct {
	night Night
	known *AccountState
	items []Item
	say   bool
}

// Ensure announces what changed in each night. An error means that something was
// not announced, or was and could not be remembered; it comes again next time.
// A state that cannot be reached is an error, and nothing is announced: without
// it everything would look new.
func (n Notifier) Ensure(ctx context.Context, nights []Night) (Result, error) {
	limit := n.Limit
	if limit <= 0 {
		limit = defaultLimit
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	m, plans, lost, err := n.claim(ctx, nights, limit)
	result := Result{State: lost}
	if err != nil || len(plans) == 0 {
		return result, err
	}
	var errs []error
	for i, p := range plans {
		next, outcome := n.announce(ctx, p, lost)
		result.Accounts = append(result.Accounts, outcome)
		if outcome.Err != nil {
			errs = append(errs, fmt.Errorf("announcing account %q: %w", clean(p.night.Name), outcome.Err))
		}
		if err := m.save(ctx, p.night.Account, next, i == len(plans)-1); err != nil {
			errs = append(errs, fmt.Errorf("remembering what was announced, which may now be said twice: %w", err))
		}
	}
	return result, errors.Join(errs...)
}

// announce says what there is to say, and returns what to remember.
func (n Notifier) announce(ctx context.Context, p plan, lost error) (*AccountState, Outcome) {
	now := n.Clock.now()
	next, outcome := p.known.clone(now), Outcome{Account: p.night.Account, Items: len(p.items)}
	first := p.known == nil || p.known.First
	if p.say {
		m := compose(p.night, p.known, p.items, lost, now)
		m.Owner = n.Owner
		d, err := n.Channel.Announce(ctx, m)
		outcome.Told, outcome.Err, outcome.Unattached = len(d.Told), err, d.Unattached
		if !d.Posted.At.IsZero() {
			next.Message = d.Posted
			next.Message.Tally = tally(d.Told, m.Last.Tally)
		}
		next.told(d.Told, now)
		missed := untold(p.items, d.Told)
		next.wait(missed)
		first = first && (len(missed) > 0 || d.Posted.At.IsZero())
	} else {
		first = false
	}
	next.First = first
	return next, outcome
}

// plans decides about every account; none when there is nothing to say and
// nothing to begin.
func (n Notifier) plans(s State, nights []Night, lost error, now time.Time) []plan {
	var all []plan
	for _, night := range nights {
		known := s.Accounts[night.Account]
		items := Decide(night, known, now, n.Remind)
		// A broken state is said even when nothing stands; a missing one is
		// only begun.
		say := len(items) > 0 || known == nil && errors.Is(lost, ErrBrokenState)
		if say || known == nil {
			all = append(all, plan{night: night, known: known, items: items, say: say})
		}
	}
	return all
}

// claim reads the state, decides, and takes the right to announce; it waits for
// another run that has it, and then decides again. No plans: nothing to do.
func (n Notifier) claim(ctx context.Context, nights []Night, limit time.Duration) (*memory, []plan, error, error) {
	source := n.Rand
	if source == nil {
		source = rand.Reader
	}
	id := make([]byte, 8)
	if _, err := io.ReadFull(source, id); err != nil {
		return nil, nil, nil, fmt.Errorf("naming the run: %w", err)
	}
	run := hex.EncodeToString(id)
	for {
		s, version, err := n.States.Load(ctx)
		var lost error
		if errors.Is(err, ErrNoState) || errors.Is(err, ErrBrokenState) {
			lost, err, s = err, nil, State{}
		}
		if err != nil {
			return nil, nil, nil, fmt.Errorf("reading the alert state, without which nothing is announced: %w", err)
		}
		now := n.Clock.now()
		plans := n.plans(s, nights, lost, now)
		if len(plans) == 0 {
			return nil, nil, lost, nil
		}
		if !s.Claim.holds(now) {
			s.Claim = &Claim{Run: run, Until: now.Add(limit + claimGrace).UTC().Truncate(time.Second)}
			version, err = n.States.Save(ctx, s, version)
			if err == nil {
				return &memory{store: n.States, run: run, state: s, version: version}, plans, lost, nil
			}
			if !errors.Is(err, ErrConflict) {
				return nil, nil, lost, fmt.Errorf("claiming the alert state, without which nothing is announced: %w", err)
			}
		}
		if err := n.Clock.sleep(ctx, claimPoll); err != nil {
			return nil, nil, lost, fmt.Errorf("%w: %w", ErrBusy, err)
		}
	}
}

func (c *Claim) holds(now time.Time) bool {
	return c != nil && now.Before(c.Until) && c.Until.Sub(now) <= claimLongest
}

// memory is the state while a run has claimed it.
type memory struct {
	store   StateStore
	run     string // whose claim it is
	state   State
	version string
}

// save remembers one account; the last one gives the claim back. It is done even
// when time is up: what was said must not be said again.
func (m *memory) save(ctx context.Context, account string, known *AccountState, last bool) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveLimit)
	defer cancel()
	for try := 1; ; try++ {
		if m.state.Accounts == nil {
			m.state.Accounts = map[string]*AccountState{}
		}
		m.state.Accounts[account] = known
		next := m.state
		if c := next.Claim; last && c != nil && c.Run == m.run {
			next.Claim = nil
		}
		version, err := m.store.Save(ctx, next, m.version)
		if err == nil {
			m.version = version
			return nil
		}
		if !errors.Is(err, ErrConflict) || try == maxTries {
			return err
		}
		// The claim ran out and somebody else took it: put what was said into
		// what is there now.
		if m.state, m.version, err = m.store.Load(ctx); err != nil {
			return err
		}
	}
}
