package dbtcloudtest

import (
	"crypto/rand"
	"fmt"
	"io"
	"sync"
	"time"
)

// The states of a resource (spec). Deletion is soft (provider).
const (
	active  = 1
	deleted = 2
)

// Sim is a simulated dbt Cloud. It is safe for concurrent use: requests take
// effect one after the other. Make one with New.
type Sim struct {
	mu        sync.Mutex
	opts      Options
	world     *world
	plan      []*plannedRule
	late      []lateEffect
	observers []func(Event)
	log       []*Request
}

// world is everything that a seed replaces.
type world struct {
	accounts    []*account
	tokens      map[int64]*token
	credentials map[string]*credential // by value
	lastID      int64
}

type account struct {
	id       int64
	name     string
	plan     string
	unpaid   bool
	created  time.Time
	tokens   []*token // by id
	mappings []*mapping
	projects []*project
	users    []*user
	ipRules  []*ipRule
	ipOn     bool
	scim     []SeedSCIMToken
	audit    []any
	bucket   bucket
}

// New returns a simulator with one account, number 1, and one service token in
// it: an account_admin's, see AdminToken. Load replaces both.
func New(opts Options) *Sim {
	s := &Sim{opts: opts.withDefaults()}
	if err := s.Load(Seed{Accounts: []SeedAccount{{ID: 1, Name: "Simulated"}}}); err != nil {
		panic(err) // no other seed can come here
	}
	return s
}

// Configure changes the options of a running simulator.
func (s *Sim) Configure(change func(*Options)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.opts)
	s.opts = s.opts.withDefaults()
}

// lock takes the mutex and lets overdue effects happen first.
func (s *Sim) lock() {
	s.mu.Lock()
	s.settle()
}

func (s *Sim) now() time.Time { return s.opts.Now().UTC() }

func (w *world) nextID() int64 {
	w.lastID++
	return w.lastID
}

func (w *world) account(id int64) *account {
	for _, a := range w.accounts {
		if a.id == id {
			return a
		}
	}
	return nil
}

// tokenAlphabet has 64 characters, so that six bits of a byte choose one evenly.
const tokenAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// newValue makes a token string: a prefix and 50 characters (recorded).
func (s *Sim) newValue(prefix string) (string, error) {
	source := s.opts.Rand
	if source == nil {
		source = rand.Reader
	}
	var b [50]byte
	if _, err := io.ReadFull(source, b[:]); err != nil {
		return "", fmt.Errorf("making a token value: %w", err)
	}
	for i := range b {
		b[i] = tokenAlphabet[b[i]%64]
	}
	return prefix + string(b[:]), nil
}
