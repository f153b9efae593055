package awssm

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/tokenwarden/tokenwarden/secrets"
)

// previous is attached to the version that was current before.
const previous = "AWSPREVIOUS"

// recall looks at AWSPREVIOUS first, which is nearly always it and for which no
// list is needed, and then at all versions that AWS still has, those without a
// staging label included, from the newest on.
func (x *secret) recall(ctx context.Context, accept func(secrets.Value) bool) (secrets.Value, error) {
	value, err := x.recallAt(ctx, &secretsmanager.GetSecretValueInput{SecretId: &x.id, VersionStage: aws.String(previous)}, accept)
	if err != nil || !value.Empty() {
		return value, err
	}
	versions, err := x.versions(ctx)
	if errors.Is(err, errNotFound) {
		return secrets.Value{}, nil
	}
	for _, v := range versions {
		if slices.Contains(v.VersionStages, current) || slices.Contains(v.VersionStages, previous) {
			continue
		}
		value, err = x.recallAt(ctx, &secretsmanager.GetSecretValueInput{SecretId: &x.id, VersionId: v.VersionId}, accept)
		if err != nil || !value.Empty() {
			return value, err
		}
	}
	return secrets.Value{}, err
}

// recallAt returns the value at one version if it is the one; empty: it is not,
// or there is none that this program could have written.
func (x *secret) recallAt(ctx context.Context, in *secretsmanager.GetSecretValueInput, accept func(secrets.Value) bool) (secrets.Value, error) {
	out, err := x.api.GetSecretValue(ctx, in)
	if err = only(x.explain(ctx, "GetSecretValue", err), errNotFound); err != nil {
		return secrets.Value{}, x.because(ctx, err)
	}
	if out == nil || out.SecretString == nil {
		return secrets.Value{}, nil
	}
	value, err := field(*out.SecretString, x.ref.Field)
	if err != nil || value.Empty() || !accept(value) {
		return secrets.Value{}, nil // text of another form held no value of ours
	}
	return value, nil
}

// versions lists what AWS still has, the newest first.
func (x *secret) versions(ctx context.Context) (all []types.SecretVersionsListEntry, err error) {
	pages := secretsmanager.NewListSecretVersionIdsPaginator(x.api, &secretsmanager.ListSecretVersionIdsInput{
		SecretId: &x.id, IncludeDeprecated: aws.Bool(true), MaxResults: aws.Int32(100),
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, x.explain(ctx, "ListSecretVersionIds", err)
		}
		all = append(all, page.Versions...)
	}
	slices.SortStableFunc(all, func(a, b types.SecretVersionsListEntry) int {
		return cmp.Compare(aws.ToTime(b.CreatedDate).UnixNano(), aws.ToTime(a.CreatedDate).UnixNano())
	})
	return all, nil
}
