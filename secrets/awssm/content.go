package awssm

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/tokenwarden/tokenwarden/secrets"
)

// errNoObject never quotes the text.
var errNoObject = fmt.Errorf("%w: the secret's text is no JSON object, so it has no keys: leave #FIELD out of the reference to mean the whole text", secrets.ErrRefused)

// member is where the value of a key is in the text of a JSON object.
type member struct {
	raw        json.RawMessage
	start, end int
}

// object is the text of a JSON object and where a key is in it.
type object struct {
	text   string
	found  []member // of the key that was looked for; two: it is there twice
	others bool     // it has other keys
	end    int      // where its closing brace is
}

// lookUp finds key in the text of a JSON object. Text that is blank counts as an
// object without keys.
func lookUp(text, key string) (object, error) {
	if strings.TrimSpace(text) == "" {
		text = "{}"
	}
	o := object{text: text}
	dec := json.NewDecoder(strings.NewReader(text))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return o, errNoObject
	}
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return o, errNoObject
		}
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			return o, errNoObject
		}
		if t != key {
			o.others = true
			continue
		}
		end := int(dec.InputOffset())
		o.found = append(o.found, member{raw, end - len(raw), end})
	}
	if _, err := dec.Token(); err != nil {
		return o, errNoObject
	}
	o.end = int(dec.InputOffset()) - 1
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return o, errNoObject
	}
	if len(o.found) > 1 {
		return o, fmt.Errorf("%w: the key is in the secret's JSON more than once, and readers differ in which one they take", secrets.ErrRefused)
	}
	return o, nil
}

// field returns the value in the text of a secret: all of it when name is
// empty, else that of a key; empty when the key is missing or null.
func field(text, name string) (secrets.Value, error) {
	if name == "" {
		return secrets.NewValue(text), nil
	}
	o, err := lookUp(text, name)
	if err != nil || len(o.found) == 0 {
		return secrets.Value{}, err
	}
	var value *string
	if err := json.Unmarshal(o.found[0].raw, &value); err != nil {
		return secrets.Value{}, fmt.Errorf("%w: the key holds no text but a number, a list or the like", secrets.ErrRefused)
	}
	if value == nil {
		return secrets.Value{}, nil
	}
	return secrets.NewValue(*value), nil
}

// withField returns the text of a secret with value in the place of what field
// reads. Every other byte stays.
func withField(text, name string, value secrets.Value) (string, error) {
	result := value.Reveal()
	if name != "" {
		if _, err := field(text, name); err != nil {
			return "", err
		}
		o, err := lookUp(text, name)
		if err != nil {
			return "", err
		}
		switch {
		case len(o.found) == 1:
			result = o.text[:o.found[0].start] + quote(value.Reveal()) + o.text[o.found[0].end:]
		case o.others:
			// Before the white space that stands before the closing brace.
			end := len(strings.TrimRight(o.text[:o.end], " \t\r\n"))
			result = o.text[:end] + "," + quote(name) + ":" + quote(value.Reveal()) + o.text[end:]
		default:
			result = o.text[:o.end] + quote(name) + ":" + quote(value.Reveal()) + o.text[o.end:]
		}
	}
	if len(result) > maxLength {
		return "", fmt.Errorf("%w: with this value the secret would have %d bytes, and AWS takes %d", secrets.ErrRefused, len(result), maxLength)
	}
	return result, nil
}

// quote writes a JSON string, with < > and & as they are.
func quote(s string) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // a string can always be encoded
	return strings.TrimSuffix(b.String(), "\n")
}
