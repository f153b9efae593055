package rotate

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"regexp"
	"time"

	"github.com/tokenwarden/tokenwarden/internal/dbtcloud"
	"github.com/tokenwarden/tokenwarden/secrets"
)

// tokenShape is what a dbt token looks like: dbtc_ or dbtu_ and some fifty
// characters by public samples; older ones carry no prefix and are hexadecimal.
// Nothing else is sent anywhere to find out whose it is.
var tokenShape = regexp.MustCompile(`^(dbt[a-z]_[A-Za-z0-9_-]{16,200}|[0-9a-fA-F]{32,128})$`)

const (
	proofs     = 3                // probes that must each move last_used
	proofLimit = 30 * time.Second // how long a busy old token is tried
)

// proveOwner shows that a destination's value is the old token's: three requests
// made with that value, a random one to three seconds apart, each of which moves
// the old token's last_used to its own Date, while nothing moves it in between.
// A value that is another token's cannot do that, however busy the old token is.
// The returned text says why it was not shown; "" means that it was.
func (u *run) proveOwner(ctx context.Context, value secrets.Value) (why string, err error) {
	if !tokenShape.MatchString(value.Reveal()) {
		return "it does not look like a dbt token, so it was not tried", nil
	}
	probe := u.Account.As(value)
	last, why, err := u.lastUsed(ctx)
	if err != nil || why != "" {
		return why, err
	}
	moved, unmoved := 0, 0
	for spent := time.Duration(0); spent < proofLimit; {
		date, err := probe.Authenticate(ctx)
		if err != nil {
			return u.notOurs(err)
		}
		if date.IsZero() {
			return "the service sends no Date header to compare last_used with", nil
		}
		after, why, err := u.lastUsed(ctx)
		if err != nil || why != "" {
			return why, err
		}
		hit := after.After(last) && near(after, date)
		if !after.After(last) {
			unmoved++
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
		if hit && still.Equal(after) {
			moved++
		}
		last = still
		switch {
		case moved == proofs:
			return "", nil
		case unmoved == 2:
			return "a request made with it does not move the token's last_used (it is another token's, or the service shows use with a delay)", nil
		}
	}
	return fmt.Sprintf("the token is in such use that %s did not suffice to tell our own requests from its consumers'", proofLimit), nil
}

// lastUsed reads when the old token was last used; never used is the zero time.
func (u *run) lastUsed(ctx context.Context) (t time.Time, why string, err error) {
	token, date, err := u.api.ServiceToken(ctx, u.s.old.id)
	u.saw(date)
	if err != nil {
		return t, "", fmt.Errorf("service token %d: %w", u.s.old.id, err)
	}
	u.s.old.token = token
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
func (u *run) notOurs(err error) (why string, _ error) {
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

func (u *run) interval() (time.Duration, error) {
	var b [4]byte
	if _, err := io.ReadFull(u.Rand, b[:]); err != nil {
		return 0, fmt.Errorf("drawing a random interval: %w", err)
	}
	return time.Second + time.Duration(binary.BigEndian.Uint32(b[:])%2000)*time.Millisecond, nil
}
