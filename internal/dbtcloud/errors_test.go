package dbtcloud

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tokenwarden/tokenwarden/secrets"
)

func TestErrorsTellWhatIsWrong(t *testing.T) {
	const html = "<html><body>Bad gateway</body></html>"
	for name, tc := range map[string]struct {
		reply *http.Response
		kind  Kind
		says  []string
		// write is whether a write with this answer may have happened.
		write bool
	}{
		"wrong host or dead token": {response(401, recorded(t, "error_401_invalid_token.json")), KindUnauthorized,
			[]string{`: "Invalid token.": the host`, testHost, "host may be the wrong one", "unpaid", "dead"}, false},
		"unpaid account": {response(401, recorded(t, "error_401_unpaid.json")), KindUnauthorized,
			[]string{"not accessible to unpaid accounts", testHost}, false},
		"missing permission": {response(404, recorded(t, "error_404_no_permission.json")), KindNotFound,
			[]string{"proper permissions", "does not exist", "lacks the permission"}, false},
		"IP restriction": {response(403, recorded(t, "error_403_ip_restricted.json")), KindIPRestricted,
			[]string{"Access denied", "IP restrictions"}, false},
		"forbidden": {response(403, `{"status": {"user_message": "No."}, "data": {"account_access_denied": false}}`), KindForbidden, []string{"No."}, false},
		"invalid": {response(400, recorded(t, "error_400_invalid.json")), KindInvalid,
			[]string{"double check", "name: This field is required."}, false},
		"invalid, nested":       {response(422, `{"data": {"grants": [{"permission_set": ["unknown", "bad"]}], "n": 3}}`), KindInvalid, []string{"permission_set: unknown; permission_set: bad"}, false},
		"conflict":              {response(409, `{}`), KindInvalid, nil, false},
		"gone":                  {response(410, `{}`), KindNotFound, nil, false},
		"request timeout":       {response(408, `{}`), KindServer, nil, true},
		"server":                {response(503, `{"status": {"user_message": "later"}}`), KindServer, []string{"503", "later"}, true},
		"server HTML":           {response(502, html), KindServer, []string{"502"}, true},
		"throttled":             {response(429, `{}`), KindThrottled, []string{"wait 5m0s"}, true},
		"HTML with 200":         {response(200, html), KindMalformed, nil, true},
		"half a body":           {response(200, `{"status": {"code": 200}, "data": {"id": 90`), KindMalformed, nil, true},
		"no body":               {response(200, ``), KindMalformed, nil, true},
		"a list":                {response(200, `[]`), KindMalformed, nil, true},
		"null":                  {response(200, `null`), KindMalformed, nil, true},
		"two bodies":            {response(200, `{} {}`), KindMalformed, nil, true},
		"no data":               {response(200, `{}`), KindMalformed, nil, true},
		"a proxy's 404":         {response(404, html), KindNotFound, nil, true},
		"a proxy's 403":         {response(403, ``), KindForbidden, nil, true},
		"success that is none":  {response(200, `{"status": {"code": 400, "user_message": "no"}, "data": null}`), KindInvalid, []string{"contradict", "no"}, true},
		"unsuccessful success":  {response(200, `{"status": {"is_success": false}, "data": null}`), KindMalformed, nil, true},
		"moved":                 {response(301, ``, "Location", "https://new.us2.dbt.com/api/v3/?x=hunter2"), KindRedirect, []string{"https://new.us2.dbt.com:", "configuration"}, false},
		"a foreign login":       {response(302, ``, "Location", "https://login.example.com/"), KindRedirect, []string{"login.example.com"}, true},
		"see other":             {response(303, ``), KindRedirect, nil, true},
		"redirect to nowhere":   {response(307, ``, "Location", "http://[::bad"), KindRedirect, []string{"without saying where"}, false},
		"downgrade":             {response(307, ``, "Location", "http://ab123.us1.dbt.com/"), KindRedirect, []string{"plain http"}, false},
		"status outside of all": {response(200+700, `{}`), KindServer, nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			transport := answers(tc.reply)
			c := newTestClient(t, transport, impatient)
			_, _, err := c.CreateServiceToken(context.Background(), NewServiceToken{Name: "x"})
			if KindOf(err) != tc.kind {
				t.Fatalf("kind %v (%v), want %v", KindOf(err), err, tc.kind)
			}
			if MayHaveHappened(fmt.Errorf("rotating: %w", err)) != tc.write {
				t.Errorf("MayHaveHappened(%v) = %v", err, !tc.write)
			}
			if n := transport.count(); n != 1 {
				t.Errorf("a write was sent %d times", n)
			}
			e, _ := errors.AsType[*Error](err)
			if e.Status != tc.reply.StatusCode || e.Host != testHost || !e.Date.Equal(serverTime) {
				t.Errorf("status %d, host %q, date %v", e.Status, e.Host, e.Date)
			}
			for _, s := range tc.says {
				if !strings.Contains(err.Error(), s) {
					t.Errorf("%q is missing in: %v", s, err)
				}
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error repeats a query: %v", err)
			}
		})
	}
}

func TestUnsentWritesDidNotHappen(t *testing.T) {
	transport := answers(ok("{}"))
	canceled, cancel := context.WithCancel(context.Background())
	cancel()
	c := newTestClient(t, transport)
	for name, err := range map[string]error{
		"no grants":     c.SetPermissions(context.Background(), 1, nil),
		"deleted grant": c.SetPermissions(context.Background(), 1, []Grant{{PermissionSet: "owner", State: Deleted}}),
		"canceled":      c.DeleteServiceToken(canceled, 1),
		"no credential": c.service.As(zeroValue).DeleteServiceToken(context.Background(), 1),
		"deleted grant in a create": func() error {
			_, _, err := c.CreateServiceToken(context.Background(), NewServiceToken{Grants: []Grant{{PermissionSet: "owner", State: Deleted}}})
			return err
		}(),
	} {
		if err == nil || MayHaveHappened(err) {
			t.Errorf("%s: %v may have happened", name, err)
		}
	}
	if n := transport.count(); n != 0 {
		t.Errorf("%d requests were sent", n)
	}
	if !MayHaveHappened(errors.New("somebody else's")) || !MayHaveHappened(&Error{Kind: KindCanceled}) {
		t.Error("what is not known must count as possible")
	}
}

func TestKindOf(t *testing.T) {
	if KindOf(nil) != 0 || KindOf(errors.New("x")) != 0 {
		t.Error("a foreign error has a kind")
	}
	for k := KindUnauthorized; k <= KindCanceled; k++ {
		if KindOf(fmt.Errorf("a: %w", errors.Join(errors.New("b"), &Error{Kind: k}))) != k {
			t.Errorf("kind %d is lost by wrapping", k)
		}
		if k.String() == "none" || k.String() == "" {
			t.Errorf("kind %d has no name", k)
		}
	}
	if Kind(0).String() != "none" || Kind(99).String() != "none" {
		t.Error("no kind has a name")
	}
}

func TestTransportErrors(t *testing.T) {
	cause := errors.New("connection reset by peer")
	transport := &fake{answer: func(int, *http.Request) (*http.Response, error) { return nil, cause }}
	c := newTestClient(t, transport, impatient)
	err := c.DeleteServiceToken(context.Background(), 777)
	if KindOf(err) != KindTransport || !errors.Is(err, cause) || !MayHaveHappened(err) || transport.count() != 1 {
		t.Errorf("%v (%v), %d requests", err, KindOf(err), transport.count())
	}
	if want := "deleting service token 777 at " + testHost + ": no answer: connection reset by peer"; err.Error() != want {
		t.Errorf("got  %s\nwant %s", err, want)
	}
}

func TestCanceledWhileWaitingForTheAnswer(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	transport := &fake{answer: func(_ int, r *http.Request) (*http.Response, error) {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}}
	c := newTestClient(t, transport)
	err := c.DeleteServiceToken(ctx, 777)
	if KindOf(err) != KindCanceled || !errors.Is(err, context.DeadlineExceeded) || !MayHaveHappened(err) {
		t.Errorf("%v (%v)", err, KindOf(err))
	}
}

func TestCauseNeverQuotesTheCredential(t *testing.T) {
	const short = "old-hunter2" // nothing but knowing it tells that this is a token
	transport := &fake{answer: func(int, *http.Request) (*http.Response, error) {
		return nil, errors.New("cannot send \"Token " + short + "\"")
	}}
	err := newTestService(t, transport).As(secrets.NewValue(short)).DeleteServiceToken(context.Background(), 1)
	if all := fmt.Sprintf("%v %#v %v", err, err, errors.Unwrap(err)); strings.Contains(all, short) || !strings.Contains(all, "cannot send") {
		t.Error(all)
	}
}
