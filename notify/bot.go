package notify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"github.com/tokenwarden/tokenwarden/secrets"
)

// Channel is where a message is announced.
type Channel interface {
	Name() string // for people; no secret
	// Announce sends a message. What got through is told even beside an error:
	// only Slack's own word counts as delivered.
	Announce(ctx context.Context, m Message) (Delivery, error)
}

// Delivery is what got through.
type Delivery struct {
	Posted Posted // zero: nothing
	Told   []Item
	// Unattached is why the report is not there although everything was told: an
	// app without the scope files:write, say.
	Unattached error
}

// BotConfig is an app's bot user.
type BotConfig struct {
	Token     secrets.Value // xoxb-…; scopes chat:write and, for the report, files:write
	Channel   string        // the ID of a channel the app is in: C0123456789
	APIURL    string        // SLACK_API_URL: the root of the Web API; empty: Slack's
	Transport http.RoundTripper
	UserAgent string
	Clock     Clock
}

// callTimeout bounds one request to Slack.
const callTimeout = 30 * time.Second

// Bot announces through Slack's Web API: a message, its details in the thread,
// the report as a file there.
type Bot struct {
	channel string
	api     *slack.Client
	hidden  []secrets.Value
	pace    pacer
}

// NewBot makes a Bot. It sends nothing.
func NewBot(cfg BotConfig) (*Bot, error) {
	if cfg.Token.Empty() {
		return nil, errors.New("slack: the bot token is empty")
	}
	if cfg.Channel == "" {
		return nil, errors.New("slack: a bot token needs a channel, given by its ID such as C0123456789")
	}
	root := slack.APIURL
	if cfg.APIURL != "" {
		u, err := parseSecretURL(cfg.APIURL)
		if err != nil {
			return nil, fmt.Errorf("reading SLACK_API_URL: %w", err)
		}
		root = strings.TrimSuffix(u.String(), "/") + "/"
	}
	return &Bot{
		channel: cfg.Channel,
		api: slack.New(cfg.Token.Reveal(), slack.OptionAPIURL(root),
			slack.OptionHTTPClient(newClient(cfg.Transport, cfg.UserAgent, callTimeout))),
		hidden: []secrets.Value{cfg.Token},
		pace:   pacer{clock: cfg.Clock},
	}, nil
}

// Name implements Channel.
func (b *Bot) Name() string { return "Slack channel " + cut(clean(b.channel), maxName) }

// Announce implements Channel. A message of the same night is brought up to date
// in place; an update that Slack refuses becomes a new message.
func (b *Bot) Announce(ctx context.Context, m Message) (Delivery, error) {
	head, replies := threaded(m)
	posted, err := b.head(ctx, m, head)
	if err != nil {
		return Delivery{}, err
	}
	d := Delivery{Posted: posted}
	for i, reply := range replies {
		line := fmt.Sprintf("%s (%d of %d)", m.Title, i+1, len(replies))
		if _, err := b.post(ctx, "posting details to Slack", posted.Channel, line, reply, slack.MsgOptionTS(posted.TS)); err != nil {
			return d, err
		}
		d.Told = append(d.Told, reply.items...)
	}
	if m.Report == nil || len(m.Report.Body) == 0 {
		return d, nil
	}
	d.Unattached = b.upload(ctx, posted, m.Report)
	return d, nil
}

// head posts the top message, or brings the one of this night up to date.
func (b *Bot) head(ctx context.Context, m Message, head sheet) (Posted, error) {
	if m.Last.TS != "" && m.Last.Channel == b.channel {
		posted, err := b.post(ctx, "updating in Slack", m.Last.Channel, m.Title, head, slack.MsgOptionUpdate(m.Last.TS))
		var e *DeliveryError
		if err == nil {
			posted.At = m.Last.At // it stays the message of when it was posted
		}
		if err == nil || !errors.As(err, &e) || !lostMessage(e.Code) {
			return posted, err
		}
	}
	return b.post(ctx, "posting to Slack", b.channel, m.Title, head)
}

// lostMessage reports whether an update failed because the message cannot be
// changed any more, by whatever people did to it (docs.slack.dev, chat.update).
func lostMessage(code string) bool {
	switch code {
	case "message_not_found", "cant_update_message", "edit_window_closed", "is_inactive":
		return true
	}
	return false
}

// post sends one sheet; how, the options say.
func (b *Bot) post(ctx context.Context, op, channel, line string, s sheet, how ...slack.MsgOption) (Posted, error) {
	options := append([]slack.MsgOption{
		slack.MsgOptionText(line, true), // for notifications, where the blocks are not shown
		slack.MsgOptionDisableMarkdown(),
		slack.MsgOptionDisableLinkUnfurl(),
		slack.MsgOptionDisableMediaUnfurl(),
		slack.MsgOptionBlocks(s.blocks...),
	}, how...)
	var p Posted
	err := b.pace.do(ctx, func() (err error) {
		if p.Channel, p.TS, _, err = b.api.SendMessageContext(ctx, channel, options...); err == nil && (p.TS == "" || p.Channel == "") {
			// The library takes an answer without an error for a good one; one
			// that names no message is not Slack's "ok": true.
			err = &refusal{status: http.StatusOK}
		}
		return err
	})
	if err != nil {
		return Posted{}, fail(op, err, b.hidden...)
	}
	p.At = b.pace.clock.now().UTC().Truncate(time.Second)
	return p, nil
}

// upload puts the report into the thread.
func (b *Bot) upload(ctx context.Context, at Posted, r *Report) error {
	err := b.pace.do(ctx, func() error {
		_, err := b.api.UploadFileContext(ctx, slack.UploadFileParameters{
			Filename: r.Name, Title: r.Name, FileSize: len(r.Body), Reader: bytes.NewReader(r.Body),
			Channel: at.Channel, ThreadTimestamp: at.TS,
		})
		return err
	})
	return fail("uploading the report to Slack", err, b.hidden...)
}
