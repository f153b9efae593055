package notify

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

const day = 24 * time.Hour

var night0 = time.Date(2026, 1, 10, 2, 0, 0, 0, time.UTC)

func alert(key string, s Severity) Alert {
	return Alert{
		Key: key, Rule: "service-token-legacy", Severity: s, Resource: "Airflow " + key, Owner: "Airflow " + key,
		Headline: "The token was created before 2023-07-18.", Remedy: "tokenwarden rotate --account prod --token-id 777",
	}
}

// knows is the memory after alerts were announced at a moment.
func knows(at time.Time, alerts ...Alert) *AccountState {
	s := (*AccountState)(nil).clone(at)
	for _, a := range alerts {
		s.told([]Item{{Kind: KindNew, Alert: a}}, at)
	}
	return s
}

// brieflyItems writes items as "kind key".
func brieflyItems(items []Item) []string {
	var all []string
	for _, i := range items {
		key := i.Alert.Key
		if i.Kind == KindRotation {
			key = i.Rotation.Status + " " + i.Rotation.Key
		}
		all = append(all, string(i.Kind)+" "+key)
	}
	return all
}

func TestDecide(t *testing.T) {
	t.Parallel()
	a, b := alert("a", High), alert("b", Critical)
	worse, renamed, other := a, a, a
	worse.Severity, renamed.Resource, other.Facts = Critical, "Airflow new", "account_admin"
	reworded := a
	reworded.Headline, reworded.Remedy = "It is 1,001 days old.", "tokenwarden rotate --token-id 777"
	first := knows(night0, a)
	first.First = true
	rotated := func(status string) Rotation { return Rotation{Key: "777", Name: "Airflow", Status: status} }
	pendingUntil := func(until time.Time) *AccountState {
		s := knows(night0)
		s.told([]Item{{Kind: KindRotation, Rotation: Rotation{Key: "777", Status: Pending, Until: until}}}, night0)
		return s
	}
	waiting := knows(night0)
	waiting.wait([]Item{{Kind: KindRotation, Rotation: rotated(Failed)}})

	for _, c := range []struct {
		name  string
		night Night
		known *AccountState
		after time.Duration
		want  []string
	}{
		{"nothing at all", Night{}, knows(night0), day, nil},
		{"new", Night{Alerts: []Alert{a}}, knows(night0), day, []string{"new a"}},
		{"unchanged is silent", Night{Alerts: []Alert{a}}, knows(night0, a), day, nil},
		{"other words are no change", Night{Alerts: []Alert{reworded}}, knows(night0, a), day, nil},
		{"worse", Night{Alerts: []Alert{worse}}, knows(night0, a), day, []string{"changed a"}},
		{"renamed", Night{Alerts: []Alert{renamed}}, knows(night0, a), day, []string{"changed a"}},
		{"other facts", Night{Alerts: []Alert{other}}, knows(night0, a), day, []string{"changed a"}},
		{"resolved", Night{}, knows(night0, a), day, []string{"resolved a"}},
		{"gone but nobody looked", Night{Unchecked: []string{a.Rule}}, knows(night0, a), day, nil},
		{"one day before the reminder", Night{Alerts: []Alert{a}}, knows(night0, a), 6 * day, nil},
		{"reminder", Night{Alerts: []Alert{a}}, knows(night0, a), 7 * day, []string{"reminder a"}},
		{"reminder although cron was early", Night{Alerts: []Alert{a}}, knows(night0, a), 7*day - time.Minute, []string{"reminder a"}},
		{"told by a clock a bit ahead", Night{Alerts: []Alert{a}}, knows(night0, a), -time.Hour, nil},
		{"told by a clock that was years ahead", Night{Alerts: []Alert{a}}, knows(night0, a), -700 * day, []string{"reminder a"}},
		{"a change is no reminder", Night{Alerts: []Alert{worse}}, knows(night0, a), 7 * day, []string{"changed a"}},
		{"no memory", Night{Alerts: []Alert{a, b}}, nil, 0, []string{"standing b", "standing a"}},
		{"first message half through", Night{Alerts: []Alert{a, b}}, first, day, []string{"standing b"}},
		{"the same key twice", Night{Alerts: []Alert{a, a}}, knows(night0), day, []string{"new a"}},
		{"an account that cannot be read", Night{Problem: "HTTP 503", Unchecked: []string{a.Rule}}, knows(night0, a), day, []string{"new audit-incomplete"}},
		{"order: worst first, resolved last", Night{Alerts: []Alert{alert("c", Low), b}}, knows(night0, a), day, []string{"new b", "new c", "resolved a"}},
		{"order: failures first", Night{
			Alerts: []Alert{b},
			Rotations: []Rotation{
				{Key: "1", Status: Rotated}, {Key: "2", Status: Pending}, {Key: "3", Status: Failed}, {Key: "4", Status: Refused},
				{Key: "5", Status: "unchanged"}, {Key: "6", Status: "planned"},
			},
		}, knows(night0), day, []string{"rotation failed 3", "rotation refused 4", "new b", "rotation pending 2", "rotation rotated 1"}},
		{"pending, told already", Night{Rotations: []Rotation{rotated(Pending)}}, pendingUntil(night0.Add(2 * day)), day, nil},
		{"pending beyond what was told", Night{Rotations: []Rotation{rotated(Pending)}}, pendingUntil(night0.Add(day)), 2 * day, []string{"rotation pending 777"}},
		{"pending, now finished", Night{Rotations: []Rotation{rotated(Rotated)}}, pendingUntil(night0.Add(day)), day, []string{"rotation rotated 777"}},
		{"pending, now undone", Night{Rotations: []Rotation{rotated(Undone)}}, pendingUntil(night0.Add(day)), day, []string{"rotation undone 777"}},
		{"pending, reminder", Night{Rotations: []Rotation{rotated(Pending)}}, pendingUntil(time.Time{}), 7 * day, []string{"rotation pending 777"}},
		{"a result that no message carried", Night{}, waiting, day, []string{"rotation failed 777"}},
		{"and that a later one overtook", Night{Rotations: []Rotation{rotated(Rotated)}}, waiting, day, []string{"rotation rotated 777"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := brieflyItems(Decide(c.night, c.known, night0.Add(c.after), 7*day))
			if !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestDecideNeverReminds(t *testing.T) {
	t.Parallel()
	a := alert("a", High)
	if items := Decide(Night{Alerts: []Alert{a}}, knows(night0, a), night0.Add(1000*day), 0); len(items) != 0 {
		t.Errorf("reminded: %v", brieflyItems(items))
	}
}

// What was told is silent the night after, whatever it was.
func TestToldIsSilent(t *testing.T) {
	t.Parallel()
	night := Night{Alerts: []Alert{alert("a", High), alert("b", Low)}, Problem: "HTTP 503", Rotations: []Rotation{
		{Key: "1", Status: Failed}, {Key: "2", Status: Pending, Until: night0.Add(3 * day)}, {Key: "3", Status: Rotated},
	}}
	gone := alert("gone", Medium)
	for name, known := range map[string]*AccountState{"no memory": nil, "memory": knows(night0, gone)} {
		items := Decide(night, known, night0, 7*day)
		next := known.clone(night0)
		next.told(items, night0)
		if again := Decide(night, next, night0.Add(day), 7*day); len(again) != 0 {
			t.Errorf("%s: said again: %v", name, brieflyItems(again))
		}
	}
}

func TestStateForgetsRotations(t *testing.T) {
	t.Parallel()
	s := knows(night0)
	for i := range 5 {
		s.told([]Item{{Kind: KindRotation, Rotation: Rotation{Key: fmt.Sprint(i), Status: Rotated}}}, night0)
	}
	if n := len(s.clone(night0.Add(forget + day)).Rotations); n != 0 {
		t.Errorf("%d finished rotations are still remembered", n)
	}
	if n := len(s.clone(night0.Add(day)).Rotations); n != 5 {
		t.Errorf("%d of 5 rotations are remembered after a day", n)
	}
}
