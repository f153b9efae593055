package main

import (
	"fmt"
	"os"
	"slices"

	"github.com/tokenwarden/tokenwarden/audit"
	"github.com/tokenwarden/tokenwarden/internal/config"
	"github.com/tokenwarden/tokenwarden/internal/inflight"
	"github.com/tokenwarden/tokenwarden/internal/tfstate"
)

// terraformStates reads which tokens Terraform manages.
func (a *app) terraformStates(paths []string) ([]tfstate.Token, error) {
	var all []tfstate.Token
	for _, path := range paths {
		tokens, err := a.terraformState(path)
		if err != nil {
			return nil, misuse("--terraform-state: %w", err)
		}
		all = append(all, tokens...)
	}
	return all, nil
}

func (a *app) terraformState(path string) ([]tfstate.Token, error) {
	if path == "-" {
		return tfstate.Read(a.env.stdin)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	tokens, err := tfstate.Read(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return tokens, nil
}

// markManaged gives every token that Terraform manages an entry that says so, and
// tells on stderr which of them are in none of the accounts.
func (a *app) markManaged(accounts []config.InitAccount, r *audit.Report, managed []tfstate.Token) {
	for _, m := range managed {
		found := false
		for i := range accounts { // in the report's order, which is the configuration's
			if m.AccountID == 0 || m.AccountID == accounts[i].ID {
				found = mark(&accounts[i], r.Accounts[i].Tokens, m) || found
			}
		}
		if !found {
			_, _ = fmt.Fprintf(a.env.stderr, "note: token %d (%s in the Terraform state) is not among the active tokens that were read\n", m.ID, m.Address)
		}
	}
}

// mark makes the entry of a token, if it is one of the account's, say that it is
// never rotated.
func mark(account *config.InitAccount, tokens []audit.ActiveToken, m tfstate.Token) bool {
	at := slices.IndexFunc(tokens, func(t audit.ActiveToken) bool { return t.ID == m.ID })
	if at < 0 {
		return false
	}
	never := fmt.Sprintf("managed by Terraform (%s)", m.Address)
	if i := slices.IndexFunc(account.Tokens, func(t config.InitToken) bool { return t.ID == m.ID }); i >= 0 {
		account.Tokens[i].Never = never
		return true
	}
	name, carriers := tokens[at].Name, 0
	for _, t := range tokens {
		if t.Name == name {
			carriers++
		}
	}
	_, _, flying := inflight.Split(name) // a name that will not last
	account.Tokens = append(account.Tokens, config.InitToken{ID: m.ID, Name: name, Never: never, Ambiguous: flying || carriers > 1})
	return true
}
