package notify

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// slowChannel takes a while to deliver and remembers what it was given.
type slowChannel struct {
	takes  time.Duration
	mu     sync.Mutex
	titles []string
}

func (*slowChannel) Name() string { return "slow" }

func (c *slowChannel) Announce(ctx context.Context, m Message) (Delivery, error) {
	select {
	case <-ctx.Done():
		return Delivery{}, ctx.Err()
	case <-time.After(c.takes):
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.titles = append(c.titles, m.Title)
	return Delivery{Posted: Posted{Channel: "C1", TS: fmt.Sprint(len(c.titles)), At: time.Now()}, Told: m.Items}, nil
}

// Runs at once, on one state, announce once: the others wait for the first and
// then find everything told.
func TestRunsAtOnce(t *testing.T) {
	t.Parallel()
	for _, begun := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			states := FileState{Path: filepath.Join(t.TempDir(), "state.json")}
			if begun {
				if _, err := states.Save(t.Context(), State{Accounts: map[string]*AccountState{"1": knows(time.Now()), "2": knows(time.Now())}}, ""); err != nil {
					t.Fatal(err)
				}
			}
			channel := &slowChannel{takes: 3 * time.Second}
			var wg sync.WaitGroup
			for range 4 {
				wg.Go(func() {
					n := Notifier{Channel: channel, States: states}
					_, err := n.Ensure(t.Context(), []Night{
						{Account: "1", Name: "prod", Alerts: []Alert{alert("a", High)}},
						{Account: "2", Name: "dev", Alerts: []Alert{alert("b", High)}},
					})
					if err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			if len(channel.titles) != 2 {
				t.Errorf("announced %q", channel.titles)
			}
			if s, _, err := states.Load(t.Context()); err != nil || s.Claim != nil || len(s.Accounts) != 2 {
				t.Errorf("left behind: %+v, %v", s, err)
			}
		})
	}
}

// A run that was killed while it announced doesn't silence the others for ever.
func TestAbandonedClaim(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		states := FileState{Path: filepath.Join(t.TempDir(), "state.json")}
		until := time.Now().Add(6 * time.Minute)
		if _, err := states.Save(t.Context(), State{Claim: &Claim{Run: "killed", Until: until}}, ""); err != nil {
			t.Fatal(err)
		}
		channel := &slowChannel{}
		n := Notifier{Channel: channel, States: states, Limit: 10 * time.Minute}
		nights := []Night{{Account: "1", Name: "prod", Alerts: []Alert{alert("a", High)}}}

		short, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := n.Ensure(short, nights); !errors.Is(err, ErrBusy) || len(channel.titles) != 0 {
			t.Errorf("while it is claimed: %q, %v", channel.titles, err)
		}
		if _, err := n.Ensure(t.Context(), nights); err != nil || len(channel.titles) != 1 {
			t.Errorf("after the claim ran out: %q, %v", channel.titles, err)
		}
		if now := time.Now(); now.Before(until) {
			t.Errorf("announced at %s, although claimed until %s", now, until)
		}
	})
}

// Nor does one whose clock was years ahead.
func TestClaimByAWrongClock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		states := FileState{Path: filepath.Join(t.TempDir(), "state.json")}
		claim := Claim{Run: "killed", Until: time.Now().AddDate(2, 0, 0)}
		if _, err := states.Save(t.Context(), State{Claim: &claim}, ""); err != nil {
			t.Fatal(err)
		}
		channel := &slowChannel{}
		n := Notifier{Channel: channel, States: states, Limit: 10 * time.Minute}
		nights := []Night{{Account: "1", Name: "prod", Alerts: []Alert{alert("a", High)}}}
		if _, err := n.Ensure(t.Context(), nights); err != nil || len(channel.titles) != 1 {
			t.Errorf("announced %q, %v", channel.titles, err)
		}
	})
}

// When the time is up in the middle, what was told is remembered all the same.
func TestTimeIsUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		states := FileState{Path: filepath.Join(t.TempDir(), "state.json")}
		channel := &slowChannel{takes: 40 * time.Second}
		nights := []Night{
			{Account: "1", Name: "prod", Alerts: []Alert{alert("a", High)}},
			{Account: "2", Name: "dev", Alerts: []Alert{alert("b", High)}},
		}
		n := Notifier{Channel: channel, States: states, Limit: time.Minute}
		if _, err := n.Ensure(t.Context(), nights); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("no time for the second: %v", err)
		}
		if _, err := n.Ensure(t.Context(), nights); err != nil {
			t.Error(err)
		}
		if len(channel.titles) != 2 {
			t.Errorf("announced %q", channel.titles)
		}
	})
}

// overtaken is a store in which somebody takes the claim over after a while.
type overtaken struct {
	FileState
	saves int
}

func (o *overtaken) Save(ctx context.Context, s State, version string) (string, error) {
	if o.saves++; o.saves == 2 {
		other, now, err := o.Load(ctx)
		if err != nil {
			return "", err
		}
		other.Claim = &Claim{Run: "other", Until: time.Now().Add(time.Hour)}
		other.Accounts = map[string]*AccountState{"9": knows(time.Now(), alert("z", Low))}
		if _, err := o.FileState.Save(ctx, other, now); err != nil {
			return "", err
		}
	}
	return o.FileState.Save(ctx, s, version)
}

// A run whose claim was taken over adds what it told to what the other wrote.
func TestClaimTakenOver(t *testing.T) {
	t.Parallel()
	states := &overtaken{FileState: FileState{Path: filepath.Join(t.TempDir(), "state.json")}}
	n := Notifier{Channel: &slowChannel{}, States: states}
	if _, err := n.Ensure(t.Context(), []Night{
		{Account: "1", Name: "prod", Alerts: []Alert{alert("a", High)}},
		{Account: "2", Name: "dev", Alerts: []Alert{alert("b", High)}},
	}); err != nil {
		t.Fatal(err)
	}
	s, _, err := states.Load(t.Context())
	if err != nil || len(s.Accounts) != 3 || s.Claim == nil || s.Claim.Run != "other" {
		t.Errorf("%s, %v", same(t, s), err)
	}
}
