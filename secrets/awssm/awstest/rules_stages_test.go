package awstest

import "testing"

const stagePage = reference + "API_UpdateSecretVersionStage.html"

func TestStagingLabels(t *testing.T) {
	run(t, []rule{
		{"AWSCURRENT moves from the version that is named, and AWSPREVIOUS follows", stagePage, func(t *testing.T, w *world) {
			w.create(t)
			w.put(t, 2, "AWSPENDING")
			w.must(t, "UpdateSecretVersionStage", w.move("AWSCURRENT", 2, 1))
			w.stages(t, "1:AWSPREVIOUS 2:AWSCURRENT,AWSPENDING")
			w.put(t, 3, "AWSPENDING")
			w.must(t, "UpdateSecretVersionStage", w.move("AWSCURRENT", 3, 2))
			w.stages(t, "2:AWSPREVIOUS 3:AWSCURRENT,AWSPENDING")
		}},
		{"it does not move from any other version", stagePage + " (RemoveFromVersionId: \"or the version ID does not match, then the operation fails\")", func(t *testing.T, w *world) {
			w.create(t)
			w.put(t, 2)
			w.put(t, 3, "AWSPENDING")
			w.fails(t, "InvalidParameterException", "UpdateSecretVersionStage", w.move("AWSCURRENT", 3, 1))
			w.fails(t, "InvalidParameterException", "UpdateSecretVersionStage", w.move("AWSCURRENT", 3, 3))
			w.fails(t, "InvalidParameterException", "UpdateSecretVersionStage", w.move("AWSCURRENT", 3, 9))
			w.stages(t, "1:AWSPREVIOUS 2:AWSCURRENT 3:AWSPENDING")
		}},
		{"nor when the version is not named", stagePage + " (RemoveFromVersionId: \"you must include this parameter\")", func(t *testing.T, w *world) {
			w.create(t)
			w.put(t, 2, "AWSPENDING")
			w.fails(t, "InvalidParameterException", "UpdateSecretVersionStage", w.move("AWSCURRENT", 2, 0))
			w.fails(t, "InvalidParameterException", "UpdateSecretVersionStage", w.move("AWSPENDING", 1, 0))
			w.stages(t, "1:AWSCURRENT 2:AWSPENDING")
		}},
		{"a label that no version has needs none named", stagePage, func(t *testing.T, w *world) {
			w.create(t)
			w.must(t, "UpdateSecretVersionStage", w.move("AWSPENDING", 1, 0))
			w.stages(t, "1:AWSCURRENT,AWSPENDING")
			w.fails(t, "InvalidParameterException", "UpdateSecretVersionStage", w.move("MINE", 1, 1))
		}},
		{"it does not move to a version that does not exist", stagePage + " (ResourceNotFoundException)", func(t *testing.T, w *world) {
			w.create(t)
			w.fails(t, "ResourceNotFoundException", "UpdateSecretVersionStage", w.move("AWSCURRENT", 9, 1))
			w.fails(t, "ResourceNotFoundException", "UpdateSecretVersionStage", w.move("AWSPENDING", 9, 0))
			w.stages(t, "1:AWSCURRENT")
		}},
		{"a label is removed when no target is named", stagePage + " (MoveToVersionId)", func(t *testing.T, w *world) {
			w.create(t)
			w.put(t, 2, "AWSPENDING")
			w.must(t, "UpdateSecretVersionStage", w.move("AWSPENDING", 0, 2))
			w.stages(t, "1:AWSCURRENT")
			w.fails(t, "InvalidParameterException", "UpdateSecretVersionStage", w.move("AWSPENDING", 0, 2))
		}},
		{"AWSCURRENT cannot be removed altogether", assumed + "; the service's own words are known from reports", func(t *testing.T, w *world) {
			w.create(t)
			w.fails(t, "InvalidParameterException", "UpdateSecretVersionStage", w.move("AWSCURRENT", 0, 1))
			w.stages(t, "1:AWSCURRENT")
		}},
		{"rolling back is moving AWSCURRENT to AWSPREVIOUS", reference + "API_GetSecretValue.html (\"To revert to the previous version\")", func(t *testing.T, w *world) {
			w.create(t)
			w.put(t, 2)
			w.must(t, "UpdateSecretVersionStage", w.move("AWSCURRENT", 1, 2))
			w.stages(t, "1:AWSCURRENT 2:AWSPREVIOUS")
			w.Rollback("x")
			w.stages(t, "1:AWSPREVIOUS 2:AWSCURRENT")
		}},
		{"20 staging labels are attached at most", guide + "reference_limits.html; which error: " + assumed, func(t *testing.T, w *world) {
			w.create(t)
			labels := make([]string, 19)
			for i := range labels {
				labels[i] = string(rune('a' + i))
			}
			w.put(t, 2, labels...)
			w.fails(t, "LimitExceededException", "PutSecretValue", object{"SecretId": "x", "SecretString": "v", "ClientRequestToken": id(3), "VersionStages": []string{"z"}})
		}},
	})
}
