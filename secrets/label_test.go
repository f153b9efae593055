package secrets

import (
	"math"
	"testing"
	"time"
)

func TestLabelRoundTrip(t *testing.T) {
	at := time.Date(2026, 11, 23, 2, 15, 4, 0, time.UTC)
	for want, l := range map[string]Label{
		"token=901/account=12345": {TokenID: 901, AccountID: 12345},
		"token=901/account=12345/replaces=777/written=2026-11-23T02:15:04Z/until=2026-11-24T02:15:04Z": {
			TokenID: 901, AccountID: 12345, Replaces: 777, Written: at, Until: at.Add(24 * time.Hour)},
		"token=777/account=12345/replaces=700/undoes=901/ready=true": {TokenID: 777, AccountID: 12345, Replaces: 700, Undoes: 901, Ready: true},
		"token=1/account=2/written=2026-11-23T02:15:04Z/first=true":  {TokenID: 1, AccountID: 2, Written: at, First: true},
	} {
		if got := l.Encode(); got != want {
			t.Errorf("encoded as %s, want %s", got, want)
		}
		if got, err := ParseLabel(want); err != nil || got != l {
			t.Errorf("%s: %+v, %v", want, got, err)
		}
	}
}

func TestLabelIsWrittenInUTCAndWholeSeconds(t *testing.T) {
	l := Label{TokenID: 1, AccountID: 2, Written: time.Date(2026, 11, 23, 3, 15, 4, 999, time.FixedZone("", 3600))}
	if got, want := l.Encode(), "token=1/account=2/written=2026-11-23T02:15:04Z"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestLongestLabelFitsAnAWSTag(t *testing.T) {
	last := time.Date(9999, 12, 31, 23, 59, 59, 999999999, time.FixedZone("", -1))
	l := Label{TokenID: math.MaxInt64, AccountID: math.MaxInt64, Replaces: math.MaxInt64, Undoes: math.MaxInt64, Written: last.Add(-time.Hour), Until: last.Add(-time.Hour), First: true, Ready: true}
	s := l.Encode()
	if len(s) > MaxLabelLength || !labelChars.MatchString(s) {
		t.Errorf("%d characters: %s", len(s), s)
	}
	if _, err := ParseLabel(s); err != nil {
		t.Error(err)
	}
	// https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_Tag.html: a key has at most 128 characters.
	if key := NewValue("x").Fingerprint(math.MaxInt64).Key(); len(key) > 128 || !labelChars.MatchString(key) {
		t.Errorf("key %s", key)
	}
}

func TestParseLabelRefuses(t *testing.T) {
	for _, s := range []string{
		"", "token=1", "account=2", "token=0/account=2", "token=-1/account=2", "token=1/account=-2", "token=x/account=2",
		"token=1/account=2/replaces=-7", "token=1/account=2/replaces=", "token=1/account=2/undoes=-7", "token=9223372036854775808/account=2",
		"token=1/account=2/written=yesterday", "token=1/account=2/until=", "token=1/account=2/first=maybe",
		"token=1/account=2/written=0000-01-01T00:00:00Z", "token=1/account=2/written=0001-01-01T00:00:00+01:00",
		"token=1/account=2/note=a b", "token=1/account=2\n", "token=1/account=2/x=" + string(make([]byte, 300)), secret + "!",
	} {
		if l, err := ParseLabel(s); err == nil || l != (Label{}) {
			t.Errorf("%q: %+v, %v", s, l, err)
		} else if leaks(err.Error()) {
			t.Errorf("the error repeats a secret: %v", err)
		}
	}
	if l, err := ParseLabel("token=1/later=thing/account=2"); err != nil || l != (Label{TokenID: 1, AccountID: 2}) {
		t.Errorf("a key of a later version: %+v, %v", l, err)
	}
}

func TestFingerprintOfKey(t *testing.T) {
	fp := NewValue("x").Fingerprint(1)
	if got, ok := FingerprintOfKey(fp.Key()); !ok || got != fp {
		t.Errorf("%s: %s, %v", fp.Key(), got, ok)
	}
	for _, key := range []string{"", "owner", LabelPrefix, LabelPrefix + "0123", LabelPrefix + "0123456789ABCDEF", LabelPrefix + "0123456789abcdefa", "x" + fp.Key()} {
		if got, ok := FingerprintOfKey(key); ok {
			t.Errorf("%q passes for the key of %s", key, got)
		}
	}
}

func FuzzParseLabel(f *testing.F) {
	for _, s := range []string{
		"token=901/account=12345/replaces=777/written=2026-11-23T02:15:04Z/until=2026-11-24T02:15:04Z/first=true",
		"token=1/account=2", "token=1/account=2/written=2026-11-23T02:15:04.5+01:00", "token=+1/account=2/first=T/later=x", "token=1/account=2/written=9999-12-31T23:59:59-23:59", "",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		l, err := ParseLabel(s)
		if err != nil {
			return
		}
		out := l.Encode()
		if len(out) > MaxLabelLength || !labelChars.MatchString(out) {
			t.Errorf("%q is encoded as %q, which is no AWS tag", s, out)
		}
		if again, err := ParseLabel(out); err != nil || again != l {
			t.Errorf("%q: %+v is encoded as %q and read back as %+v, %v", s, l, out, again, err)
		}
	})
}
