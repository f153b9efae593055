package secrets

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Label says whose value a fingerprint stands for. It holds no secret and is
// kept beside the value in the store, one entry per fingerprint.
type Label struct {
	TokenID   int64     // the service token that the value belongs to
	AccountID int64     // the dbt account
	Replaces  int64     // the token that this one replaces; 0: not a replacement
	Written   time.Time // whole seconds; server time of dbt Cloud when the value was written (or recognised)
	Until     time.Time // end of the overlap; zero when there is none to keep
	First     bool      // the destination was empty: nobody is known to read it yet
	Undoes    int64     // only in an UndoEntry: the replacement from which the token takes its place back
	Ready     bool      // what has to happen after the value was stored in every destination has happened
}

// Labels are the entries beside one object.
type Labels map[Fingerprint]Label

// LabelPrefix starts the key of every entry, whatever the store: a key of KV
// custom metadata, an AWS tag key.
const LabelPrefix = "tokenwarden-"

// MaxLabelLength is the longest an encoded entry may be: an AWS tag value.
const MaxLabelLength = 256

// labelChars is what an AWS tag value may consist of, which is narrower than
// what the other stores take. A space is legal there but not used.
var labelChars = regexp.MustCompile(`^[A-Za-z0-9+\-=._:/@]*$`)

// Key returns the metadata key or tag key of the entry for fp.
func (fp Fingerprint) Key() string { return LabelPrefix + string(fp) }

// Two kinds of entries stand for no value but for what a run is about to do. They
// have keys of their own because those of values are written by every run.

// DeletionEntry is the key of the entry by which a run announces that it is about
// to delete a token. The entry says when.
func DeletionEntry(account, token int64) Fingerprint {
	return NewValue(fmt.Sprintf("about to delete token %d", token)).Fingerprint(account)
}

// UndoEntry is the key of the entry by which a run announces, and later ones see,
// that a token takes its place back from this replacement.
func UndoEntry(account, replacement int64) Fingerprint {
	return NewValue(fmt.Sprintf("taking back from token %d", replacement)).Fingerprint(account)
}

// FingerprintOfKey is the reverse of Key; ok is false for anybody else's key.
func FingerprintOfKey(key string) (fp Fingerprint, ok bool) {
	rest, found := strings.CutPrefix(key, LabelPrefix)
	if !found || len(rest) != 16 || strings.Trim(rest, "0123456789abcdef") != "" {
		return "", false
	}
	return Fingerprint(rest), true
}

// Encode writes the entry in the characters of an AWS tag, for example
// "token=901/account=12345/replaces=777/written=2026-11-23T02:15:04Z/until=2026-11-24T02:15:04Z".
func (l Label) Encode() string {
	parts := []string{
		"token=" + strconv.FormatInt(l.TokenID, 10),
		"account=" + strconv.FormatInt(l.AccountID, 10),
	}
	if l.Replaces != 0 {
		parts = append(parts, "replaces="+strconv.FormatInt(l.Replaces, 10))
	}
	if l.Undoes != 0 {
		parts = append(parts, "undoes="+strconv.FormatInt(l.Undoes, 10))
	}
	if !l.Written.IsZero() {
		parts = append(parts, "written="+l.Written.UTC().Format(time.RFC3339))
	}
	if !l.Until.IsZero() {
		parts = append(parts, "until="+l.Until.UTC().Format(time.RFC3339))
	}
	if l.First {
		parts = append(parts, "first=true")
	}
	if l.Ready {
		parts = append(parts, "ready=true")
	}
	return strings.Join(parts, "/")
}

// ParseLabel reads what Encode wrote. Keys it does not know are passed over, so
// that a later version can add some; a known key with a value that it cannot
// read, or an entry without token and account, is an error: such a value
// counts as unknown.
func ParseLabel(s string) (Label, error) {
	var l Label
	if len(s) > MaxLabelLength || !labelChars.MatchString(s) {
		return l, fmt.Errorf("label is not one of ours")
	}
	for part := range strings.SplitSeq(s, "/") {
		key, value, _ := strings.Cut(part, "=")
		var err error
		switch key {
		case "token":
			l.TokenID, err = strconv.ParseInt(value, 10, 64)
		case "account":
			l.AccountID, err = strconv.ParseInt(value, 10, 64)
		case "replaces":
			l.Replaces, err = strconv.ParseInt(value, 10, 64)
		case "undoes":
			l.Undoes, err = strconv.ParseInt(value, 10, 64)
		case "written":
			l.Written, err = parseTime(value)
		case "until":
			l.Until, err = parseTime(value)
		case "first":
			l.First, err = strconv.ParseBool(value)
		case "ready":
			l.Ready, err = strconv.ParseBool(value)
		}
		if err != nil {
			return Label{}, fmt.Errorf("label has an unreadable %s", key)
		}
	}
	if l.TokenID <= 0 || l.AccountID <= 0 || l.Replaces < 0 || l.Undoes < 0 {
		return Label{}, fmt.Errorf("label names no token")
	}
	return l, nil
}

// parseTime reads what Encode writes: whole seconds, in UTC. The year 0 is out
// of range because in UTC it may become one that RFC 3339 cannot write.
func parseTime(s string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, s)
	if t = t.UTC().Truncate(time.Second); err == nil && (t.Year() < 1 || t.Year() > 9999) {
		err = strconv.ErrRange
	}
	return t, err
}
