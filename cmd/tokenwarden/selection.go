package main

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/tokenwarden/tokenwarden/audit"
	"github.com/tokenwarden/tokenwarden/internal/config"
	"github.com/tokenwarden/tokenwarden/internal/dbtcloud"
	"github.com/tokenwarden/tokenwarden/internal/inflight"
	"github.com/tokenwarden/tokenwarden/rotate"
)

// flaggedToken is a flagged token that bulk may rotate.
type flaggedToken struct {
	*rotation
	item   dbtcloud.ServiceToken
	own    bool // it is the credential that this run authenticates with
	power  rotate.Power
	looked bool // power was looked at
}

// reason is why bulk does not take a flagged token.
type reason string

// The reasons, as the JSON has them.
const (
	suppressed   reason = "suppressed"     // the policy accepts the finding
	neverRotated reason = "never"          // the configuration says rotate: never
	inFlight     reason = "in-flight"      // an earlier run began it; --pending ends it
	unplaced     reason = "no-destination" // it has no destination
	unreadable   reason = "unreadable"     // a destination could not be read
	foreign      reason = "another-token"  // a destination holds another token's value
	emptyPlace   reason = "empty"          // a destination holds nothing
	unlabelled   reason = "unlabelled"     // a destination holds a value of unknown owner
	overMax      reason = "max"            // for a later run: --max are done
	stopped      reason = "stopped"        // for a later run: this one stopped before it
)

// later reports whether running the command again takes the token.
func (r reason) later() bool { return r == overMax || r == stopped }

// leftOut is a flagged token that a run does not take, and why.
type leftOut struct {
	AccountID int64  `json:"account_id"`
	Account   string `json:"account"`
	TokenID   int64  `json:"token_id"`
	Name      string `json:"name"`
	Reason    reason `json:"reason"`
	Detail    string `json:"detail,omitempty"`

	err error // of a destination that could not be read
}

// known is all that decides which flagged tokens of an account bulk takes.
type known struct {
	account            *account // with its survey
	findings, accepted []audit.Finding
	assignments        []config.Assignment // of this account
	held               map[string]held     // by place
}

// choose takes the flagged tokens whose every destination is labelled as theirs.
// It is pure: the same knowledge gives the same choice.
func (k known) choose() (chosen []*flaggedToken, left []leftOut) {
	seen := map[int64]bool{}
	for _, f := range k.findings {
		t, active := k.account.survey.Tokens[f.Resource.ID]
		if seen[f.Resource.ID] || !active { // flagged by both rules, or gone meanwhile
			continue
		}
		seen[t.ID] = true
		name, _, _ := inflight.Split(t.Name)
		r := &rotation{account: k.account, name: name, request: rotate.Request{TokenID: t.ID}}
		why, detail, err := k.obstacle(t.ID, t.Name)
		if why != "" {
			left = append(left, r.leaveOut(why, detail, err))
			continue
		}
		s := k.assignment(t.ID)
		r.request.Destinations, r.request.AfterStore = slices.Clone(s.Destinations), s.Entry.AfterStore
		chosen = append(chosen, &flaggedToken{rotation: r, item: t, own: k.own(t.ID)})
	}
	for _, f := range k.accepted {
		if t, active := k.account.survey.Tokens[f.Resource.ID]; active && !seen[t.ID] {
			seen[t.ID] = true
			r := &rotation{account: k.account, name: t.Name, request: rotate.Request{TokenID: t.ID}}
			left = append(left, r.leaveOut(suppressed, fmt.Sprintf("%s is accepted until %s: %s", f.Rule, f.Suppression.Until.Format(time.RFC3339), f.Suppression.Reason), nil))
		}
	}
	slices.SortFunc(chosen, compareTurns)
	return chosen, left
}

func (r *rotation) leaveOut(why reason, detail string, err error) leftOut {
	return leftOut{AccountID: r.account.ID, Account: r.account.Name, TokenID: r.request.TokenID, Name: r.name, Reason: why, Detail: detail, err: err}
}

// compareTurns puts the oldest first and the run's own credential last.
func compareTurns(a, b *flaggedToken) int {
	switch {
	case a.own != b.own && a.own:
		return 1
	case a.own != b.own:
		return -1
	}
	return cmp.Or(a.item.CreatedAt.Time.Compare(b.item.CreatedAt.Time), cmp.Compare(a.item.ID, b.item.ID))
}

// obstacle tells why a token is not taken; "" when it is.
func (k known) obstacle(id int64, name string) (why reason, detail string, err error) {
	s := k.assignment(id)
	_, _, replaces := inflight.Split(name)
	switch {
	case s != nil && s.Entry.Never:
		return neverRotated, s.Entry.Reason, nil
	case replaces, s != nil && len(s.Tokens) > 1:
		return inFlight, "an earlier run began it: rotate --pending ends it", nil
	case s == nil || len(s.Destinations) == 0:
		return unplaced, "the configuration names no destination for it", nil
	}
	worst := 0 // the first of what several destinations say that a person should hear
	for _, ref := range s.Destinations {
		h := k.held[ref.Place()]
		if at := k.obstacleAt(id, h); slices.Index(obstacles(), at) > worst {
			worst, why, detail, err = slices.Index(obstacles(), at), at, fmt.Sprintf("%s: %s", h.ref, h), h.err
		}
	}
	return why, detail, err
}

// obstacles are what one destination may say, the worst last.
func obstacles() []reason {
	return []reason{"", unlabelled, emptyPlace, foreign, unreadable, inFlight}
}

// obstacleAt tells why a token is not taken, by one of its destinations.
func (k known) obstacleAt(id int64, h held) reason {
	_, replacesLiving := k.account.survey.Tokens[h.label.Replaces]
	switch {
	case h.err != nil:
		return unreadable
	case h.empty:
		return emptyPlace
	case h.label.TokenID == 0 || h.label.AccountID != k.account.ID:
		return unlabelled
	case h.label.TokenID == id && !replacesLiving:
		return ""
	case h.label.TokenID == id, h.follows(id):
		return inFlight // by the label alone: somebody renamed the replacement
	}
	return foreign
}

// assignment is the one that means the token.
func (k known) assignment(id int64) *config.Assignment {
	for i := range k.assignments {
		if slices.ContainsFunc(k.assignments[i].Tokens, func(t config.ActiveToken) bool { return t.ID == id }) {
			return &k.assignments[i]
		}
	}
	return nil
}

// own reports whether a token is the credential that this run authenticates
// with. Each destination holds the token's value, so one look at a label tells.
func (k known) own(id int64) bool {
	for _, ref := range k.assignment(id).Destinations {
		if k.held[ref.Place()].labels[k.account.credential.Fingerprint(k.account.ID)].TokenID == id {
			return true
		}
	}
	return false
}
