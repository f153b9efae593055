package rotate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tokenwarden/tokenwarden/internal/dbtcloud"
)

// Permissions are everything a token may do, in a form that can be compared:
// the active rows of {id}/permissions/, the two booleans of older tokens, and
// the semantic layer mappings.
type Permissions struct {
	Grants       []dbtcloud.Grant // active rows, sorted, without duplicates
	MetadataOnly bool
	WebhooksOnly bool
	Mappings     []dbtcloud.Mapping // active, sorted by project; ids and token are not compared
}

// normalise makes Permissions of what the API answered: rows and mappings that
// are not active are left out, since copying one would widen rights. A row
// without a scope is an error: sent to a create it would mean all projects.
func normalise(t dbtcloud.ServiceToken, rows []dbtcloud.Grant, mappings []dbtcloud.Mapping) (Permissions, error) {
	p := Permissions{MetadataOnly: t.MetadataOnly, WebhooksOnly: t.WebhooksOnly}
	for _, row := range rows {
		if row.State == dbtcloud.Deleted {
			continue
		}
		g := dbtcloud.Grant{
			PermissionSet:                 row.PermissionSet,
			AllProjects:                   row.AllProjects,
			WritableEnvironmentCategories: row.WritableEnvironmentCategories, // raw: a create sends what was read
		}
		switch {
		case row.PermissionSet == "":
			return p, fmt.Errorf("token %d has a permission row without a permission set", t.ID)
		case row.AllProjects:
		case row.ProjectID == nil:
			return p, fmt.Errorf("token %d has the permission %s for neither a project nor all projects, which cannot be copied", t.ID, row.PermissionSet)
		default:
			g.ProjectID = new(*row.ProjectID)
		}
		p.Grants = append(p.Grants, g)
	}
	slices.SortFunc(p.Grants, func(a, b dbtcloud.Grant) int { return strings.Compare(grantKey(a), grantKey(b)) })
	p.Grants = slices.CompactFunc(p.Grants, func(a, b dbtcloud.Grant) bool { return grantKey(a) == grantKey(b) })

	for _, m := range mappings {
		if m.State != dbtcloud.Deleted && m.ServiceTokenID == t.ID {
			p.Mappings = append(p.Mappings, m)
		}
	}
	slices.SortFunc(p.Mappings, func(a, b dbtcloud.Mapping) int {
		return strings.Compare(mappingKey(a), mappingKey(b))
	})
	p.Mappings = slices.CompactFunc(p.Mappings, func(a, b dbtcloud.Mapping) bool { return mappingKey(a) == mappingKey(b) })
	return p, nil
}

// normaliseCategories makes the raw value comparable: sorted, and nil for null,
// an absent field and []. A create without the field is read back as [] (seen in
// a public recording), so they are one thing to the service. What is no list of
// strings stays as it is.
func normaliseCategories(raw json.RawMessage) json.RawMessage {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 || string(raw) == "null" {
		return nil
	}
	var list []string
	if json.Unmarshal(raw, &list) != nil {
		return slices.Clone(raw)
	}
	if len(list) == 0 {
		return nil
	}
	slices.Sort(list)
	sorted, err := json.Marshal(slices.Compact(list))
	if err != nil {
		return slices.Clone(raw)
	}
	return sorted
}

// None reports whether the token may do nothing at all: there is nothing to
// copy, and nothing to compare a replacement with.
func (p Permissions) None() bool {
	return len(p.Grants) == 0 && !p.MetadataOnly && !p.WebhooksOnly && len(p.Mappings) == 0
}

// mightManageTokens reports whether a token with these permissions may be able to
// create and delete service tokens: of a permission set that nobody knows it has
// to be assumed.
func (p Permissions) mightManageTokens() bool {
	return slices.ContainsFunc(p.Grants, func(g dbtcloud.Grant) bool {
		return dbtcloud.ManagesTokens(g.PermissionSet) || !dbtcloud.KnownPermissionSet(g.PermissionSet)
	})
}

// managesTokens reports whether it surely is, in every project.
func (p Permissions) managesTokens() bool {
	return slices.ContainsFunc(p.Grants, func(g dbtcloud.Grant) bool {
		return g.AllProjects && dbtcloud.ManagesTokens(g.PermissionSet)
	})
}

// Lines describes the permissions in words, one line each, sorted.
func (p Permissions) Lines() []string {
	var lines []string
	for _, g := range p.Grants {
		lines = append(lines, grantKey(g))
	}
	if p.MetadataOnly {
		lines = append(lines, "metadata_only (flag)")
	}
	if p.WebhooksOnly {
		lines = append(lines, "webhooks_only (flag)")
	}
	for _, m := range p.Mappings {
		lines = append(lines, mappingKey(m))
	}
	return lines
}

func grantKey(g dbtcloud.Grant) string {
	key := g.PermissionSet + " on all projects"
	if !g.AllProjects && g.ProjectID != nil {
		key = g.PermissionSet + " on project " + strconv.FormatInt(*g.ProjectID, 10)
	}
	if categories := normaliseCategories(g.WritableEnvironmentCategories); categories != nil {
		key += ", writable environments " + string(categories)
	}
	return key
}

func mappingKey(m dbtcloud.Mapping) string {
	return fmt.Sprintf("semantic layer credential %d in project %d", m.CredentialID, m.ProjectID)
}

// difference names what want has and got lacks, and the other way round. Empty:
// they are equal.
func difference(want, got Permissions) []string {
	var diff []string
	w, g := want.Lines(), got.Lines()
	for _, line := range w {
		if !slices.Contains(g, line) {
			diff = append(diff, "missing: "+line)
		}
	}
	for _, line := range g {
		if !slices.Contains(w, line) {
			diff = append(diff, "added: "+line)
		}
	}
	return diff
}
