package awstest

import "testing"

func TestStates(t *testing.T) {
	changes := map[string]func(*world) object{
		"PutSecretValue":           func(*world) object { return object{"SecretId": "x", "SecretString": "v", "ClientRequestToken": id(2)} },
		"UpdateSecretVersionStage": func(w *world) object { return w.move("AWSPENDING", 1, 0) },
	}
	run(t, []rule{
		{"a secret scheduled for deletion can only be described and restored", reference + "API_DeleteSecret.html; API_DescribeSecret.html (DeletedDate)", func(t *testing.T, w *world) {
			w.create(t)
			w.must(t, "DeleteSecret", object{"SecretId": "x"})
			for action, in := range changes {
				w.fails(t, "InvalidRequestException", action, in(w))
			}
			w.fails(t, "InvalidRequestException", "GetSecretValue", object{"SecretId": "x"})
			w.fails(t, "InvalidRequestException", "TagResource", object{"SecretId": "x", "Tags": []tag{{"a", ""}}})
			w.fails(t, "InvalidRequestException", "UntagResource", object{"SecretId": "x", "TagKeys": []string{"a"}})
			w.fails(t, "InvalidRequestException", "CreateSecret", object{"Name": "x"})
			if out := w.must(t, "DescribeSecret", object{"SecretId": "x"}); out["DeletedDate"] == nil {
				t.Errorf("%v", out)
			}
			w.must(t, "RestoreSecret", object{"SecretId": "x"})
			w.stages(t, "1:AWSCURRENT")
			w.must(t, "GetSecretValue", object{"SecretId": "x"})
		}},
		{"the recovery window is 7 to 30 days, or none", reference + "API_DeleteSecret.html (RecoveryWindowInDays)", func(t *testing.T, w *world) {
			w.create(t)
			w.fails(t, "InvalidParameterException", "DeleteSecret", object{"SecretId": "x", "RecoveryWindowInDays": 6})
			w.fails(t, "InvalidParameterException", "DeleteSecret", object{"SecretId": "x", "RecoveryWindowInDays": 31})
			w.fails(t, "InvalidParameterException", "DeleteSecret", object{"SecretId": "x", "RecoveryWindowInDays": 7, "ForceDeleteWithoutRecovery": true})
			w.must(t, "DeleteSecret", object{"SecretId": "x", "ForceDeleteWithoutRecovery": true})
			w.fails(t, "ResourceNotFoundException", "DescribeSecret", object{"SecretId": "x"})
			w.fails(t, "ResourceNotFoundException", "RestoreSecret", object{"SecretId": "x"})
			w.create(t)
		}},
		{"a replicated secret cannot be deleted", reference + "API_DeleteSecret.html", func(t *testing.T, w *world) {
			w.create(t)
			w.Alter("x", func(p *Properties) { p.PrimaryRegion, p.Replicas = DefaultRegion, []string{"us-east-1"} })
			w.fails(t, "InvalidRequestException", "DeleteSecret", object{"SecretId": "x"})
		}},
		{"a replica is read and not written", guide + "replicate-secrets.html", func(t *testing.T, w *world) {
			w.create(t)
			w.Alter("x", func(p *Properties) { p.PrimaryRegion = "us-east-1" })
			for action, in := range changes {
				w.fails(t, "InvalidRequestException", action, in(w))
			}
			w.must(t, "GetSecretValue", object{"SecretId": "x"})
			if out := w.must(t, "DescribeSecret", object{"SecretId": "x"}); out["PrimaryRegion"] != "us-east-1" {
				t.Errorf("%v", out)
			}
		}},
		{"a secret of another service is not written", reference + "API_PutSecretValue.html (InvalidRequestException); " + guide + "service-linked-secrets.html", func(t *testing.T, w *world) {
			w.create(t)
			w.Alter("x", func(p *Properties) { p.OwningService = "rds" })
			for action, in := range changes {
				w.fails(t, "InvalidRequestException", action, in(w))
			}
		}},
		{"what others set is described", reference + "API_DescribeSecret.html", func(t *testing.T, w *world) {
			w.create(t)
			w.Alter("x", func(p *Properties) {
				p.RotationEnabled, p.Type, p.KmsKeyID, p.Replicas = true, "T", "alias/a", []string{"us-east-1"}
			})
			out := w.must(t, "DescribeSecret", object{"SecretId": "x"})
			if out["RotationEnabled"] != true || out["Type"] != "T" || out["KmsKeyId"] != "alias/a" || len(out["ReplicationStatus"].([]any)) != 1 {
				t.Errorf("%v", out)
			}
		}},
		{"a KMS key that cannot be used fails reading and writing", reference + "API_GetSecretValue.html (DecryptionFailure); API_PutSecretValue.html (EncryptionFailure)", func(t *testing.T, w *world) {
			w.create(t)
			w.Alter("x", func(p *Properties) { p.KeyDisabled = true })
			w.fails(t, "DecryptionFailure", "GetSecretValue", object{"SecretId": "x"})
			w.fails(t, "EncryptionFailure", "PutSecretValue", changes["PutSecretValue"](w))
			w.must(t, "DescribeSecret", object{"SecretId": "x"})
		}},
	})
}
