package awstest

import (
	"fmt"
	"maps"
	"strings"
	"testing"
)

const tagPage = "docs.aws.amazon.com/general/latest/gr/arg.html#taged-reference-quotas"

func list(tags map[string]string) []tag {
	x := secret{tags: tags}
	return x.list()
}

func TestTags(t *testing.T) {
	run(t, []rule{
		{"tags are added to those that are there, or replaced by key", reference + "API_TagResource.html", func(t *testing.T, w *world) {
			w.create(t)
			w.must(t, "TagResource", object{"SecretId": "x", "Tags": list(map[string]string{"a": "1", "b": "2"})})
			w.must(t, "TagResource", object{"SecretId": "x", "Tags": list(map[string]string{"b": "3", "B": "4"})})
			if got := w.Tags("x"); !maps.Equal(got, map[string]string{"a": "1", "b": "3", "B": "4"}) {
				t.Errorf("%v", got)
			}
			if out := w.must(t, "DescribeSecret", object{"SecretId": "x"}); len(out["Tags"].([]any)) != 3 {
				t.Errorf("%v", out)
			}
		}},
		{"tags belong to the secret and not to a version", reference + "API_TagResource.html", func(t *testing.T, w *world) {
			w.create(t)
			w.must(t, "TagResource", object{"SecretId": "x", "Tags": list(map[string]string{"a": "1"})})
			w.put(t, 2)
			w.Rollback("x")
			if got := w.Tags("x"); got["a"] != "1" {
				t.Errorf("%v", got)
			}
		}},
		{"removing a tag that is not there changes nothing", reference + "API_UntagResource.html", func(t *testing.T, w *world) {
			w.create(t)
			w.must(t, "TagResource", object{"SecretId": "x", "Tags": list(map[string]string{"a": "1"})})
			n := len(w.changes)
			w.must(t, "UntagResource", object{"SecretId": "x", "TagKeys": []string{"b"}})
			if len(w.changes) != n {
				t.Error("something was changed")
			}
			w.must(t, "UntagResource", object{"SecretId": "x", "TagKeys": []string{"a"}})
			if got := w.Tags("x"); len(got) != 0 {
				t.Errorf("%v", got)
			}
		}},
		{"a secret is created with its tags", reference + "API_CreateSecret.html (Tags)", func(t *testing.T, w *world) {
			w.must(t, "CreateSecret", object{"Name": "x", "SecretString": "v", "ClientRequestToken": id(1), "Tags": list(map[string]string{"a": "1"})})
			if len(w.changes) != 1 || w.changes[0].Tags["a"] != "1" || w.changes[0].Current != "v" {
				t.Errorf("%+v", w.changes)
			}
		}},
		{"50 tags at most, not counting AWS's own", tagPage + "; which error: " + assumed, func(t *testing.T, w *world) {
			w.create(t)
			w.SetTag("x", "aws:cloudformation:stack-id", "s")
			for n := range 50 {
				w.must(t, "TagResource", object{"SecretId": "x", "Tags": list(map[string]string{fmt.Sprint(n): ""})})
			}
			w.fails(t, "InvalidParameterException", "TagResource", object{"SecretId": "x", "Tags": list(map[string]string{"more": ""})})
			w.must(t, "TagResource", object{"SecretId": "x", "Tags": list(map[string]string{"7": "replaced"})})
		}},
		{"keys have 128 characters, values 256, of a limited set", tagPage, func(t *testing.T, w *world) {
			w.create(t)
			w.must(t, "TagResource", object{"SecretId": "x", "Tags": []tag{{strings.Repeat("é", 128), strings.Repeat("a", 256)}, {"a b+-=._:/@", "a b+-=._:/@"}}})
			for _, bad := range []tag{{"", ""}, {strings.Repeat("a", 129), ""}, {"a", strings.Repeat("a", 257)}, {"a", "b,c"}, {"a;", ""}, {"aws:a", ""}, {"AWS:a", ""}} {
				w.fails(t, "InvalidParameterException", "TagResource", object{"SecretId": "x", "Tags": []tag{bad}})
			}
		}},
	})
}
