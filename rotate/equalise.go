package rotate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tokenwarden/tokenwarden/internal/dbtcloud"
)

// equalise gives a replacement the old token's permissions and mappings, reads
// them back, and, for one that is not stored yet, proves its value. A difference
// is no error but the replacement's problem, on which next decides.
func (u *run) equalise(ctx context.Context, r *replacement) error {
	want := u.s.old.permissions
	if lives, err := u.lookAt(ctx, r); err != nil || !lives {
		return err
	}
	fresh := r.token

	rows, err := u.api.Permissions(ctx, r.id())
	if err != nil {
		return fmt.Errorf("replacement %d: %w", r.id(), err)
	}
	var unanswered error // writes that may have happened: what is read back tells
	if r.mine && len(want.Grants) > 0 && !slices.ContainsFunc(rows, isActive) {
		// This installation ignores grants at create. The older way works once
		// only, and never with an empty list.
		grants := slices.Clone(want.Grants)
		unanswered = u.write(ctx, Entry{Step: "set-permissions", TokenID: r.id(), Permissions: want.Lines()}, func() error {
			return u.api.SetPermissions(ctx, r.id(), grants)
		})
		if unanswered != nil && !dbtcloud.MayHaveHappened(unanswered) {
			return fmt.Errorf("replacement %d: %w", r.id(), unanswered)
		}
		if rows, err = u.api.Permissions(ctx, r.id()); err != nil {
			return fmt.Errorf("replacement %d: %w", r.id(), err)
		}
	}
	unmapped, err := u.equaliseMappings(ctx, r, want)
	if err != nil {
		return err
	}
	unanswered = errors.Join(unanswered, unmapped)
	mappings, err := u.mappingsIn(ctx, want, fresh)
	if err != nil {
		return err
	}
	got, err := normalise(fresh, rows, mappings)
	if err != nil {
		r.problem = err.Error()
		return nil
	}
	if diff := difference(want, got); len(diff) > 0 {
		if unanswered != nil {
			return fmt.Errorf("replacement %d: %w", r.id(), unanswered)
		}
		r.problem = "its permissions are not equal to the old token's: " + strings.Join(shorten(diff), "; ")
		return nil
	}
	// What was asked for last tells the time from which the overlap is counted:
	// lists of permissions and mappings tell none, and may have been slow to come.
	if !r.mine {
		if lives, err := u.lookAt(ctx, r); err != nil || !lives {
			return err
		}
	} else if !r.proved {
		if err := u.proveAlive(ctx, r); err != nil {
			return err
		}
	}
	r.checked = true
	return u.witness(ctx, Entry{Step: string(equalise), TokenID: r.id(), Permissions: got.Lines(), Detail: "equal to the old token's"})
}

// lookAt reads a replacement again, and forgets one that somebody deleted. Whether
// it is must be known after the destinations were read and before one is written.
func (u *run) lookAt(ctx context.Context, r *replacement) (lives bool, _ error) {
	fresh, seen, err := u.token(ctx, r.id())
	switch {
	case err != nil:
		return false, err
	case seen == notFound:
		return false, fmt.Errorf("service token %d: the service answers 404 for the replacement: the credential may have lost a permission", r.id())
	case seen == deleted:
		u.s.run.refused = fmt.Sprintf("replacement %d was deleted by somebody else meanwhile; run the same command again", r.id())
		u.forget(r.id())
		return false, nil
	}
	r.token, r.lives = fresh, true
	return true, nil
}

func isActive(g dbtcloud.Grant) bool { return g.State != dbtcloud.Deleted }

func shorten(diff []string) []string {
	const most = 8
	if len(diff) <= most {
		return diff
	}
	return append(slices.Clone(diff[:most]), fmt.Sprintf("and %d more", len(diff)-most))
}

// equaliseMappings creates the mappings that the replacement lacks. What a lost
// reply left behind is seen, not repeated; unanswered is what may have happened.
func (u *run) equaliseMappings(ctx context.Context, r *replacement, want Permissions) (unanswered, _ error) {
	for _, m := range want.Mappings {
		present, err := u.api.Mappings(ctx, m.ProjectID)
		if err != nil {
			return nil, fmt.Errorf("replacement %d: %w", r.id(), err)
		}
		if slices.ContainsFunc(present, func(p dbtcloud.Mapping) bool {
			return p.ServiceTokenID == r.id() && p.State != dbtcloud.Deleted && p.CredentialID == m.CredentialID
		}) {
			continue
		}
		e := Entry{Step: "map", TokenID: r.id(), Detail: mappingKey(m)}
		err = u.write(ctx, e, func() error {
			return u.api.CreateMapping(ctx, dbtcloud.Mapping{
				AccountID: u.account, ProjectID: m.ProjectID, CredentialID: m.CredentialID,
				ServiceTokenID: r.id(), State: dbtcloud.Active,
			})
		})
		if err != nil && !dbtcloud.MayHaveHappened(err) {
			return nil, fmt.Errorf("replacement %d: %w", r.id(), err)
		}
		unanswered = errors.Join(unanswered, err)
	}
	return unanswered, nil
}

// mappingsIn reads the mappings of the projects in which the old token has any,
// or the replacement: somebody may have given it one more.
func (u *run) mappingsIn(ctx context.Context, want Permissions, replacement dbtcloud.ServiceToken) ([]dbtcloud.Mapping, error) {
	projects := map[int64]bool{}
	for _, m := range want.Mappings {
		projects[m.ProjectID] = true
	}
	for _, c := range replacement.SemanticLayer {
		projects[c.ProjectID] = c.ProjectID != 0 // confirm looks for those that do not say
	}
	var found []dbtcloud.Mapping
	for _, project := range sortedKeys(projects) {
		in, err := u.api.Mappings(ctx, project)
		if err != nil {
			return nil, err
		}
		found = append(found, in...)
	}
	return found, nil
}

// proveAlive shows that the replacement's value authenticates. A new value may
// take a moment to be known everywhere, so a 401 means "not yet" for a while; it
// is also a reason to look whether the replacement still exists.
func (u *run) proveAlive(ctx context.Context, r *replacement) error {
	const tries = 6
	var last error
	for i := range tries {
		if i > 0 {
			if err := u.Sleep(ctx, time.Second<<min(i-1, 2)); err != nil {
				return err
			}
			_, seen, err := u.token(ctx, r.id())
			if err != nil {
				return err
			}
			if seen == deleted {
				r.problem = "it was deleted by somebody else meanwhile"
				return nil
			}
		}
		date, err := u.Account.As(r.value).Authenticate(ctx)
		u.saw(date)
		if err == nil {
			r.proved = true
			return nil
		}
		if isPlanned(err) || dbtcloud.KindOf(err) != dbtcloud.KindUnauthorized {
			return fmt.Errorf("proving the value of token %d: %w", r.id(), err)
		}
		last = err
	}
	return fmt.Errorf("the value of token %d is not accepted by the service: %w", r.id(), last)
}
