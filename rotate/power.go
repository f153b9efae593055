package rotate

import (
	"cmp"
	"math"
	"slices"

	"github.com/tokenwarden/tokenwarden/internal/dbtcloud"
)

// Power is how much a token may do, as far as its permission sets tell: for a
// run over many tokens, which tries the least powerful first. The zero Power is
// that of a token of which nothing is known: it counts as the greatest.
type Power struct {
	rank     int // 0: unknown
	projects int // how many it reaches; all of them: the greatest number
}

// The sets that only read, and those that may do more than change projects
// (docs). Those that manage tokens may do anything; everything else that is known
// changes things within projects.
var (
	readingSets = []string{
		"account_viewer", "analyst_read", "cost_insights_viewer", "cost_management_viewer", "job_viewer",
		"metadata_only", "readonly", "semantic_layer_only", "stakeholder", "webhooks_only",
	}
	highSets = []string{"security_admin", "project_creator", "member", "scim_only"}
)

const (
	reads = iota + 1
	changes
	high
	anything
)

// PowerOf grades a token by its active rows and the booleans of older tokens.
func PowerOf(t dbtcloud.ServiceToken, rows []dbtcloud.Grant) Power {
	var p Power
	if t.MetadataOnly || t.WebhooksOnly {
		p = Power{rank: reads, projects: math.MaxInt}
	}
	projects := map[int64]bool{}
	for _, row := range rows {
		if row.State == dbtcloud.Deleted {
			continue
		}
		rank := rankOf(row)
		if rank == 0 {
			return Power{} // whatever else it may do
		}
		p.rank = max(p.rank, rank)
		if row.AllProjects || row.ProjectID == nil {
			p.projects = math.MaxInt
		} else {
			projects[*row.ProjectID] = true
		}
	}
	p.projects = max(p.projects, len(projects))
	return p
}

func rankOf(g dbtcloud.Grant) int {
	set := g.PermissionSet
	switch {
	case dbtcloud.ManagesTokens(set):
		return anything
	case slices.Contains(highSets, set), set == "admin" && g.AllProjects:
		return high
	case slices.Contains(readingSets, set):
		return reads
	case dbtcloud.KnownPermissionSet(set):
		return changes
	}
	return 0
}

// Compare orders by power: by what may be done, then by how many projects. What
// is unknown is never least.
func (p Power) Compare(other Power) int {
	if (p.rank == 0) != (other.rank == 0) {
		return cmp.Compare(other.rank, p.rank)
	}
	return cmp.Or(cmp.Compare(p.rank, other.rank), cmp.Compare(p.projects, other.projects))
}
