package awstest

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestVersions(t *testing.T) {
	run(t, []rule{
		{"creating with a value makes a version with AWSCURRENT", reference + "API_CreateSecret.html", func(t *testing.T, w *world) {
			w.create(t)
			w.stages(t, "1:AWSCURRENT")
			if out := w.must(t, "GetSecretValue", object{"SecretId": "x"}); out["SecretString"] != "v1" || out["VersionId"] != id(1) {
				t.Errorf("%v", out)
			}
		}},
		{"creating without a value makes no version", reference + "API_CreateSecret.html", func(t *testing.T, w *world) {
			w.must(t, "CreateSecret", object{"Name": "x"})
			w.stages(t, "")
			w.fails(t, "ResourceNotFoundException", "GetSecretValue", object{"SecretId": "x"})
			if out := w.must(t, "DescribeSecret", object{"SecretId": "x"}); out["VersionIdsToStages"] != nil {
				t.Errorf("%v", out)
			}
		}},
		{"creating what exists fails", reference + "API_CreateSecret.html (ResourceExistsException)", func(t *testing.T, w *world) {
			w.create(t)
			w.fails(t, "ResourceExistsException", "CreateSecret", object{"Name": "x", "SecretString": "v1", "ClientRequestToken": id(2)})
		}},
		{"the same creation again is ignored", reference + "API_CreateSecret.html#API_CreateSecret_RequestSyntax (ClientRequestToken)", func(t *testing.T, w *world) {
			w.create(t)
			w.create(t)
			w.fails(t, "ResourceExistsException", "CreateSecret", object{"Name": "x", "SecretString": "other", "ClientRequestToken": id(1)})
			if len(w.changes) != 1 {
				t.Errorf("%d changes", len(w.changes))
			}
		}},
		{"a name has letters, digits and /_+=.@-", reference + "API_CreateSecret.html (Name)", func(t *testing.T, w *world) {
			w.must(t, "CreateSecret", object{"Name": "aZ0/_+=.@-"})
			w.fails(t, "InvalidParameterException", "CreateSecret", object{"Name": "a b"})
			w.fails(t, "InvalidParameterException", "CreateSecret", object{"Name": strings.Repeat("a", 513)})
		}},
		{"putting without VersionStages moves AWSCURRENT", reference + "API_PutSecretValue.html", func(t *testing.T, w *world) {
			w.create(t)
			w.put(t, 2)
			w.stages(t, "1:AWSPREVIOUS 2:AWSCURRENT")
			w.put(t, 3)
			w.stages(t, "2:AWSPREVIOUS 3:AWSCURRENT")
		}},
		{"putting with VersionStages attaches those alone", reference + "API_PutSecretValue.html (VersionStages)", func(t *testing.T, w *world) {
			w.create(t)
			w.put(t, 2, "AWSPENDING")
			w.stages(t, "1:AWSCURRENT 2:AWSPENDING")
			w.put(t, 3, "AWSPENDING")
			w.stages(t, "1:AWSCURRENT 3:AWSPENDING")
			w.put(t, 4, "AWSCURRENT")
			w.stages(t, "1:AWSPREVIOUS 3:AWSPENDING 4:AWSCURRENT")
		}},
		{"the first version gets AWSCURRENT whatever is asked for", reference + "API_PutSecretValue.html", func(t *testing.T, w *world) {
			w.must(t, "CreateSecret", object{"Name": "x"})
			out := w.put(t, 1, "AWSPENDING")
			w.stages(t, "1:AWSCURRENT,AWSPENDING")
			if stages := fmt.Sprint(out["VersionStages"]); stages != "[AWSPENDING AWSCURRENT]" {
				t.Errorf("the answer says %s", stages)
			}
		}},
		{"the same token with the same value does nothing", reference + "API_PutSecretValue.html (ClientRequestToken)", func(t *testing.T, w *world) {
			w.create(t)
			w.put(t, 2, "AWSPENDING")
			w.must(t, "UpdateSecretVersionStage", w.move("AWSCURRENT", 2, 1))
			n := len(w.changes)
			w.put(t, 2, "AWSPENDING")
			w.put(t, 1)
			w.stages(t, "1:AWSPREVIOUS 2:AWSCURRENT,AWSPENDING")
			if len(w.changes) != n {
				t.Error("something was changed")
			}
		}},
		{"the same token with another value fails", reference + "API_PutSecretValue.html (ResourceExistsException)", func(t *testing.T, w *world) {
			w.create(t)
			w.fails(t, "ResourceExistsException", "PutSecretValue", object{"SecretId": "x", "SecretString": "other", "ClientRequestToken": id(1), "VersionStages": []string{"AWSPENDING"}})
			w.stages(t, "1:AWSCURRENT")
		}},
		{"a token has 32 to 64 characters", reference + "API_PutSecretValue.html (ClientRequestToken)", func(t *testing.T, w *world) {
			w.create(t)
			for _, token := range []string{"", strings.Repeat("a", 31), strings.Repeat("a", 65)} {
				w.fails(t, "InvalidParameterException", "PutSecretValue", object{"SecretId": "x", "SecretString": "v", "ClientRequestToken": token})
			}
		}},
		{"a value is text or binary and has 65536 bytes at most", reference + "API_PutSecretValue.html; " + guide + "reference_limits.html", func(t *testing.T, w *world) {
			w.create(t)
			w.fails(t, "InvalidParameterException", "PutSecretValue", object{"SecretId": "x", "ClientRequestToken": id(2)})
			w.fails(t, "InvalidParameterException", "PutSecretValue", object{"SecretId": "x", "SecretString": "v", "SecretBinary": []byte("v"), "ClientRequestToken": id(2)})
			w.fails(t, "InvalidParameterException", "PutSecretValue", object{"SecretId": "x", "SecretString": strings.Repeat("a", 65537), "ClientRequestToken": id(2)})
			w.must(t, "PutSecretValue", object{"SecretId": "x", "SecretString": strings.Repeat("a", 65536), "ClientRequestToken": id(2)})
		}},
		{"a binary value has no SecretString", reference + "API_GetSecretValue.html (SecretBinary)", func(t *testing.T, w *world) {
			w.SetBinary("x", []byte("hello"))
			if out := w.must(t, "GetSecretValue", object{"SecretId": "x"}); out["SecretBinary"] != "aGVsbG8=" || out["SecretString"] != nil {
				t.Errorf("%v", out)
			}
		}},
		{"a version is read by id or staging label, or both if they agree", reference + "API_GetSecretValue.html", func(t *testing.T, w *world) {
			w.create(t)
			w.put(t, 2)
			for _, in := range []object{{"VersionId": id(1)}, {"VersionStage": "AWSPREVIOUS"}, {"VersionId": id(1), "VersionStage": "AWSPREVIOUS"}} {
				in["SecretId"] = "x"
				if out := w.must(t, "GetSecretValue", in); out["SecretString"] != "v1" {
					t.Errorf("%v: %v", in, out)
				}
			}
			w.fails(t, "InvalidRequestException", "GetSecretValue", object{"SecretId": "x", "VersionId": id(1), "VersionStage": "AWSCURRENT"})
			w.fails(t, "ResourceNotFoundException", "GetSecretValue", object{"SecretId": "x", "VersionId": id(3)})
			w.fails(t, "ResourceNotFoundException", "GetSecretValue", object{"SecretId": "x", "VersionStage": "AWSPENDING"})
		}},
		{"a version without staging labels is read by its id, and not described", reference + "API_DescribeSecret.html (VersionIdsToStages)", func(t *testing.T, w *world) {
			w.create(t)
			w.put(t, 2)
			w.put(t, 3)
			if out := w.must(t, "GetSecretValue", object{"SecretId": "x", "VersionId": id(1)}); out["SecretString"] != "v1" {
				t.Errorf("%v", out)
			}
			if out := w.must(t, "DescribeSecret", object{"SecretId": "x"}); len(out["VersionIdsToStages"].(object)) != 2 {
				t.Errorf("%v", out)
			}
		}},
		{"versions are listed with their staging labels, and without any on request", reference + "API_ListSecretVersionIds.html (IncludeDeprecated)", func(t *testing.T, w *world) {
			w.create(t)
			w.put(t, 2)
			w.put(t, 3)
			listed := func(in object) []any {
				in["SecretId"] = "x"
				versions, _ := w.must(t, "ListSecretVersionIds", in)["Versions"].([]any)
				return versions
			}
			if got := listed(object{}); len(got) != 2 {
				t.Errorf("%v", got)
			}
			all := listed(object{"IncludeDeprecated": true})
			if len(all) != 3 || all[0].(object)["VersionId"] != id(1) || all[0].(object)["VersionStages"] != nil || all[0].(object)["CreatedDate"] == nil {
				t.Errorf("%v", all)
			}
			w.fails(t, "ResourceNotFoundException", "ListSecretVersionIds", object{"SecretId": "y"})
		}},
		{"a list has at most 100 versions, and a token for the rest", reference + "API_ListSecretVersionIds.html (MaxResults, NextToken)", func(t *testing.T, w *world) {
			w.create(t)
			w.put(t, 2)
			w.put(t, 3)
			in := object{"SecretId": "x", "IncludeDeprecated": true, "MaxResults": 2}
			first := w.must(t, "ListSecretVersionIds", in)
			in["NextToken"] = first["NextToken"]
			second := w.must(t, "ListSecretVersionIds", in)
			if len(first["Versions"].([]any)) != 2 || len(second["Versions"].([]any)) != 1 || second["NextToken"] != nil {
				t.Errorf("%v, then %v", first, second)
			}
			in["NextToken"] = "nonsense"
			w.fails(t, "InvalidNextTokenException", "ListSecretVersionIds", in)
			w.fails(t, "InvalidParameterException", "ListSecretVersionIds", object{"SecretId": "x", "MaxResults": 101})
		}},
		{"versions without staging labels are removed beyond 100, but not on their first day", guide + "reference_limits.html", func(t *testing.T, w *world) {
			w.create(t)
			for n := 2; n <= 120; n++ {
				w.put(t, n)
			}
			if n := w.Versions("x"); n != 120 {
				t.Errorf("%d versions on the first day", n)
			}
			w.clock = w.clock.Add(25 * time.Hour)
			w.put(t, 121)
			if n := w.Versions("x"); n != 100 {
				t.Errorf("%d versions on the second", n)
			}
			w.stages(t, "120:AWSPREVIOUS 121:AWSCURRENT")
			w.fails(t, "ResourceNotFoundException", "GetSecretValue", object{"SecretId": "x", "VersionId": id(1)})
		}},
		{"too many versions are refused", guide + "reference_limits.html; which error: " + assumed, func(t *testing.T, w *world) {
			w.MaxVersions = 2
			w.create(t)
			w.put(t, 2)
			w.fails(t, "LimitExceededException", "PutSecretValue", object{"SecretId": "x", "SecretString": "v", "ClientRequestToken": id(3)})
		}},
		{"a secret is found by name, ARN, and ARN without its suffix", guide + "troubleshoot.html#ARN_secretnamehyphen", func(t *testing.T, w *world) {
			w.create(t)
			arn := w.ARN("x")
			for _, name := range []string{"x", arn, arn[:len(arn)-7]} {
				w.must(t, "GetSecretValue", object{"SecretId": name})
			}
			w.fails(t, "ResourceNotFoundException", "GetSecretValue", object{"SecretId": "y"})
		}},
	})
}
