// Package awstest plays AWS Secrets Manager for tests: one account and region,
// in memory, over the service's own protocol (AWS JSON 1.1). It keeps the rules
// that its tests list, each with its source: versions and staging labels,
// ClientRequestToken, tags, deletion, quotas, and IAM policies as far as package
// awssm needs them. Signatures are not verified, only who signed for which region.
package awstest

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// Where secrets are, unless Server.Region says otherwise.
const (
	DefaultRegion = "eu-west-1"
	Account       = "123456789012"
)

// Server is the service. The zero value is ready. It is an http.Handler, to be
// served over loopback to several processes, and an http.RoundTripper, to be
// called without a socket. Its fields are set before the first request.
type Server struct {
	// Region is what requests must be signed for; empty: DefaultRegion.
	Region string
	// AccessKeys are the access key ids that the service knows; nil: every one.
	AccessKeys []string
	// MaxVersions is the quota of versions of a secret; 0: none.
	MaxVersions int
	// Now is the clock of versions and deletions; nil: time.Now.
	Now func() time.Time

	// Observe hears of every change at the instant that it is made, before
	// anybody can see it. The server is locked: it must not be called from there.
	Observe func(Change)
	// Before is asked before a request takes effect, After when it has: what they
	// return is answered instead. They are called without a lock and may use the
	// server, as somebody else would in between.
	Before, After func(Call) *Fault

	mu      sync.Mutex
	secrets map[string]*secret // by name
	policy  []statement        // nil: everything is allowed
	denied  map[string]bool    // by action, space and name
	seen    map[string]int     // by action
	last    int                // of the suffixes of ARNs
}

// Change is what a secret holds after a change. All is empty once it is deleted
// for good.
type Change struct {
	Action  string // of the API; or "by hand"
	Name    string
	Version string // that AWSCURRENT is attached to; empty: none
	Current string // its text
	Tags    map[string]string
}

// Call is one request.
type Call struct {
	Action   string // PutSecretValue
	SecretID string // name or ARN, as it was given
	Stage    string // of an UpdateSecretVersionStage or a GetSecretValue
	N        int    // 1 for the first request of this action
}

// Fault is an answer that takes the place of the service's own.
type Fault struct {
	Reset  bool   // the connection ends without an answer
	Status int    // else the HTTP status
	Code   string // with the service's name for the error, in its format
	Body   string // or with this text, as a proxy would
}

// failure is how the service refuses.
type failure struct {
	status        int
	code, message string
}

func refuse(code, format string, args ...any) *failure {
	return &failure{status: http.StatusBadRequest, code: code, message: fmt.Sprintf(format, args...)}
}

// reply is what a request is answered with.
type reply struct {
	status int
	body   []byte
	reset  bool
}

func (f *failure) reply() reply {
	body, _ := json.Marshal(map[string]string{"__type": f.code, "Message": f.message})
	return reply{status: f.status, body: body}
}

func (f *Fault) reply() reply {
	if f.Code != "" {
		return (&failure{f.Status, f.Code, "a fault of the test"}).reply()
	}
	return reply{status: f.Status, body: []byte(f.Body), reset: f.Reset}
}

// scope reads who signed, and for what, from an Authorization header.
var scope = regexp.MustCompile(`^AWS4-HMAC-SHA256 Credential=([^/]+)/\d{8}/([^/]+)/([^/]+)/aws4_request,`)

// authenticate checks who signed and for which region, not the signature.
func (s *Server) authenticate(authorization string) *failure {
	signed := scope.FindStringSubmatch(authorization)
	switch {
	case signed == nil:
		return refuse("MissingAuthenticationTokenException", "Missing Authentication Token")
	case s.AccessKeys != nil && !slices.Contains(s.AccessKeys, signed[1]):
		return refuse("UnrecognizedClientException", "The security token included in the request is invalid.")
	case signed[2] != s.region() || signed[3] != "secretsmanager":
		return refuse("InvalidSignatureException", "Credential should be scoped to a valid region.")
	}
	return nil
}

// serve answers one request.
func (s *Server) serve(req *http.Request) reply {
	action, ours := strings.CutPrefix(req.Header.Get("X-Amz-Target"), "secretsmanager.")
	act, known := actions[action]
	if req.Method != http.MethodPost || req.URL.Path != "/" || !ours || !known || req.Header.Get("Content-Type") != "application/x-amz-json-1.1" {
		return refuse("UnknownOperationException", "no such operation").reply()
	}
	if f := s.authenticate(req.Header.Get("Authorization")); f != nil {
		return f.reply()
	}
	var in request
	text, err := io.ReadAll(req.Body)
	if err != nil || json.Unmarshal(text, &in) != nil {
		return refuse("SerializationException", "the request is not JSON").reply()
	}
	call := Call{Action: action, SecretID: in.SecretID + in.Name, Stage: in.VersionStage}
	s.mu.Lock()
	if s.seen == nil {
		s.seen = map[string]int{}
	}
	s.seen[action]++
	call.N = s.seen[action]
	s.mu.Unlock()

	if s.Before != nil {
		if fault := s.Before(call); fault != nil {
			return fault.reply()
		}
	}
	s.mu.Lock()
	var out any
	f := s.authorize(action, in)
	if f == nil {
		out, f = act(s, in)
	}
	s.mu.Unlock()
	if s.After != nil {
		if fault := s.After(call); fault != nil {
			return fault.reply()
		}
	}
	if f != nil {
		return f.reply()
	}
	body, err := json.Marshal(out)
	if err != nil {
		panic(err)
	}
	return reply{status: http.StatusOK, body: body}
}

// Seen says how many requests of each action there were.
func (s *Server) Seen() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.seen)
}

func (s *Server) region() string {
	if s.Region == "" {
		return DefaultRegion
	}
	return s.Region
}

func (s *Server) now() time.Time {
	if s.Now == nil {
		return time.Now()
	}
	return s.Now()
}

// changed tells Observe. The lock is held.
func (s *Server) changed(action string, x *secret) {
	if s.Observe == nil {
		return
	}
	c := Change{Action: action, Name: x.name, Tags: maps.Clone(x.tags)}
	if v := x.at(current); v != nil && s.secrets[x.name] == x {
		c.Version, c.Current = v.id, v.text()
	}
	s.Observe(c)
}
