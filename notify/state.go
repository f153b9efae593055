package notify

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"
)

// StateVersion is the version of the State's JSON form.
const StateVersion = 1

// State is what is remembered from night to night. It holds no secret: rule,
// severity and name of what was announced, and where.
type State struct {
	Version  int                      `json:"version"`
	Claim    *Claim                   `json:"claim,omitempty"`
	Accounts map[string]*AccountState `json:"accounts"` // by Night.Account
}

// Claim says that a run is announcing. It ends by itself, because a run may be
// killed.
type Claim struct {
	Run   string    `json:"run"` // random
	Until time.Time `json:"until"`
}

// AccountState is what was announced about one account.
type AccountState struct {
	First     bool                     `json:"first,omitempty"`     // the first message about the account is not through yet
	Alerts    map[string]Known         `json:"alerts,omitempty"`    // by Alert.Key
	Rotations map[string]KnownRotation `json:"rotations,omitempty"` // by Rotation.Key
	Waiting   []Rotation               `json:"waiting,omitempty"`   // results that no message carried yet
	Message   Posted                   `json:"message,omitzero"`    // the last message
}

// Known is an alert that was announced and stands.
type Known struct {
	Rule     string    `json:"rule"`
	Resource string    `json:"name,omitempty"` // cut
	Severity Severity  `json:"severity"`
	Digest   string    `json:"digest"`
	First    time.Time `json:"first"` // when it was first seen
	Told     time.Time `json:"told"`  // when it was last announced
}

// KnownRotation is a rotation that was announced.
type KnownRotation struct {
	Status string    `json:"status"`
	Until  time.Time `json:"until,omitzero"`
	Told   time.Time `json:"told"`
}

// Posted is where a message stands in Slack.
type Posted struct {
	Channel string    `json:"channel,omitempty"`
	TS      string    `json:"ts,omitempty"` // Slack's name of the message; empty: a webhook, which names none
	At      time.Time `json:"at,omitzero"`
	// Tally counts what the message told, by label, so that a second run in the
	// same night can count on.
	Tally map[string]int `json:"tally,omitempty"`
}

// StateStore keeps the State. A version is opaque; the empty one means that
// nothing is there. Implementations never put a secret into an error.
type StateStore interface {
	// Load returns the state and its version. ErrNoState and ErrBrokenState
	// come with an empty State and with the version that a Save must expect to
	// begin anew.
	Load(ctx context.Context) (State, string, error)
	// Save replaces the state if it still is at version, and returns the new
	// version. ErrConflict: somebody else was first, nothing was changed.
	Save(ctx context.Context, s State, version string) (string, error)
}

// Errors that a caller decides on.
var (
	// ErrNoState: nothing is there. This is the first run, or the state is lost.
	ErrNoState = errors.New("there is no alert state: this is the first run, or it was lost")
	// ErrBrokenState: something is there that is no state.
	ErrBrokenState = errors.New("the alert state is broken")
	// ErrNewerState: a newer version of the program wrote it. It is left alone.
	ErrNewerState = errors.New("the alert state was written by a newer version: update this one, or name another place for the state")
	// ErrStateTooLarge: it does not fit the store.
	ErrStateTooLarge = errors.New("the alert state is too large for the store: keep it in a file")
	// ErrConflict: the state is no longer at the expected version.
	ErrConflict = errors.New("somebody else changed the alert state since it was read")
)

// Bounds of what is remembered.
const (
	maxRemembered = 60  // characters of a name
	maxWaiting    = 50  // results of rotations that wait for a message
	maxWaitText   = 200 // characters of each of their texts
	// forget is after how long a finished rotation is forgotten: by then it is
	// reported as unchanged.
	forget = 30 * 24 * time.Hour
)

// told remembers that items were announced.
func (s *AccountState) told(items []Item, now time.Time) {
	now = now.UTC().Truncate(time.Second)
	for _, item := range items {
		switch item.Kind {
		case KindResolved:
			delete(s.Alerts, item.Alert.Key)
		case KindRotation:
			r := item.Rotation
			s.Rotations[r.Key] = KnownRotation{Status: r.Status, Until: r.Until.UTC().Truncate(time.Second), Told: now}
			s.Waiting = slices.DeleteFunc(s.Waiting, func(w Rotation) bool { return w.Key == r.Key })
		default:
			first := item.Since
			if first.IsZero() {
				first = now
			}
			s.Alerts[item.Alert.Key] = Known{
				Rule: item.Alert.Rule, Resource: cut(clean(item.Alert.Resource), maxRemembered), Severity: item.Alert.Severity,
				Digest: item.Alert.digest(), First: first, Told: now,
			}
		}
	}
}

// wait keeps the results of rotations that were not announced: no later run
// reports them again.
func (s *AccountState) wait(items []Item) {
	for _, item := range items {
		if item.Kind != KindRotation || len(s.Waiting) >= maxWaiting {
			continue
		}
		r := item.Rotation
		r.Name, r.Text, r.Owner = cut(clean(r.Name), maxRemembered), cut(clean(r.Text), maxWaitText), cut(r.Owner, maxRemembered)
		if len(r.Remedy) > maxRemedy {
			r.Remedy = "" // it would not be shown
		}
		s.Waiting = slices.DeleteFunc(s.Waiting, func(w Rotation) bool { return w.Key == r.Key })
		s.Waiting = append(s.Waiting, r)
	}
}

// clone returns a copy that shares nothing, ready to be written to; of nil, an
// empty one.
func (s *AccountState) clone(now time.Time) *AccountState {
	c := AccountState{Alerts: map[string]Known{}, Rotations: map[string]KnownRotation{}}
	if s == nil {
		return &c
	}
	c.Message, c.Waiting = s.Message, slices.Clone(s.Waiting)
	maps.Copy(c.Alerts, s.Alerts)
	maps.Copy(c.Rotations, s.Rotations)
	maps.DeleteFunc(c.Rotations, func(_ string, r KnownRotation) bool { return over(r.Status) && now.Sub(r.Told) > forget })
	return &c
}
