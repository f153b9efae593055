package verify_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-systemd/v22/unit"
)

// settings are the values of a unit by "Section.Key".
func settings(t *testing.T, path string) map[string][]string {
	t.Helper()
	options, err := unit.DeserializeOptions(strings.NewReader(read(t, path)))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]string{}
	for _, o := range options {
		all[o.Section+"."+o.Name] = append(all[o.Section+"."+o.Name], o.Value)
	}
	return all
}

// What matters is there, on a machine without systemd as well.
func TestUnits(t *testing.T) {
	service, timer := settings(t, "systemd/tokenwarden.service"), settings(t, "systemd/tokenwarden.timer")
	for key, want := range map[string]string{
		"Service.Type": "oneshot", "Service.DynamicUser": "yes", "Service.StateDirectory": "tokenwarden",
		"Service.ProtectSystem": "strict", "Service.ProtectHome": "yes", "Service.PrivateTmp": "yes", "Service.NoNewPrivileges": "yes",
		"Service.CapabilityBoundingSet": "", "Service.KillMode": "mixed", "Service.SuccessExitStatus": "1",
	} {
		if got := service[key]; len(got) != 1 || got[0] != want {
			t.Errorf("%s is %q, expected %q", key, got, want)
		}
	}
	for key, want := range map[string]string{"Timer.Persistent": "true", "Timer.RandomizedDelaySec": "20min", "Install.WantedBy": "timers.target"} {
		if got := timer[key]; len(got) != 1 || got[0] != want {
			t.Errorf("%s is %q, expected %q", key, got, want)
		}
	}
	for _, assignment := range service["Service.Environment"] {
		if name, _, _ := strings.Cut(assignment, "="); regexp.MustCompile(`(TOKEN|SECRET_ID|JWT)$`).MatchString(name) {
			t.Errorf("%s: a secret stands in the unit, which everybody may read", name)
		}
	}
	limit := timeout(t, strings.Fields(service["Service.ExecStart"][0]))
	start, err := time.ParseDuration(strings.Replace(service["Service.TimeoutStartSec"][0], "min", "m", 1))
	if err != nil || start <= limit {
		t.Errorf("systemd stops a run after %s that gives itself %s (%v)", start, limit, err)
	}
	if stop, err := time.ParseDuration(service["Service.TimeoutStopSec"][0]); err != nil || stop < uncut {
		t.Errorf("systemd kills a run %s after it asked it to stop (%v)", stop, err)
	}
}

// uncut is how long a run may go on after a signal: 25 seconds in which a
// rotation is not cut, 20 to say what happened, and 20 for the last ping.
const uncut = 65 * time.Second

// timeout is the value of --timeout.
func timeout(t *testing.T, args []string) time.Duration {
	t.Helper()
	d, err := time.ParseDuration(flag(t, args, "--timeout"))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// flag is the value behind a flag.
func flag(t *testing.T, args []string, name string) string {
	t.Helper()
	i := slices.Index(args, name)
	if i < 0 || i+1 == len(args) {
		t.Fatalf("no %s in %q", name, args)
	}
	return args[i+1]
}

// systemd itself finds nothing to complain about, and the service is shut in.
func TestSystemdAnalyze(t *testing.T) {
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Log("NOT CHECKED: there is no systemd-analyze here, so systemd itself has not seen the units")
		return
	}
	if said := analyze(t, nil, "verify", "tokenwarden.service", "tokenwarden.timer"); said != "" {
		t.Error(said)
	}
	if said := analyze(t, nil, "security", "--offline=yes", "--no-pager", "--threshold=20", "tokenwarden.service"); said != "" {
		t.Error(said)
	}

	// It would be noticed.
	unknown := strings.NewReplacer("Persistent=", "PersistentTimer=", "LoadCredential=dbt", "LoadCredentials=dbt")
	for _, key := range []string{"PersistentTimer", "LoadCredentials"} {
		if said := analyze(t, unknown, "verify", "tokenwarden.service", "tokenwarden.timer"); !strings.Contains(said, key) {
			t.Errorf("systemd-analyze does not mind %s: %s", key, said)
		}
	}
	open := strings.NewReplacer("ProtectSystem=strict", "ProtectSystem=no", "DynamicUser=yes", "User=root", "CapabilityBoundingSet=\n", "\n")
	if said := analyze(t, open, "security", "--offline=yes", "--no-pager", "--threshold=20", "tokenwarden.service"); said == "" {
		t.Error("systemd-analyze does not mind an open service")
	}
}

// analyze runs systemd-analyze in a folder with the units, and returns what it
// has against them. It exits 0 for keys that it does not know, and it speaks of
// other units of this machine too.
func analyze(t *testing.T, change *strings.Replacer, args ...string) string {
	t.Helper()
	folder := t.TempDir()
	program, err := os.Executable() // verify wants the command to exist
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"tokenwarden.service", "tokenwarden.timer"} {
		text := strings.ReplaceAll(read(t, "systemd/"+name), "/usr/local/bin/tokenwarden", program)
		if change != nil {
			text = change.Replace(text)
		}
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for i, arg := range args {
		if strings.HasPrefix(arg, "tokenwarden.") {
			args[i] = "./" + arg
		}
	}
	cmd := exec.Command("systemd-analyze", args...)
	var stdout, stderr bytes.Buffer
	cmd.Dir, cmd.Stdout, cmd.Stderr = folder, &stdout, &stderr
	var said []string
	if err := cmd.Run(); err != nil {
		said = append(said, err.Error(), stdout.String())
	}
	for line := range strings.Lines(stderr.String()) {
		if strings.Contains(line, "tokenwarden") {
			said = append(said, line)
		}
	}
	return strings.Join(said, "\n")
}
