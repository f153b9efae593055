package awstest

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
)

func TestAccess(t *testing.T) {
	run(t, []rule{
		{"requests name the action in X-Amz-Target, and failures theirs in __type", protocol, func(t *testing.T, w *world) {
			w.fails(t, "UnknownOperationException", "NoSuchAction", object{})
			w.fails(t, "ResourceNotFoundException", "DescribeSecret", object{"SecretId": "x"})
		}},
		{"a request must be signed, by a known key, for this region", "docs.aws.amazon.com/secretsmanager/latest/apireference/CommonErrors.html", func(t *testing.T, w *world) {
			w.AccessKeys = []string{"OTHER"}
			w.fails(t, "UnrecognizedClientException", "DescribeSecret", object{"SecretId": "x"})
			w.AccessKeys = []string{"AKID"}
			w.fails(t, "ResourceNotFoundException", "DescribeSecret", object{"SecretId": "x"})
			for authorization, want := range map[string]string{
				"": "MissingAuthenticationTokenException",
				"AWS4-HMAC-SHA256 Credential=AKID/20261123/us-east-1/secretsmanager/aws4_request, Signature=0": "InvalidSignatureException",
			} {
				req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://x/", strings.NewReader("{}"))
				req.Header = http.Header{"X-Amz-Target": {"secretsmanager.DescribeSecret"}, "Content-Type": {contentType}, "Authorization": {authorization}}
				if _, code := answer(t, w, req); code != want {
					t.Errorf("%q: %s, want %s", authorization, code, want)
				}
			}
		}},
		{"a policy allows actions on resources, and nothing else", iam, func(t *testing.T, w *world) {
			w.create(t)
			w.Set("other", "v")
			if err := w.Attach([]byte(`{"Statement":[{"Effect":"Allow","Action":"secretsmanager:GetSecretValue","Resource":"arn:aws:secretsmanager:*:*:secret:x-??????"}]}`)); err != nil {
				t.Fatal(err)
			}
			w.must(t, "GetSecretValue", object{"SecretId": "x"})
			w.must(t, "GetSecretValue", object{"SecretId": w.ARN("x")})
			w.fails(t, "AccessDeniedException", "GetSecretValue", object{"SecretId": "other"})
			w.fails(t, "AccessDeniedException", "DescribeSecret", object{"SecretId": "x"})
			w.fails(t, "AccessDeniedException", "GetSecretValue", object{"SecretId": "missing"})
		}},
		{"creating with tags needs TagResource too", reference + "API_CreateSecret.html", func(t *testing.T, w *world) {
			if err := w.Attach([]byte(`{"Statement":[{"Effect":"Allow","Action":["secretsmanager:CreateSecret"],"Resource":["*"]}]}`)); err != nil {
				t.Fatal(err)
			}
			w.must(t, "CreateSecret", object{"Name": "y"})
			w.fails(t, "AccessDeniedException", "CreateSecret", object{"Name": "x", "Tags": []tag{{"a", ""}}})
		}},
		{"a condition may limit the keys of tags", iam + " (aws:TagKeys)", func(t *testing.T, w *world) {
			w.create(t)
			if err := w.Attach([]byte(`{"Statement":[{"Effect":"Allow","Action":["secretsmanager:TagResource","secretsmanager:UntagResource"],"Resource":"*",
				"Condition":{"ForAllValues:StringLike":{"aws:TagKeys":"our-*"}}}]}`)); err != nil {
				t.Fatal(err)
			}
			w.must(t, "TagResource", object{"SecretId": "x", "Tags": []tag{{"our-a", ""}}})
			w.fails(t, "AccessDeniedException", "TagResource", object{"SecretId": "x", "Tags": []tag{{"our-a", ""}, {"theirs", ""}}})
			w.fails(t, "AccessDeniedException", "UntagResource", object{"SecretId": "x", "TagKeys": []string{"theirs"}})
		}},
		{"a denial beats what allows, and comes before the secret's state", "docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html", func(t *testing.T, w *world) {
			w.create(t)
			w.Schedule("x")
			w.Deny("x", "GetSecretValue")
			w.fails(t, "AccessDeniedException", "GetSecretValue", object{"SecretId": "x"})
			w.fails(t, "InvalidRequestException", "PutSecretValue", object{"SecretId": "x"})
		}},
	})
}

func TestAttachRefusesWhatItCannotPlay(t *testing.T) {
	for _, policy := range []string{
		`{"Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}`,
		`{"Statement":[{"Effect":"Allow","Resource":"*"}]}`,
		`{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:TagKeys":"x"}}}]}`,
		`not JSON`,
	} {
		if err := new(Server).Attach([]byte(policy)); err == nil {
			t.Errorf("%s was accepted", policy)
		}
	}
}

// Hooks see every request, may act as somebody else, and replace the answer:
// before the effect or after it.
func TestHooks(t *testing.T) {
	w := &world{Server: &Server{}}
	w.create(t)
	var calls []Call
	w.Before = func(c Call) *Fault {
		calls = append(calls, c)
		w.Set("seen", c.Action) // no lock is held
		if c.N == 2 && c.Action == "PutSecretValue" {
			return &Fault{Status: 503, Body: "busy"}
		}
		return nil
	}
	w.After = func(c Call) *Fault {
		if c.Action == "UpdateSecretVersionStage" {
			return &Fault{Status: 500, Code: "InternalServiceError"}
		}
		return nil
	}
	w.put(t, 2, "AWSPENDING")
	w.fails(t, "InternalServiceError", "UpdateSecretVersionStage", w.move("AWSCURRENT", 2, 1))
	w.stages(t, "1:AWSPREVIOUS 2:AWSCURRENT,AWSPENDING")
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://x/", strings.NewReader(`{"SecretId":"x"}`))
	req.Header = http.Header{"X-Amz-Target": {"secretsmanager.PutSecretValue"}, "Content-Type": {contentType},
		"Authorization": {"AWS4-HMAC-SHA256 Credential=A/20261123/eu-west-1/secretsmanager/aws4_request,"}}
	resp, err := w.RoundTrip(req)
	if err != nil || resp.StatusCode != 503 {
		t.Fatalf("%v, %v", resp, err)
	}
	if text, _ := io.ReadAll(resp.Body); string(text) != "busy" {
		t.Errorf("%q", text)
	}
	if len(calls) != 3 || calls[1] != (Call{Action: "UpdateSecretVersionStage", SecretID: "x", Stage: "AWSCURRENT", N: 1}) || calls[2].N != 2 {
		t.Errorf("%+v", calls)
	}
	if seen := w.Seen(); seen["PutSecretValue"] != 2 || w.Value("seen", "AWSCURRENT") != "PutSecretValue" {
		t.Errorf("%v", seen)
	}
}

// A reset is one without a socket and with one.
func TestReset(t *testing.T) {
	s := &Server{Before: func(Call) *Fault { return &Fault{Reset: true} }}
	web := httptest.NewServer(s)
	defer web.Close()
	request := func(url string) *http.Request {
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/", strings.NewReader("{}"))
		req.Header = http.Header{"X-Amz-Target": {"secretsmanager.GetSecretValue"}, "Content-Type": {contentType},
			"Authorization": {"AWS4-HMAC-SHA256 Credential=A/20261123/eu-west-1/secretsmanager/aws4_request,"}}
		return req
	}
	if _, err := s.RoundTrip(request("https://x")); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("in process: %v", err)
	}
	if resp, err := http.DefaultClient.Do(request(web.URL)); err == nil {
		t.Errorf("over a socket: status %d", resp.StatusCode)
	}
}
