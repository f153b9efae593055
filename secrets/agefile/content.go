package agefile

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/tokenwarden/tokenwarden/secrets"
)

// format is the number of the layout below. A file with another one is left alone.
const format = 1

// keep is how many previous values of a key stay recoverable.
const keep = 10

// document is what a file holds, as JSON, once decrypted. People may look at it
// with `age --decrypt`, and change it by hand.
type document struct {
	Format int                `json:"format"`
	Keys   map[string]*record `json:"keys"`
}

// record is one key.
type record struct {
	Value    plain     `json:"value"`
	Revision uint64    `json:"revision"` // counts the writes
	Nonce    string    `json:"nonce"`    // of the last write: see version
	Written  time.Time `json:"written,omitzero"`
	// Metadata holds our labels (secrets.LabelPrefix) and whatever others put there.
	Metadata map[string]string `json:"metadata,omitempty"`
	Previous []previous        `json:"previous,omitempty"` // the newest first
}

type previous struct {
	Value    plain     `json:"value"`
	Revision uint64    `json:"revision"`
	Written  time.Time `json:"written,omitzero"`
}

// plain is a Value that shows itself to the JSON that is encrypted next.
type plain struct{ secrets.Value }

func (p plain) MarshalJSON() ([]byte, error) { return json.Marshal(p.Reveal()) }

func (p *plain) UnmarshalJSON(b []byte) error {
	var s string
	err := json.Unmarshal(b, &s)
	p.Value = secrets.NewValue(s)
	return err
}

// version names the state of the value. The nonce never leaves the encrypted
// file, which makes the hash say nothing about the value, and makes versions
// differ after a key or file was deleted and made again. The value is part of
// it so that a change by hand is a change of version.
func (r *record) version() secrets.Version {
	if r.Revision == 0 && r.Value.Empty() {
		return ""
	}
	revision := strconv.FormatUint(r.Revision, 10)
	sum := sha256.Sum256([]byte(r.Nonce + "\n" + revision + "\n" + r.Value.Reveal()))
	return secrets.Version(revision + "-" + hex.EncodeToString(sum[:8]))
}

// put makes v the value. The same value again is a new version, but pushes no
// older value out.
func (r *record) put(v secrets.Value, now time.Time, random io.Reader) error {
	var nonce [16]byte
	if _, err := io.ReadFull(random, nonce[:]); err != nil {
		return fmt.Errorf("reading random bytes: %w", err)
	}
	if !r.Value.Empty() && !r.Value.Equal(v) {
		r.Previous = slices.Insert(r.Previous, 0, previous{r.Value, r.Revision, r.Written})
		r.Previous = r.Previous[:min(len(r.Previous), keep)]
	}
	r.Value, r.Revision, r.Nonce, r.Written = plain{v}, r.Revision+1, hex.EncodeToString(nonce[:]), now.UTC()
	return nil
}

// labels returns the entries that are ours and can be read.
func (r *record) labels() secrets.Labels {
	labels := secrets.Labels{}
	for key, text := range r.Metadata {
		if fp, ok := secrets.FingerprintOfKey(key); ok {
			if l, err := secrets.ParseLabel(text); err == nil {
				labels[fp] = l
			}
		}
	}
	return labels
}

func (r *record) label(set secrets.Labels, drop []secrets.Fingerprint) {
	if r.Metadata == nil {
		r.Metadata = map[string]string{}
	}
	for _, fp := range drop {
		delete(r.Metadata, fp.Key())
	}
	for fp, l := range set {
		r.Metadata[fp.Key()] = l.Encode()
	}
}

// record returns the record of a key, an empty one if there is none.
func (d *document) record(key string) *record {
	if d.Keys[key] == nil {
		d.Keys[key] = &record{}
	}
	return d.Keys[key]
}

// errContent does not repeat what encoding/json says, since that may quote a
// value.
var errContent = errors.New("its content is not what tokenwarden writes, perhaps since it was edited by hand")

// decode reads a document. Fields that it does not know are an error, because
// the next write would lose them.
func decode(b []byte) (*document, error) {
	var version struct {
		Format int `json:"format"`
	}
	if json.Unmarshal(b, &version) == nil && version.Format > format {
		return nil, fmt.Errorf("it was written by a newer tokenwarden, in format %d", version.Format)
	}
	var d document
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&d); err != nil {
		return nil, fmt.Errorf("%w (near byte %d)", errContent, dec.InputOffset())
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) || d.Format != format {
		return nil, errContent
	}
	if d.Keys == nil {
		d.Keys = map[string]*record{}
	}
	return &d, nil
}

func (d *document) encode() ([]byte, error) {
	b, err := json.MarshalIndent(d, "", " ")
	return append(b, '\n'), err
}
