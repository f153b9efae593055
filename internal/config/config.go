// Package config reads the configuration: strict YAML in which every key is
// known, every problem is named with its file and line, and no secret can
// stand: where a credential belongs the file has a reference to it.
//
// Relative paths (age://relative/store.age#KEY, metrics.textfile) are relative
// to the working directory, as they are on the command line, wherever the file
// itself lies.
package config

import (
	"time"

	"github.com/tokenwarden/tokenwarden/secrets"
)

// Config is a whole configuration. Load and FromEnvironment fill in the
// defaults, so that no zero has to be interpreted by the reader.
type Config struct {
	Path     string // the file it was read from; empty: the environment
	Accounts []Account
	Audit    Audit
	Rotate   Rotate
	Notify   Notify
	State    secrets.Ref // alert state: a plain file (file://) or a writable reference; zero: none
	Textfile string      // metrics.textfile: the *.prom file for node_exporter; empty: none
	Lock     string      // the file that keeps two nightly runs apart, absolute; empty: the default
}

// Account is one dbt account.
type Account struct {
	Name              string // label, unique in the file
	ID                int64  // positive, unique per host
	Host              string // scheme and host without a trailing slash or /api: see dbtcloud.ParseHost
	Token             secrets.Ref
	Store             Template // where a token without its own destinations goes; empty: nowhere
	RequestsPerMinute int      // 1 to 5000
	Tokens            []Entry
	Line              int // where it stands in the file; 0: it stands in none
}

// Entry says what to do with one service token, named by exactly one of Name
// and ID. A name survives the rotation; an ID goes on meaning the token that
// replaced it.
type Entry struct {
	Name         string
	ID           int64
	Destinations []secrets.Ref // writable; empty: the account's store
	AfterStore   []string      // command and arguments; empty: none
	Never        bool          // rotate: never
	Reason       string        // why never
	Line         int
}

// Audit is the policy of the audit.
type Audit struct {
	FailOn                string        // info, low, medium, high, critical or never
	MaxAge                time.Duration // 0: tokens may grow old
	MaxAgeByPermissionSet map[string]time.Duration
	UnusedFor             time.Duration
	Disable               []string // rules that are not run
	Lookups               int      // requests per account beyond its lists, at least 1
	Suppress              []Suppression

	rules []ruleUse
}

// Suppression keeps a finding out of the result for a while.
type Suppression struct {
	Rule        string
	Name        Pattern // of the resource; empty: Fingerprint is set
	Fingerprint string
	Reason      string
	Owner       string
	Expires     time.Time // the last day it is in force, 00:00 UTC
	Line        int
}

// Until is when the suppression ends: with the day, UTC, that the file names.
func (s Suppression) Until() time.Time { return s.Expires.AddDate(0, 0, 1) }

// Rotate is how rotations are paced.
type Rotate struct {
	Overlap      time.Duration // the old token lives at least this long after the new value was stored
	Quiet        time.Duration // and has not been used for this long
	Max          int           // tokens that one run may rotate, at least 1
	OrphanMinAge time.Duration // a replacement whose value is nowhere is left alone until this age
}

// Notify is who is told, and how.
type Notify struct {
	Slack     *Slack        // nil: nobody
	Remind    time.Duration // an unchanged alert is said again after this long
	Owners    []Owner       // the first that matches, in the order of the file
	Heartbeat secrets.Ref   // holds the URL to ping; zero: none
}

// Slack is a bot's token and a channel, or an incoming webhook.
type Slack struct {
	Token   secrets.Ref
	Channel string
	Webhook secrets.Ref // holds the webhook's URL
}

// Owner maps token names to the Slack user or channel to mention.
type Owner struct {
	Name  Pattern
	Slack string // an ID such as U0123456789
}

// DefaultHost is the account's host where none is given. The vendor retires the
// getdbt.com names in favour of one per account (vendor documentation).
const DefaultHost = "https://cloud.getdbt.com"

// Default returns the configuration without accounts. FailOn is medium, so that
// a legacy token, which is high, makes the audit exit 1.
func Default() Config {
	return Config{
		Audit:  Audit{FailOn: "medium", UnusedFor: 90 * day, Lookups: 50},
		Rotate: Rotate{Overlap: 24 * time.Hour, Quiet: 24 * time.Hour, Max: 5, OrphanMinAge: 10 * time.Minute},
		Notify: Notify{Remind: 7 * day},
	}
}
