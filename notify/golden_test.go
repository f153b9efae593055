package notify

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the golden files")

// golden compares with a file under testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs (go test ./notify -update writes it anew):\n%s", path, got)
	}
}

// goldenCalls compares what was posted: as JSON, and as people see it.
func goldenCalls(t *testing.T, name string, calls []call) {
	t.Helper()
	var raw bytes.Buffer
	encoder := json.NewEncoder(&raw)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(calls); err != nil {
		t.Fatal(err)
	}
	golden(t, name+".json", raw.Bytes())
	var seen strings.Builder
	for _, c := range calls {
		where := c.Method
		if c.Thread != "" {
			where += ", in the thread"
		}
		fmt.Fprintf(&seen, "==== %s\n%s\n", where, render(t, c.Blocks))
	}
	golden(t, name+".txt", []byte(seen.String()))
}

// busyNight is a night in which everything happens, and what was known before.
func busyNight() (Night, *AccountState) {
	token := func(id int, name, rule string, s Severity, headline string) Alert {
		return Alert{
			Key: fmt.Sprintf("%s/%d", rule, id), Rule: rule, Severity: s, Resource: name, Owner: name, Headline: headline,
			Remedy: fmt.Sprintf("tokenwarden rotate --account prod --token-id %d", id),
		}
	}
	legacy := "The service token was created on 2023-05-02: service tokens from 2023-07-18 or before may stop working."
	looker := token(779, "Looker", "service-token-unused", Low, "It has not been used for 90 days.")
	worse := token(780, "dbt CI", "service-token-broad", Medium, "It may write to every environment.")
	gone := token(781, "Old loader", "service-token-legacy", High, legacy)
	known := knows(night0.Add(-7*day), looker, worse, gone)
	known.Message = Posted{Channel: testChannel, TS: "1767319200.000100", At: night0.Add(-7 * day)}
	worse.Severity = Critical
	return Night{
		Account: "12345@cloud", Name: "prod",
		Alerts: []Alert{
			token(777, "Airflow prod", "service-token-legacy", High, legacy),
			token(778, "<!channel> *click* <https://evil.example|here> :fire:", "service-token-legacy", High, legacy),
			{Key: "u1", Rule: "user-api-key-in-use", Severity: High, Resource: "jane@example.com", Owner: "jane@example.com", Headline: "An old user API key was used on 2026-01-09."},
			looker, worse,
		},
		Coverage: Coverage{Checked: 18, Checks: 20, Missing: []string{"scim-token: not visible with this credential", "ip-rules: not on this plan"}},
		Rotations: []Rotation{
			{Key: "700", Name: "Fivetran", Status: Rotated},
			{Key: "701", Name: "Airflow dev", Status: Pending, Until: night0.Add(day), Text: "It was last used 3 hours ago.", Remedy: "tokenwarden rotate --account prod --token-id 701"},
			{Key: "702", Name: "Census", Status: Failed, Text: "writing vault://secret/dbt/census#token: the store is not available", Remedy: "tokenwarden rotate --account prod --token-id 702"},
		},
		Report: &Report{Name: "prod-2026-01-10.html", Body: []byte("<p>report</p>")},
	}, known
}

func owners(name string) string {
	return map[string]string{"Airflow prod": "U0123456789", "dbt CI": "C0000000007", "jane@example.com": "not an ID"}[name]
}

func TestGoldenMessages(t *testing.T) {
	t.Parallel()
	night, known := busyNight()
	announce := func(c Channel, clock *fakeTime) {
		states := FileState{Path: filepath.Join(t.TempDir(), "state.json")}
		if _, err := states.Save(t.Context(), State{Accounts: map[string]*AccountState{night.Account: known}}, ""); err != nil {
			t.Fatal(err)
		}
		n := Notifier{Channel: c, States: states, Remind: 7 * day, Owner: owners, Clock: clock.clock()}
		if _, err := n.Ensure(t.Context(), []Night{night}); err != nil {
			t.Fatal(err)
		}
	}
	ws, clock := newWorkspace(t), &fakeTime{t: night0}
	announce(ws.bot(clock), clock)
	goldenCalls(t, "bot", ws.take())

	h, clock := newHook(t), &fakeTime{t: night0}
	announce(h.webhook(t, clock), clock)
	goldenCalls(t, "webhook", h.posts)
}

func TestGoldenFirstRunAndDrill(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	calls, _, err := s.night(alert("a", High), alert("b", Critical), alert("c", Low), alert("d", Low), alert("e", Info))
	if err != nil {
		t.Fatal(err)
	}
	goldenCalls(t, "first", calls)
	s.time.t = night0.Add(30 * time.Minute)
	if answers := Drill(t.Context(), s.n.Channel.(*Bot)); answers[0].Err != nil {
		t.Fatal(answers[0].Err)
	}
	goldenCalls(t, "drill", s.ws.take())
}
