package rotate

import (
	"context"
	"fmt"
	"slices"

	"github.com/tokenwarden/tokenwarden/internal/dbtcloud"
)

// readOldPermissions reads what the old token may do. What cannot be copied is
// no error but a problem that next refuses.
func (u *run) readOldPermissions(ctx context.Context) error {
	p, problem, err := u.permissions(ctx, u.s.old.token)
	if err != nil {
		return err
	}
	u.s.old.permissions, u.s.old.problem = p, problem
	return nil
}

// permissions reads everything that a token may do: all pages of its rows, the
// booleans of t itself, and its semantic layer mappings.
func (u *run) permissions(ctx context.Context, t dbtcloud.ServiceToken) (p Permissions, problem string, err error) {
	for _, field := range []string{"metadata_only", "webhooks_only", "semantic_layer_credentials"} {
		if slices.Contains(t.Unread, field) {
			return p, fmt.Sprintf("the service describes token %d with a %s that this version does not understand, so it could not be copied", t.ID, field), nil
		}
	}
	rows, err := u.api.Permissions(ctx, t.ID)
	if err != nil {
		return p, "", fmt.Errorf("service token %d: %w", t.ID, err)
	}
	mappings, problem, err := u.mappings(ctx, t, rows)
	if err != nil || problem != "" {
		return p, problem, err
	}
	p, err = normalise(t, rows, mappings)
	if err != nil {
		return p, err.Error(), nil
	}
	return p, "", nil
}

// mappings reads the semantic layer mappings of a token. There is no list of
// them by token, only by project, so the projects have to be known: those that
// the item names, and those of the grants that are there for the semantic layer.
// An item that does not say whether it has any is looked for in every project it
// may reach.
func (u *run) mappings(ctx context.Context, t dbtcloud.ServiceToken, rows []dbtcloud.Grant) ([]dbtcloud.Mapping, string, error) {
	projects := map[int64]bool{}
	every := !t.HasSemanticLayer && len(rows) == 0
	for _, c := range t.SemanticLayer {
		every = every || c.ProjectID == 0
		projects[c.ProjectID] = c.ProjectID != 0
	}
	for _, row := range rows {
		if row.State == dbtcloud.Deleted || t.HasSemanticLayer && row.PermissionSet != "semantic_layer_only" {
			continue
		}
		if row.AllProjects || row.ProjectID == nil {
			every = true
		} else {
			projects[*row.ProjectID] = true
		}
	}
	if every {
		_, err := u.api.Projects(ctx, func(p dbtcloud.Project) error {
			if p.State != dbtcloud.Deleted {
				projects[p.ID] = true
			}
			return nil
		})
		if problem, err := u.unreadable(t, rows, err, "the projects"); problem != "" || err != nil {
			return nil, problem, err
		}
	}
	var found []dbtcloud.Mapping
	for _, project := range sortedKeys(projects) {
		mappings, err := u.api.Mappings(ctx, project)
		if refusedReading(err) {
			mappings, err = u.api.Mappings(ctx, project) // once more: "not found" has many causes
		}
		if problem, err := u.unreadable(t, rows, err, fmt.Sprintf("the semantic layer mappings of project %d", project)); problem != "" || err != nil {
			return nil, problem, err
		}
		found = append(found, mappings...)
	}
	return found, "", nil
}

// unreadable judges a failed reading of mappings. A replacement without its
// mappings is a silent outage, so a refusal is a problem for a token that has
// some, or that is there for the semantic layer and does not say. For a token
// that says it has none it is nothing, and else a warning: accounts without a
// semantic layer may not have the resource at all.
func (u *run) unreadable(t dbtcloud.ServiceToken, rows []dbtcloud.Grant, err error, what string) (problem string, _ error) {
	if err == nil {
		return "", nil
	}
	if !refusedReading(err) {
		return "", fmt.Errorf("%s: %w", what, err)
	}
	needs := len(t.SemanticLayer) > 0 || !t.HasSemanticLayer && slices.ContainsFunc(rows, func(g dbtcloud.Grant) bool {
		return g.State != dbtcloud.Deleted && g.PermissionSet == "semantic_layer_only"
	})
	switch {
	case needs:
		return fmt.Sprintf("service token %d uses the semantic layer, but %s cannot be read with this credential, so they could not be copied", t.ID, what), nil
	case !t.HasSemanticLayer:
		u.warn(fmt.Sprintf("%s cannot be read with this credential; if token %d has a semantic layer mapping, it is not copied", what, t.ID))
	}
	return "", nil
}

func refusedReading(err error) bool {
	kind := dbtcloud.KindOf(err)
	return kind == dbtcloud.KindNotFound || kind == dbtcloud.KindForbidden
}

func sortedKeys(set map[int64]bool) []int64 {
	var keys []int64
	for k, in := range set {
		if in {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	return keys
}
