package canary

import (
	"fmt"
	"time"

	"github.com/tokenwarden/tokenwarden/internal/dbtcloud"
)

func (v *valueFact) judge() (seen string, holds bool) {
	switch {
	case v == nil:
		return "", false
	case v.prefix == "":
		seen = fmt.Sprintf("%d characters without a known prefix", v.length)
	default:
		seen = fmt.Sprintf("%s and %d characters", v.prefix, v.length)
	}
	if !v.probed {
		seen += ", not of the form that is assumed"
	}
	return seen, v.probed
}

func (v *valueFact) judgeUID() (seen string, holds bool) {
	if v == nil {
		return "", false
	}
	switch v.uid {
	case atStart:
		return "yes: the beginning, after the prefix", true
	case withPrefix:
		return "yes: the beginning, with the prefix", false
	case atEnd:
		return "yes: the end", false
	case inMiddle:
		return "yes: somewhere in the middle", false
	case whole:
		return "yes: the whole value", false
	case noUID:
		return "the item has no uid", false
	case tooShort:
		return "too short to tell", false
	case nowhere:
	}
	return "no", false
}

func (w *waitFact) judgeAccepted() (seen string, holds bool) {
	const enough = 15 * time.Second
	switch {
	case w == nil:
		return "", false
	case !w.held:
		return fmt.Sprintf("not within %s (or this API does not let a token with this permission set in)", tenths(w.after)), false
	case w.first:
		return fmt.Sprintf("at the first look, %s after the create", tenths(w.after)), w.after <= enough
	}
	return fmt.Sprintf("within %s of the create", tenths(w.after)), w.after <= enough
}

func (w *waitFact) judgeRefused() (seen string, holds bool) {
	switch {
	case w == nil:
		return "", false
	case !w.held:
		return fmt.Sprintf("not within %s: a deleted value still works", tenths(w.after)), false
	}
	return fmt.Sprintf("401 at the look %s after the DELETE", tenths(w.after)), true
}

func (u *useFact) judge() (seen string, holds bool) {
	switch {
	case u == nil:
		return "", false
	case u.presence == dbtcloud.Absent || u.presence == dbtcloud.Unreadable:
		return presence(u.presence) + " after use", false
	case u.undated:
		return "the replies have no Date to compare it with", false
	case !u.shown && u.presence == dbtcloud.Null:
		return fmt.Sprintf("still null %s after a use", tenths(u.after)), false
	case !u.shown:
		return fmt.Sprintf("%s from the use when looked at %s after it", tenths(u.apart), tenths(u.after)), false
	}
	return fmt.Sprintf("the first of %d uses, %s apart, within %s; %d of them at the first look", u.uses, useApart, tenths(u.after), u.atOnce), u.atOnce == u.uses
}
