package dbtcloudtest

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

const create = `{"name":"new","permission_grants":[{"permission_set":"analyst"}]}`

// What each fault looks like in process, and whether the create happened.
func TestFaultsInProcess(t *testing.T) {
	isTimeout := func(err error) bool {
		var n net.Error
		return errors.As(err, &n) && n.Timeout() && errors.Is(err, context.DeadlineExceeded)
	}
	isReset := func(err error) bool { return errors.Is(err, syscall.ECONNRESET) }
	isHalf := func(err error) bool { return errors.Is(err, io.ErrUnexpectedEOF) }
	for _, tt := range []struct {
		rule    Rule
		err     func(error) bool
		code    int
		text    string
		created int
	}{
		{rule: Rule{Fault: StatusBefore, Status: 400}, code: 400, text: "The request was invalid"},
		{rule: Rule{Fault: StatusBefore, Status: 401}, code: 401, text: "Invalid token."},
		{rule: Rule{Fault: StatusBefore, Status: 403}, code: 403, text: `"account_access_denied":true`},
		{rule: Rule{Fault: StatusBefore, Status: 404}, code: 404, text: "proper permissions"},
		{rule: Rule{Fault: StatusBefore, Status: 429}, code: 429, text: "throttled"},
		{rule: Rule{Fault: StatusBefore, Status: 500}, code: 500, text: "Internal Server Error"},
		{rule: Rule{Fault: StatusBefore, Status: 503}, code: 503, text: "Unavailable"},
		{rule: Rule{Fault: StatusAfter, Status: 500}, code: 500, text: "Internal Server Error", created: 1},
		{rule: Rule{Fault: StatusAfter, Status: 429}, code: 429, text: "throttled", created: 1},
		{rule: Rule{Fault: TimeoutBefore}, err: isTimeout},
		{rule: Rule{Fault: TimeoutAfter}, err: isTimeout, created: 1},
		{rule: Rule{Fault: ResetBefore}, err: isReset},
		{rule: Rule{Fault: ResetAfter}, err: isReset, created: 1},
		{rule: Rule{Fault: HalfBody}, err: isHalf, created: 1},
		{rule: Rule{Fault: HTML}, code: 502, text: "<html>"},
		{rule: Rule{Fault: HTML, Status: 503}, code: 503, text: "<html>"},
		{rule: Rule{Fault: HTMLAfter}, code: 200, text: "<html>", created: 1},
		{rule: Rule{Fault: LostPermission}, code: 404, text: "proper permissions"},
		{rule: Rule{Fault: NoFault}, code: 201, text: "token_string", created: 1},
	} {
		t.Run(tt.rule.Fault.String(), func(t *testing.T) {
			s, _ := newSim(t)
			tt.rule.Operation = "create-token"
			s.Plan(tt.rule)
			g, err := try(t, s, s.AdminToken(), "POST", tokensPath, create)
			switch {
			case tt.err == nil && err != nil:
				t.Fatal(err)
			case tt.err != nil && (err == nil || !tt.err(err)):
				t.Fatalf("error %v", err)
			case tt.err == nil && (g.code != tt.code || !strings.Contains(g.body, tt.text)):
				t.Errorf("%d %s", g.code, g.body)
			}
			if n := len(s.ActiveByName("new")); n != tt.created {
				t.Errorf("%d created, want %d", n, tt.created)
			}
			if hits := s.Hits(); hits[0] != 1 {
				t.Errorf("hits %v", hits)
			}
			line := s.Requests()[0]
			if line.Fault != tt.rule.Fault || line.Effect != (tt.created == 1 || tt.rule.Fault == LostPermission) {
				t.Errorf("logged as %+v", line)
			}
		})
	}
}

// A DELETE answers 204, of which there is no half.
func TestHalfOfNothingIsAReset(t *testing.T) {
	s, _ := newSim(t)
	id, _ := s.AddToken(SeedToken{Name: "t"})
	s.Plan(Rule{Operation: "delete-token", Fault: HalfBody})
	if _, err := try(t, s, s.AdminToken(), "DELETE", tokenPath(id), nil); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("error %v", err)
	}
	if after, _ := s.Token(id); after.Active() {
		t.Error("it is still there")
	}
}

func TestWhichRequestsARuleFiresOn(t *testing.T) {
	for _, tt := range []struct {
		name string
		rule Rule
		hit  []int // of six lists, counted from 1
	}{
		{"every one", Rule{}, []int{1, 2, 3, 4, 5, 6}},
		{"the first", Rule{Nth: 1}, []int{1}},
		{"the third", Rule{Nth: 3}, []int{3}},
		{"two from the second", Rule{Nth: 2, Times: 2}, []int{2, 3}},
		{"the first two", Rule{Times: 2}, []int{1, 2}},
		{"from the fifth on", Rule{Nth: 5, Times: -1}, []int{5, 6}},
		{"by operation", Rule{Operation: "list-tokens", Nth: 1}, []int{1}},
		{"another operation", Rule{Operation: "get-token"}, nil},
		{"by method", Rule{Method: "GET", Nth: 2}, []int{2}},
		{"another method", Rule{Method: "POST"}, nil},
		{"by path", Rule{Path: "/api/v3/accounts/*/service-tokens/", Nth: 6}, []int{6}},
		{"another path", Rule{Path: "/api/v2/*"}, nil},
		{"another credential", Rule{Credential: 4242}, nil},
	} {
		s, _ := newSim(t)
		tt.rule.Fault, tt.rule.Status = StatusBefore, 503
		s.Plan(tt.rule)
		var hit []int
		for i := range 6 {
			if send(t, s, s.AdminToken(), "GET", tokensPath, nil).code == 503 {
				hit = append(hit, i+1)
			}
		}
		if !slices.Equal(hit, tt.hit) || s.Hits()[0] != len(tt.hit) {
			t.Errorf("%s: %v (hits %v), want %v", tt.name, hit, s.Hits(), tt.hit)
		}
	}
}

func TestRulesOfOneCredential(t *testing.T) {
	s, _ := newSim(t)
	id, value := s.AddToken(SeedToken{Name: "v", Grants: []SeedGrant{{PermissionSet: "account_viewer"}}})
	s.Plan(Rule{Credential: id, Fault: StatusBefore, Status: 500})
	want(t, send(t, s, value, "GET", tokensPath, nil), 500)
	want(t, send(t, s, s.AdminToken(), "GET", tokensPath, nil), 200)
}

// Every rule counts what matches it, also when another one fires first.
func TestRulesCountForThemselves(t *testing.T) {
	s, _ := newSim(t)
	s.Plan(Rule{Nth: 1, Fault: StatusBefore, Status: 500}, Rule{Nth: 2, Fault: StatusBefore, Status: 503}, Rule{Nth: 2, Fault: StatusBefore, Status: 400})
	for _, code := range []int{500, 503, 200} {
		want(t, send(t, s, s.AdminToken(), "GET", tokensPath, nil), code)
	}
	if hits := s.Hits(); !slices.Equal(hits, []int{1, 1, 0}) {
		t.Errorf("hits %v", hits)
	}
	s.Plan()
	if len(s.Hits()) != 0 {
		t.Error("the old plan is still there")
	}
}

func TestPlanRefusesRulesThatCannotMatch(t *testing.T) {
	for name, rule := range map[string]Rule{
		"operation": {Operation: "create-tokens"},
		"pattern":   {Path: "/api/["},
		"status":    {Fault: StatusAfter},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: taken", name)
				}
			}()
			s, _ := newSim(t)
			s.Plan(rule)
		}()
	}
}

// Something in front of the service answered: last_used does not move.
func TestStatusBeforeIsNoUse(t *testing.T) {
	s, _ := newSim(t)
	s.Plan(Rule{Fault: StatusBefore, Status: 503, RetryAfter: 30 * time.Second})
	g := send(t, s, s.AdminToken(), "GET", tokensPath, nil)
	if g.header.Get("Retry-After") != "30" {
		t.Errorf("Retry-After %q", g.header.Get("Retry-After"))
	}
	if admin := s.Tokens()[0]; admin.Uses != 0 {
		t.Errorf("%d uses", admin.Uses)
	}
}

func TestLostPermission(t *testing.T) {
	s, _ := newSim(t)
	admin := s.AdminToken()
	id, other := s.AddToken(SeedToken{Name: "other", Grants: []SeedGrant{{PermissionSet: "account_admin"}}})
	adminID, _ := s.TokenByValue(admin)
	s.Plan(Rule{Operation: "get-token", Nth: 1, Fault: LostPermission})
	want(t, send(t, s, admin, "GET", tokensPath, nil), 200)
	want(t, send(t, s, admin, "GET", tokenPath(id), nil), 404)
	for _, path := range []string{tokensPath, tokenPath(id), "/api/v3/accounts/", mappingsList + "?project_id=1"} {
		want(t, send(t, s, admin, "GET", path, nil), 404)
	}
	want(t, send(t, s, admin, "DELETE", tokenPath(id), nil), 404)
	want(t, send(t, s, other, "GET", tokenPath(id), nil), 200)
	s.Restore(adminID)
	want(t, send(t, s, admin, "GET", tokensPath, nil), 200)
}

// A hook may look at and change the simulator, and panic out of the run; the
// simulator goes on afterwards.
func TestHooks(t *testing.T) {
	s, _ := newSim(t)
	var seen []int
	count := func() { seen = append(seen, len(s.ActiveByName("new"))) }
	s.Plan(Rule{Operation: "create-token", Nth: 1, Before: count, After: count})
	want(t, send(t, s, s.AdminToken(), "POST", tokensPath, create), 201)
	if !slices.Equal(seen, []int{0, 1}) {
		t.Errorf("seen %v", seen)
	}
	for _, tt := range []struct {
		rule  Rule
		after int
	}{
		{Rule{Before: func() { panic("crash") }}, 1},
		{Rule{After: func() { panic("crash") }}, 2},
	} {
		s.Plan(tt.rule)
		func() {
			defer func() {
				if recover() != "crash" {
					t.Error("no crash")
				}
			}()
			_, _ = try(t, s, s.AdminToken(), "POST", tokensPath, create)
		}()
		s.Plan()
		if n := len(s.ActiveByName("new")); n != tt.after {
			t.Errorf("%d, want %d", n, tt.after)
		}
	}
}

// A hook that ends the context stands for a signal: before the effect nothing
// happens, after it the reply is lost.
func TestContextEndsInAHook(t *testing.T) {
	for _, after := range []bool{false, true} {
		s, _ := newSim(t)
		ctx, cancel := context.WithCancel(t.Context())
		rule := Rule{Before: cancel}
		if after {
			rule = Rule{After: cancel}
		}
		s.Plan(rule)
		r, err := http.NewRequestWithContext(ctx, "POST", "http://sim"+tokensPath, strings.NewReader(create))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Token "+s.AdminToken())
		if _, err := s.RoundTrip(r); !errors.Is(err, context.Canceled) {
			t.Errorf("after=%v: %v", after, err)
		}
		if made := len(s.ActiveByName("new")) == 1; made != after {
			t.Errorf("after=%v: created %v", after, made)
		}
	}
}

// In virtual time delays cost nothing, and the context ends them.
func TestDelaysInVirtualTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Options{Latency: time.Second})
		s.Plan(Rule{Nth: 1, Delay: 20 * time.Second, DelayReply: 9 * time.Second}, Rule{Nth: 2, Times: -1, Delay: time.Hour})
		start := time.Now()
		want(t, send(t, s, s.AdminToken(), "POST", tokensPath, create), 201)
		if took := time.Since(start); took != 30*time.Second {
			t.Errorf("took %v", took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		r, err := http.NewRequestWithContext(ctx, "POST", "http://sim"+tokensPath, strings.NewReader(create))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Token "+s.AdminToken())
		start = time.Now()
		if _, err := s.RoundTrip(r); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Minute {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		if n := len(s.ActiveByName("new")); n != 1 {
			t.Errorf("%d created: one was given up", n)
		}
	})
}

// The create whose sender gave up and which happens all the same, later: a
// lookup in between does not see it.
func TestTimeoutLate(t *testing.T) {
	s, c := newSim(t)
	s.Plan(Rule{Operation: "create-token", Fault: TimeoutLate, Late: 4 * time.Second, Nth: 1})
	if _, err := try(t, s, s.AdminToken(), "POST", tokensPath, create); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("error %v", err)
	}
	c.advance(3 * time.Second)
	if n := send(t, s, s.AdminToken(), "GET", tokensPath, nil).extra.Pagination.Total; n != 1 {
		t.Errorf("%d tokens, too early", n)
	}
	c.advance(5 * time.Second)
	if n := send(t, s, s.AdminToken(), "GET", tokensPath, nil).extra.Pagination.Total; n != 2 {
		t.Errorf("%d tokens, want it by now", n)
	}
	made := s.ActiveByName("new")[0]
	if at := strings.NewReplacer(" ", "T", "+00:00", "Z").Replace(string(made.CreatedAt)); at != `"2026-11-23T02:15:08.123456Z"` {
		t.Errorf("created at %s, not four seconds after it was sent", made.CreatedAt)
	}
	if line := s.Requests()[0]; !line.Effect || line.Status != 201 {
		t.Errorf("logged as %+v", line)
	}
}
