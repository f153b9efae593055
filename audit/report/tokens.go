package report

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/tokenwarden/tokenwarden/audit"
	"github.com/tokenwarden/tokenwarden/internal/dbtcloud"
)

// TokenRow is one service token of the whole population. Text in it may come
// from the API.
type TokenRow struct {
	Account      string             `json:"account"` // the configured name
	AccountID    int64              `json:"account_id"`
	ID           int64              `json:"id"`
	Name         string             `json:"name"`
	CreatedAt    dbtcloud.Timestamp `json:"created_at"`
	LastUsed     LastUse            `json:"last_used"`
	Grants       []string           `json:"grants"`       // as GrantText writes them
	Destinations []string           `json:"destinations"` // references, which hold no secret
	Label        string             `json:"label"`        // what the label says of the stored value; empty: no label
}

// LastUse is a last use in a listing: a date, "never", or "unknown".
type LastUse dbtcloud.Timestamp

func (u LastUse) String() string {
	switch u.Presence {
	case dbtcloud.Known:
		return u.Time.UTC().Format(time.RFC3339)
	case dbtcloud.Null:
		return "never"
	}
	return "unknown"
}

// MarshalText writes what String says.
func (u LastUse) MarshalText() ([]byte, error) { return []byte(u.String()), nil }

// NewTokenRow is the part of a row that dbt Cloud knows.
func NewTokenRow(account string, accountID int64, t dbtcloud.ServiceToken) TokenRow {
	row := TokenRow{
		Account: account, AccountID: accountID, ID: t.ID, Name: t.Name, CreatedAt: t.CreatedAt,
		LastUsed: LastUse(t.LastUsed), Grants: []string{}, Destinations: []string{},
	}
	for _, g := range t.Grants {
		if g.State != dbtcloud.Deleted {
			row.Grants = append(row.Grants, GrantText(g))
		}
	}
	if t.MetadataOnly {
		row.Grants = append(row.Grants, "metadata_only (flag)")
	}
	if t.WebhooksOnly {
		row.Grants = append(row.Grants, "webhooks_only (flag)")
	}
	if !t.HasGrants {
		row.Grants = append(row.Grants, "not shown")
	}
	return row
}

// GrantText names a grant in a listing: the set, and its project when it has one.
func GrantText(g dbtcloud.Grant) string {
	if g.ProjectID == nil || g.AllProjects {
		return g.PermissionSet
	}
	return fmt.Sprintf("%s (project %d)", g.PermissionSet, *g.ProjectID)
}

// TokenFormats lists what [WriteTokens] knows.
func TokenFormats() []string { return []string{"table", "json", "csv"} }

// Listing is a population of tokens, and whether it is all of it.
type Listing struct {
	GeneratedAt time.Time
	Complete    bool
	Errors      []string // why it is not complete
	Rows        []TokenRow
}

// WriteTokens writes a listing in one of [TokenFormats].
func WriteTokens(w io.Writer, format string, l Listing, o Options) error {
	var err error
	switch format {
	case "table":
		err = tokensTable(w, l, o)
	case "json":
		err = tokensJSON(w, l)
	case "csv":
		err = tokensCSV(w, l)
	default:
		return unknownFormat(format, TokenFormats())
	}
	if err != nil {
		return fmt.Errorf("writing the tokens as %s: %w", format, err)
	}
	return nil
}

func tokensJSON(w io.Writer, l Listing) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(struct {
		SchemaVersion int        `json:"schema_version"`
		GeneratedAt   time.Time  `json:"generated_at"`
		Complete      bool       `json:"complete"`
		Errors        []string   `json:"errors"`
		Tokens        []TokenRow `json:"tokens"`
	}{
		audit.SchemaVersion, l.GeneratedAt.UTC().Truncate(time.Second), l.Complete,
		append([]string{}, l.Errors...), append([]TokenRow{}, l.Rows...),
	})
}

func tokensCSV(w io.Writer, l Listing) error {
	out := csv.NewWriter(w)
	out.UseCRLF = true // RFC 4180
	_ = out.Write([]string{"account", "account_id", "id", "name", "created_at", "last_used", "grants", "destinations", "label"})
	for _, r := range l.Rows {
		_ = out.Write([]string{
			cell(r.Account), strconv.FormatInt(r.AccountID, 10), strconv.FormatInt(r.ID, 10), cell(r.Name), dateText(r.CreatedAt),
			r.LastUsed.String(), cell(strings.Join(r.Grants, "; ")), cell(strings.Join(r.Destinations, "; ")), cell(r.Label),
		})
	}
	out.Flush()
	return out.Error()
}

func tokensTable(w io.Writer, l Listing, o Options) error {
	t := newTable(o)
	t.AppendHeader(table.Row{"ACCOUNT", "ID", "NAME", "CREATED", "LAST USED", "GRANTS", "DESTINATION", "LABEL"})
	for _, r := range l.Rows {
		created, used := dateText(r.CreatedAt), r.LastUsed.String()
		if r.CreatedAt.Known() {
			created = created[:len(time.DateOnly)]
		}
		if r.LastUsed.Presence == dbtcloud.Known {
			used = used[:len(time.DateOnly)]
		}
		t.AppendRow(table.Row{
			visible(r.Account), r.ID, visible(brief(r.Name)), created, used, visible(strings.Join(r.Grants, ", ")),
			visible(strings.Join(r.Destinations, ", ")), visible(r.Label),
		})
	}
	share := max(10, (o.width()-60)/4)
	t.SetColumnConfigs([]table.ColumnConfig{
		column("ACCOUNT", 14), column("NAME", share), column("GRANTS", share), column("DESTINATION", share), column("LABEL", share),
	})
	lines := []string{t.Render()}
	for _, e := range l.Errors {
		lines = append(lines, visible(e))
	}
	sum := plural(len(l.Rows), "service token")
	if !l.Complete {
		sum += "; INCOMPLETE: there may be more"
	}
	_, err := io.WriteString(w, strings.Join(append(lines, sum), "\n")+"\n")
	return err
}

func dateText(t dbtcloud.Timestamp) string {
	if !t.Known() {
		return "unknown"
	}
	return t.Time.UTC().Format(time.RFC3339)
}
