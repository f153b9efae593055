package vaultkv

import (
	"encoding/json"
	"fmt"
	"math"

	"github.com/tokenwarden/tokenwarden/secrets"
)

// field returns the value of one field; a missing one is empty.
func field(fields map[string]any, name string) (secrets.Value, error) {
	switch v := fields[name].(type) {
	case nil:
		return secrets.Value{}, nil
	case string:
		return secrets.NewValue(v), nil
	default:
		return secrets.Value{}, fmt.Errorf("%w: the field %s holds no text but a number, a list or the like", secrets.ErrRefused, name)
	}
}

// labels picks our entries out of the custom metadata. One that cannot be read
// counts as none: its value is of unknown owner then.
func labels(custom map[string]any) secrets.Labels {
	found := secrets.Labels{}
	for key, v := range custom {
		fp, ours := secrets.FingerprintOfKey(key)
		text, _ := v.(string)
		if !ours {
			continue
		}
		if label, err := secrets.ParseLabel(text); err == nil {
			found[fp] = label
		}
	}
	return found
}

// faithful refuses fields that would not survive being read and written back:
// Vault hands numbers out as 64 bit floats.
func faithful(v any) bool {
	switch v := v.(type) {
	case json.Number:
		f, err := v.Float64()
		return err == nil && math.Abs(f) < 1<<53
	case map[string]any:
		for _, inner := range v {
			if !faithful(inner) {
				return false
			}
		}
	case []any:
		for _, inner := range v {
			if !faithful(inner) {
				return false
			}
		}
	}
	return true
}
