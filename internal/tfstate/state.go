// Package tfstate tells which service tokens a Terraform state manages: their ids
// and addresses, and nothing else. A state holds secrets in the clear, the values
// of tokens among them. Only the fields that are named here are taken out of it,
// and no error repeats any of its text but addresses.
package tfstate

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Token is a service token that Terraform manages.
type Token struct {
	ID        int64
	AccountID int64  // 0: the state does not say
	Address   string // module.a["b"].dbtcloud_service_token.c[0]; printable
}

// resourceType is what the vendor's provider calls a service token (provider).
const resourceType = "dbtcloud_service_token"

const maxSize = 64 << 20 // bytes; a state of ten thousand resources has some twenty million

// What is wrong with a file that is no state, each with what to do.
var (
	errTooLarge  = fmt.Errorf("it is larger than %d MiB", maxSize>>20)
	errNotJSON   = errors.New("it is not a Terraform state: not a JSON object (terraform state pull writes one)")
	errEncrypted = errors.New("it is encrypted: pass the output of tofu state pull, which is not")
	errStub      = errors.New("it says where the state is kept, and is not the state: pass the output of terraform state pull")
	errShown     = errors.New("it is the output of terraform show -json: pass that of terraform state pull")
	errResources = errors.New("its resources cannot be understood")
)

// Read reads a state of version 4, which Terraform writes since 0.12, and OpenTofu.
// Of resources it takes in the managed ones of the vendor's type, in whatever
// module, with every instance; deposed ones too, for Terraform still manages them.
func Read(r io.Reader) ([]Token, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxSize+1))
	if err != nil {
		return nil, fmt.Errorf("reading the Terraform state: %w", err)
	}
	if len(data) > maxSize {
		return nil, errTooLarge
	}
	var top map[string]json.RawMessage
	if json.Unmarshal(data, &top) != nil || top == nil {
		return nil, errNotJSON // the decoder's own text repeats what it read
	}
	if err := recognise(top); err != nil {
		return nil, err
	}
	var resources []json.RawMessage
	if raw, found := top["resources"]; found && json.Unmarshal(raw, &resources) != nil {
		return nil, errResources
	}
	var tokens []Token
	for _, raw := range resources {
		found, err := read(raw)
		if err != nil {
			return nil, err
		}
		tokens = append(tokens, found...)
	}
	return tokens, nil
}

// recognise tells a state from the files that are taken for one.
func recognise(top map[string]json.RawMessage) error {
	has := func(name string) bool { _, found := top[name]; return found }
	version := -1
	if raw, found := top["version"]; found && json.Unmarshal(raw, &version) != nil {
		version = -1
	}
	switch {
	case has("encrypted_data") || has("encryption_version"): // OpenTofu (docs)
		return errEncrypted
	case has("backend") && !has("resources"): // .terraform/terraform.tfstate
		return errStub
	case has("format_version"):
		return errShown
	case version < 0:
		return errNotJSON
	case version != 4:
		return fmt.Errorf("it is a state of version %d, and only version 4 (Terraform 0.12 and later) is read", version)
	}
	return nil
}

// resource is what is taken out of a resource, instance what of an instance.
type resource struct {
	Module    string     `json:"module"`
	Mode      string     `json:"mode"`
	Type      string     `json:"type"`
	Name      string     `json:"name"`
	Instances []instance `json:"instances"`
}

type instance struct {
	IndexKey   json.RawMessage `json:"index_key"` // a number with count, a string with for_each
	Deposed    string          `json:"deposed"`
	Attributes struct {
		ID json.RawMessage `json:"id"` // a number or a string, by the provider's version (provider)
	} `json:"attributes"`
}

func read(raw json.RawMessage) ([]Token, error) {
	var kind struct {
		Mode string `json:"mode"`
		Type string `json:"type"`
	}
	if json.Unmarshal(raw, &kind) != nil {
		return nil, errResources
	}
	if kind.Mode != "managed" || kind.Type != resourceType {
		return nil, nil // whatever it is, it is none of ours, and is not looked at
	}
	var r resource
	if json.Unmarshal(raw, &r) != nil {
		return nil, errResources
	}
	var tokens []Token
	for _, i := range r.Instances {
		address := r.address(i)
		account, id, ok := ids(i.Attributes.ID)
		if !ok {
			return nil, fmt.Errorf("%s has no id that can be understood", address)
		}
		tokens = append(tokens, Token{ID: id, AccountID: account, Address: address})
	}
	return tokens, nil
}

// ids reads a number, also one in a string, or "account:id".
func ids(raw json.RawMessage) (account, id int64, ok bool) {
	var s string
	if json.Unmarshal(raw, &s) != nil {
		s = string(raw)
	}
	if before, after, composite := strings.Cut(s, ":"); composite {
		if account, ok = number(before); !ok {
			return 0, 0, false
		}
		s = after
	}
	id, ok = number(s)
	return account, id, ok
}

func number(s string) (int64, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil && n > 0
}
