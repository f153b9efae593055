package dbtcloud

import (
	"encoding/json"
	"errors"
	"strconv"
)

var (
	errNotAnObject = errors.New("not a whole JSON object")
	errNoID        = errors.New("it has no usable id")
)

// object is a JSON object read field by field, so that one field of a strange
// type spoils itself and not the page it stands on. Every accessor returns the
// zero value for a field that is absent, null or unreadable; the unreadable
// ones are noted in unread.
type object struct {
	fields map[string]json.RawMessage
	unread []string
}

func readObject(b []byte) (*object, error) {
	o := &object{}
	if json.Unmarshal(b, &o.fields) != nil || o.fields == nil {
		return nil, errNotAnObject // the decoder's own text could quote a secret
	}
	return o, nil
}

// has reports whether the field is there and not null.
func (o *object) has(name string) bool {
	raw, found := o.fields[name]
	return found && string(raw) != "null"
}

// into decodes a field into v and notes when that does not work.
func (o *object) into(name string, v any) bool {
	if !o.has(name) {
		return false
	}
	if json.Unmarshal(o.fields[name], v) != nil {
		o.unread = append(o.unread, name)
		return false
	}
	return true
}

// integer reads a whole number, which may be written as a string; "" is none.
func (o *object) integer(name string) int64 {
	var n json.Number // takes a number, and a string that holds one
	if string(o.fields[name]) == `""` || !o.into(name, &n) {
		return 0
	}
	v, err := strconv.ParseInt(n.String(), 10, 64)
	if err != nil {
		o.unread = append(o.unread, name)
		return 0
	}
	return v
}

func (o *object) state() State { return State(o.integer("state")) }

// text reads a string; a bare number is taken as written.
func (o *object) text(name string) string {
	var s string
	var n json.Number
	if raw := o.fields[name]; len(raw) > 0 && raw[0] != '"' && json.Unmarshal(raw, &n) == nil {
		return n.String()
	}
	o.into(name, &s)
	return s
}

// flag reads a boolean, also one written as 0, 1 or a string; nil when the
// object does not say.
func (o *object) flag(name string) *bool {
	if !o.has(name) {
		return nil
	}
	s := string(o.fields[name])
	if unquoted, err := strconv.Unquote(s); err == nil {
		s = unquoted
	}
	if s == "" {
		return nil
	}
	b, err := strconv.ParseBool(s)
	if err != nil {
		o.unread = append(o.unread, name)
		return nil
	}
	return &b
}

// is reads a boolean that is false unless the object says otherwise.
func (o *object) is(name string) bool {
	b := o.flag(name)
	return b != nil && *b
}

func (o *object) date(name string) Timestamp {
	var t Timestamp
	if raw, found := o.fields[name]; found {
		_ = t.UnmarshalJSON(raw) // never fails
	}
	return t
}

// object reads a nested object; an empty one when there is none.
func (o *object) object(name string) *object {
	inner := &object{}
	o.into(name, &inner.fields)
	return inner
}

// id reads the field without which an item cannot be spoken of.
func (o *object) id() (int64, error) {
	if id := o.integer("id"); id > 0 {
		return id, nil
	}
	return 0, errNoID
}
