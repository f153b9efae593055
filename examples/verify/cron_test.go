package verify_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/robfig/cron/v3"
)

// read returns a file of an example.
func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile("../" + path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Every line is a comment, a variable or an entry: cron drops a whole file for
// the sake of one that is not, and a last line that does not end.
func TestCrontab(t *testing.T) {
	text := read(t, "cron/tokenwarden")
	if !strings.HasSuffix(text, "\n") {
		t.Error("the last line has no end")
	}
	entries := 0
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if line == "" || strings.HasPrefix(line, "#") || regexp.MustCompile(`^[A-Z]+=\S+$`).MatchString(line) {
			continue
		}
		fields := regexp.MustCompile(`^(\S+ \S+ \S+ \S+ \S+) ([a-z]+) (.+)$`).FindStringSubmatch(line)
		if fields == nil {
			t.Errorf("cron does not take %q", line)
			continue
		}
		entries++
		if _, err := cron.ParseStandard(fields[1]); err != nil {
			t.Error(err)
		}
	}
	if entries != 1 {
		t.Errorf("%d entries", entries)
	}
}
