package awssm_test

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/tokenwarden/tokenwarden/secrets"
	"github.com/tokenwarden/tokenwarden/secrets/awssm"
	"github.com/tokenwarden/tokenwarden/secrets/awssm/awstest"
)

// token is what the tests store. No error may contain it.
const token = "dbtc_SECRETSECRETSECRETSECRET"

// isolate keeps the AWS settings of whoever runs the tests out of them.
func isolate(t *testing.T) {
	t.Helper()
	for _, name := range os.Environ() {
		if name, _, _ = strings.Cut(name, "="); strings.HasPrefix(name, "AWS_") {
			t.Setenv(name, "")
			_ = os.Unsetenv(name)
		}
	}
	t.Setenv("AWS_CONFIG_FILE", t.TempDir()+"/config")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", t.TempDir()+"/credentials")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
}

// client returns a store that talks to server without a socket.
func client(server *awstest.Server) *awssm.Store {
	return awssm.New(awssm.Config{Credentials: credentials.NewStaticCredentialsProvider("AKIDTEST", "secret access key", ""), Transport: server})
}

// ref returns a reference to a key of a secret; key "": the whole string.
func ref(name, key string) secrets.Ref {
	return secrets.Ref{Scheme: secrets.AWS, Path: name, Field: key, Region: awstest.DefaultRegion}
}

const policyFile = "../../docs/stores/aws.md"

// policy returns the IAM policy of least privilege as the documentation has it,
// for the names that the tests use, and the actions that it allows.
func policy(t *testing.T) (text []byte, actions []string) {
	t.Helper()
	page, err := os.ReadFile(policyFile)
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)```json\n(.*?)```").FindSubmatch(page)
	if block == nil {
		t.Fatalf("%s has no policy", policyFile)
	}
	var document struct {
		Statement []struct{ Action []string }
	}
	if err := json.Unmarshal(block[1], &document); err != nil {
		t.Fatal(err)
	}
	for _, s := range document.Statement {
		for _, action := range s.Action {
			actions = append(actions, strings.TrimPrefix(action, "secretsmanager:"))
		}
	}
	slices.Sort(actions)
	return block[1], actions
}
