package main

import (
	"reflect"
	"testing"

	"github.com/tokenwarden/tokenwarden/audit"
	"github.com/tokenwarden/tokenwarden/internal/config"
	"github.com/tokenwarden/tokenwarden/internal/tfstate"
)

// An entry goes by the name, which survives Terraform's replacement, unless the
// name does not tell which token is meant, or will not last.
func TestMark(t *testing.T) {
	tokens := []audit.ActiveToken{{ID: 1, Name: "one"}, {ID: 2, Name: "two"}, {ID: 3, Name: "two"}, {ID: 4, Name: "four [replaces 9 ab2c]"}}
	const never = "managed by Terraform (a.b)"
	for id, want := range map[int64][]config.InitToken{
		1: {{ID: 9, Name: "nine", Note: "old"}, {ID: 1, Name: "one", Never: never}},
		2: {{ID: 9, Name: "nine", Note: "old"}, {ID: 2, Name: "two", Never: never, Ambiguous: true}},
		4: {{ID: 9, Name: "nine", Note: "old"}, {ID: 4, Name: "four [replaces 9 ab2c]", Never: never, Ambiguous: true}},
		9: {{ID: 9, Name: "nine", Note: "old", Never: never}},
		8: {{ID: 9, Name: "nine", Note: "old"}},
	} {
		account := config.InitAccount{Tokens: []config.InitToken{{ID: 9, Name: "nine", Note: "old"}}}
		all := append([]audit.ActiveToken{{ID: 9, Name: "nine"}}, tokens...)
		found := mark(&account, all, tfstate.Token{ID: id, Address: "a.b"})
		if found != (id != 8) || !reflect.DeepEqual(account.Tokens, want) {
			t.Errorf("%d: found %t, %+v", id, found, account.Tokens)
		}
	}
}
