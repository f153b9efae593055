package awssm

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/tokenwarden/tokenwarden/secrets"
)

// The staging labels that the service moves by itself or knows by name.
const (
	current = "AWSCURRENT"
	pending = "AWSPENDING"
)

// maxLooks is how often a secret is looked at that changes under our eyes.
const maxLooks = 3

// revision is one version of a secret.
type revision struct {
	id     string
	text   string
	stages []string
}

func (r revision) isCurrent() bool { return slices.Contains(r.stages, current) }

// read returns the value first and the labels after it: a value's entry is
// written before the value, so that labels may only be newer than the value.
func (x *secret) read(ctx context.Context) (secrets.Content, error) {
	for range maxLooks {
		now, err := x.get(ctx, "")
		if err != nil && !errors.Is(err, errNotFound) {
			return secrets.Content{}, x.because(ctx, err)
		}
		without := err != nil
		about, err := x.describe(ctx)
		if errors.Is(err, errNotFound) {
			return secrets.Content{Labels: x.store.waiting(x.ref)}, nil
		}
		if err != nil {
			return secrets.Content{}, err
		}
		if without && currentOf(about) != "" {
			continue // it was created between the two requests
		}
		content := secrets.Content{Version: secrets.Version(now.id), Labels: labels(about)}
		if !without {
			content.Value, err = field(now.text, x.ref.Field)
		}
		return content, err
	}
	return secrets.Content{}, fmt.Errorf("%w: the secret has a current version, and AWS finds none: somebody creates and deletes it, or AWS is behind; try again", secrets.ErrUnavailable)
}

// get returns a version by its id; empty: the current one. errNotFound: there is
// no such version, or no such secret.
func (x *secret) get(ctx context.Context, id string) (revision, error) {
	in := &secretsmanager.GetSecretValueInput{SecretId: &x.id}
	if id == "" {
		in.VersionStage = aws.String(current)
	} else {
		in.VersionId = &id
	}
	out, err := x.api.GetSecretValue(ctx, in)
	if err != nil {
		return revision{}, x.explain(ctx, "GetSecretValue", err)
	}
	if out.SecretString == nil {
		return revision{}, fmt.Errorf("%w: the secret is binary, and only text can be written here", secrets.ErrRefused)
	}
	return revision{id: aws.ToString(out.VersionId), text: *out.SecretString, stages: out.VersionStages}, nil
}

// describe returns everything but the value. errNotFound: there is no secret.
func (x *secret) describe(ctx context.Context) (*secretsmanager.DescribeSecretOutput, error) {
	out, err := x.api.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: &x.id})
	if err != nil {
		return nil, x.explain(ctx, "DescribeSecret", err)
	}
	return out, nil
}

func currentOf(about *secretsmanager.DescribeSecretOutput) string {
	for id, stages := range about.VersionIdsToStages {
		if slices.Contains(stages, current) {
			return id
		}
	}
	return ""
}

// refusal says why the secret must not be written to; nil: it may be.
func (x *secret) refusal(about *secretsmanager.DescribeSecretOutput) error {
	primary := aws.ToString(about.PrimaryRegion)
	because := func(format string, args ...any) error {
		return fmt.Errorf("%w: the secret "+format, append([]any{secrets.ErrRefused}, args...)...)
	}
	switch {
	case about.DeletedDate != nil:
		return because("was scheduled for deletion on %s: restore it (aws secretsmanager restore-secret), or use another one", about.DeletedDate.UTC().Format("2006-01-02"))
	case aws.ToString(about.OwningService) != "":
		return because("belongs to another AWS service (%s), which alone may change it", printable(*about.OwningService))
	case aws.ToBool(about.RotationEnabled):
		return because("is rotated by AWS itself, which would write there too: turn its rotation off (aws secretsmanager cancel-rotate-secret), or use another one")
	case aws.ToString(about.Type) != "":
		return because("is managed together with a partner of AWS (%s), which writes there too", printable(*about.Type))
	case primary != "" && primary != x.region:
		return because("is a replica of the one in region %s: write to that one, or promote this one", printable(primary))
	case len(about.ReplicationStatus) > 0:
		var regions []string
		for _, replica := range about.ReplicationStatus {
			regions = append(regions, printable(aws.ToString(replica.Region)))
		}
		return because("is replicated to %s: a replica that falls behind would keep the value of a token that is deleted; remove the replication and name a secret in each region instead", strings.Join(regions, ", "))
	}
	return nil
}

// because finds the reason when the service refuses a request for the state that
// the secret is in: its own words are not to be relied on.
func (x *secret) because(ctx context.Context, err error) error {
	if !errors.Is(err, errState) {
		return err
	}
	about, lookErr := x.describe(ctx)
	if lookErr != nil {
		return err
	}
	if reason := x.refusal(about); reason != nil {
		return reason
	}
	return err
}
