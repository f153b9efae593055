package rotate

import (
	"context"
	"errors"

	"github.com/tokenwarden/tokenwarden/internal/dbtcloud"
	"github.com/tokenwarden/tokenwarden/secrets"
)

// widespread reports whether an error of a step would come for the next token as
// well: dbt Cloud or a store does not answer, refuses the credential or wants no
// more requests, the evidence cannot be written, or the time is over. Everything
// else is a matter of one token.
func widespread(at action, err error) bool {
	if at == afterStore {
		return false // a command of this token's entry, whatever it failed of
	}
	switch dbtcloud.KindOf(err) {
	case dbtcloud.KindTransport, dbtcloud.KindServer, dbtcloud.KindMalformed, dbtcloud.KindThrottled, dbtcloud.KindCanceled,
		dbtcloud.KindUnauthorized, dbtcloud.KindIPRestricted, dbtcloud.KindRedirect:
		return true
	case dbtcloud.KindForbidden, dbtcloud.KindNotFound:
		return at == create || at == retire || at == dismiss // the credential may read and not write
	case dbtcloud.KindInvalid:
		return false
	}
	if errors.Is(err, secrets.ErrNotWritable) {
		return at == store // preflight could not prove it, so that of the next place it could not either
	}
	for _, target := range []error{secrets.ErrUnavailable, secrets.ErrDenied, errEvidence, context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, target) {
			return true
		}
	}
	return false
}

// widespread is that of the whole run, when it has failed.
func (u *run) widespread() bool {
	run := &u.s.run
	if run.failure != "" {
		return run.widespread || run.interrupted
	}
	unanswered := run.creates >= maxCreates && u.s.mine() == nil && u.s.winner() == nil
	for _, d := range u.s.destinations {
		unanswered = unanswered || d.mayArrive
	}
	return run.interrupted || run.stopping != "" || unanswered
}
