package metrics

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

var night = time.Date(2026, 1, 10, 2, 0, 30, 500e6, time.UTC)

func sample() Run {
	return Run{
		Version: "1.2.3", Finished: night, Duration: 90 * time.Second, ExitCode: 1, Success: true,
		Accounts: []Account{{
			Name: "prod", ID: 12345, Requests: 42,
			Findings:  []Findings{{"service-token-legacy", "high", 3}, {"service-token-unused", "low", 0}},
			Checks:    map[string]int{"checked": 15, "not-visible": 4, "error": 1},
			Tokens:    []Token{{777, "Airflow prod", 1000 * 24 * time.Hour}, {778, "evil\"} 1\nup 0\\", time.Hour}, {779, "bad\xffutf8", 0}},
			Rotations: map[string]int{"rotated": 2, "failed": 1},
		}, {Name: "dev", ID: 6}},
	}
}

// parse reads a file with the official parser. It returns each series and its value.
func parse(t *testing.T, path string) map[string]float64 {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(file)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]float64{}
	for name, family := range families {
		if family.GetType() != dto.MetricType_GAUGE || family.GetHelp() == "" {
			t.Errorf("%s: %s, %q", name, family.GetType(), family.GetHelp())
		}
		for _, m := range family.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetName()+"="+l.GetValue())
			}
			all[name+"{"+strings.Join(labels, ",")+"}"] = m.GetGauge().GetValue()
		}
	}
	return all
}

func TestWriteFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "tokenwarden.prom")
	if err := WriteFile(path, sample()); err != nil {
		t.Fatal(err)
	}
	got := parse(t, path)
	for series, want := range map[string]float64{
		"tokenwarden_build_info{version=1.2.3}":                                                                    1,
		"tokenwarden_last_run_timestamp_seconds{}":                                                                 1768010430.5,
		"tokenwarden_last_success_timestamp_seconds{}":                                                             1768010430.5,
		"tokenwarden_last_run_duration_seconds{}":                                                                  90,
		"tokenwarden_last_run_exit_code{}":                                                                         1,
		"tokenwarden_findings{account=prod,account_id=12345,rule=service-token-legacy,severity=high}":              3,
		"tokenwarden_findings{account=prod,account_id=12345,rule=service-token-unused,severity=low}":               0,
		"tokenwarden_checks{account=prod,account_id=12345,outcome=not-visible}":                                    4,
		"tokenwarden_coverage_ratio{account=prod,account_id=12345}":                                                0.75,
		"tokenwarden_service_token_age_seconds{account=prod,account_id=12345,name=Airflow prod,token_id=777}":      86_400_000,
		"tokenwarden_service_token_age_seconds{account=prod,account_id=12345,name=evil\"} 1\nup 0\\,token_id=778}": 3600,
		"tokenwarden_service_token_age_seconds{account=prod,account_id=12345,name=bad\uFFFDutf8,token_id=779}":     0,
		"tokenwarden_rotations{account=prod,account_id=12345,status=rotated}":                                      2,
		"tokenwarden_rotations{account=prod,account_id=12345,status=failed}":                                       1,
		"tokenwarden_rotations{account=prod,account_id=12345,status=pending}":                                      0,
		"tokenwarden_rotations{account=dev,account_id=6,status=failed}":                                            0,
		"tokenwarden_api_requests{account=prod,account_id=12345}":                                                  42,
	} {
		if value, found := got[series]; !found || value != want {
			t.Errorf("%s is %v (%v), want %v", series, value, found, want)
		}
	}
	if _, found := got["up{}"]; found {
		t.Error("a token's name became a series")
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	problems, err := promlint.New(bytes.NewReader(b)).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("promlint: %v, %v", problems, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("node_exporter is another user: %v, %v", info.Mode(), err)
	}
}

// A run that fails keeps the time of the last success, and what is gone is gone.
func TestLastSuccessIsKept(t *testing.T) {
	t.Parallel()
	const series = "tokenwarden_last_success_timestamp_seconds{}"
	path := filepath.Join(t.TempDir(), "tokenwarden.prom")
	failed := Run{Finished: night.Add(24 * time.Hour), ExitCode: 2}
	if err := WriteFile(path, failed); err != nil {
		t.Fatal(err)
	}
	if _, found := parse(t, path)[series]; found {
		t.Error("a success that never was")
	}
	for _, r := range []Run{sample(), failed, failed} {
		if err := WriteFile(path, r); err != nil {
			t.Fatal(err)
		}
		if got := parse(t, path)[series]; got != 1768010430.5 {
			t.Errorf("last success %v", got)
		}
	}
	for series := range parse(t, path) {
		if strings.Contains(series, "prod") {
			t.Errorf("left behind: %s", series)
		}
	}
	if err := os.WriteFile(path, []byte("{{{ broken"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(path, failed); err != nil {
		t.Errorf("a broken file keeps the new one away: %v", err)
	}
}

func TestWriteFileFails(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	path := filepath.Join(folder, "tokenwarden.prom")
	if err := WriteFile(path, sample()); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	twice := sample()
	twice.Accounts[1] = twice.Accounts[0]
	if err := WriteFile(path, twice); err == nil {
		t.Error("one account twice was taken")
	}
	if err := WriteFile(filepath.Join(folder, "tokenwarden.txt"), sample()); err == nil || !strings.Contains(err.Error(), ".prom") {
		t.Errorf("a file that nobody reads: %v", err)
	}
	if err := WriteFile(filepath.Join(folder, "missing", "x.prom"), sample()); err == nil {
		t.Error("a missing folder was taken")
	}
	after, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(before, after) {
		t.Errorf("a failed write changed the file, %v", err)
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) != 1 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

const killedEnv = "TOKENWARDEN_TEST_METRICS_FILE"

// large is a run whose file takes a while to write.
func large(n int) Run {
	r := sample()
	for i := range 1000 {
		r.Accounts[0].Tokens = append(r.Accounts[0].Tokens, Token{ID: int64(1000 + i), Name: fmt.Sprintf("token %d of run %d", i, n), Age: time.Duration(n)})
	}
	return r
}

// TestMain is the process that is killed: it writes until it is.
func TestMain(m *testing.M) {
	if path := os.Getenv(killedEnv); path != "" {
		for n := 1; ; n++ {
			if err := WriteFile(path, large(n)); err != nil {
				panic(err)
			}
			fmt.Fprintln(os.Stdout, n)
		}
	}
	m.Run()
}

// kill -9 in the middle leaves the old file or the new one, whole.
func TestKilled(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "tokenwarden.prom")
	if err := WriteFile(path, large(0)); err != nil {
		t.Fatal(err)
	}
	const kills = 10
	want, inTheMiddle := len(parse(t, path)), 0
	for i := range kills {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), killedEnv+"="+path)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := out.Read(make([]byte, 8)); err != nil { // it has written once
			t.Fatal(err)
		}
		// The next write has begun when its file is there. Half of the kills come a
		// little later.
		var half []string
		for len(half) == 0 {
			if half, err = filepath.Glob(path + "?*"); err != nil || t.Context().Err() != nil {
				t.Fatal(err, t.Context().Err())
			}
		}
		after := time.Duration(i%2*i) * 100 * time.Microsecond
		time.Sleep(after)
		if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		if got := len(parse(t, path)); got != want {
			t.Fatalf("killed %s after a write began: %d series, want %d", after, got, want)
		}
		if half, err = filepath.Glob(path + "?*"); err != nil {
			t.Fatal(err)
		}
		inTheMiddle += len(half)
		for _, name := range half {
			if strings.HasSuffix(name, ".prom") {
				t.Errorf("node_exporter would read %s", name)
			}
			_ = os.Remove(name)
		}
	}
	if inTheMiddle == 0 {
		t.Error("no kill came in the middle of a write: nothing was proved")
	}
}
