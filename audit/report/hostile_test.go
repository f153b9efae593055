package report_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	"golang.org/x/net/html"

	"github.com/tokenwarden/tokenwarden/audit/report"
)

// skeleton is a document without its text: elements, the names of their
// attributes, and the values of those that lead somewhere.
func skeleton(t *testing.T, page string) string {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	var walk func(*html.Node)
	walk = func(n *html.Node) {
		if n.Type == html.ElementNode {
			fmt.Fprintf(&b, "<%s", n.Data)
			for _, a := range n.Attr {
				fmt.Fprintf(&b, " attribute:%s", a.Key)
				if slices.Contains([]string{"href", "src", "class"}, a.Key) {
					fmt.Fprintf(&b, "=%q", a.Val)
				}
			}
			b.WriteString(">\n")
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			walk(c)
		}
	}
	walk(root)
	return b.String()
}

// A name can change nothing in the page but its own text.
func TestHTMLKeepsItsForm(t *testing.T) {
	want := skeleton(t, render(t, "html", sample("harmless"), report.Options{}))
	for _, name := range hostileNames() {
		page := render(t, "html", sample(name), report.Options{})
		if got := skeleton(t, page); got != want {
			t.Errorf("%q changes the page", name)
		}
		onlyPrintable(t, name, page)
	}
}

func TestHTMLStandsAlone(t *testing.T) {
	page := render(t, "html", sample(hostileNames()...), report.Options{})
	form := skeleton(t, page)
	for _, forbidden := range []string{"<script", "<iframe", "<img", "<link", "<object", "<embed", "<form", "<base", "attribute:style", "attribute:on", "attribute:src"} {
		if strings.Contains(form, forbidden) {
			t.Errorf("the page has %q", forbidden)
		}
	}
	for line := range strings.Lines(form) {
		if strings.Contains(line, "href=") && !strings.Contains(line, `href="#coverage"`) {
			t.Errorf("the page leads elsewhere: %s", line)
		}
	}
	_, rest, _ := strings.Cut(page, "<style>")
	style, _, _ := strings.Cut(rest, "</style>")
	hash := sha256.Sum256([]byte(style))
	policy := fmt.Sprintf(`content="default-src 'none'; style-src 'sha256-%s'; base-uri 'none'; form-action 'none'"`, base64.StdEncoding.EncodeToString(hash[:]))
	if !strings.Contains(html.UnescapeString(page), policy) {
		t.Errorf("the policy does not allow the page's own style, or allows more")
	}
	if strings.Contains(style, "url(") || strings.Contains(style, "@import") {
		t.Error("the style loads something")
	}
}

func TestHTMLHasItsPictures(t *testing.T) {
	page := render(t, "html", sample("x"), report.Options{})
	for _, want := range []string{
		"4 service tokens by date of creation: 1 on or before July 18, 2023, 1 newer and older than the policy allows, 2 others",
		"2023-07-18", "max age, 365 days", "coverage 50%: 2 of 4 checks", "Not complete.", "(needs account_viewer)",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("missing %q", want)
		}
	}
	if n := strings.Count(page, "<svg"); n != 3 {
		t.Errorf("%d pictures", n)
	}
}

// Rendered as GitHub renders it, a name is text in its cell and nothing else.
func TestMarkdownKeepsItsForm(t *testing.T) {
	toHTML := func(name string) string {
		var b bytes.Buffer
		if err := goldmark.New(goldmark.WithExtensions(extension.GFM)).Convert([]byte(render(t, "markdown", sample(name), report.Options{})), &b); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	want := skeleton(t, toHTML("harmless"))
	for _, name := range hostileNames() {
		got := toHTML(name)
		// A name of blanks is shown as such, without a code span.
		if strings.TrimSpace(name) != "" && skeleton(t, got) != want {
			t.Errorf("%q changes the page:\n%s", name, got)
		}
		if strings.Contains(got, "<a ") || strings.Contains(got, "<img") || strings.Contains(got, "<script") {
			t.Errorf("%q makes a link, a picture or a script", name)
		}
	}
}

func TestMarkdownMentionsNobody(t *testing.T) {
	out := render(t, "markdown", sample("@here ping"), report.Options{})
	for line := range strings.Lines(out) {
		outside := ""
		for i, part := range strings.Split(line, "`") {
			if i%2 == 0 {
				outside += part
			}
		}
		if strings.Contains(outside, "@here") {
			t.Errorf("a mention: %s", line)
		}
	}
}

func TestCSV(t *testing.T) {
	names := hostileNames()
	out := render(t, "csv", sample(names...), report.Options{})
	rows, err := csv.NewReader(strings.NewReader(out)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	count := make(map[string]int)
	for _, row := range rows {
		noFormula(t, row)
		count[row[0]]++
	}
	want := map[string]int{"record": 1, "finding": len(names) + 1, "suppressed": len(names), "undetermined": len(names), "not checked": 2, "summary": 1}
	if fmt.Sprint(count) != fmt.Sprint(want) {
		t.Errorf("rows %v, want %v", count, want)
	}
	if last := rows[len(rows)-1]; !strings.Contains(strings.Join(last, ""), "coverage 50%") {
		t.Errorf("no coverage in %q", last)
	}
}

func TestSARIF(t *testing.T) {
	names := hostileNames()
	out := render(t, "sarif", sample(names...), report.Options{Version: "1.2.3"})
	log, err := sarif.FromString(out, sarif.WithStrictValidation())
	if err != nil {
		t.Fatalf("not valid against the schema of SARIF 2.1.0: %v", err)
	}
	run := log.Runs[0]
	if len(run.Results) != 3*len(names)+1 || *run.Tool.Driver.Version != "1.2.3" {
		t.Errorf("%d results, version %s", len(run.Results), *run.Tool.Driver.Version)
	}
	suppressed, review := 0, 0
	for _, r := range run.Results {
		text := *r.Message.Text
		onlyPrintable(t, text, text)
		for i := range text {
			if text[i] == '[' && (i == 0 || text[i-1] != '\\') {
				t.Errorf("a link: %s", text)
			}
		}
		if len(r.PartialFingerprints) != 1 || len(r.Locations) != 1 {
			t.Errorf("result without fingerprint or place: %s", text)
		}
		suppressed += len(r.Suppressions)
		if r.Kind == "review" {
			review++
		}
	}
	if suppressed != len(names) || review != len(names) {
		t.Errorf("%d suppressed, %d for review", suppressed, review)
	}
	if i := run.Invocations[0]; *i.ExecutionSuccessful || !strings.Contains(*i.ToolExecutionNotifications[0].Message.Text, "coverage 50%") {
		t.Error("an incomplete audit claims to have succeeded, or does not say its coverage")
	}
}

// JSON is data: names arrive as they are, and are harmless in a page as well.
func TestJSONKeepsNames(t *testing.T) {
	names := slices.DeleteFunc(hostileNames(), func(s string) bool { return strings.ToValidUTF8(s, "") != s })
	out := render(t, "json", sample(names...), report.Options{})
	if strings.ContainsAny(out, "<>&\u2028\u2029\x1b") {
		t.Error("something that is not escaped")
	}
	var got struct {
		Findings []struct{ Resource struct{ Name string } }
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	for i, name := range names {
		if got.Findings[i].Resource.Name != name {
			t.Errorf("%q became %q", name, got.Findings[i].Resource.Name)
		}
	}
}

func FuzzVisible(f *testing.F) {
	for _, name := range hostileNames() {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		l := listing(name)
		onlyPrintable(t, name, tokens(t, "table", l))
		rows, err := csv.NewReader(strings.NewReader(tokens(t, "csv", l))).ReadAll()
		if err != nil || len(rows) != 2 {
			t.Fatalf("%d rows, %v", len(rows), err)
		}
		noFormula(t, rows[1])
	})
}

// A name of ten thousand letters fills no page that people read, and is whole
// where programs read it.
func TestLongNames(t *testing.T) {
	long := strings.Repeat("a", 10_000)
	r := sample(long)
	r.Notices, r.Accounts = nil, r.Accounts[:1]
	for i := range r.Suppressed {
		r.Suppressed[i].Suppression.Reason, r.Suppressed[i].Suppression.Owner = "", ""
	}
	for _, format := range []string{"table", "markdown", "html"} {
		if n := strings.Count(render(t, format, r, report.Options{Width: 120}), "a"); n > 5000 {
			t.Errorf("%s: %d letters", format, n)
		}
	}
	for _, format := range []string{"json", "csv", "sarif"} {
		if !strings.Contains(render(t, format, r, report.Options{}), long) {
			t.Errorf("%s: cut", format)
		}
	}
}

// Only what can be run looks like a command.
func TestMarkdownAdviceIsNoCode(t *testing.T) {
	r := sample("x")
	r.Findings[0].Remediation = "Delete it in dbt Cloud."
	if got := render(t, "markdown", r, report.Options{}); !strings.Contains(got, "| Delete it in dbt Cloud. |") || !strings.Contains(got, "| `tokenwarden rotate") {
		t.Errorf("%s", got)
	}
}
