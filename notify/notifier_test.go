package notify

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// scene is one account over many nights.
type scene struct {
	t    *testing.T
	ws   *workspace
	time *fakeTime
	n    Notifier
	path string
}

func newScene(t *testing.T) *scene {
	t.Helper()
	s := &scene{t: t, ws: newWorkspace(t), time: &fakeTime{t: night0}, path: filepath.Join(t.TempDir(), "state.json")}
	s.n = Notifier{Channel: s.ws.bot(s.time), States: FileState{Path: s.path}, Remind: 7 * day, Clock: s.time.clock()}
	return s
}

// night runs one night with these alerts and moves on to the next. It returns
// what was posted.
func (s *scene) night(alerts ...Alert) ([]call, Result, error) {
	s.t.Helper()
	at := s.time.clock().Now()
	result, err := s.n.Ensure(s.t.Context(), []Night{{
		Account: "1@cloud", Name: "prod", Alerts: alerts, Coverage: Coverage{Checked: 20, Checks: 20},
	}})
	s.time.pass(at.Add(day).Sub(s.time.clock().Now()))
	return s.ws.take(), result, err
}

// must is a night that has to go well. It returns the titles that were posted.
func (s *scene) must(alerts ...Alert) []string {
	s.t.Helper()
	calls, _, err := s.night(alerts...)
	if err != nil {
		s.t.Fatal(err)
	}
	var titles []string
	for _, c := range calls {
		if c.Thread == "" {
			title, _, _ := strings.Cut(c.Text, ";") // how bad it is, the golden files show
			titles = append(titles, title)
		}
	}
	return titles
}

func (s *scene) expect(name string, got []string, want ...string) {
	s.t.Helper()
	if strings.Join(got, " | ") != strings.Join(want, " | ") {
		s.t.Errorf("%s: posted %q, want %q", name, got, want)
	}
}

func TestNights(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	a, b := alert("a", High), alert("b", Critical)
	s.expect("first run, nothing stands", s.must())
	s.expect("new", s.must(a), "prod: 1 new")
	s.expect("unchanged", s.must(a))
	worse := a
	worse.Severity = Critical
	s.expect("changed, and a new one", s.must(worse, b), "prod: 1 new, 1 changed")
	s.expect("unchanged", s.must(worse, b))
	s.expect("resolved", s.must(b), "prod: 1 resolved")
	for range 4 {
		s.expect("unchanged", s.must(b))
	}
	s.expect("reminder", s.must(b), "prod: 1 still open")
	s.expect("unchanged", s.must(b))
	s.expect("the last one is resolved", s.must(), "prod: 1 resolved")
	s.expect("silence", s.must())
}

func TestFirstRunAndLostState(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	var all []Alert
	for i := range 12 {
		all = append(all, alert(fmt.Sprint(i), High))
	}
	calls, result, err := s.night(all...)
	if err != nil || !errors.Is(result.State, ErrNoState) {
		t.Fatalf("first run: %v, %v", result.State, err)
	}
	if calls[0].Text != "prod: 12 standing; worst: high" || !strings.Contains(render(t, calls[0].Blocks), "Nothing is known of earlier nights") {
		t.Errorf("first run: %s", render(t, calls[0].Blocks))
	}
	s.expect("known from now on", s.must(all...))

	for name, content := range map[string]string{"broken": `{"version":1,"accou`, "emptied": ""} {
		if err := os.WriteFile(s.path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		calls, result, err := s.night(all...)
		want, says := ErrBrokenState, "The alert state was broken"
		if content == "" {
			want, says = ErrNoState, "Nothing is known of earlier nights"
		}
		if err != nil || !errors.Is(result.State, want) {
			t.Fatalf("%s: %v, %v", name, result.State, err)
		}
		if calls[0].Text != "prod: 12 standing; worst: high" || !strings.Contains(render(t, calls[0].Blocks), says) {
			t.Errorf("%s: %s", name, render(t, calls[0].Blocks))
		}
		s.expect(name+", the night after", s.must(all...))
	}
}

// A state that is broken while nothing stands is said as well.
func TestBrokenStateIsSaidWithoutFindings(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	if err := os.WriteFile(s.path, []byte("garbage"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.expect("broken", s.must(), "prod: nothing stands")
	s.expect("the night after", s.must())
}

// While Slack has not taken the first message, a lost state stays "standing".
func TestLostStateAndSlackDown(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.ws.reply(func(_ int, _ string, w http.ResponseWriter) bool { w.WriteHeader(http.StatusBadGateway); return true })
	if _, _, err := s.night(alert("a", High)); err == nil {
		t.Fatal("Slack was down and nobody said so")
	}
	s.ws.reply(nil)
	s.expect("Slack is back", s.must(alert("a", High)), "prod: 1 standing")
	s.expect("known", s.must(alert("a", High), alert("b", High)), "prod: 1 new")
}

func TestSlackDownThenUp(t *testing.T) {
	t.Parallel()
	down := map[string]func(http.ResponseWriter){
		"503":             func(w http.ResponseWriter) { w.WriteHeader(http.StatusServiceUnavailable) },
		"ok false":        func(w http.ResponseWriter) { fmt.Fprint(w, `{"ok":false,"error":"channel_not_found"}`) },
		"ok false, empty": func(w http.ResponseWriter) { fmt.Fprint(w, `{"ok":false}`) },
		"another's page":  func(w http.ResponseWriter) { fmt.Fprint(w, `<html>Please sign in</html>`) },
		"empty object":    func(w http.ResponseWriter) { fmt.Fprint(w, `{}`) },
		"reset":           func(http.ResponseWriter) { panic(http.ErrAbortHandler) },
	}
	for name, answer := range down {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			s.must()
			s.ws.reply(func(_ int, _ string, w http.ResponseWriter) bool { answer(w); return true })
			for range 2 {
				calls, result, err := s.night(alert("a", High))
				var delivery *DeliveryError
				if !errors.As(err, &delivery) || result.Accounts[0].Told != 0 || len(calls) != 0 {
					t.Fatalf("down: %v, %+v, %v", calls, result, err)
				}
				if strings.Contains(err.Error(), botToken) || strings.Contains(err.Error(), s.ws.ServerAddr+"/") {
					t.Errorf("the error says too much: %v", err)
				}
			}
			s.ws.reply(nil)
			s.expect("up", s.must(alert("a", High)), "prod: 1 new")
			s.expect("the night after", s.must(alert("a", High)))
		})
	}
}

// Results of rotations are reported once by the rotator; Slack being down must
// not lose them.
func TestRotationResultsOutliveSlackDown(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.must()
	s.ws.reply(func(_ int, _ string, w http.ResponseWriter) bool { w.WriteHeader(http.StatusBadGateway); return true })
	nights := []Night{{Account: "1@cloud", Name: "prod", Rotations: []Rotation{
		{Key: "777", Name: "Airflow", Status: Rotated}, {Key: "778", Name: "Looker", Status: Failed, Text: "the store is sealed"},
	}}}
	if _, err := s.n.Ensure(t.Context(), nights); err == nil {
		t.Fatal("no error")
	}
	s.time.pass(day)
	if _, _, err := s.night(); err == nil {
		t.Fatal("Slack was down for another night and nobody said so")
	}
	s.ws.reply(nil)
	s.expect("the next night, in which nothing was rotated", s.must(), "prod: 1 rotation failed, 1 rotated")
	s.expect("and then silence", s.must())
}

// When the details break off, what was not told is told next time, and only that.
func TestThreadBreaksOff(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.must()
	var all []Alert
	for i := range 60 {
		all = append(all, alert(fmt.Sprintf("%02d", i), High))
	}
	s.ws.reply(func(n int, _ string, w http.ResponseWriter) bool {
		if n != 3 { // message, first reply, second reply
			return false
		}
		w.WriteHeader(http.StatusServiceUnavailable)
		return true
	})
	calls, result, err := s.night(all...)
	told := result.Accounts[0].Told
	if err == nil || len(calls) != 2 || told == 0 || told == 60 {
		t.Fatalf("%d calls, told %d, %v", len(calls), told, err)
	}
	s.expect("the rest", s.must(all...), fmt.Sprintf("prod: %d new", 60-told))
	s.expect("silence", s.must(all...))
}

// A second run in the same night brings the message up to date in place.
func TestSameNightIsOneMessage(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.must()
	a, b := alert("a", High), alert("b", Critical)
	s.must(a)
	s.time.pass(-day + 2*time.Hour) // two hours later
	calls, _, err := s.night(b)
	if err != nil {
		t.Fatal(err)
	}
	if calls[0].Method != "chat.update" || calls[0].Text != "prod: 2 new, 1 resolved; worst: critical" || calls[1].Thread != calls[0].TS {
		t.Errorf("%+v", calls)
	}
	// Hours later it still is the message of when it was posted: it does not
	// live on for ever by being brought up to date.
	s.time.pass(-day + 11*time.Hour)
	if calls, _, err = s.night(a, b); err != nil || calls[0].Method != "chat.postMessage" {
		t.Errorf("%+v, %v", calls, err)
	}
	// The message was deleted by somebody: a new one is posted.
	s.time.pass(-day + 2*time.Hour)
	s.ws.reply(func(_ int, method string, w http.ResponseWriter) bool {
		if method != "chat.update" {
			return false
		}
		fmt.Fprint(w, `{"ok":false,"error":"message_not_found"}`)
		return true
	})
	calls, _, err = s.night()
	if err != nil || calls[0].Method != "chat.postMessage" {
		t.Errorf("%+v, %v", calls, err)
	}
}

func TestStateThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	if err := os.WriteFile(s.path, []byte(`{"version":99}`), 0o600); err != nil {
		t.Fatal(err)
	}
	calls, _, err := s.night(alert("a", High))
	if !errors.Is(err, ErrNewerState) || len(calls) != 0 {
		t.Errorf("a newer version's state: %d calls, %v", len(calls), err)
	}
	if b, err := os.ReadFile(s.path); err != nil || string(b) != `{"version":99}` {
		t.Errorf("it was touched: %s, %v", b, err)
	}
	s.n.States = FileState{Path: t.TempDir()} // a folder
	if calls, _, err := s.night(alert("a", High)); err == nil || len(calls) != 0 {
		t.Errorf("unreadable: %d calls, %v", len(calls), err)
	}
}

// The report goes into the thread as a file.
func TestReportIsUploaded(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	night := Night{Account: "1", Name: "prod", Alerts: []Alert{alert("a", High)}, Report: &Report{Name: "prod.html", Body: []byte("<p>12</p>")}}
	if _, err := s.n.Ensure(t.Context(), []Night{night}); err != nil {
		t.Fatal(err)
	}
	calls := s.ws.take()
	last := calls[len(calls)-1]
	if last.Method != "files.completeUploadExternal" || last.Thread == "" || last.File != testChannel+": prod.html: <p>12</p>" {
		t.Errorf("%+v", last)
	}
	// Without the scope for files the findings are told all the same, once.
	night.Alerts = append(night.Alerts, alert("b", High))
	s.time.pass(day)
	s.ws.reply(func(_ int, method string, w http.ResponseWriter) bool {
		if !strings.HasPrefix(method, "files.") {
			return false
		}
		fmt.Fprint(w, `{"ok":false,"error":"missing_scope"}`)
		return true
	})
	result, err := s.n.Ensure(t.Context(), []Night{night})
	if err != nil || result.Accounts[0].Told != 1 || result.Accounts[0].Unattached == nil || !strings.Contains(result.Accounts[0].Unattached.Error(), "files:write") {
		t.Errorf("%+v, %v", result, err)
	}
	if answers := Drill(t.Context(), s.n.Channel.(*Bot)); answers[0].Err == nil || !strings.Contains(answers[0].Err.Error(), "files:write") {
		t.Errorf("a drill does not find it out: %v", answers[0].Err)
	}
	s.time.pass(day)
	if result, err = s.n.Ensure(t.Context(), []Night{night}); err != nil || len(result.Accounts) != 0 {
		t.Errorf("said again: %+v, %v", result, err)
	}
}
