package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/tokenwarden/tokenwarden/audit"
	"github.com/tokenwarden/tokenwarden/internal/config"
	"github.com/tokenwarden/tokenwarden/internal/dbtcloud"
	"github.com/tokenwarden/tokenwarden/rotate"
	"github.com/tokenwarden/tokenwarden/secrets"
	"github.com/tokenwarden/tokenwarden/secrets/agefile"
	"github.com/tokenwarden/tokenwarden/secrets/awssm"
	"github.com/tokenwarden/tokenwarden/secrets/vaultkv"
)

// This file and wire_notify.go are the only ones that build clients and stores.

// openers tell how the store of each scheme is opened. A new store is one line.
func (a *app) openers() map[string]func() (secrets.Store, error) {
	return map[string]func() (secrets.Store, error){
		secrets.Age:   a.openAge,
		secrets.Vault: a.openVault,
		secrets.AWS:   a.openAWS,
	}
}

func (a *app) openAge() (secrets.Store, error) {
	identity, err := a.identityFile()
	if err != nil {
		return nil, err
	}
	return agefile.Open(agefile.Config{IdentityFile: identity, Now: a.env.now, Rand: a.env.rand}), nil
}

func (a *app) openVault() (secrets.Store, error) {
	cfg, err := vaultkv.FromEnv(a.env.get)
	if err != nil {
		return nil, &exit{code: exitMisused, err: err}
	}
	cfg.UserAgent, cfg.Now = userAgent(), a.env.now
	store, err := vaultkv.New(cfg)
	if err != nil {
		return nil, &exit{code: exitMisused, err: err}
	}
	return store, nil
}

func (a *app) openAWS() (secrets.Store, error) {
	return awssm.New(awssm.Config{UserAgent: userAgent()}), nil
}

// stores keeps one store for each scheme, for the whole run.
type stores struct {
	mu     sync.Mutex
	opened map[string]secrets.Store
}

// store returns the store of a writable reference.
func (a *app) store(ref secrets.Ref) (secrets.Store, error) {
	a.stores.mu.Lock()
	defer a.stores.mu.Unlock()
	if s, found := a.stores.opened[ref.Scheme]; found {
		return s, nil
	}
	open, found := a.openers()[ref.Scheme]
	if !found {
		return nil, misuse("%s: %s:// can only be read", ref, ref.Scheme)
	}
	s, err := open()
	if err != nil {
		return nil, err
	}
	if a.stores.opened == nil {
		a.stores.opened = map[string]secrets.Store{}
	}
	a.stores.opened[ref.Scheme] = s
	return s, nil
}

func (a *app) identityFile() (string, error) {
	path := a.common.ageIdentity
	if path == "" {
		var err error
		if path, err = agefile.DefaultIdentityFile(a.env.get); err != nil {
			return "", &exit{code: exitMisused, err: err}
		}
	}
	dir, err := a.env.dir()
	if err != nil || filepath.IsAbs(path) {
		return path, err
	}
	return filepath.Join(dir, path), nil
}

// secret returns the value that a reference of any scheme stands for.
func (a *app) secret(ctx context.Context, ref secrets.Ref) (secrets.Value, error) {
	switch ref.Scheme {
	case secrets.Env:
		return secrets.ReadEnv(ref, a.env.lookup)
	case secrets.File:
		return secrets.ReadFile(ref)
	}
	dir, err := a.env.dir()
	if err != nil {
		return secrets.Value{}, err
	}
	ref = ref.Absolute(dir)
	store, err := a.store(ref)
	if err != nil {
		return secrets.Value{}, err
	}
	content, err := store.Read(ctx, ref)
	if err != nil {
		return secrets.Value{}, err
	}
	if content.Value.Empty() {
		return secrets.Value{}, fmt.Errorf("reading %s: there is nothing", ref)
	}
	return content.Value, nil
}

// configuration is what the file says, or the environment where there is none,
// for the accounts that --account leaves.
func (a *app) configuration() (config.Config, error) {
	cfg, err := a.load()
	if err != nil {
		return cfg, &exit{code: exitMisused, err: err}
	}
	for _, name := range a.common.accounts {
		if !slices.ContainsFunc(cfg.Accounts, func(c config.Account) bool { return c.Name == name }) {
			var known []string
			for _, c := range cfg.Accounts {
				known = append(known, audit.Quote(c.Name))
			}
			return cfg, misuseHint("the accounts are "+strings.Join(known, ", "), "--account: there is no such account")
		}
	}
	return cfg, nil
}

func (a *app) load() (config.Config, error) {
	dir, err := a.env.dir()
	if err != nil {
		return config.Config{}, err
	}
	path, found, err := config.Discover(a.common.config, a.env.get, dir)
	if err != nil {
		return config.Config{}, err
	}
	if !found {
		return config.FromEnvironment(a.env.get, a.common.account)
	}
	if a.common.account != (config.Flags{}) {
		return config.Config{}, fmt.Errorf("--token-ref, --account-id and --host are for use without a configuration file, but there is %s: choose its account with --account", path)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return config.Config{}, err
	}
	cfg, err := config.Load(path, data)
	if err != nil {
		return config.Config{}, err
	}
	var rules []string
	for _, r := range audit.Rules() {
		rules = append(rules, r.ID)
	}
	return cfg, cfg.CheckRules(rules)
}

// selected reports whether --account leaves the account in.
func (a *app) selected(name string) bool {
	return len(a.common.accounts) == 0 || slices.Contains(a.common.accounts, name)
}

// account is one account and what it takes to talk to it.
type account struct {
	config.Account
	whole      config.Config // the configuration that it is part of
	service    *dbtcloud.Service
	credential secrets.Value
	err        error          // why the credential could not be read
	survey     *rotate.Survey // its tokens, as long as nothing was changed since they were read
}

// label is the account's name for a message.
func (c *account) label() string { return audit.Quote(c.Name) }

func (c *account) client() *dbtcloud.Client { return c.service.As(c.credential) }

// connect reads the credentials of the selected accounts. A store that cannot be
// read is that account's trouble; an unset variable is a mistake in the set-up,
// and nothing is attempted.
func (a *app) connect(ctx context.Context, cfg config.Config) ([]*account, error) {
	all, err := a.connectAll(ctx, cfg, a.selected)
	for _, c := range all {
		if err == nil && codeOf(c.err) == exitMisused {
			err = c.err
		}
	}
	return all, err
}

// connectAll is connect for the accounts that are wanted; whatever is wrong with
// a credential is noted beside it.
func (a *app) connectAll(ctx context.Context, cfg config.Config, wanted func(name string) bool) ([]*account, error) {
	var all []*account
	for _, c := range cfg.Accounts {
		if wanted(c.Name) {
			all = append(all, &account{Account: c, whole: cfg})
		}
	}
	var group errgroup.Group
	group.SetLimit(audit.DefaultParallel)
	for _, c := range all {
		var err error
		if c.service, err = a.service(c.Account); err != nil {
			return nil, misuse("account %s: %w", c.label(), err)
		}
		group.Go(func() error {
			c.credential, c.err = a.secret(ctx, c.Token)
			if c.err != nil {
				c.err = fmt.Errorf("the credential of account %s: %w", c.label(), c.err)
			}
			return nil
		})
	}
	return all, group.Wait()
}

// service is one account's service, the same for all that a run does.
func (a *app) service(c config.Account) (*dbtcloud.Service, error) {
	if s, found := a.services[c.Name]; found {
		return s, nil
	}
	perMinute := c.RequestsPerMinute
	if a.common.perMinute != 0 {
		perMinute = a.common.perMinute
	}
	s, err := dbtcloud.New(dbtcloud.Config{
		Host: c.Host, AccountID: c.ID, PerMinute: perMinute, Transport: a.env.transport,
		UserAgent: userAgent(), Log: a.log.With("account", c.Name), Now: a.env.now, Sleep: a.env.sleep, Rand: a.env.jitter,
	})
	if err == nil {
		a.services[c.Name] = s
	}
	return s, err
}

// rotator is what rotates the account's tokens.
func (a *app) rotator(c *account, evidence rotate.Evidence, say func(string)) (*rotate.Rotator, error) {
	dir, err := a.env.dir()
	if err != nil {
		return nil, err
	}
	return &rotate.Rotator{
		Account: rotate.Account{
			Name: c.Name, ID: c.ID, Credential: c.credential, CredentialRef: c.Token.Absolute(dir),
			As: func(v secrets.Value) rotate.Client { return c.service.As(v) },
		},
		Store:      a.store,
		AfterStore: a.afterStore(c),
		Evidence:   evidence,
		Progress:   say,
		Now:        a.env.now,
		Sleep:      a.env.sleep,
		Rand:       a.env.rand,
		Log:        a.log.With("account", c.Name),
	}, nil
}
