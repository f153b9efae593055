package notify

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/slack-go/slack"
	"github.com/slack-go/slack/slackutilsx"

	"github.com/tokenwarden/tokenwarden/secrets"
)

// WebhookConfig is an incoming webhook.
type WebhookConfig struct {
	URL       secrets.Value // https://hooks.slack.com/services/…: whoever has it can post
	Transport http.RoundTripper
	UserAgent string
	Clock     Clock
}

// Webhook announces through an incoming webhook: one message, cut to fit. It can
// neither reply in a thread, nor change a message, nor take a file.
type Webhook struct {
	url    secrets.Value
	hidden []secrets.Value
	client *http.Client
	pace   pacer
}

// NewWebhook makes a Webhook. It sends nothing.
func NewWebhook(cfg WebhookConfig) (*Webhook, error) {
	if cfg.URL.Empty() {
		return nil, errors.New("slack: the webhook's URL is empty")
	}
	u, err := parseSecretURL(cfg.URL.Reveal())
	if err != nil {
		return nil, fmt.Errorf("reading the webhook's URL: %w", err)
	}
	client := newClient(cfg.Transport, cfg.UserAgent, callTimeout)
	client.Transport = hookReply{next: client.Transport}
	return &Webhook{
		url: secrets.NewValue(u.String()), hidden: secretParts(u), client: client,
		pace: pacer{clock: cfg.Clock},
	}, nil
}

// Name implements Channel.
func (w *Webhook) Name() string { return "Slack webhook" }

// Announce implements Channel.
func (w *Webhook) Announce(ctx context.Context, m Message) (Delivery, error) {
	s := single(m)
	no := false
	err := w.pace.do(ctx, func() error {
		return slack.PostWebhookCustomHTTPContext(ctx, w.url.Reveal(), w.client, &slack.WebhookMessage{
			Text: slackutilsx.EscapeMessage(m.Title), Blocks: &slack.Blocks{BlockSet: s.blocks}, UnfurlLinks: &no, UnfurlMedia: &no,
		})
	})
	if err != nil {
		return Delivery{}, fail("posting to the Slack webhook", err, w.hidden...)
	}
	return Delivery{Posted: Posted{At: w.pace.clock.now().UTC().Truncate(time.Second)}, Told: s.items}, nil
}
