package dbtcloud

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Kind sorts failures by what a caller can do about them.
type Kind int

// The kinds. Zero is no failure of this package.
const (
	KindUnauthorized Kind = iota + 1 // 401: wrong host, unpaid account, or a dead token (recorded)
	KindNotFound                     // 404, 410: missing, or no permission: they look the same (recorded)
	KindForbidden                    // 403
	KindIPRestricted                 // 403 with data.account_access_denied (docs)
	KindThrottled                    // 429, or our own limit would outlast the context's deadline
	KindInvalid                      // 400, 409, 422 and the rest of 4xx: the request was refused
	KindServer                       // 5xx, 408
	KindTransport                    // no answer, or a half one: connection, TLS, timeout of one request
	KindMalformed                    // an answer that is not the service's: HTML, no envelope
	KindRedirect                     // the service points to another host; the message names it
	KindCanceled                     // the caller's context ended
)

var kindNames = [...]string{
	KindUnauthorized: "unauthorized", KindNotFound: "not found", KindForbidden: "forbidden",
	KindIPRestricted: "IP restricted", KindThrottled: "throttled", KindInvalid: "invalid",
	KindServer: "server error", KindTransport: "no answer", KindMalformed: "malformed reply",
	KindRedirect: "redirect", KindCanceled: "canceled",
}

// String names the kind.
func (k Kind) String() string {
	if k <= 0 || int(k) >= len(kindNames) {
		return "none"
	}
	return kindNames[k]
}

// Error is every failure that this package reports.
type Error struct {
	Op         string // what was being done: "listing service tokens"
	Host       string // the Service's host
	Kind       Kind
	Status     int           // of the reply; 0 when there was none
	Message    string        // what the service said, made harmless and cut to 300 bytes
	RetryAfter time.Duration // KindThrottled: how long nothing should be sent
	Date       time.Time     // server time of the reply; zero when it had none
	Err        error         // the cause, where there is one

	// unsent: the request never left, so a write did not happen.
	unsent bool
	// unclear: the status says one thing and the body another, or the body is
	// not the service's, so a refusal may be somebody else's.
	unclear bool
}

// advice follows the facts in an error: what they mean and what to do.
var advice = map[Kind]string{
	KindUnauthorized: "the host may be the wrong one for this account, the account may be unpaid, or the token is wrong or dead",
	KindNotFound:     "it does not exist, or this credential lacks the permission to see it",
	KindForbidden:    "this credential may not do that",
	KindIPRestricted: "the account's IP restrictions do not let this address in",
}

// Error implements error as "doing what at which host: what came back".
func (e *Error) Error() string {
	var what []string
	switch {
	case e.Status != 0:
		what = append(what, fmt.Sprintf("%s (%d)", e.Kind, e.Status))
	default:
		what = append(what, e.Kind.String())
	}
	if e.Message != "" {
		what = append(what, `"`+clean(e.Message)+`"`) // the service's own words
	}
	if e.Err != nil {
		what = append(what, clean(e.Err.Error()))
	}
	if a := advice[e.Kind]; a != "" {
		what = append(what, a)
	}
	if e.RetryAfter > 0 {
		what = append(what, "wait "+e.RetryAfter.Round(time.Second).String())
	}
	return fmt.Sprintf("%s at %s: %s", e.Op, e.Host, strings.Join(what, ": "))
}

// Unwrap returns the cause: errors.Is(err, context.Canceled) works.
func (e *Error) Unwrap() error { return e.Err }

// KindOf returns the kind of the Error in err's chain, 0 when there is none.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return 0
}

// MayHaveHappened reports, for the error of a write, whether the service may
// have done it nevertheless. It is false only when the request never left, or
// the service itself clearly refused it (4xx other than 408 and 429, or a
// redirect that is no reply to a finished request). A throttled write counts
// as possible: whoever counts may have let it through first.
func MayHaveHappened(err error) bool {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return true
	}
	if e.unsent {
		return false
	}
	switch e.Kind {
	case KindUnauthorized, KindNotFound, KindForbidden, KindIPRestricted, KindInvalid:
		return e.unclear
	case KindRedirect:
		// After a finished POST, frameworks answer 302 or 303.
		return e.Status == http.StatusFound || e.Status == http.StatusSeeOther
	}
	return true
}

// kindOfStatus sorts a status that is no success and no redirect.
func kindOfStatus(status int) Kind {
	switch {
	case status == http.StatusUnauthorized:
		return KindUnauthorized
	case status == http.StatusForbidden:
		return KindForbidden
	case status == http.StatusNotFound, status == http.StatusGone:
		return KindNotFound
	case status == http.StatusTooManyRequests:
		return KindThrottled
	case status == http.StatusRequestTimeout, status >= 500:
		return KindServer
	case status >= 400:
		return KindInvalid
	}
	return KindMalformed
}
