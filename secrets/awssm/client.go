package awssm

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/middleware"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/ssocreds"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/smithy-go/logging"
	smithy "github.com/aws/smithy-go/middleware"

	"github.com/tokenwarden/tokenwarden/secrets"
)

// maxAnswer bounds what is read of one answer. A secret has up to 64 KiB, which
// JSON can make six times as long.
const maxAnswer = 1 << 20

// place is what a client is for. Empty fields: as the environment says.
type place struct{ region, endpoint string }

// secret is one secret for the length of one call.
type secret struct {
	store  *Store
	ref    secrets.Ref
	api    *secretsmanager.Client
	id     string // name or ARN, as the reference has it
	region string
}

// validName is what CreateSecret takes (API Reference, CreateSecret, Name).
var validName = regexp.MustCompile(`^[A-Za-z0-9/_+=.@-]{1,512}$`)

// open returns the secret that ref names, with credentials at hand.
func (s *Store) open(ctx context.Context, ref secrets.Ref) (*secret, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if ref.Scheme != secrets.AWS {
		return nil, fmt.Errorf("%w: this is no %s:// reference", secrets.ErrNotWritable, secrets.AWS)
	}
	at := place{region: ref.Region, endpoint: ref.Endpoint}
	if isARN(ref.Path) {
		// arn:PARTITION:secretsmanager:REGION:ACCOUNT:secret:NAME-SUFFIX
		parts := strings.SplitN(ref.Path, ":", 7)
		if len(parts) < 7 || parts[2] != "secretsmanager" || parts[5] != "secret" || parts[3] == "" {
			return nil, errors.New("this is no ARN of a secret: expected arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME-SUFFIX")
		}
		if at.region != "" && at.region != parts[3] {
			return nil, fmt.Errorf("the ARN names region %s and the reference %s: leave out one of them", parts[3], at.region)
		}
		at.region = parts[3]
	} else if !validName.MatchString(ref.Path) {
		return nil, errors.New("this is no name of a secret: letters, digits and / _ + = . @ - are allowed, 512 at most")
	}
	client, settings, err := s.client(ctx, at)
	if err != nil {
		return nil, err
	}
	if _, err := settings.Credentials.Retrieve(ctx); err != nil {
		return nil, noCredentials(ctx, err)
	}
	return &secret{store: s, ref: ref, api: client, id: ref.Path, region: client.Options().Region}, nil
}

func isARN(id string) bool { return strings.HasPrefix(id, "arn:") }

// client returns the one client for a place.
func (s *Store) client(ctx context.Context, at place) (*secretsmanager.Client, *aws.Config, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.base == nil {
		settings, err := s.settings(ctx)
		if err != nil {
			return nil, nil, err
		}
		s.base = settings
	}
	if client := s.clients[at]; client != nil {
		return client, s.base, nil
	}
	client := secretsmanager.NewFromConfig(*s.base, func(o *secretsmanager.Options) {
		if at.region != "" {
			o.Region = at.region
		}
		if at.endpoint != "" {
			o.BaseEndpoint = aws.String(at.endpoint)
		}
		o.HTTPClient = &guard{next: httpClient(o.HTTPClient)}
	})
	if client.Options().Region == "" {
		return nil, nil, errors.New("the AWS region is not known: add ?region=REGION to the reference, or set AWS_REGION")
	}
	if err := checkEndpoint(aws.ToString(client.Options().BaseEndpoint)); err != nil {
		return nil, nil, err
	}
	s.clients[at] = client
	return client, s.base, nil
}

// settings reads the AWS configuration of this process.
func (s *Store) settings(ctx context.Context) (*aws.Config, error) {
	introduce := middleware.AddUserAgentKey(s.cfg.UserAgent)
	if name, version, found := strings.Cut(s.cfg.UserAgent, "/"); found {
		introduce = middleware.AddUserAgentKeyValue(name, version)
	}
	options := []func(*config.LoadOptions) error{
		config.WithAPIOptions([]func(*smithy.Stack) error{introduce}),
		config.WithLogger(logging.Nop{}), // what matters is in the errors
	}
	if s.cfg.Credentials != nil {
		options = append(options, config.WithCredentialsProvider(s.cfg.Credentials))
	}
	if s.cfg.Transport != nil {
		options = append(options, config.WithHTTPClient(&http.Client{Transport: s.cfg.Transport}))
	}
	settings, err := config.LoadDefaultConfig(ctx, options...)
	if missing, ok := errors.AsType[config.SharedConfigProfileNotExistError](err); ok {
		return nil, fmt.Errorf("%w: there is no AWS profile %q: check AWS_PROFILE and the files ~/.aws/config and ~/.aws/credentials", secrets.ErrDenied, printable(missing.Profile))
	}
	if err != nil {
		// Not in the SDK's words: they may quote a file that holds credentials.
		return nil, errors.New("the AWS configuration cannot be read: check the AWS_… variables and the files ~/.aws/config and ~/.aws/credentials")
	}
	return &settings, nil
}

// httpClient returns a client that follows no redirect: the service has none, and
// the SDK's own client would send a signed request to wherever one points.
func httpClient(from secretsmanager.HTTPClient) *http.Client {
	client := &http.Client{}
	switch from := from.(type) {
	case *awshttp.BuildableClient:
		client.Transport = from.GetTransport()
	case *http.Client:
		client.Transport = from.Transport
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return client
}

// guard bounds what is read of an answer, and refuses a good one that is not
// AWS's: the SDK throws the body of the answer to TagResource away, so that a
// proxy's page would pass for a label that was written.
type guard struct{ next *http.Client }

// notAWSError: something answered that is not AWS.
type notAWSError struct{ status int }

func (e *notAWSError) Error() string {
	return fmt.Sprintf("what answered (HTTP status %d) is not AWS", e.status)
}

// RetryableError tells the SDK that a repetition mends nothing.
func (e *notAWSError) RetryableError() bool { return false }

// Do implements secretsmanager.HTTPClient.
func (g *guard) Do(req *http.Request) (*http.Response, error) {
	resp, err := g.next.Do(req)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(http.MaxBytesReader(nil, resp.Body, maxAnswer))
	_ = resp.Body.Close()
	if err == nil {
		err = io.EOF
		if resp.StatusCode < 300 && len(body) > 0 && !json.Valid(body) {
			return nil, &notAWSError{resp.StatusCode}
		}
	}
	resp.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body), ended{err}))
	return resp, nil
}

// ended is where a body ends: well, with io.EOF, or not.
type ended struct{ how error }

func (e ended) Read([]byte) (int, error) { return 0, e.how }

// checkEndpoint refuses to send secrets in the clear over a network.
func checkEndpoint(endpoint string) error {
	if endpoint == "" {
		return nil
	}
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return errors.New("the endpoint of AWS Secrets Manager is no address: expected https://HOST (?endpoint= in the reference, AWS_ENDPOINT_URL or AWS_ENDPOINT_URL_SECRETS_MANAGER)")
	}
	ip := net.ParseIP(u.Hostname())
	if u.Scheme == "http" && u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return errors.New("the endpoint of AWS Secrets Manager must begin with https://: plain http is for loopback addresses only")
	}
	return nil
}

// noCredentials words a failure of the credential chain, not in its own words,
// which may quote the output of a credential process.
func noCredentials(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%w: getting AWS credentials took too long: check the network, or set AWS_EC2_METADATA_DISABLED=true where there is no instance role", secrets.ErrUnavailable)
	}
	if _, ok := errors.AsType[*ssocreds.InvalidTokenError](err); ok {
		return fmt.Errorf("%w: the AWS SSO session has ended: run aws sso login", secrets.ErrDenied)
	}
	return fmt.Errorf("%w: there are no AWS credentials, or they cannot be renewed: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or AWS_PROFILE, or run where AWS provides a role (aws sts get-caller-identity shows what is found)", secrets.ErrDenied)
}
