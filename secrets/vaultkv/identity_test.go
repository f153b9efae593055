package vaultkv_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/hashicorp/vault/api"

	"github.com/tokenwarden/tokenwarden/secrets"
	"github.com/tokenwarden/tokenwarden/secrets/vaultkv"
)

func tlsFile(path string) api.TLSConfig { return api.TLSConfig{CACert: path} }

func TestGitHubActions(t *testing.T) {
	var asked *http.Request
	identity := vaultkv.GitHubActions{
		URL: "https://run.actions.invalid/token?version=1", Token: secrets.NewValue("request-token"), Audience: "https://vault.example.com",
		Transport: transport(func(req *http.Request) (*http.Response, error) {
			asked = req
			return reply(200, "application/json", `{"count":1,"value":"ey.JWT"}`)(req)
		}),
	}
	jwt, err := identity.JWT(t.Context())
	if err != nil || jwt.Reveal() != "ey.JWT" {
		t.Fatalf("%d bytes, %v", len(jwt.Reveal()), err)
	}
	query := url.Values{"version": {"1"}, "audience": {"https://vault.example.com"}}
	if asked.URL.RawQuery != query.Encode() && asked.URL.Query().Encode() != query.Encode() {
		t.Errorf("asked with %s", asked.URL.RawQuery)
	}
	if got := asked.Header.Get("Authorization"); got != "Bearer request-token" {
		t.Errorf("authorised by %q", got)
	}

	for name, answer := range map[string]transport{
		"refused":  reply(403, "application/json", `{"message":"request-token is not good"}`),
		"empty":    reply(200, "application/json", `{}`),
		"no JSON":  reply(200, "text/html", `<html>`),
		"no reply": func(*http.Request) (*http.Response, error) { return nil, errors.New("down: request-token") },
	} {
		identity.Transport = answer
		_, err := identity.JWT(t.Context())
		if err == nil || !strings.Contains(err.Error(), "GitHub Actions") || strings.Contains(err.Error(), "request-token") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The login hands Vault a request that it can send as it is. That a real Vault
// takes it is tested with one, in realvault.
func TestAWSRequest(t *testing.T) {
	var body map[string]string
	client, err := api.NewClient(&api.Config{Address: "http://vault.test", HttpClient: &http.Client{Transport: transport(func(req *http.Request) (*http.Response, error) {
		if err := json.NewDecoder(req.Body).Decode(&body); err != nil {
			t.Error(err)
		}
		body["path"] = req.URL.Path
		return reply(200, "application/json", `{"auth":{"client_token":"hvs.x"}}`)(req)
	})}})
	if err != nil {
		t.Fatal(err)
	}
	decode := func(name string) string {
		text, err := base64.StdEncoding.DecodeString(body[name])
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		return string(text)
	}
	credentials := aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "the secret key", SessionToken: "session"}, nil
	})
	at := time.Date(2026, 11, 23, 2, 0, 0, 0, time.UTC)
	method := vaultkv.AWS{Mount: "aws/prod", Role: "cron", ServerID: "vault.example.com", Credentials: credentials, Now: func() time.Time { return at }}
	if _, err := method.Login(t.Context(), client); err != nil {
		t.Fatal(err)
	}
	if body["path"] != "/v1/auth/aws/prod/login" || body["role"] != "cron" || body["iam_http_request_method"] != "POST" {
		t.Errorf("body is %v", body)
	}
	if got := decode("iam_request_url"); got != "https://sts.amazonaws.com/" {
		t.Errorf("url is %s", got)
	}
	if got := decode("iam_request_body"); got != "Action=GetCallerIdentity&Version=2011-06-15" {
		t.Errorf("body is %s", got)
	}
	var headers http.Header
	if err := json.Unmarshal([]byte(decode("iam_request_headers")), &headers); err != nil {
		t.Fatal(err)
	}
	authorization := headers.Get("Authorization")
	for _, part := range []string{"AKIDEXAMPLE/20261123/us-east-1/sts/aws4_request", "x-vault-aws-iam-server-id", "x-amz-security-token", "content-type", "host"} {
		if !strings.Contains(authorization, part) {
			t.Errorf("%q is not signed: %s", part, authorization)
		}
	}
	if strings.Contains(decode("iam_request_headers"), "the secret key") {
		t.Error("the secret key is sent")
	}

	method.Region = "eu-central-1"
	if _, err := method.Login(t.Context(), client); err != nil {
		t.Fatal(err)
	}
	if got := decode("iam_request_url"); got != "https://sts.eu-central-1.amazonaws.com/" {
		t.Errorf("url is %s", got)
	}
	method.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{}, errors.New("the secret key is bad")
	})
	if _, err := method.Login(t.Context(), client); err == nil || !strings.Contains(err.Error(), "no AWS credentials") || strings.Contains(err.Error(), "secret key") {
		t.Errorf("without credentials: %v", err)
	}
}
