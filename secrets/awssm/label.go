package awssm

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/tokenwarden/tokenwarden/secrets"
)

// maxTags is how many tags a secret may have. Those whose keys begin with "aws:"
// are not counted (AWS General Reference, service quotas for tagging).
const maxTags = 50

func (x *secret) label(ctx context.Context, set secrets.Labels, drop []secrets.Fingerprint) error {
	about, err := x.describe(ctx)
	if errors.Is(err, errNotFound) {
		if isARN(x.id) {
			return errNoSuchARN
		}
		return x.store.wait(x.ref, set, drop)
	}
	if err != nil {
		return err
	}
	// Entries that waited for the secret come with these. They are forgotten only
	// when they are attached: their value may be written without another call.
	waited := x.store.waiting(x.ref)
	maps.DeleteFunc(waited, func(fp secrets.Fingerprint, _ secrets.Label) bool { return slices.Contains(drop, fp) })
	maps.Copy(waited, set)
	set = waited

	var gone []string
	for _, fp := range drop {
		if _, kept := set[fp]; !kept && hasTag(about, fp.Key()) {
			gone = append(gone, fp.Key())
		}
	}
	if len(gone) > 0 { // first, to make room
		_, err := x.api.UntagResource(ctx, &secretsmanager.UntagResourceInput{SecretId: &x.id, TagKeys: gone}, once)
		if err != nil {
			return x.because(ctx, x.explain(ctx, "UntagResource", err))
		}
	}
	if len(set) == 0 {
		x.store.arrived(x.ref)
		return nil
	}
	if err := room(about, set, gone); err != nil {
		return err
	}
	_, err = x.api.TagResource(ctx, &secretsmanager.TagResourceInput{SecretId: &x.id, Tags: tags(set)}, once)
	if err = x.explain(ctx, "TagResource", err); err == nil {
		x.store.arrived(x.ref)
	}
	if errors.Is(err, errParameter) {
		// Others may have used the room up. Which error that is, is not documented.
		if about, lookErr := x.describe(ctx); lookErr == nil {
			if full := room(about, set, nil); full != nil {
				return full
			}
		}
	}
	return x.because(ctx, err)
}

func hasTag(about *secretsmanager.DescribeSecretOutput, key string) bool {
	return slices.ContainsFunc(about.Tags, func(t types.Tag) bool { return aws.ToString(t.Key) == key })
}

// room tells whether set fits in beside the tags that are there, less gone.
func room(about *secretsmanager.DescribeSecretOutput, set secrets.Labels, gone []string) error {
	count := countedTags(about, set, gone)
	if count+len(set) > maxTags {
		return fmt.Errorf("%w: AWS takes %d tags, and the secret has %d others", secrets.ErrTooManyLabels, maxTags, count)
	}
	return nil
}

// countedTags is how many of the tags that are there count: less gone, and less
// those that set replaces.
func countedTags(about *secretsmanager.DescribeSecretOutput, set secrets.Labels, gone []string) int {
	count := 0
	for _, t := range about.Tags {
		key := aws.ToString(t.Key)
		fp, ours := secrets.FingerprintOfKey(key)
		_, replaced := set[fp]
		if !strings.HasPrefix(key, "aws:") && !slices.Contains(gone, key) && !(ours && replaced) {
			count++
		}
	}
	return count
}

// labels picks our entries out of the tags. One that cannot be read counts as
// none: its value is of unknown owner then.
func labels(about *secretsmanager.DescribeSecretOutput) secrets.Labels {
	found := secrets.Labels{}
	for _, t := range about.Tags {
		if fp, ours := secrets.FingerprintOfKey(aws.ToString(t.Key)); ours {
			if l, err := secrets.ParseLabel(aws.ToString(t.Value)); err == nil {
				found[fp] = l
			}
		}
	}
	return found
}

// tags is the reverse of labels, in a fixed order.
func tags(set secrets.Labels) []types.Tag {
	var all []types.Tag
	for _, fp := range slices.Sorted(maps.Keys(set)) {
		all = append(all, types.Tag{Key: aws.String(fp.Key()), Value: aws.String(set[fp].Encode())})
	}
	return all
}

// wait keeps entries for a secret that does not exist yet.
func (s *Store) wait(ref secrets.Ref, set secrets.Labels, drop []secrets.Fingerprint) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	kept := maps.Clone(s.pending[ref.Object()])
	if kept == nil {
		kept = secrets.Labels{}
	}
	for _, fp := range drop {
		delete(kept, fp)
	}
	maps.Copy(kept, set)
	if len(kept) > maxTags {
		return fmt.Errorf("%w: AWS takes %d tags", secrets.ErrTooManyLabels, maxTags)
	}
	s.pending[ref.Object()] = kept
	return nil
}

// waiting returns the entries that wait for the secret of ref to be created.
func (s *Store) waiting(ref secrets.Ref) secrets.Labels {
	s.mu.Lock()
	defer s.mu.Unlock()
	kept := maps.Clone(s.pending[ref.Object()])
	if kept == nil {
		kept = secrets.Labels{}
	}
	return kept
}

// arrived forgets them: the secret exists, and its tags are what counts.
func (s *Store) arrived(ref secrets.Ref) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.pending, ref.Object())
}
