package report_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tokenwarden/tokenwarden/audit/report"
	"github.com/tokenwarden/tokenwarden/internal/dbtcloud"
)

func listing(names ...string) report.Listing {
	project := int64(5)
	l := report.Listing{GeneratedAt: time.Date(2026, 11, 23, 2, 0, 0, 0, time.UTC), Complete: true}
	for i, name := range names {
		row := report.NewTokenRow("prod", 12345, dbtcloud.ServiceToken{
			ID: int64(i + 1), Name: name, CreatedAt: dbtcloud.At(time.Date(2023, 5, 2, 0, 0, 0, 0, time.UTC)),
			LastUsed: dbtcloud.Timestamp{Presence: dbtcloud.Null}, HasGrants: true, MetadataOnly: true,
			Grants: []dbtcloud.Grant{
				{PermissionSet: "job_runner", ProjectID: &project, State: dbtcloud.Active},
				{PermissionSet: "account_admin", AllProjects: true, State: dbtcloud.Deleted},
				{PermissionSet: name, State: dbtcloud.Active},
			},
		})
		row.Destinations, row.Label = []string{"vault://secret/dbt/x#token"}, name
		l.Rows = append(l.Rows, row)
	}
	return l
}

func tokens(t *testing.T, format string, l report.Listing) string {
	t.Helper()
	var b bytes.Buffer
	if err := report.WriteTokens(&b, format, l, report.Options{Width: 160}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestTokensCSVHasNoFormulas(t *testing.T) {
	names := hostileNames()
	rows, err := csv.NewReader(strings.NewReader(tokens(t, "csv", listing(names...)))).ReadAll()
	if err != nil || len(rows) != len(names)+1 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	for _, row := range rows {
		noFormula(t, row)
	}
	if i := slices.Index(rows[0], "grants"); rows[1][i] != `job_runner (project 5); \x1b[31mred\x1b[0m; metadata_only (flag)` {
		t.Errorf("grants: %q", rows[1][i])
	}
}

// noFormula fails when a spreadsheet would calculate one of the cells.
func noFormula(t *testing.T, row []string) {
	t.Helper()
	for _, cell := range row {
		start := strings.TrimLeft(cell, " \t\r\n\"")
		if start != "" && strings.ContainsAny(start[:1], "=+-@|%") || strings.HasPrefix(start, "＝") {
			t.Errorf("a formula: %q", cell)
		}
		onlyPrintable(t, cell, cell)
	}
}

func TestTokensTable(t *testing.T) {
	out := tokens(t, "table", listing(hostileNames()...))
	onlyPrintable(t, "all", out)
	for _, want := range []string{"2023-05-02", "never", "vault://", "service tokens"} {
		if !strings.Contains(out, want) {
			t.Errorf("missing %q", want)
		}
	}
}

func TestTokensJSON(t *testing.T) {
	l := listing("\x1b[31mred")
	l.Rows[0].LastUsed = report.LastUse{}
	var got struct {
		Complete bool
		Errors   []string
		Tokens   []struct {
			ID       int64
			Name     string
			LastUsed string `json:"last_used"`
			Grants   []string
		}
	}
	if err := json.Unmarshal([]byte(tokens(t, "json", l)), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Tokens) != 1 || got.Tokens[0].Name != "\x1b[31mred" || got.Tokens[0].LastUsed != "unknown" || got.Errors == nil || len(got.Tokens[0].Grants) != 3 {
		t.Errorf("%+v", got)
	}
}
