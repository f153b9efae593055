package rotate_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tokenwarden/tokenwarden/internal/dbtcloud/dbtcloudtest"
)

func token(now moment, id int64) dbtcloudtest.Token {
	t, _ := now.Token(id)
	return t
}

// rights lists what a token may do, as the simulator knows it.
func rights(t dbtcloudtest.Token) []string {
	var lines []string
	for _, g := range t.ActiveGrants() {
		project := int64(0)
		if g.ProjectID != nil {
			project = *g.ProjectID
		}
		categories := string(g.WritableEnvironmentCategories)
		if categories == "null" || categories == "[]" {
			categories = ""
		}
		lines = append(lines, fmt.Sprint(g.PermissionSet, " ", project, " ", categories))
	}
	for _, l := range t.ActiveMappings() {
		lines = append(lines, fmt.Sprint("mapping ", l.ProjectID, " ", l.CredentialID))
	}
	slices.Sort(lines)
	return slices.Compact(lines)
}

// lastUsed is what the service shows of a token; never used is the zero time.
func lastUsed(t dbtcloudtest.Token) time.Time {
	var text string
	if json.Unmarshal(t.LastUsed, &text) != nil {
		return time.Time{}
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02 15:04:05.999999999Z07:00"} {
		if at, err := time.Parse(layout, text); err == nil {
			return at
		}
	}
	return time.Time{}
}

// tokenInPath takes the token's id out of a path; 0: there is none.
func tokenInPath(path string) int64 {
	_, rest, _ := strings.Cut(path, "/service-tokens/")
	digits, _, _ := strings.Cut(rest, "/")
	id, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return 0
	}
	return id
}
