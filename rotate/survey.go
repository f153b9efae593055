package rotate

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/tokenwarden/tokenwarden/internal/dbtcloud"
	"github.com/tokenwarden/tokenwarden/internal/inflight"
)

// Survey is one pass over an account's active service tokens: what names are
// resolved against, and the first observation of each rotation.
type Survey struct {
	Tokens map[int64]dbtcloud.ServiceToken
	Stable bool      // the pass proves that what is not here does not exist
	Date   time.Time // server time; zero when the service sent none
}

// Survey reads the account's active service tokens: one request per hundred.
func (r *Rotator) Survey(ctx context.Context) (*Survey, error) {
	return survey(ctx, r.Account.As(r.Account.Credential))
}

func survey(ctx context.Context, api Reader) (*Survey, error) {
	s := &Survey{Tokens: map[int64]dbtcloud.ServiceToken{}}
	pass, err := api.ServiceTokens(ctx, func(t dbtcloud.ServiceToken) error {
		s.Tokens[t.ID] = t
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.Stable, s.Date = pass.Stable, pass.Date
	return s, nil
}

// Named is a token as names are matched: without the suffix of a rotation in
// flight.
type Named struct {
	ID   int64
	Name string
}

// Names lists the tokens that a person would call by name: a replacement in
// flight and the token it replaces count as one, under the old token's id.
// Sorted by id.
func (s *Survey) Names() []Named {
	var names []Named
	for id, t := range s.Tokens {
		base, old, inFlight := inflight.Split(t.Name)
		if !inFlight {
			names = append(names, Named{ID: id, Name: t.Name})
			continue
		}
		if _, alive := s.Tokens[old]; !alive {
			// The old token is gone and only the rename is missing: whoever asks
			// for the name means the rotation that is to be finished.
			names = append(names, Named{ID: old, Name: base})
		}
	}
	slices.SortFunc(names, func(a, b Named) int { return cmp.Compare(a.ID, b.ID) })
	return slices.Compact(names)
}

// ByName returns the ids that carry a name. More than one is for the caller to
// refuse, naming them all.
func (s *Survey) ByName(name string) []int64 {
	var ids []int64
	for _, n := range s.Names() {
		if n.Name == name {
			ids = append(ids, n.ID)
		}
	}
	return ids
}

// InFlight lists the rotations that are under way by the names in dbt Cloud:
// the old token's id and the plain name, sorted by id.
func (s *Survey) InFlight() []Named {
	var found []Named
	for _, t := range s.Tokens {
		if base, old, ok := inflight.Split(t.Name); ok {
			found = append(found, Named{ID: old, Name: base})
		}
	}
	slices.SortFunc(found, func(a, b Named) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Name, b.Name))
	})
	return slices.CompactFunc(found, func(a, b Named) bool { return a.ID == b.ID })
}
