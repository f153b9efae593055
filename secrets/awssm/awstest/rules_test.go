package awstest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Where the rules are written down. Each test of a rule names one of them.
const (
	reference = "docs.aws.amazon.com/secretsmanager/latest/apireference/"
	guide     = "docs.aws.amazon.com/secretsmanager/latest/userguide/"
	iam       = "docs.aws.amazon.com/service-authorization/latest/reference/list_awssecretsmanager.html"
	protocol  = "smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html"
	assumed   = "assumption: the documentation does not say"
)

// rule is one thing that package awssm relies on.
type rule struct {
	name   string
	source string
	test   func(*testing.T, *world)
}

// world is a fresh service, a clock, and what it told Observe.
type world struct {
	*Server
	clock   time.Time
	changes []Change
}

func run(t *testing.T, rules []rule) {
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) {
			if r.source == "" {
				t.Error("the rule has no source")
			}
			w := &world{Server: &Server{}, clock: time.Date(2026, 11, 23, 2, 0, 0, 0, time.UTC)}
			w.Now = func() time.Time { return w.clock }
			w.Observe = func(c Change) { w.changes = append(w.changes, c) }
			r.test(t, w)
		})
	}
}

type object = map[string]any

// call makes a signed request and returns the answer and the error's name.
func (w *world) call(t *testing.T, action string, in object) (out object, code string) {
	t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://secretsmanager.eu-west-1.amazonaws.com/", strings.NewReader(string(body)))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Amz-Target", "secretsmanager."+action)
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKID/20261123/"+w.region()+"/secretsmanager/aws4_request, SignedHeaders=host, Signature=0")
	return answer(t, w, req)
}

func answer(t *testing.T, w *world, req *http.Request) (out object, code string) {
	t.Helper()
	resp, err := w.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(resp.Body)
	if err != nil || json.Unmarshal(text, &out) != nil {
		t.Fatalf("the answer is %q, %v", text, err)
	}
	code, _ = out["__type"].(string)
	if (code == "") != (resp.StatusCode == http.StatusOK) {
		t.Errorf("status %d with error %q", resp.StatusCode, code)
	}
	return out, code
}

func (w *world) must(t *testing.T, action string, in object) object {
	t.Helper()
	out, code := w.call(t, action, in)
	if code != "" {
		t.Fatalf("%s: %s: %v", action, code, out["Message"])
	}
	return out
}

func (w *world) fails(t *testing.T, want, action string, in object) {
	t.Helper()
	if _, code := w.call(t, action, in); code != want {
		t.Errorf("%s answers %q, want %q", action, code, want)
	}
}

// id is a version id that ends in n.
func id(n int) string { return fmt.Sprintf("00000000-0000-8000-8000-%012d", n) }

// create makes secret x with the value "v1" as version 1.
func (w *world) create(t *testing.T) {
	t.Helper()
	w.must(t, "CreateSecret", object{"Name": "x", "SecretString": "v1", "ClientRequestToken": id(1)})
}

// put adds version n with the value "v<n>".
func (w *world) put(t *testing.T, n int, stages ...string) object {
	t.Helper()
	in := object{"SecretId": "x", "SecretString": fmt.Sprint("v", n), "ClientRequestToken": id(n)}
	if stages != nil {
		in["VersionStages"] = stages
	}
	return w.must(t, "PutSecretValue", in)
}

// stages checks which version has which staging labels: "1:AWSCURRENT 2:A,B".
func (w *world) stages(t *testing.T, want string) {
	t.Helper()
	all := w.Stages("x")
	var got []string
	for n := range 300 {
		if s := all[id(n)]; s != nil {
			got = append(got, fmt.Sprintf("%d:%s", n, strings.Join(s, ",")))
		}
	}
	if g := strings.Join(got, " "); g != want {
		t.Errorf("staging labels %q, want %q", g, want)
	}
}

func (w *world) move(stage string, to, from int) object {
	in := object{"SecretId": "x", "VersionStage": stage}
	if to != 0 {
		in["MoveToVersionId"] = id(to)
	}
	if from != 0 {
		in["RemoveFromVersionId"] = id(from)
	}
	return in
}
