package awssm_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/tokenwarden/tokenwarden/secrets"
	"github.com/tokenwarden/tokenwarden/secrets/awssm"
	"github.com/tokenwarden/tokenwarden/secrets/awssm/awstest"
)

// What a person sees for each answer of the service, in words, with an error to
// decide on, and after how many tries of a read.
func TestErrorsInWords(t *testing.T) {
	isolate(t)
	for name, c := range map[string]struct {
		fault awstest.Fault
		want  error
		words string
		tries int
	}{
		"throttled":      {awstest.Fault{Status: 400, Code: "ThrottlingException"}, secrets.ErrUnavailable, "throttles", 3},
		"server error":   {awstest.Fault{Status: 500, Code: "InternalServiceError"}, secrets.ErrUnavailable, "status 500", 3},
		"a proxy's 503":  {awstest.Fault{Status: 503, Body: "<html>"}, secrets.ErrUnavailable, "status 503", 3},
		"a proxy's 200":  {awstest.Fault{Status: 200, Body: "<html>"}, secrets.ErrUnavailable, "not AWS Secrets Manager", 1},
		"reset":          {awstest.Fault{Reset: true}, secrets.ErrUnavailable, "ended the connection", 3},
		"redirect":       {awstest.Fault{Status: 307, Body: ""}, secrets.ErrUnavailable, "redirect", 1},
		"expired":        {awstest.Fault{Status: 400, Code: "ExpiredTokenException"}, secrets.ErrDenied, "have expired", 1},
		"wrong secret":   {awstest.Fault{Status: 400, Code: "InvalidSignatureException"}, secrets.ErrDenied, "signature", 1},
		"unknown key":    {awstest.Fault{Status: 400, Code: "UnrecognizedClientException"}, secrets.ErrDenied, "access key", 1},
		"KMS":            {awstest.Fault{Status: 400, Code: "DecryptionFailure"}, secrets.ErrRefused, "KMS key is disabled", 1},
		"something new":  {awstest.Fault{Status: 400, Code: "Weird\x1b[31mException"}, nil, "Weird [31mException", 1},
		"endless answer": {awstest.Fault{Status: 200, Body: `{"Name":"` + strings.Repeat("x", 2<<20)}, secrets.ErrUnavailable, "larger than", 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := &awstest.Server{Before: func(awstest.Call) *awstest.Fault { return &c.fault }}
				_, err := client(server).Read(t.Context(), ref("x", ""))
				if err == nil || !strings.Contains(err.Error(), c.words) || c.want != nil && !errors.Is(err, c.want) {
					t.Errorf("%v, want %q", err, c.words)
				}
				if n := server.Seen()["GetSecretValue"]; n != c.tries {
					t.Errorf("tried %d times, want %d", n, c.tries)
				}
			})
		})
	}
}

// AWS is not quoted about a request that had a value in it.
func TestErrorsHoldNoSecret(t *testing.T) {
	isolate(t)
	for _, code := range []string{"AccessDeniedException", "InvalidParameterException", "ValidationException", "SomethingNew"} {
		echo := awstest.Server{}
		echo.Set("x", "old")
		transport := roundTripper(func(req *http.Request) (*http.Response, error) {
			if strings.HasSuffix(req.Header.Get("X-Amz-Target"), "PutSecretValue") {
				body := `{"__type":"` + code + `","Message":"1 validation error detected: Value '` + token + `' at 'secretString'"}`
				return &http.Response{StatusCode: 400, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: req}, nil
			}
			return echo.RoundTrip(req)
		})
		store := awssm.New(awssm.Config{Credentials: credentials.NewStaticCredentialsProvider("AKID", "s", ""), Transport: transport})
		at := ref("x", "")
		if _, err := write(t, store, at, token, "k", read(t, store, at).Version); err == nil {
			t.Errorf("%s: no error", code)
		}
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// What a newcomer gets wrong.
func TestSettingsInWords(t *testing.T) {
	for name, c := range map[string]struct {
		env   map[string]string
		at    secrets.Ref
		want  error
		words string
	}{
		"no credentials":    {nil, ref("x", ""), secrets.ErrDenied, "there are no AWS credentials"},
		"no region":         {map[string]string{"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}, secrets.Ref{Scheme: "awssm", Path: "x"}, nil, "?region=REGION"},
		"no such profile":   {map[string]string{"AWS_PROFILE": "missing"}, ref("x", ""), secrets.ErrDenied, `no AWS profile "missing"`},
		"plain http":        {map[string]string{"AWS_ENDPOINT_URL": "http://example.com"}, ref("x", ""), nil, "https://"},
		"no endpoint":       {map[string]string{"AWS_ENDPOINT_URL_SECRETS_MANAGER": "example"}, ref("x", ""), nil, "no address"},
		"another's ARN":     {nil, secrets.Ref{Scheme: "awssm", Path: "arn:aws:s3:::bucket"}, nil, "no ARN of a secret"},
		"two regions":       {nil, ref("arn:aws:secretsmanager:us-east-1:1:secret:x-abcdef", ""), nil, "leave out one"},
		"no name":           {nil, ref("x y", ""), nil, "no name of a secret"},
		"another scheme":    {nil, secrets.Ref{Scheme: secrets.Env, Path: "X"}, secrets.ErrNotWritable, "no awssm:// reference"},
		"unreadable config": {map[string]string{"AWS_MAX_ATTEMPTS": "hidden"}, ref("x", ""), nil, "cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			isolate(t)
			for key, value := range c.env {
				t.Setenv(key, value)
			}
			transport := roundTripper(func(req *http.Request) (*http.Response, error) {
				t.Errorf("a request to %s", req.URL.Host)
				return nil, net.ErrClosed
			})
			_, err := awssm.New(awssm.Config{Transport: transport}).Read(t.Context(), c.at)
			if err == nil || !strings.Contains(err.Error(), c.words) || c.want != nil && !errors.Is(err, c.want) || strings.Contains(err.Error(), "hidden") {
				t.Errorf("%v, want %q", err, c.words)
			}
		})
	}
}

// Region, endpoint and credentials come from where AWS tools take them.
func TestSettingsFromTheEnvironment(t *testing.T) {
	for name, env := range map[string]map[string]string{
		"variables": {"AWS_REGION": "eu-west-1", "AWS_ENDPOINT_URL": "URL", "AWS_ACCESS_KEY_ID": "AKIDTEST", "AWS_SECRET_ACCESS_KEY": "s"},
		"older":     {"AWS_DEFAULT_REGION": "eu-west-1", "AWS_ENDPOINT_URL_SECRETS_MANAGER": "URL", "AWS_ACCESS_KEY_ID": "AKIDTEST", "AWS_SECRET_ACCESS_KEY": "s"},
		"profile":   {"AWS_PROFILE": "work"},
	} {
		t.Run(name, func(t *testing.T) {
			isolate(t)
			server := &awstest.Server{AccessKeys: []string{"AKIDTEST"}}
			server.Set("x", token)
			web := httptest.NewServer(server)
			defer web.Close()
			for key, value := range env {
				t.Setenv(key, strings.ReplaceAll(value, "URL", web.URL))
			}
			profile := "[profile work]\nregion = eu-west-1\nendpoint_url = " + web.URL + "\naws_access_key_id = AKIDTEST\naws_secret_access_key = s\n"
			if err := os.WriteFile(os.Getenv("AWS_CONFIG_FILE"), []byte(profile), 0o600); err != nil {
				t.Fatal(err)
			}
			if got := read(t, awssm.New(awssm.Config{}), secrets.Ref{Scheme: "awssm", Path: "x"}); got.Value.Reveal() != token {
				t.Errorf("read %q", got.Value.Reveal())
			}
		})
	}
}

// The reference goes before the environment.
func TestReferenceDecides(t *testing.T) {
	isolate(t)
	server := &awstest.Server{Region: "us-west-2"}
	server.Set("x", token)
	web := httptest.NewServer(server)
	defer web.Close()
	t.Setenv("AWS_REGION", "eu-west-1")
	t.Setenv("AWS_ENDPOINT_URL", "https://127.0.0.1:1")
	t.Setenv("AWS_ACCESS_KEY_ID", "AKID")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "s")
	store := awssm.New(awssm.Config{UserAgent: "tokenwarden/1.2.3"})
	for _, at := range []secrets.Ref{
		{Scheme: "awssm", Path: "x", Region: "us-west-2", Endpoint: web.URL},
		{Scheme: "awssm", Path: server.ARN("x"), Endpoint: web.URL},
	} {
		if got := read(t, store, at); got.Value.Reveal() != token {
			t.Errorf("%s: read %q", at, got.Value.Reveal())
		}
	}
	wrong := secrets.Ref{Scheme: "awssm", Path: "x", Endpoint: web.URL}
	if _, err := store.Read(t.Context(), wrong); !errors.Is(err, secrets.ErrDenied) || !strings.Contains(err.Error(), "another region") {
		t.Errorf("the environment's region: %v", err)
	}
}

// A redirect would carry the secret to a host that nobody configured.
func TestRedirectIsNotFollowed(t *testing.T) {
	isolate(t)
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the redirect was followed") }))
	defer elsewhere.Close()
	t.Setenv("AWS_ACCESS_KEY_ID", "AKID")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "s")
	for _, status := range []int{http.StatusFound, http.StatusTemporaryRedirect} {
		web := httptest.NewServer(http.RedirectHandler(elsewhere.URL, status))
		at := secrets.Ref{Scheme: "awssm", Path: "x", Region: "eu-west-1", Endpoint: web.URL}
		if _, err := awssm.New(awssm.Config{}).Read(t.Context(), at); !errors.Is(err, secrets.ErrUnavailable) || !strings.Contains(err.Error(), "redirect") {
			t.Errorf("%d: %v", status, err)
		}
		web.Close()
	}
}

func TestNobodyListens(t *testing.T) {
	isolate(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	_ = listener.Close()
	t.Setenv("AWS_MAX_ATTEMPTS", "1")
	t.Setenv("AWS_ACCESS_KEY_ID", "AKID")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "s")
	at := secrets.Ref{Scheme: "awssm", Path: "x", Region: "eu-west-1", Endpoint: "http://" + address}
	if _, err := awssm.New(awssm.Config{}).Read(t.Context(), at); !errors.Is(err, secrets.ErrUnavailable) || !strings.Contains(err.Error(), "http://"+address) {
		t.Error(err)
	}
}

func TestTimeout(t *testing.T) {
	isolate(t)
	synctest.Test(t, func(t *testing.T) {
		transport := roundTripper(func(req *http.Request) (*http.Response, error) {
			<-req.Context().Done()
			return nil, req.Context().Err()
		})
		store := awssm.New(awssm.Config{Credentials: credentials.NewStaticCredentialsProvider("AKID", "s", ""), Transport: transport})
		start := time.Now()
		_, err := store.Read(t.Context(), ref("x", ""))
		if took := time.Since(start); !errors.Is(err, secrets.ErrUnavailable) || !strings.Contains(err.Error(), "15s") || took != awssm.DefaultTimeout {
			t.Errorf("after %v: %v", took, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := store.Read(ctx, ref("x", "")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the caller's deadline: %v", err)
		}
	})
}

// A secret cannot be made by its ARN, which has six characters of AWS's own.
func TestMissingARN(t *testing.T) {
	isolate(t)
	store, at := client(&awstest.Server{}), ref("arn:aws:secretsmanager:eu-west-1:123456789012:secret:x-abcdef", "")
	if c := read(t, store, at); !c.Value.Empty() {
		t.Error("it has a value")
	}
	_, written := write(t, store, at, token, "k", "")
	for name, err := range map[string]error{
		"checking": store.Check(t.Context(), at), "writing": written,
		"labelling": store.Label(t.Context(), at, secrets.Labels{fingerprint(1): label(1)}, nil),
	} {
		if !errors.Is(err, secrets.ErrRefused) || !strings.Contains(err.Error(), "use its name") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
