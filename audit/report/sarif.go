package report

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"

	"github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"

	"github.com/tokenwarden/tokenwarden/audit"
)

// writeSARIF writes SARIF 2.1.0, as code scanning takes it. A credential is not
// a place in a file: each result has a logical location, and a path made of
// account and resource because some readers insist on one.
func writeSARIF(w io.Writer, r *audit.Report, o Options) error {
	run := sarif.NewRun().WithTool(sarif.NewTool().WithDriver(driver(o))).
		WithColumnKind("utf16CodeUnits").
		WithInvocations([]*sarif.Invocation{invocation(r)}).
		WithResults([]*sarif.Result{})
	frame, err := json.Marshal(sarif.NewReport().AddRun(run))
	if err != nil {
		return err
	}
	// Results are large and many; they are written one by one, into the place of
	// the empty list. In a string its quotes would be escaped, so that it stands
	// there once.
	const list = `"results":[`
	before, after, found := bytes.Cut(frame, []byte(list+"]"))
	if !found {
		return errors.New("the report has no list of results")
	}
	out := bufio.NewWriter(w)
	_, _ = out.Write(before) // the writer keeps an error: see Flush below
	_, _ = out.WriteString(list)
	first := true
	for result := range results(r) {
		b, err := json.Marshal(result)
		if err != nil {
			return err
		}
		if !first {
			_ = out.WriteByte(',')
		}
		first = false
		_, _ = out.Write(b)
	}
	_ = out.WriteByte(']')
	_, _ = out.Write(after)
	return out.Flush()
}

// results yields what was found, what was accepted, and what could not be judged.
func results(r *audit.Report) iter.Seq[*sarif.Result] {
	return func(yield func(*sarif.Result) bool) {
		for i := range r.Findings {
			if !yield(result(&r.Findings[i], levelOf(r.Findings[i].Severity))) {
				return
			}
		}
		for i := range r.Suppressed {
			f := &r.Suppressed[i]
			if !yield(result(f, levelOf(f.Severity)).WithSuppressions([]*sarif.Suppression{suppression(f.Suppression)})) {
				return
			}
		}
		for i := range r.Undetermined {
			// "review" is SARIF's word for what needs a person's look; it has no level.
			if !yield(result(&r.Undetermined[i], sarif.LevelNone).WithKind("review")) {
				return
			}
		}
	}
}

func driver(o Options) *sarif.ToolComponent {
	tool := sarif.NewToolComponent().WithName("tokenwarden")
	if o.Version != "" {
		tool.WithVersion(o.Version)
	}
	for _, rule := range audit.Rules() {
		help := fmt.Sprintf("%s\n\n%s\n\n%s", rule.Why, rule.Fix, rule.Near)
		tool.AddRule(sarif.NewRule(rule.ID).
			WithShortDescription(sarif.NewMultiformatMessageString().WithText(message(rule.Title))).
			WithFullDescription(sarif.NewMultiformatMessageString().WithText(message(rule.Why))).
			WithHelp(sarif.NewMultiformatMessageString().WithText(message(help)).WithMarkdown(help)).
			WithDefaultConfiguration(sarif.NewReportingConfiguration().WithLevel(levelOf(rule.Severity))).
			WithProperties(sarif.NewPropertyBag().Add("security-severity", score(rule.Severity)).Add("tags", []string{"security", "credentials"})))
	}
	return tool
}

func result(f *audit.Finding, level string) *sarif.Result {
	path := fmt.Sprintf("dbt-cloud/%d/%s/%d", f.AccountID, f.Resource.Type, f.Resource.ID)
	text := fmt.Sprintf("%s: %s. To do: %s", resourceText(f.Resource), f.Message, f.Remediation)
	properties := sarif.NewPropertyBag().Add("severity", f.Severity.String()).Add("account_id", f.AccountID)
	for _, fact := range f.Evidence {
		properties.Add(fact.Key, visible(fact.Value))
	}
	location := sarif.NewLocation().
		WithPhysicalLocation(sarif.NewPhysicalLocation().
			WithArtifactLocation(sarif.NewSimpleArtifactLocation(path)).WithRegion(sarif.NewRegion().WithStartLine(1))).
		WithLogicalLocations([]*sarif.LogicalLocation{
			sarif.NewLogicalLocation().WithName(visible(f.Resource.Name)).WithFullyQualifiedName(path).WithKind("resource"),
		})
	return sarif.NewRuleResult(f.Rule).WithLevel(level).WithMessage(sarif.NewTextMessage(message(text))).
		WithLocations([]*sarif.Location{location}).
		WithPartialFingerprints(map[string]string{"tokenwarden/v1": f.Fingerprint}).
		WithProperties(properties)
}

func suppression(a *audit.Accepted) *sarif.Suppression {
	s := sarif.NewSuppression().WithKind("external").WithStatus("accepted")
	if a != nil {
		s.WithJustification(fmt.Sprintf("%s (owner %s, until %s)", visible(a.Reason), visible(a.Owner), a.LastDay()))
	}
	return s
}

// invocation carries what the results cannot: how much was seen.
func invocation(r *audit.Report) *sarif.Invocation {
	notes := []*sarif.Notification{notification("note", Headline(r))}
	for _, line := range gapLines(r) {
		level := "note"
		if !r.Complete {
			level = "warning"
		}
		notes = append(notes, notification(level, line))
	}
	for _, n := range r.Notices {
		notes = append(notes, notification("note", n))
	}
	at := r.GeneratedAt.UTC().Format("2006-01-02T15:04:05.000Z")
	return sarif.NewInvocation().WithExecutionSuccessful(r.Complete).WithEndTimeUtc(at).
		WithToolExecutionNotifications(notes)
}

func notification(level, text string) *sarif.Notification {
	return sarif.NewNotification().WithLevel(level).WithMessage(sarif.NewTextMessage(message(text)))
}

func levelOf(s audit.Severity) string {
	switch s {
	case audit.Critical, audit.High:
		return sarif.LevelError
	case audit.Medium:
		return sarif.LevelWarning
	}
	return sarif.LevelNote
}

// score is a severity as GitHub grades security results: a CVSS number in a
// string, of which 9 and more is critical, 7 high, 4 medium.
func score(s audit.Severity) string {
	return map[audit.Severity]string{audit.Critical: "9.5", audit.High: "8.0", audit.Medium: "5.5", audit.Low: "3.0", audit.Info: "1.0"}[s]
}

// message makes text into a SARIF message, in which brackets make links and
// braces are placeholders (SARIF 2.1.0, 3.11.5 and 3.11.6).
func message(s string) string {
	lines := strings.Split(s, "\n\n") // paragraphs are ours; names have none
	for i, line := range lines {
		lines[i] = strings.NewReplacer(`\`, `\\`, "[", `\[`, "]", `\]`, "{", "{{", "}", "}}").Replace(visible(line))
	}
	return strings.Join(lines, "\n\n")
}
