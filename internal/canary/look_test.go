package canary

import (
	"context"
	"testing"
	"time"

	"github.com/tokenwarden/tokenwarden/internal/dbtcloud"
)

// account is what a look sees: the answer to a GET, and a list.
type account struct {
	Client
	item    dbtcloud.ServiceToken
	itemErr error
	list    []int64
	pass    dbtcloud.Pass
	listErr error
}

func (a account) ServiceToken(context.Context, int64) (dbtcloud.ServiceToken, time.Time, error) {
	return a.item, time.Time{}, a.itemErr
}

func (a account) ServiceTokens(_ context.Context, visit func(dbtcloud.ServiceToken) error) (dbtcloud.Pass, error) {
	for _, id := range a.list {
		if err := visit(dbtcloud.ServiceToken{ID: id}); err != nil {
			return a.pass, err
		}
	}
	return a.pass, a.listErr
}

// A 404 alone is no proof that a token is gone.
func TestLook(t *testing.T) {
	kind := func(k dbtcloud.Kind) error { return &dbtcloud.Error{Kind: k} }
	whole, moved, untold := dbtcloud.Pass{Stable: true, Total: 1}, dbtcloud.Pass{Total: 3}, dbtcloud.Pass{Total: -1}
	missing := kind(dbtcloud.KindNotFound)
	for name, c := range map[string]struct {
		account account
		want    life
		fails   bool
	}{
		"active":                              {account: account{item: dbtcloud.ServiceToken{State: dbtcloud.Active}}, want: active},
		"of a state that is not known":        {account: account{}, want: active},
		"deleted":                             {account: account{item: dbtcloud.ServiceToken{State: dbtcloud.Deleted}}, want: deleted},
		"no answer":                           {account: account{itemErr: kind(dbtcloud.KindServer)}, fails: true},
		"404, and the list has others":        {account: account{itemErr: missing, list: []int64{1}, pass: whole}, want: notFound},
		"404, and the list has no total":      {account: account{itemErr: missing, list: []int64{1}, pass: untold}, want: notFound},
		"404, and the list has it":            {account: account{itemErr: missing, list: []int64{1, 7}, pass: whole}, want: active},
		"404, and the list has it and moves":  {account: account{itemErr: missing, list: []int64{7}, pass: moved}, want: active},
		"404, and the list moves":             {account: account{itemErr: missing, list: []int64{1}, pass: moved}, fails: true},
		"404, and the list is empty":          {account: account{itemErr: missing, pass: whole}, fails: true},
		"404, and the list is 404":            {account: account{itemErr: missing, listErr: missing}, fails: true},
		"404, and half of the list was read ": {account: account{itemErr: missing, list: []int64{1}, listErr: kind(dbtcloud.KindServer)}, fails: true},
	} {
		r := &run{Canary: &Canary{Client: c.account}}
		if got, err := r.look(t.Context(), 7); got != c.want || (err != nil) != c.fails {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}
