package main

import (
	"github.com/tokenwarden/tokenwarden/internal/dbtcloud"
	"github.com/tokenwarden/tokenwarden/rotate"
)

// checkUndo finds what does not go with --undo.
func (o *rotateOptions) checkUndo() error {
	switch {
	case !o.undo:
		return nil
	case o.tokenID == 0 && o.name == "":
		return misuse("--undo is for one token at a time: name it with --token-id or --name")
	case o.compromised:
		return misuse("--undo keeps the token that --compromised says must go")
	case o.adopt:
		return misuse("--undo brings back what the labels call the token's value, so there is nothing to --adopt")
	}
	return nil
}

// undone is the token to which a destination holds the value again, while the
// replacement from which its place was taken back still lives; 0: none.
func (h held) undone(accountID int64, active map[int64]dbtcloud.ServiceToken) int64 {
	for _, l := range h.labels {
		if _, lives := active[l.Undoes]; lives && !l.Written.IsZero() && l.AccountID == accountID && h.label.AccountID == accountID && l.TokenID == h.label.TokenID {
			return l.TokenID
		}
	}
	return 0
}

// holding says what a destination holds after a rotation, or an undo.
func holding(r rotate.Result, d rotate.DestinationResult) string {
	value := "the new value"
	if r.Undo {
		value = "the token's own value"
	}
	if d.Written && d.ReadBack {
		return "holds " + value + ", read back"
	}
	return "does not hold " + value
}
