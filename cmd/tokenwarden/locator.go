package main

import (
	"context"

	"github.com/tokenwarden/tokenwarden/audit"
	"github.com/tokenwarden/tokenwarden/internal/config"
	"github.com/tokenwarden/tokenwarden/internal/dbtcloud"
)

// locator tells an audit where the tokens of an account are kept.
type locator struct {
	*app
	cfg     config.Config
	account *account
}

var _ audit.Locator = locator{}

// Locate implements audit.Locator.
func (l locator) Locate(ctx context.Context, active []audit.TokenName) ([]audit.Destination, error) {
	p := population{account: l.account}
	for _, t := range active {
		p.tokens = append(p.tokens, dbtcloud.ServiceToken{ID: t.ID, Name: t.Name})
	}
	assignments, err := l.plan(ctx, l.cfg, []population{p})
	if err != nil {
		return nil, err
	}
	var all []audit.Destination
	for _, s := range assignments {
		if s.Entry.Never && len(s.Destinations) == 0 {
			all = append(all, audit.Destination{For: s.Tokens[0].ID, Elsewhere: true})
		}
		for _, h := range l.lookAll(ctx, l.account.ID, s.Destinations) {
			all = append(all, h.forAudit(l.account.ID, s))
		}
	}
	return all, nil
}

// forAudit is what is held in the words of an audit.
func (h held) forAudit(accountID int64, s config.Assignment) audit.Destination {
	d := audit.Destination{Ref: h.ref.String(), For: s.Tokens[0].ID, ByTemplate: len(s.Entry.Destinations) == 0 && s.Entry.Line == 0}
	switch {
	case h.err != nil:
		d.Err = h.err.Error()
	case h.empty:
		d.Empty = true
	case h.label.TokenID == 0 || h.label.AccountID != accountID:
		d.Unlabelled = true
	default:
		d.TokenID, d.Until = h.label.TokenID, h.label.Until
	}
	return d
}
