package awstest

import (
	"maps"
	"regexp"
	"slices"
	"strings"
)

type tag struct{ Key, Value string }

// tagText is what keys and values may consist of: letters, spaces and numbers
// representable in UTF-8, and + - = . _ : / @.
var tagText = regexp.MustCompile(`^[\p{L}\p{Z}\p{N}+\-=._:/@]*$`)

// maxTags is the quota of tags for one secret. Those whose keys begin with
// "aws:" are not counted.
const maxTags = 50

// checkTags checks the tags that are to be added to present.
func checkTags(present map[string]string, added []tag) *failure {
	all := maps.Clone(present)
	if all == nil {
		all = map[string]string{}
	}
	for _, t := range added {
		switch {
		case t.Key == "" || len([]rune(t.Key)) > 128 || len([]rune(t.Value)) > 256:
			return refuse("InvalidParameterException", "1 validation error detected: a tag is too long")
		case !tagText.MatchString(t.Key) || !tagText.MatchString(t.Value):
			return refuse("InvalidParameterException", "1 validation error detected: a tag has a character that is not allowed")
		case strings.HasPrefix(strings.ToLower(t.Key), "aws:"):
			return refuse("InvalidParameterException", "Tag keys that start with aws: are reserved for system use")
		}
		all[t.Key] = t.Value
	}
	count := 0
	for key := range all {
		if !strings.HasPrefix(key, "aws:") {
			count++
		}
	}
	if count > maxTags {
		return refuse("InvalidParameterException", "The number of tags exceeds the limit of %d.", maxTags)
	}
	return nil
}

func (x *secret) tag(tags []tag) {
	for _, t := range tags {
		x.tags[t.Key] = t.Value
	}
}

func (x *secret) list() []tag {
	var tags []tag
	for _, key := range slices.Sorted(maps.Keys(x.tags)) {
		tags = append(tags, tag{key, x.tags[key]})
	}
	return tags
}

func (s *Server) tagResource(in request) (any, *failure) {
	x, f := s.use(in.SecretID)
	if f == nil {
		f = checkTags(x.tags, in.Tags)
	}
	if f != nil {
		return nil, f
	}
	x.tag(in.Tags)
	s.changed("TagResource", x)
	return struct{}{}, nil
}

func (s *Server) untagResource(in request) (any, *failure) {
	x, f := s.use(in.SecretID)
	if f != nil {
		return nil, f
	}
	removed := false
	for _, key := range in.TagKeys {
		_, had := x.tags[key]
		removed = removed || had
		delete(x.tags, key)
	}
	if removed {
		s.changed("UntagResource", x)
	}
	return struct{}{}, nil
}
