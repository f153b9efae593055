package awssm

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/tokenwarden/tokenwarden/secrets"
)

// probeTag is the key of a tag that no secret has.
const probeTag = "tokenwarden-check"

// check reads the secret, refuses what must not be written to, and proves what
// can be proved. Of a secret that does not exist only the reading can be: there
// is no way to ask for CreateSecret without creating.
func (x *secret) check(ctx context.Context) error {
	about, err := x.describe(ctx)
	if err != nil && !errors.Is(err, errNotFound) {
		return err
	}
	if err == nil {
		if reason := x.refusal(about); reason != nil {
			return reason
		}
	} else if isARN(x.id) {
		return errNoSuchARN
	}
	now, readErr := x.get(ctx, "")
	if readErr != nil && !errors.Is(readErr, errNotFound) {
		return x.because(ctx, readErr)
	}
	if err != nil {
		return nil
	}
	if _, err := field(now.text, x.ref.Field); err != nil {
		return err
	}
	if err := x.prove(ctx, now.id); err != nil {
		return err
	}
	if used := countedTags(about, nil, nil); used+secrets.SpareLabels > maxTags {
		return fmt.Errorf("%w: AWS takes %d tags, the secret has %d, and a rotation needs up to %d more while it is under way: end those that are, remove tags, or keep some of the keys in another secret",
			secrets.ErrTooManyLabels, maxTags, used, secrets.SpareLabels)
	}
	return nil
}

// prove shows that the credential may write and label, by three requests that a
// permitted caller makes without any effect. The service has no dry run, and
// asking IAM would need permissions of its own.
//
//   - PutSecretValue with the token of the present version and another content:
//     "you can't modify an existing version" (ResourceExistsException).
//   - UpdateSecretVersionStage to a version that does not exist: refused.
//   - UntagResource of a tag that is not there: "no error is returned and the
//     secret metadata is unchanged".
//
// Each shows in CloudTrail, the first two as errors. What cannot be shown so:
// TagResource, CreateSecret, and the use of the KMS key for encrypting. A label
// is written before a value, so that these fail before anything is changed.
func (x *secret) prove(ctx context.Context, version string) error {
	nobody := make([]byte, 16)
	if _, err := io.ReadFull(x.store.cfg.Rand, nobody); err != nil {
		return fmt.Errorf("making the id of a version that does not exist: %w", err)
	}
	absent := uuid(nobody)
	if version != "" { // else it would be stored
		_, err := x.put(ctx, version, absent)
		if err = only(err, errExists); err != nil {
			return x.because(ctx, err)
		}
	}
	_, err := x.api.UpdateSecretVersionStage(ctx, &secretsmanager.UpdateSecretVersionStageInput{
		SecretId: &x.id, VersionStage: aws.String(pending), MoveToVersionId: &absent,
	}, once)
	if err = only(x.explain(ctx, "UpdateSecretVersionStage", err), errNotFound, errParameter); err != nil {
		return x.because(ctx, err)
	}
	_, err = x.api.UntagResource(ctx, &secretsmanager.UntagResourceInput{SecretId: &x.id, TagKeys: []string{probeTag}}, once)
	return x.because(ctx, x.explain(ctx, "UntagResource", err))
}

// only drops an error that was expected.
func only(err error, expected ...error) error {
	for _, e := range expected {
		if errors.Is(err, e) {
			return nil
		}
	}
	return err
}
