package main

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

// A person sees what goes on, until it is over; nobody else sees anything.
func TestProgress(t *testing.T) {
	for _, terminal := range []bool{true, false} {
		var b bytes.Buffer
		a := newApp(environment{stderr: &b, stderrTerminal: terminal})
		bar := a.progress("auditing accounts", 3)
		bar.to(1)
		bar.stop()
		spinner := a.progress("rotating", -1)
		spinner.say("token 5: store")
		spinner.stop()
		shown := b.String()
		for _, text := range []string{"auditing accounts", "1/3", "token 5: store"} {
			if strings.Contains(shown, text) != terminal {
				t.Errorf("terminal %t: %q", terminal, shown)
			}
		}
		time.Sleep(110 * time.Millisecond) // the spinner turns every 100 ms
		if b.String() != shown {
			t.Errorf("it is drawn after its end: %q", b.String()[len(shown):])
		}
	}
}
