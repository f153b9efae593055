package dbtcloudtest

import (
	"encoding/json"
	"io"
	"net/http"
	"time"
)

// Options are the clock, the randomness and the answers to what nobody outside
// knows about the service. The zero value works; every switch that is off is
// the answer that the spec or a recorded reply suggests.
type Options struct {
	Now  func() time.Time // nil: time.Now
	Rand io.Reader        // bytes for token values; nil: crypto/rand
	// Latency is waited before every request takes effect.
	Latency time.Duration
	// HangLimit bounds how long a request that times out is held over HTTP; 0:
	// one minute. In process it fails at once.
	HangLimit time.Duration

	// LastUsedLag is the time after which a use shows in last_used. How long
	// the service takes is not documented.
	LastUsedLag time.Duration
	// LastUsedStep is what last_used is rounded down to; 0: microseconds.
	LastUsedStep time.Duration
	// LastUsedEvery: a use this soon after the last one noted is not noted.
	LastUsedEvery time.Duration

	IgnoreGrantsAtCreate bool // permission_grants of a create have no effect
	IgnoreFlagsAtCreate  bool // metadata_only and webhooks_only of a create have no effect
	// DefaultCategories is what a grant posted without
	// writable_environment_categories reads back as; nil: still absent.
	DefaultCategories json.RawMessage
	// RejectUnknownProjects: 400 for a grant on a project that is not active.
	RejectUnknownProjects bool
	// RefuseSets: 400 for a grant of one of these permission sets, as a plan may.
	RefuseSets []string
	// StrangersToAdminAPI are permission sets that do not let a token into this
	// API at all: 401 for one that has no other.
	StrangersToAdminAPI []string

	ItemsWithoutGrants        bool     // token items carry no permission_grants (spec: optional)
	ItemsWithoutLastUsed      bool     // token items carry no last_used (spec: optional)
	ItemsWithoutSemanticLayer bool     // token items carry no semantic_layer_credentials (spec: optional)
	ItemsWithMore             []string // further fields of token items, each null (recorded: expires_at, user …)
	SemanticLayerIDsOnly      bool     // their entries do not say the project

	DeleteReplies200 bool // 200 with the object at state 2 instead of 204 (recorded of projects)
	HideDeleted404   bool // a GET on a deleted token is 404 instead of 200 with state 2
	UniqueNames      bool // 400 for a name that another active token has
	NamesStayTaken   bool // with UniqueNames: also for the name of a deleted token
	MaxNameLength    int  // longer names are cut, in characters; 0: never
	RefuseLongNames  bool // 400 for longer names instead
	// ChangeName is what becomes of a name before it is kept; nil: nothing.
	ChangeName func(string) string
	// UIDOf is the uid of a new token with that value; nil: the first characters
	// behind the prefix (recorded, by one example).
	UIDOf func(value string) string

	// RatePerMinute: requests beyond it get 429; 0: no limit. It counts per
	// account (docs: 5,000), with RatePerCredential per credential.
	RatePerMinute     int
	RatePerCredential bool
	// Cooldown is how long everything stays 429 after the first one (docs: five
	// minutes); 0: until the minute is over.
	Cooldown   time.Duration
	RetryAfter time.Duration // the header on such a 429, in whole seconds; 0: no header

	NoDateHeader bool          // replies carry no Date
	LimitHeaders http.Header   // further headers of every reply
	StaleLists   time.Duration // the list of tokens shows names and states of that long ago
	StaleItems   time.Duration // and a single token's item those of that long ago
	PageCap      int           // most items per page, and the default; 0: 100 (spec)

	TokensTakeEffectAfter  time.Duration // a new value gets 401 for that long
	DeletesTakeEffectAfter time.Duration // a deleted value still works for that long

	// RefusePATLists: 404 for the personal access tokens of another user.
	RefusePATLists bool
}

func (o Options) withDefaults() Options {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.HangLimit == 0 {
		o.HangLimit = time.Minute
	}
	if o.PageCap == 0 {
		o.PageCap = 100
	}
	return o
}
