package notify

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
)

// SecretLimit is how many bytes a State may have in a secret store: what AWS
// Secrets Manager takes (65,536 bytes; vendor documentation), less a margin for
// the JSON key it may lie under.
const SecretLimit = 60 << 10

// encodedPrefix is how everything that Encode writes begins.
const encodedPrefix = `{"version":`

// maxState bounds what is read, packed or not.
const maxState = 16 << 20

// packed is a state that was too large in plain JSON.
type packed struct {
	Version int    `json:"version"`
	Gzip    []byte `json:"gzip,omitempty"`
}

// Encode writes a state in at most limit bytes: JSON that people can read, or
// the same compressed when it would not fit. ErrStateTooLarge: neither fits.
func Encode(s State, limit int) ([]byte, error) {
	s.Version = StateVersion
	plain, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("encoding the alert state: %w", err)
	}
	if len(plain) <= limit {
		return plain, nil
	}
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil, fmt.Errorf("encoding the alert state: %w", err)
	}
	if _, err = w.Write(plain); err == nil {
		err = w.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("encoding the alert state: %w", err)
	}
	small, err := json.Marshal(packed{Version: StateVersion, Gzip: b.Bytes()})
	if err != nil {
		return nil, fmt.Errorf("encoding the alert state: %w", err)
	}
	if len(small) > limit {
		return nil, fmt.Errorf("encoding the alert state (%d bytes, of which %d fit): %w", len(small), limit, ErrStateTooLarge)
	}
	return small, nil
}

// Decode reads what Encode wrote. Nothing at all is ErrNoState.
func Decode(b []byte) (State, error) {
	if len(bytes.TrimSpace(b)) == 0 {
		return State{}, ErrNoState
	}
	var p packed
	if err := json.Unmarshal(b, &p); err != nil {
		return State{}, fmt.Errorf("%w: it is not JSON of a state", ErrBrokenState)
	}
	if p.Version > StateVersion {
		return State{}, ErrNewerState
	}
	if p.Version < 1 {
		return State{}, fmt.Errorf("%w: it has no version", ErrBrokenState)
	}
	if p.Gzip != nil {
		r, err := gzip.NewReader(bytes.NewReader(p.Gzip))
		if err != nil {
			return State{}, fmt.Errorf("%w: its packed form cannot be opened", ErrBrokenState)
		}
		if b, err = io.ReadAll(io.LimitReader(r, maxState)); err != nil {
			return State{}, fmt.Errorf("%w: its packed form is damaged", ErrBrokenState)
		}
	}
	var s State
	if err := json.Unmarshal(b, &s); err != nil || s.Version < 1 {
		return State{}, fmt.Errorf("%w: its fields are not those of a state", ErrBrokenState)
	}
	for account, known := range s.Accounts {
		if known == nil {
			delete(s.Accounts, account)
		}
	}
	return s, nil
}
