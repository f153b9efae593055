package awssm

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/tokenwarden/tokenwarden/secrets"
)

// What the service answers that this package decides on. They are words for a
// person too, for where they are not expected.
var (
	errNotFound  = errors.New("AWS knows no such secret or version in this region and account (any more)")
	errExists    = fmt.Errorf("%w: AWS has a version or a secret of this name already", secrets.ErrRefused)
	errParameter = fmt.Errorf("%w: AWS takes the request for invalid", secrets.ErrRefused)
	errState     = fmt.Errorf("%w: AWS does not allow this in the state that the secret is in", secrets.ErrRefused)
	errQuota     = fmt.Errorf("%w: a quota of AWS Secrets Manager is reached: a secret that is written more often than every ten minutes has too many versions after a day", secrets.ErrRefused)
	errNoSuchARN = fmt.Errorf("%w: there is no secret with this ARN, and one cannot be created by its ARN: use its name", secrets.ErrRefused)
)

// byCode are the service's own errors (API Reference, common errors and those of
// each action).
var byCode = map[string]error{
	"ResourceNotFoundException":   errNotFound,
	"ResourceExistsException":     errExists,
	"InvalidParameterException":   errParameter,
	"ValidationException":         errParameter,
	"InvalidRequestException":     errState,
	"PreconditionNotMetException": errState,
	"LimitExceededException":      errQuota,
	"DecryptionFailure":           fmt.Errorf("%w: AWS cannot decrypt the secret: its KMS key is disabled, about to be deleted, or not open to this credential (kms:Decrypt)", secrets.ErrRefused),
	"EncryptionFailure":           fmt.Errorf("%w: AWS cannot encrypt the secret: its KMS key is disabled, about to be deleted, or not open to this credential (kms:GenerateDataKey)", secrets.ErrRefused),
}

// badCredentials are what AWS says of credentials that it does not know.
var badCredentials = map[string]string{
	"UnrecognizedClientException":         "AWS does not know the access key",
	"InvalidClientTokenId":                "AWS does not know the access key",
	"ExpiredTokenException":               "the AWS credentials have expired",
	"ExpiredToken":                        "the AWS credentials have expired",
	"RequestExpired":                      "the AWS credentials have expired, or this machine's clock is wrong",
	"InvalidSignatureException":           "AWS does not accept the signature: the secret access key is wrong, this machine's clock is, or the endpoint belongs to another region",
	"SignatureDoesNotMatch":               "AWS does not accept the signature: the secret access key is wrong, this machine's clock is, or the endpoint belongs to another region",
	"IncompleteSignatureException":        "AWS does not accept the signature",
	"IncompleteSignature":                 "AWS does not accept the signature",
	"MissingAuthenticationTokenException": "AWS found no credentials in the request",
	"MissingAuthenticationToken":          "AWS found no credentials in the request",
	"OptInRequired":                       "the AWS account is not signed up for this region or service",
}

// reading are the actions that change nothing.
var reading = map[string]bool{"GetSecretValue": true, "DescribeSecret": true, "ListSecretVersionIds": true}

// explain turns what the SDK returned into an error in words: what happened, what
// to do, and one of package secrets or of the above to decide on. It repeats
// AWS's own words only where they say which permission is missing, bounded and
// printable, and never those about a request that had a value in it.
func (x *secret) explain(ctx context.Context, action string, err error) error {
	if err == nil {
		return nil
	}
	status := 0
	if answer, ok := errors.AsType[*smithyhttp.ResponseError](err); ok && answer.Response != nil {
		status = answer.HTTPStatusCode()
	}
	refused, isAPI := errors.AsType[smithy.APIError](err)
	if !isAPI {
		return x.unreachable(ctx, err, status)
	}
	code := refused.ErrorCode()
	known, isKnown := byCode[code]
	bad, isBad := badCredentials[code]
	_, throttled := retry.DefaultThrottleErrorCodes[code]
	switch {
	case isKnown:
		return known
	case code == "AccessDeniedException" || code == "AccessDenied":
		kind, said := secrets.ErrNotWritable, ""
		if reading[action] {
			kind = secrets.ErrDenied
		}
		if action != "PutSecretValue" && action != "CreateSecret" {
			said = ": " + printable(refused.ErrorMessage())
		}
		return fmt.Errorf("%w: AWS denies secretsmanager:%s: an IAM policy must allow it, and the secret's resource policy and KMS key must not forbid it%s", kind, action, said)
	case isBad:
		return fmt.Errorf("%w: %s", secrets.ErrDenied, bad)
	case throttled || status == http.StatusTooManyRequests:
		return fmt.Errorf("%w: AWS throttles the requests of this account: try again later", secrets.ErrUnavailable)
	case status >= 500 || code == "InternalServiceError" || code == "InternalFailure" || code == "ServiceUnavailable":
		return fmt.Errorf("%w: AWS answered %s with status %d: try again later", secrets.ErrUnavailable, action, status)
	case status >= 300 && status < 400:
		return fmt.Errorf("%w: what answered wants to redirect the request, which Secrets Manager never does: check the endpoint, and the proxy if there is one", secrets.ErrUnavailable)
	}
	return fmt.Errorf("AWS answered %s with status %d, %s", action, status, printable(code))
}

// unreachable words a failure without an answer of the service's.
func (x *secret) unreachable(ctx context.Context, err error, status int) error {
	say := func(format string, args ...any) error {
		return fmt.Errorf("%w: %s", secrets.ErrUnavailable, fmt.Sprintf(format, args...))
	}
	where := "region " + x.region
	if endpoint := x.api.Options().BaseEndpoint; endpoint != nil {
		where = "endpoint " + printable(*endpoint)
	}
	dns, noName := errors.AsType[*net.DNSError](err)
	network, isNetwork := errors.AsType[*net.OpError](err)
	_, tooBig := errors.AsType[*http.MaxBytesError](err)
	if foreign, ok := errors.AsType[*notAWSError](err); ok {
		status = foreign.status
	}
	switch {
	case ctx.Err() != nil:
		return say("AWS Secrets Manager (%s) gave no answer within %v: check the network, and that the region or endpoint is right", where, x.store.cfg.Timeout)
	case noName && dns.IsNotFound:
		return say("the address of AWS Secrets Manager (%s) does not exist: check the region or endpoint", where)
	case isNetwork:
		return say("AWS Secrets Manager (%s) cannot be reached: %s: check the endpoint and the network", where, printable(network.Err.Error()))
	case tooBig:
		return say("the answer of AWS Secrets Manager (%s) is larger than %d bytes", where, maxAnswer)
	case status >= 500:
		return say("AWS Secrets Manager (%s) answered with status %d: try again later", where, status)
	case status != 0:
		return say("what answered (%s, HTTP status %d) is not AWS Secrets Manager: check the endpoint, and the proxy if there is one", where, status)
	}
	return say("AWS Secrets Manager (%s) ended the connection without an answer", where)
}

// printable makes one bounded line of text from elsewhere.
func printable(text string) string {
	const longest = 300
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return ' '
		}
		return r
	}, text)
	if len(text) > longest {
		text = text[:longest] + "…"
	}
	return text
}
