package verify_test

import (
	"io"
	"maps"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/rhysd/actionlint"
	"sigs.k8s.io/yaml"
)

const workflowPath = "github-actions/tokenwarden.yml"

// lint returns what actionlint has against a workflow.
func lint(t *testing.T, text string) []*actionlint.Error {
	t.Helper()
	options := &actionlint.LinterOptions{}
	if path, err := exec.LookPath("shellcheck"); err == nil {
		options.Shellcheck = path
	} else {
		t.Log("NOT CHECKED: there is no shellcheck here, so actionlint does not look into the workflow's commands")
	}
	linter, err := actionlint.NewLinter(io.Discard, options)
	if err != nil {
		t.Fatal(err)
	}
	found, err := linter.Lint(".github/workflows/tokenwarden.yml", []byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

var pinned = regexp.MustCompile(`@[0-9a-f]{40} # (v[0-9]+)[0-9.]*`)

func TestWorkflow(t *testing.T) {
	text := read(t, workflowPath)
	// actionlint knows the inputs of actions by their major versions only.
	byVersion := pinned.ReplaceAllString(text, "@$1")
	for _, e := range append(lint(t, text), lint(t, byVersion)...) {
		t.Error(e)
	}
	if found := lint(t, strings.Replace(byVersion, "role-to-assume:", "role:", 1)); len(found) == 0 {
		t.Error("actionlint does not mind an input that the action has not")
	}
	for _, use := range regexp.MustCompile(`(?m)uses: .*$`).FindAllString(text, -1) {
		if !pinned.MatchString(use) {
			t.Errorf("not pinned to a commit: %s", use)
		}
	}
}

// The workflow may do what it says, and nothing else.
func TestWorkflowPermissions(t *testing.T) {
	var workflow struct {
		Permissions map[string]string
		Concurrency struct {
			Cancel *bool `json:"cancel-in-progress"`
		}
		Jobs map[string]struct {
			Minutes     int `json:"timeout-minutes"`
			Permissions map[string]string
			Steps       []struct {
				Uses, Run string
				With      map[string]string
			}
		}
	}
	if err := yaml.Unmarshal([]byte(read(t, workflowPath)), &workflow); err != nil {
		t.Fatal(err)
	}
	job := workflow.Jobs["nightly"]
	want := map[string]string{"actions": "read", "contents": "read", "id-token": "write", "security-events": "write"}
	if workflow.Permissions == nil || len(workflow.Permissions) != 0 || !maps.Equal(job.Permissions, want) {
		t.Errorf("the permissions are %v and %v", workflow.Permissions, job.Permissions)
	}
	if workflow.Concurrency.Cancel == nil || *workflow.Concurrency.Cancel {
		t.Error("a run is cut off by the next one")
	}
	var written, uploaded string
	for _, step := range job.Steps {
		if strings.HasPrefix(step.Uses, "github/codeql-action/upload-sarif@") {
			uploaded = step.With["sarif_file"] // actionlint does not know the inputs of this action
		}
		if args := strings.Fields(step.Run); len(args) > 0 && args[0] == "tokenwarden" {
			written = flag(t, args, "--output")
			if limit := timeout(t, args); float64(job.Minutes) < limit.Minutes()+5 {
				t.Errorf("GitHub ends the job after %d minutes, and the run gives itself %s", job.Minutes, limit)
			}
		}
	}
	if written == "" || written != uploaded {
		t.Errorf("the run writes %q, and %q is uploaded", written, uploaded)
	}
}
