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
	*a = Account{ID: id, Name: o.text("name"), State: o.state(), Plan: o.text("plan"), Locked: o.is("locked")}
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
// also gives; any other error is no answer to the question. An answer that is
// neither yes nor no must come three times: one or two may be from something in
// front of the service, which never looked at the credential.
//
// GET /api/v3/accounts/ (spec).
func (c *Client) Authenticate(ctx context.Context) (time.Time, error) {
	rep, err := c.get(ctx, "authenticating", accountsPath, nil)
	for again := 0; again < 2 && afterAuthentication(err); again++ {
		rep, err = c.get(ctx, "authenticating", accountsPath, nil)
	}
	switch {
	case err == nil:
		return rep.date, nil
	case afterAuthentication(err):
		return dateOf(err), nil
	}
	return dateOf(err), err
}

// afterAuthentication reports whether the service itself refused something else
// than the credential.
func afterAuthentication(err error) bool {
	e, ok := errors.AsType[*Error](err)
	if !ok || e.unclear || e.unsent {
		return false
	}
	return e.Kind == KindNotFound || e.Kind == KindForbidden || e.Kind == KindInvalid
}
