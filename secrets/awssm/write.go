package awssm

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/tokenwarden/tokenwarden/secrets"
)

// maxLength is how many bytes a secret's string may have (User Guide, quotas).
const maxLength = 65536

// once lets a request go out a single time: it changes something, and when the
// answer is lost the caller looks before anything is asked again.
func once(o *secretsmanager.Options) { o.Retryer = aws.NopRetryer{} }

func (x *secret) write(ctx context.Context, w secrets.Write) (secrets.Version, error) {
	if w.Value.Empty() || !utf8.ValidString(w.Value.Reveal()) {
		return "", fmt.Errorf("%w: the value is empty or no UTF-8", secrets.ErrRefused)
	}
	id, err := x.token(w)
	if err != nil {
		return "", err
	}
	if w.Expect == "" {
		return x.first(ctx, id, w)
	}
	base, err := x.get(ctx, string(w.Expect))
	switch {
	case errors.Is(err, errNotFound): // deleted, or pruned long after it was replaced
		return "", secrets.ErrConflict
	case err != nil:
		return "", x.because(ctx, err)
	case !base.isCurrent():
		return x.settle(ctx, id, w, secrets.ErrConflict)
	}
	text, err := withField(base.text, x.ref.Field, w.Value)
	if err != nil {
		return "", err
	}
	if err := x.catchUp(ctx); err != nil {
		return "", err
	}
	if _, err = x.put(ctx, id, text); err == nil {
		err = x.promote(ctx, id, string(w.Expect))
	}
	return x.settled(ctx, id, w, err)
}

// first writes the first value: it creates the secret, unless somebody made one
// that has no value yet.
func (x *secret) first(ctx context.Context, id string, w secrets.Write) (secrets.Version, error) {
	about, err := x.describe(ctx)
	if err != nil && !errors.Is(err, errNotFound) {
		return "", err
	}
	text, fieldErr := withField("", x.ref.Field, w.Value)
	if fieldErr != nil {
		return "", fieldErr
	}
	if err != nil {
		return x.create(ctx, id, text, w)
	}
	if reason := x.refusal(about); reason != nil {
		return "", reason
	}
	if currentOf(about) != "" {
		return x.settle(ctx, id, w, secrets.ErrConflict)
	}
	if err := x.catchUp(ctx); err != nil {
		return "", err
	}
	// The service attaches AWSCURRENT to the first version of all by itself; only
	// one can be that. A version that was there without AWSCURRENT is not moved
	// from, which fails if anybody has attached it meanwhile.
	stages, err := x.put(ctx, id, text)
	if err == nil && !slices.Contains(stages, current) {
		err = x.promote(ctx, id, "")
	}
	return x.settled(ctx, id, w, err)
}

// catchUp attaches the labels that wait for a secret which exists: it was made
// since, or AWS did not find it when they were set.
func (x *secret) catchUp(ctx context.Context) error {
	if len(x.store.waiting(x.ref)) == 0 {
		return nil
	}
	if err := x.label(ctx, nil, nil); err != nil {
		return err
	}
	if len(x.store.waiting(x.ref)) > 0 {
		return fmt.Errorf("%w: AWS shows the secret and does not find it for its labels; try again", secrets.ErrUnavailable)
	}
	return nil
}

// create makes the secret with its first value and the labels that waited.
func (x *secret) create(ctx context.Context, id, text string, w secrets.Write) (secrets.Version, error) {
	if isARN(x.id) {
		return "", errNoSuchARN
	}
	_, err := x.api.CreateSecret(ctx, &secretsmanager.CreateSecretInput{
		Name: &x.id, ClientRequestToken: &id, SecretString: &text, Tags: tags(x.store.waiting(x.ref)),
	}, once)
	if err = x.explain(ctx, "CreateSecret", err); errors.Is(err, errExists) {
		return x.settle(ctx, id, w, secrets.ErrConflict)
	}
	if err != nil {
		return "", err
	}
	x.store.arrived(x.ref)
	return secrets.Version(id), nil
}

// put stores text as a version of its own that nobody reads yet, and returns the
// staging labels that it has. VersionStages must not be left out: the service
// would move AWSCURRENT there at once, whatever it is attached to.
func (x *secret) put(ctx context.Context, id, text string) ([]string, error) {
	out, err := x.api.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{
		SecretId: &x.id, ClientRequestToken: &id, SecretString: &text, VersionStages: []string{pending},
	}, once)
	if err != nil {
		return nil, x.explain(ctx, "PutSecretValue", err)
	}
	return out.VersionStages, nil
}

// promote moves AWSCURRENT to a version from the one where it must be; empty:
// from none.
func (x *secret) promote(ctx context.Context, id, from string) error {
	in := &secretsmanager.UpdateSecretVersionStageInput{SecretId: &x.id, VersionStage: aws.String(current), MoveToVersionId: &id}
	if from != "" {
		in.RemoveFromVersionId = &from
	}
	_, err := x.api.UpdateSecretVersionStage(ctx, in, once)
	return x.explain(ctx, "UpdateSecretVersionStage", err)
}

// settled ends a write of which err is what the last request said. AWSPENDING is
// taken from the version once it is decided that it was, or never will be,
// current: AWS's own rotation, if it is turned on later, would take the label
// for one of its own that is still under way. Nothing depends on it.
func (x *secret) settled(ctx context.Context, id string, w secrets.Write, err error) (secrets.Version, error) {
	version := secrets.Version(id)
	switch {
	case errors.Is(err, errState):
		return "", x.because(ctx, err)
	case errors.Is(err, errParameter), errors.Is(err, errNotFound), errors.Is(err, errQuota):
		// What the service says when AWSCURRENT is elsewhere, among other things.
		version, err = x.settle(ctx, id, w, err)
	case errors.Is(err, errExists):
		// The same key wrote another value on this version: a caller's mistake.
		version, err = x.settle(ctx, id, w, secrets.ErrConflict)
		return version, err
	}
	if err == nil || errors.Is(err, secrets.ErrConflict) {
		_, _ = x.api.UpdateSecretVersionStage(ctx, &secretsmanager.UpdateSecretVersionStageInput{
			SecretId: &x.id, VersionStage: aws.String(pending), RemoveFromVersionId: &id,
		}, once)
	}
	return version, err
}

// settle looks who is current after a request failed in a way that a lost race
// or our own earlier, unanswered request explains. If it is neither, it returns
// otherwise.
func (x *secret) settle(ctx context.Context, id string, w secrets.Write, otherwise error) (secrets.Version, error) {
	now, err := x.get(ctx, "")
	if errors.Is(err, errNotFound) {
		now, err = revision{}, nil
	}
	if err != nil {
		return "", x.because(ctx, err)
	}
	if now.id == id {
		if value, err := field(now.text, x.ref.Field); err == nil && value.Equal(w.Value) {
			return secrets.Version(id), nil
		}
	}
	if now.id != string(w.Expect) {
		return "", secrets.ErrConflict
	}
	return "", otherwise
}

// token is the ClientRequestToken of a write and so the id of the version that
// it makes: the same write makes the same version, whoever asks for it. The
// expected version is part of it because content is built from that one, and
// because a value that is written again must be another version (the fence of a
// rotation). The value is not, not even hashed: version ids are in CloudTrail and
// values need not be random. The same key with another value is refused by the
// service (ResourceExistsException) and reported as a conflict.
func (x *secret) token(w secrets.Write) (string, error) {
	key := []byte(w.Key)
	if len(key) == 0 {
		key = make([]byte, 16)
		if _, err := io.ReadFull(x.store.cfg.Rand, key); err != nil {
			return "", fmt.Errorf("making a name for the write: %w", err)
		}
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "tokenwarden\n%q\n%q\n%q", x.ref.Place(), w.Expect, key))
	return uuid(sum[:16]), nil
}

// uuid writes 16 bytes as a UUID of version 8 (RFC 9562), the one that is free
// for any content.
func uuid(b []byte) string {
	b[6], b[8] = b[6]&0x0f|0x80, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
