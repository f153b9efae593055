package vaultkv

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/hashicorp/vault/api"
)

// AWS logs in as an AWS IAM principal: it signs a request to AWS's own "who am
// I" and hands it to Vault, which sends it. (The module vault/api/auth/aws does
// the same with version 1 of the AWS SDK, which is no longer maintained.)
type AWS struct {
	Mount    string // empty: aws
	Role     string
	ServerID string // the value that Vault wants in X-Vault-AWS-IAM-Server-ID, if any
	// Region to sign for, and of the endpoint that Vault asks. Empty: the global
	// endpoint, as Vault expects unless it is configured otherwise.
	Region string
	// Credentials to sign with; nil: the SDK's default chain (environment, files,
	// web identity, container, instance).
	Credentials aws.CredentialsProvider
	Now         func() time.Time // nil: time.Now
}

// Login implements api.AuthMethod.
func (a AWS) Login(ctx context.Context, client *api.Client) (*api.Secret, error) {
	identity, err := a.signedRequest(ctx)
	if err != nil {
		return nil, err
	}
	headers, err := json.Marshal(identity.Header)
	if err != nil {
		return nil, fmt.Errorf("encoding the signed request: %w", err)
	}
	encode := base64.StdEncoding.EncodeToString
	return client.Logical().WriteWithContext(ctx, "auth/"+cmp.Or(a.Mount, "aws")+"/login", map[string]any{
		"role":                    a.Role,
		"iam_http_request_method": identity.Method,
		"iam_request_url":         encode([]byte(identity.URL.String())),
		"iam_request_body":        encode([]byte(whoAmI)),
		"iam_request_headers":     encode(headers),
	})
}

// whoAmI is the body of the request that is signed.
const whoAmI = "Action=GetCallerIdentity&Version=2011-06-15"

func (a AWS) signedRequest(ctx context.Context) (*http.Request, error) {
	provider := a.Credentials
	if provider == nil {
		settings, err := config.LoadDefaultConfig(ctx)
		if err != nil {
			return nil, errors.New("the AWS configuration cannot be read")
		}
		provider = settings.Credentials
	}
	credentials, err := provider.Retrieve(ctx)
	if err != nil {
		return nil, errors.New("there are no AWS credentials to log in to Vault with: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run where AWS provides a role")
	}
	endpoint, region := "https://sts.amazonaws.com/", "us-east-1"
	if a.Region != "" {
		endpoint, region = "https://sts."+a.Region+".amazonaws.com/", a.Region
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(whoAmI))
	if err != nil {
		return nil, fmt.Errorf("%q is no AWS region", a.Region)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	if a.ServerID != "" {
		req.Header.Set("X-Vault-AWS-IAM-Server-ID", a.ServerID)
	}
	now := a.Now
	if now == nil {
		now = time.Now
	}
	sum := sha256.Sum256([]byte(whoAmI))
	if err := v4.NewSigner().SignHTTP(ctx, credentials, req, hex.EncodeToString(sum[:]), "sts", region, now()); err != nil {
		return nil, errors.New("the request to AWS cannot be signed")
	}
	return req, nil
}
