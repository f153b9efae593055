package dbtcloud

import (
	"context"
	"errors"
	"time"
)

const accountsPath = "/v3/accounts/"

// UnmarshalJSON reads an item of the API; only a missing id is an error.
func (a *Account) UnmarshalJSON(b []byte) error {
	o, err := readObject(b)
	if err != nil {
		return err
	}
	id, err := o.id()
	*a = Account{ID: id, Name: o.text("name"), State: o.state("state"), Plan: o.text("plan"), Locked: o.is("locked")}
	return err
}

// Accounts reads the accounts that the credential can see, which may be others
// than the Service's: a wrong host or an IP restriction can show as success
// with the account missing (provider).
//
// GET /api/v3/accounts/ (spec; recorded).
func (c *Client) Accounts(ctx context.Context) ([]Account, error) {
	return all(ctx, c, listing[Account]{
		op: "listing accounts", path: accountsPath, id: func(a Account) int64 { return a.ID },
	})
}

// Authenticate reports whether the service takes the credential, and the
// server's time of the reply (zero: it had none), also with an error. It is nil
// for any answer of the service that comes after authentication, a missing
// permission included; KindUnauthorized is the service's no, which a wrong host
// also gives; any other error is no answer to the question.
//
// GET /api/v3/accounts/ (spec).
func (c *Client) Authenticate(ctx context.Context) (time.Time, error) {
	rep, err := c.get(ctx, "authenticating", accountsPath, nil)
	if err == nil {
		return rep.date, nil
	}
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return time.Time{}, err
	}
	switch e.Kind {
	case KindNotFound, KindForbidden, KindInvalid:
		if !e.unclear && !e.unsent {
			return e.Date, nil
		}
	}
	return e.Date, err
}
