package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// The kinds of resource that a finding can be about.
const (
	ResourceServiceToken  = "service_token"
	ResourceUser          = "user"
	ResourcePersonalToken = "personal_access_token"
	ResourceSCIMToken     = "scim_token"
	ResourceIPRule        = "ip_rule"
	ResourceAccount       = "account"
)

// Resource is what a finding is about. Name is text from the API: hostile.
type Resource struct {
	Type string `json:"type"`
	ID   int64  `json:"id"`
	Name string `json:"name" jsonschema:"as dbt Cloud has it: text from outside, to be escaped for wherever it is shown"`
}

// Fact is one piece of evidence.
type Fact struct{ Key, Value string }

// Evidence is what a finding rests on, in the order to show it. In JSON it is
// an object of strings.
type Evidence []Fact

// MarshalJSON writes an object, never null.
func (e Evidence) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, fact := range e {
		if i > 0 {
			b.WriteByte(',')
		}
		key, err := json.Marshal(fact.Key)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(fact.Value)
		if err != nil {
			return nil, err
		}
		b.Write(key)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// UnmarshalJSON reads an object of strings and keeps its order.
func (e *Evidence) UnmarshalJSON(b []byte) error {
	*e = nil
	decoder := json.NewDecoder(bytes.NewReader(b))
	if _, err := decoder.Token(); err != nil {
		return err
	}
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			return err
		}
		var value string
		if err := decoder.Decode(&value); err != nil {
			return err
		}
		*e = append(*e, Fact{Key: key.(string), Value: value})
	}
	return nil
}

// Finding is one thing that a rule found in one account.
type Finding struct {
	Rule        string    `json:"rule"`
	Severity    Severity  `json:"severity"`
	AccountID   int64     `json:"account_id"`
	Resource    Resource  `json:"resource"`
	Message     string    `json:"message"`
	Evidence    Evidence  `json:"evidence" jsonschema:"what the finding rests on"`
	Remediation string    `json:"remediation"`
	Fingerprint string    `json:"fingerprint" jsonschema:"the same across runs: of rule, account, kind and id of the resource"`
	Suppression *Accepted `json:"suppression,omitempty" jsonschema:"who accepted the finding, and until when"`

	outcome Outcome // of what could not be judged: what it means for the coverage
	from    int     // which of the report's accounts it is about: ids are unique per host only
}

// Accepted says who accepted a finding, and until when.
type Accepted struct {
	Reason string    `json:"reason"`
	Owner  string    `json:"owner"`
	Until  time.Time `json:"until"`
}

// LastDay is the last day on which it holds, as the policy states it: Until is
// the first moment after it.
func (a *Accepted) LastDay() string { return lastDay(a.Until) }

func lastDay(until time.Time) string { return day(until.Add(-time.Nanosecond)) }

// fingerprint names a finding across runs: the same rule about the same resource
// of the same account, whatever the resource is called, whatever the host is
// called and however its evidence changed. key tells several findings of one
// rule about one resource apart.
func fingerprint(rule string, account int64, r Resource, key string) string {
	sum := sha256.Sum256([]byte(strings.Join([]string{
		rule, strconv.FormatInt(account, 10), r.Type, strconv.FormatInt(r.ID, 10), key,
	}, "\x00")))
	return hex.EncodeToString(sum[:16])
}

// maxQuoted is how much of a name is worth repeating inside a sentence.
const maxQuoted = 80

// Quote makes text from outside fit for a sentence in a log or a report:
// quoted, with everything that is not a printable character escaped (ANSI
// sequences, line breaks, bidirectional controls), and cut.
func Quote(s string) string {
	cut := ""
	if runes := []rune(s); len(runes) > maxQuoted {
		s, cut = string(runes[:maxQuoted]), "…"
	}
	return strconv.Quote(s) + cut
}

// day writes the UTC day of a moment.
func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// stamp writes a moment for evidence.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// days writes a duration as people say policies.
func days(d time.Duration) string { return fmt.Sprintf("%d days", int(d/(24*time.Hour))) }
