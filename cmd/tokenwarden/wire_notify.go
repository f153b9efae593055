package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/tokenwarden/tokenwarden/internal/config"
	"github.com/tokenwarden/tokenwarden/notify"
	"github.com/tokenwarden/tokenwarden/secrets"
)

// outlets are the ways in which people hear of a run. What is not configured is nil.
type outlets struct {
	slack     slackOutlet
	states    notify.StateStore // with slack
	heartbeat watchdog
}

// slackOutlet is a channel of Slack's.
type slackOutlet interface {
	Announce(ctx context.Context, m notify.Message) (notify.Delivery, error)
	notify.Probe
}

// watchdog is who raises the alarm when it hears nothing.
type watchdog interface {
	Start(ctx context.Context) error
	Done(ctx context.Context, exitCode int) error
	notify.Probe
}

// outlets makes what the configuration names. A credential in a store that
// cannot be read makes an outlet that says so whenever it is used; an unset
// variable is a mistake in the set-up, of which the heartbeat can still be told.
func (a *app) outlets(ctx context.Context, cfg config.Config) (o outlets, err error) {
	if ref := cfg.Notify.Heartbeat; ref.Scheme != "" {
		url, err := a.secret(ctx, ref)
		switch {
		case codeOf(err) == exitMisused:
			return o, fmt.Errorf("notify.heartbeat: %w", err)
		case err != nil:
			o.heartbeat = mute{"heartbeat", fmt.Errorf("notify.heartbeat: %w", err)}
		default:
			h := notify.Heartbeat{URL: url, Transport: a.env.transport, UserAgent: userAgent(), Clock: a.clock()}
			if err := h.Check(); err != nil {
				return o, misuse("notify.heartbeat: %w", err)
			}
			o.heartbeat = h
		}
	}
	if cfg.Notify.Slack != nil {
		if o.slack, err = a.slack(ctx, *cfg.Notify.Slack); err != nil {
			return o, err
		}
		o.states, err = a.alertState(cfg)
	}
	return o, err
}

func (a *app) slack(ctx context.Context, c config.Slack) (slackOutlet, error) {
	ref := c.Webhook
	if ref.Scheme == "" {
		ref = c.Token
	}
	value, err := a.secret(ctx, ref)
	if codeOf(err) == exitMisused {
		return nil, fmt.Errorf("notify.slack: %w", err)
	}
	if err != nil {
		return mute{"Slack", fmt.Errorf("notify.slack: %w", err)}, nil
	}
	var outlet slackOutlet
	if c.Webhook.Scheme != "" {
		outlet, err = notify.NewWebhook(notify.WebhookConfig{URL: value, Transport: a.env.transport, UserAgent: userAgent(), Clock: a.clock()})
	} else {
		outlet, err = notify.NewBot(notify.BotConfig{
			Token: value, Channel: c.Channel, APIURL: a.env.get("SLACK_API_URL"),
			Transport: a.env.transport, UserAgent: userAgent(), Clock: a.clock(),
		})
	}
	if err != nil {
		return nil, misuse("notify.slack: %w", err)
	}
	return outlet, nil
}

func (a *app) clock() notify.Clock { return notify.Clock{Now: a.env.now, Sleep: a.env.sleep} }

// mute is an outlet whose credential could not be read.
type mute struct {
	name string
	err  error
}

func (m mute) Name() string                    { return m.name }
func (m mute) Start(context.Context) error     { return m.err }
func (m mute) Done(context.Context, int) error { return m.err }
func (m mute) Drill(context.Context) error     { return m.err }
func (m mute) Announce(context.Context, notify.Message) (notify.Delivery, error) {
	return notify.Delivery{}, m.err
}

// alertState is where is remembered what was announced: the configured place,
// else a file where the system keeps the state of services or of this user.
func (a *app) alertState(cfg config.Config) (notify.StateStore, error) {
	switch ref := cfg.State; {
	case ref.Scheme == secrets.File:
		return notify.FileState{Path: ref.Path}, nil
	case ref.Scheme != "":
		dir, err := a.env.dir()
		if err != nil {
			return nil, err
		}
		store, err := a.store(ref)
		if err != nil {
			return nil, fmt.Errorf("state: %w", err)
		}
		return notify.SecretState{Store: store, Ref: ref.Absolute(dir)}, nil
	}
	folder, _, _ := strings.Cut(a.env.get("STATE_DIRECTORY"), ":") // systemd lists them so
	if folder == "" {
		base := a.env.get("XDG_STATE_HOME")
		if home := a.env.get("HOME"); base == "" && home != "" {
			base = filepath.Join(home, ".local", "state")
		}
		if base == "" {
			return nil, misuseHint("name a place with state: in the configuration",
				"there is no place for the alert state: neither $STATE_DIRECTORY nor $XDG_STATE_HOME nor $HOME is set")
		}
		folder = filepath.Join(base, program)
	}
	return homeState{notify.FileState{Path: filepath.Join(folder, "alerts.json")}}, nil
}

// homeState is a state whose folder is made when it is needed.
type homeState struct{ notify.FileState }

// Save implements notify.StateStore.
func (h homeState) Save(ctx context.Context, s notify.State, version string) (string, error) {
	if err := os.MkdirAll(filepath.Dir(h.Path), 0o700); err != nil {
		return "", fmt.Errorf("making the folder of the alert state: %w", err)
	}
	return h.FileState.Save(ctx, s, version)
}

// owner tells whom to mention for a token, by the first pattern that matches its name.
func owner(all []config.Owner) func(name string) string {
	return func(name string) string {
		for _, o := range all {
			if o.Name.Match(name) {
				return o.Slack
			}
		}
		return ""
	}
}

// accountKey names an account across nights, whatever it is called.
func accountKey(id int64, host string) string {
	return fmt.Sprintf("%d@%s", id, strings.TrimPrefix(host, "https://"))
}
