package guarantee

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/tokenwarden/tokenwarden/internal/dbtcloud/dbtcloudtest"
)

// permissions lists what a token may do, one line for each thing, sorted: its
// active rows with their environment categories, the two booleans, and its
// mappings. It reads what the simulator knows and not what a client was told.
func permissions(t dbtcloudtest.Token) []string {
	lines := []string{fmt.Sprintf("metadata_only %v", t.MetadataOnly), fmt.Sprintf("webhooks_only %v", t.WebhooksOnly)}
	for _, g := range t.ActiveGrants() {
		lines = append(lines, fmt.Sprintf("%s, %s, categories %s", g.PermissionSet, scope(g), categories(g.WritableEnvironmentCategories)))
	}
	for _, m := range t.ActiveMappings() {
		lines = append(lines, fmt.Sprintf("semantic layer credential %d in project %d", m.CredentialID, m.ProjectID))
	}
	slices.Sort(lines)
	return slices.Compact(lines)
}

func scope(g dbtcloudtest.SeedGrant) string {
	switch {
	case g.AllProjects != nil && *g.AllProjects:
		return "all projects"
	case g.ProjectID != nil:
		return fmt.Sprintf("project %d", *g.ProjectID)
	}
	return "no project"
}

// categories makes null and a missing value "unset", which is not the same as
// none, and takes the order out of a list.
func categories(raw json.RawMessage) string {
	var list []string
	if json.Unmarshal(raw, &list) != nil || list == nil {
		return "unset"
	}
	slices.Sort(list)
	return "[" + strings.Join(list, " ") + "]"
}
