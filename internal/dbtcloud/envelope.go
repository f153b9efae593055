package dbtcloud

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// envelope is what the service wraps every answer in (spec):
//
//	{"status": {"code", "is_success", "user_message", "developer_message"},
//	 "data": …, "extra": {"pagination": {"count", "total_count"}}, "error_code": …}
//
// Each part may be missing or null (recorded), so all that is demanded is that
// the answer is a JSON object.
type envelope struct {
	code    int    // 0: it does not say
	failed  bool   // is_success is false
	message string // for people; hostile
	data    json.RawMessage
	hasData bool // the field is there, null included
	total   int  // -1: it does not say
}

func readEnvelope(body []byte) (envelope, error) {
	o, err := readObject(body)
	if err != nil {
		return envelope{}, err
	}
	status := o.object("status")
	success := status.flag("is_success")
	e := envelope{
		code:    int(status.integer("code")),
		failed:  success != nil && !*success,
		message: status.text("user_message"),
		data:    o.fields["data"],
		total:   -1,
	}
	_, e.hasData = o.fields["data"]
	pagination := o.object("extra").object("pagination")
	if n := pagination.integer("total_count"); n >= 0 && pagination.has("total_count") && len(pagination.unread) == 0 {
		e.total = int(n)
	}
	return e, nil
}

// complaint is the message and what data says about single fields (recorded:
// {"name": "This field is required."}; lists and nested objects occur too).
func (e envelope) complaint() string {
	parts := []string{e.message}
	var data any
	if json.Unmarshal(e.data, &data) == nil {
		parts = append(parts, sayings("", data)...)
	}
	parts = slices.DeleteFunc(parts, func(s string) bool { return s == "" })
	return clean(strings.Join(parts, "; "))
}

// sayings collects the texts in a decoded value, each with the name of the
// field it belongs to. Numbers and booleans say nothing to a person.
func sayings(name string, v any) []string {
	var found []string
	switch v := v.(type) {
	case string:
		if name != "" && v != "" {
			v = name + ": " + v
		}
		found = append(found, v)
	case []any:
		for _, inner := range v {
			found = append(found, sayings(name, inner)...)
		}
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			found = append(found, sayings(key, v[key])...)
		}
	}
	return found
}

// accessDenied reports the mark of an IP restriction (docs).
func (e envelope) accessDenied() bool {
	data, err := readObject(e.data)
	return err == nil && data.is("account_access_denied")
}
