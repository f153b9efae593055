package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// 130 findings in one night fit every limit, and each one is told. The
// workspace refuses nothing: checkBlocks fails the test instead.
func TestManyFindings(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("very long name ", 30)
	for name, change := range map[string]func(*Alert){
		"usual":     func(*Alert) {},
		"long":      func(a *Alert) { a.Resource, a.Headline, a.Rule = long, strings.Repeat("It is too old. ", 100), long },
		"to escape": func(a *Alert) { a.Resource, a.Headline = strings.Repeat("<&>", 100), strings.Repeat("<!channel>", 100) },
		"wide":      func(a *Alert) { a.Resource, a.Headline = strings.Repeat("鍵", 200), strings.Repeat("🔑", 900) },
		"unreadable": func(a *Alert) {
			a.Resource, a.Headline = strings.Repeat("\u202e\x00", 100), strings.Repeat("\U000e0001", 900)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			s.must()
			var all []Alert
			for i := range 130 {
				a := alert(fmt.Sprintf("%03d", i), Severity(i%5+1))
				a.Remedy = fmt.Sprintf("tokenwarden rotate --account prod --token-id %d", 1000+i)
				change(&a)
				all = append(all, a)
			}
			calls, result, err := s.night(all...)
			if err != nil || result.Accounts[0].Told != 130 {
				t.Fatalf("%+v, %v", result, err)
			}
			var text strings.Builder
			for _, c := range calls {
				text.WriteString(render(t, c.Blocks))
			}
			for i := range 130 {
				if !strings.Contains(text.String(), fmt.Sprintf("$ tokenwarden rotate --account prod --token-id %d\n", 1000+i)) {
					t.Errorf("finding %d is not told", i)
				}
			}
			if s.time.slept < time.Duration(len(calls)-2)*time.Second {
				t.Errorf("%d messages in %s: faster than one a second", len(calls), s.time.slept)
			}
			t.Logf("%d messages, %s", len(calls), s.time.slept)
		})
	}
}

// Small items run into the number of blocks before they run into the size.
func TestManySmallItems(t *testing.T) {
	t.Parallel()
	h, s := newHook(t), newScene(t)
	var gone []Alert
	for i := range 130 {
		gone = append(gone, Alert{Key: fmt.Sprint(i), Rule: "r", Severity: Low})
	}
	night, known := Night{Account: "1", Name: "prod"}, knows(night0, gone...)
	m := compose(night, known, Decide(night, known, night0, 0), nil, night0)
	for _, c := range []Channel{s.n.Channel, h.webhook(t, s.time)} {
		if d, err := c.Announce(t.Context(), m); err != nil || len(d.Told) != 130 {
			t.Errorf("%s: told %d, %v", c.Name(), len(d.Told), err)
		}
	}
	if text := render(t, h.posts[0].Blocks); !strings.Contains(text, "more that do not fit here") {
		t.Errorf("what is left out is not said:\n%s", text)
	}
	if n := len(s.ws.take()[1].Blocks); n != maxBlocks {
		t.Errorf("the first reply has %d blocks", n)
	}
}

// A command is pasted whole or not shown: half of one does something else.
func TestRemedyIsNeverCut(t *testing.T) {
	t.Parallel()
	a := alert("a", High)
	a.Remedy = "tokenwarden rotate --token-id " + strings.Repeat("1", maxRemedy)
	raw, err := json.Marshal(details(Item{Kind: KindNew, Alert: a}, nil))
	if err != nil || strings.Contains(string(raw), "preformatted") {
		t.Errorf("%s, %v", raw, err)
	}
}

func TestThrottled(t *testing.T) {
	t.Parallel()
	throttle := func(seconds string) func(int, string, http.ResponseWriter) bool {
		return func(n int, _ string, w http.ResponseWriter) bool {
			if n%2 == 0 {
				return false
			}
			if seconds != "" {
				w.Header().Set("Retry-After", seconds)
			}
			w.WriteHeader(http.StatusTooManyRequests)
			return true
		}
	}
	for seconds, least := range map[string]time.Duration{"7": 14 * time.Second, "0": 2 * time.Second, "": 2 * cooldown} {
		t.Run("Retry-After "+seconds, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			s.must()
			s.ws.reply(throttle(seconds))
			s.expect("throttled", s.must(alert("a", High)), "prod: 1 new")
			if s.time.slept < least || s.time.slept > least+10*time.Second {
				t.Errorf("waited %s, want about %s", s.time.slept, least)
			}
			s.expect("told once", s.must(alert("a", High)))
		})
	}
	t.Run("longer than there is time", func(t *testing.T) {
		t.Parallel()
		s := newScene(t)
		s.must()
		s.ws.reply(throttle("600"))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		s.time.pass(time.Since(s.time.clock().Now())) // the deadline is in real time
		_, err := s.n.Ensure(ctx, []Night{{Account: "1@cloud", Name: "prod", Alerts: []Alert{alert("a", High)}}})
		var delivery *DeliveryError
		if !errors.As(err, &delivery) || delivery.RetryAfter != 10*time.Minute || s.time.slept != 0 {
			t.Errorf("slept %s, %v", s.time.slept, err)
		}
	})
	t.Run("for ever", func(t *testing.T) {
		t.Parallel()
		s := newScene(t)
		s.must()
		s.ws.reply(func(_ int, _ string, w http.ResponseWriter) bool {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
			return true
		})
		if _, _, err := s.night(alert("a", High)); err == nil || s.ws.count != maxTries {
			t.Errorf("%d tries, %v", s.ws.count, err)
		}
	})
}
