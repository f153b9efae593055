package notify

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"github.com/tokenwarden/tokenwarden/secrets"
)

// DeliveryError says why something was not delivered. It never contains a URL or
// a token: not in its text, and not in anything it wraps.
type DeliveryError struct {
	Op         string        // "posting to Slack"
	Code       string        // what the other side said, such as not_in_channel or "HTTP 503"; empty: it said nothing
	RetryAfter time.Duration // it asked for this patience; 0: it did not
	Err        error         // the cause where there was no answer
}

// Error says what was done, why it failed, and what to do about it.
func (e *DeliveryError) Error() string {
	s := e.Op + ": "
	switch {
	case e.RetryAfter > 0:
		return s + fmt.Sprintf("throttled, and there is no time to wait another %s", e.RetryAfter)
	case e.Code == "":
		return s + e.Err.Error()
	case hints[e.Code] != "":
		return s + e.Code + ": " + hints[e.Code]
	}
	return s + e.Code
}

// Unwrap returns the cause.
func (e *DeliveryError) Unwrap() error { return e.Err }

// hints say what to do about the answers that a person can do something about
// (docs.slack.dev, chat.postMessage and incoming webhooks).
var hints = map[string]string{
	"not_in_channel":                    "invite the app to the channel",
	"channel_not_found":                 "the channel must be given by its ID, and a private one must have the app as a member",
	"is_archived":                       "the channel is archived",
	"invalid_auth":                      "the bot token is not valid",
	"not_authed":                        "the bot token is not valid",
	"token_revoked":                     "the bot token was revoked",
	"token_expired":                     "the bot token has expired",
	"account_inactive":                  "the app was removed from the workspace",
	"missing_scope":                     "the app needs the scopes chat:write and, for the report, files:write",
	"msg_blocks_too_long":               "the message is longer than Slack takes",
	"no_service":                        "the webhook was removed: make a new one",
	"no_active_hooks":                   "the webhook was disabled: make a new one",
	"invalid_token":                     "the webhook's URL is not valid",
	"channel_is_archived":               "the webhook's channel is archived",
	"posting_to_general_channel_denied": "the webhook may not post to this channel",
}

// refusal is an answer that was none of the agreed ones.
type refusal struct {
	status int
	code   string
}

func (r *refusal) Error() string {
	if r.code != "" {
		return r.code
	}
	if r.status == http.StatusOK {
		return "the answer was not Slack's"
	}
	return fmt.Sprintf("HTTP %d", r.status)
}

// words is what may be repeated of an answer: Slack's codes, and nothing that a
// proxy or a stranger could have written.
var words = regexp.MustCompile(`^[a-z][a-z0-9_]{1,60}$`)

// fail makes a DeliveryError of whatever a client returned. hidden are the texts
// that must not appear in it.
func fail(op string, err error, hidden ...secrets.Value) error {
	if err == nil {
		return nil
	}
	e := &DeliveryError{Op: op}
	var (
		limited *slack.RateLimitedError
		refused slack.SlackErrorResponse
		status  slack.StatusCodeError
		other   *refusal
	)
	switch {
	case errors.As(err, &limited):
		e.Code, e.RetryAfter = "HTTP 429", max(limited.RetryAfter, time.Second)
	case errors.As(err, &refused):
		if e.Code = "an unknown error"; words.MatchString(refused.Err) {
			e.Code = refused.Err
		}
	case errors.As(err, &status):
		e.Code = fmt.Sprintf("HTTP %d", status.Code)
	case errors.As(err, &other):
		e.Code = other.Error()
	case errors.Is(err, context.DeadlineExceeded):
		e.Err = context.DeadlineExceeded
	case errors.Is(err, context.Canceled):
		e.Err = context.Canceled
	default:
		e.Err = errors.New(redact(err, hidden))
	}
	return e
}

// redact writes an error without what it must not say. A url.Error is opened
// because it begins with the whole URL.
func redact(err error, hidden []secrets.Value) string {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	s := err.Error()
	for _, h := range hidden {
		if !h.Empty() {
			s = strings.ReplaceAll(s, h.Reveal(), h.String())
		}
	}
	return cut(clean(s), 200)
}

// secretParts returns the parts of a secret URL that would give it away.
func secretParts(u *url.URL) []secrets.Value {
	var parts []secrets.Value
	for _, part := range append([]string{u.String(), u.RequestURI(), u.Path, u.RawQuery}, strings.Split(u.Path, "/")...) {
		if len(part) >= 6 {
			parts = append(parts, secrets.NewValue(part))
		}
	}
	return parts
}
