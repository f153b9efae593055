package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/gofrs/flock"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/tokenwarden/tokenwarden/internal/dbtcloud/dbtcloudtest"
)

// clockVariable names a file that says by how much a script's clock is ahead.
const clockVariable = "TOKENWARDEN_TEST_CLOCK"

// scriptsBegin is when every script begins by its own clock: what is old or unused
// in a seed, with its fixed dates, is so on whatever day the tests are run.
func scriptsBegin() time.Time { return time.Date(2026, time.November, 27, 12, 0, 0, 0, time.UTC) }

// clock is the time of a script, in all of its processes.
func clock(path string) time.Time {
	b, err := os.ReadFile(path)
	if err != nil {
		return time.Now()
	}
	ahead, err := time.ParseDuration(string(b))
	if err != nil {
		panic(err)
	}
	return time.Now().Add(ahead)
}

// cmdNight puts the clock of the script and of its simulators so many days ahead,
// and a minute, since cron is never that punctual.
func cmdNight(ts *testscript.TestScript, _ bool, args []string) {
	days, err := strconv.Atoi(args[0])
	ts.Check(err)
	ts.Check(setClock(ts.Getenv(clockVariable), scriptOf(ts).ahead+time.Duration(days)*24*time.Hour+time.Minute))
}

func setClock(path string, ahead time.Duration) error {
	if err := os.WriteFile(path+".new", []byte(ahead.String()), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// cmdDocumented takes the configuration out of a document: its only block of YAML,
// with what is another here put in its place.
func cmdDocumented(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 || len(args)%2 != 0 {
		ts.Fatalf("usage: documented DOCUMENT FILE [OLD NEW]...")
	}
	page, err := os.ReadFile(args[0])
	ts.Check(err)
	_, block, found := strings.Cut(string(page), "```yaml\n")
	block, _, closed := strings.Cut(block, "```\n")
	if !found || !closed {
		ts.Fatalf("%s has no YAML", args[0])
	}
	for pairs := args[2:]; len(pairs) > 0; pairs = pairs[2:] {
		if !strings.Contains(block, pairs[0]) {
			ts.Fatalf("%s has no %s", args[0], pairs[0])
		}
		block = strings.ReplaceAll(block, pairs[0], pairs[1])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(block), 0o600))
}

// cmdHold holds a file's lock as another run would.
func cmdHold(ts *testscript.TestScript, _ bool, args []string) {
	s := scriptOf(ts)
	s.held = flock.New(args[0])
	got, err := s.held.TryLock()
	ts.Check(err)
	if !got {
		ts.Fatalf("%s is locked already", args[0])
	}
	ts.Defer(func() { _ = s.held.Close() })
}

// cmdRelease gives it back.
func cmdRelease(ts *testscript.TestScript, _ bool, _ []string) { ts.Check(scriptOf(ts).held.Close()) }

// cmdTerminate sends SIGTERM to the process whose id is in a file: when an
// operation has taken effect and before its answer arrives, or, with "hang",
// while it goes unanswered. With "hup" it sends SIGHUP instead.
func cmdTerminate(ts *testscript.TestScript, neg bool, args []string) {
	hang, sent := len(args) == 3 && args[2] == "hang", syscall.SIGTERM
	if len(args) == 3 && args[2] == "hup" {
		sent = syscall.SIGHUP
	}
	if neg || len(args) != 2 && !hang && sent != syscall.SIGHUP {
		ts.Fatalf("usage: terminate OPERATION PIDFILE [hang|hup]")
	}
	path := ts.MkAbs(args[1])
	kill := func() {
		b, err := os.ReadFile(path)
		if err != nil {
			return // nothing is terminated, and the script sees that
		}
		if id, err := strconv.Atoi(strings.TrimSpace(string(b))); err == nil {
			_ = syscall.Kill(id, sent)
			time.Sleep(300 * time.Millisecond) // the answer must not overtake the signal
		}
	}
	rule := dbtcloudtest.Rule{Operation: args[0], Nth: 1, After: kill}
	if hang {
		rule = dbtcloudtest.Rule{Operation: args[0], Fault: dbtcloudtest.TimeoutBefore, Before: kill}
	}
	scriptOf(ts).sim.Plan(rule)
}

// cmdServe runs `tokenwarden sim` as a process of its own, as users do, and sets
// the variables that lead there.
func cmdServe(ts *testscript.TestScript, _ bool, args []string) {
	path, err := exec.LookPath(filepath.Join(binOf(ts), "tokenwarden"))
	ts.Check(err)
	cmd := exec.Command(path, append([]string{"sim"}, args...)...)
	cmd.Env = append(os.Environ(), clockVariable+"="+ts.Getenv(clockVariable))
	out, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	ts.Defer(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadBytes('\n')
	ts.Check(err)
	var says struct {
		URL       string
		AccountID int64 `json:"account_id"`
		Token     string
	}
	ts.Check(json.Unmarshal(line, &says))
	s := scriptOf(ts)
	s.markers = append(s.markers, says.Token)
	ts.Defer(func() { s.checkFiles(ts) })
	ts.Setenv("SIM_URL", says.URL)
	ts.Setenv("SIM_ACCOUNT", strconv.FormatInt(says.AccountID, 10))
	ts.Setenv("DBT_CLOUD_TOKEN", says.Token)
}

// binOf is where testscript keeps the program.
func binOf(ts *testscript.TestScript) string {
	first, _, _ := strings.Cut(ts.Getenv("PATH"), string(os.PathListSeparator))
	return first
}

// cmdAPI is another client of dbt Cloud: METHOD, path below the account, body. The
// reply's id goes into $ID, and the value of a token that was made into $VALUE.
func cmdAPI(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: api METHOD PATH [BODY]")
	}
	var body io.Reader
	if len(args) > 2 {
		body = strings.NewReader(args[2])
	}
	r, err := http.NewRequest(args[0], fmt.Sprintf("%s/api/v3/accounts/%s/%s", ts.Getenv("SIM_URL"), ts.Getenv("SIM_ACCOUNT"), args[1]), body)
	ts.Check(err)
	r.Header.Set("Authorization", "Token "+ts.Getenv("DBT_CLOUD_TOKEN"))
	r.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(r)
	ts.Check(err)
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	ts.Check(err)
	if resp.StatusCode >= 300 {
		ts.Fatalf("%s %s: %s: %s", args[0], args[1], resp.Status, raw)
	}
	var reply struct {
		Data struct {
			ID    int64
			Value string `json:"token_string"`
		}
	}
	if len(bytes.TrimSpace(raw)) > 0 {
		ts.Check(json.Unmarshal(raw, &reply))
	}
	ts.Setenv("ID", strconv.FormatInt(reply.Data.ID, 10))
	if value := reply.Data.Value; value != "" {
		s := scriptOf(ts)
		s.markers = append(s.markers, value)
		ts.Setenv("VALUE", value)
	}
}

// cmdMetric reads a file with Prometheus's own parser and compares one sample,
// which is named with its labels: rotations{status="failed"}. Labels that are not
// named may be anything; the values of what matches are added up.
func cmdMetric(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: metric FILE NAME{LABELS} VALUE")
	}
	families := readMetrics(ts, args[0])
	name, labels, _ := strings.Cut(strings.TrimSuffix(args[1], "}"), "{")
	sum, found := 0.0, false
	for _, m := range families["tokenwarden_"+name].GetMetric() {
		if has(m, labels) {
			sum, found = sum+m.GetGauge().GetValue(), true
		}
	}
	if got := strconv.FormatFloat(sum, 'g', -1, 64); !found || got != args[2] {
		ts.Fatalf("%s is %s (there: %v), expected %s", args[1], got, found, args[2])
	}
}

func readMetrics(ts *testscript.TestScript, name string) map[string]*dto.MetricFamily {
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(ts.ReadFile(name)))
	ts.Check(err)
	return families
}

// has tells whether a sample has the labels a="x",b="y".
func has(m *dto.Metric, labels string) bool {
	all := map[string]string{}
	for _, l := range m.GetLabel() {
		all[l.GetName()] = l.GetValue()
	}
	for pair := range strings.SplitSeq(labels, ",") {
		if name, value, is := strings.Cut(pair, "="); is && all[name] != strings.Trim(value, `"`) {
			return false
		}
	}
	return true
}

// parseForm reads the fields of a request to Slack's Web API.
func parseForm(r *http.Request, body []byte) (url.Values, error) {
	form, err := url.ParseQuery(string(body))
	if form.Get("token") == "" {
		form.Set("token", strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
	}
	return form, err
}
