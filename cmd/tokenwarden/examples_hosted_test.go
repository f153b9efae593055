package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/tokenwarden/tokenwarden/secrets/awssm/awstest"
)

// TestExampleKubernetes runs the pod's command with its variables, its
// configuration and its secrets where they are mounted.
func TestExampleKubernetes(t *testing.T) {
	type volume struct {
		Name, MountPath string
		ConfigMap       any `yaml:"configMap"`
		Secret          any
		Projected       any
	}
	type podSpec struct {
		Containers []struct {
			Args         []string
			Env          []struct{ Name, Value string }
			VolumeMounts []struct {
				Name string
				Path string `yaml:"mountPath"`
			} `yaml:"volumeMounts"`
		}
		Volumes []volume
	}
	var manifest struct {
		Data map[string]string
		Spec struct {
			Job struct {
				Spec struct{ Template struct{ Spec podSpec } }
			} `yaml:"jobTemplate"`
		}
	}
	h := newHost(t)
	for d := yaml.NewDecoder(strings.NewReader(h.text(t, "kubernetes/tokenwarden.yaml"))); ; {
		if err := d.Decode(&manifest); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	pod := manifest.Spec.Job.Spec.Template.Spec
	container := pod.Containers[0]
	const jwt = "ey.JWT"
	h.vault.Admin().Must(t, "POST", "sys/auth/kubernetes", map[string]any{"type": "kubernetes"})
	h.vault.Trust("kubernetes", "tokenwarden", jwt, "tokenwarden")
	for _, mount := range container.VolumeMounts {
		path := strings.TrimPrefix(mount.Path, h.root)
		i := slices.IndexFunc(pod.Volumes, func(v volume) bool { return v.Name == mount.Name })
		if i < 0 {
			t.Fatalf("there is no volume %s", mount.Name)
		}
		switch v := pod.Volumes[i]; {
		case v.ConfigMap != nil:
			for name, text := range manifest.Data {
				h.write(t, filepath.Join(path, name), text)
			}
		case v.Secret != nil:
			for _, name := range []string{"dbt-cloud-token", "slack-webhook-url", "heartbeat-url"} {
				h.write(t, filepath.Join(path, name), h.secret(t, name))
			}
		case v.Projected != nil:
			h.write(t, filepath.Join(path, "jwt"), jwt)
		}
	}
	var names []string
	for _, variable := range container.Env {
		names = append(names, variable.Name)
		h.variables[variable.Name] = variable.Value
	}
	h.variables["TMPDIR"] = "/nonexistent" // the root is read-only: nothing can be made there
	h.run(t, 0, container.Args...)
	h.told(t, 0)
	h.run(t, 0, container.Args...) // it remembers without a disk what it announced
	if h.heard = slices.DeleteFunc(h.heard, func(path string) bool { return path != hookPath }); len(h.heard) != 0 {
		t.Errorf("the second night announces the same again: %v", h.heard)
	}
	h.rotates(t, "vault://secret/dbt/Airflow-prod#token", "--config", h.root+"/etc/tokenwarden/tokenwarden.yaml")
	h.used(t, names...)
}

// TestExampleGitHubActions runs the workflow's command in the working folder,
// with the identity that GitHub gives a job.
func TestExampleGitHubActions(t *testing.T) {
	var workflow struct {
		Jobs map[string]struct {
			Env   map[string]string
			Steps []struct{ Uses, Run string }
		}
	}
	h := newHost(t)
	if err := yaml.Unmarshal([]byte(h.text(t, "github-actions/tokenwarden.yml")), &workflow); err != nil {
		t.Fatal(err)
	}
	job := workflow.Jobs["nightly"]
	maps.Copy(h.variables, job.Env)
	const jwt = "ey.JWT"
	h.vault.Admin().Must(t, "POST", "sys/auth/jwt", map[string]any{"type": "jwt"})
	h.vault.Trust("jwt", "tokenwarden", jwt, "tokenwarden")
	h.variables["ACTIONS_ID_TOKEN_REQUEST_TOKEN"] = "request"
	h.variables["ACTIONS_ID_TOKEN_REQUEST_URL"] = serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("audience") != "https://vault.example.com" {
			w.WriteHeader(http.StatusForbidden)
		}
		fmt.Fprintf(w, `{"value": %q}`, jwt)
	}))
	h.variables["GITHUB_STEP_SUMMARY"] = h.root + "/summary.md"
	// What the login to AWS leaves behind.
	t.Setenv("AWS_ENDPOINT_URL", serve(t, &awstest.Server{AccessKeys: []string{"AKIDEXAMPLE"}}))
	t.Setenv("AWS_REGION", awstest.DefaultRegion)
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMIexampleexample")
	admin := h.vault.Admin()
	admin.Must(t, "PUT", "secret/data/dbt/tokenwarden", map[string]any{"data": map[string]any{"token": h.sim.AdminToken()}})
	admin.Must(t, "PUT", "secret/data/dbt/tokenwarden-notify", map[string]any{"data": map[string]any{
		"slack": strings.TrimSpace(h.secret(t, "slack-webhook-url")), "heartbeat": strings.TrimSpace(h.secret(t, "heartbeat-url")),
	}})

	h.write(t, "/repository/tokenwarden.yaml", h.text(t, "github-actions/tokenwarden.yaml"))
	t.Chdir(h.root + "/repository")
	ran := 0
	for _, step := range job.Steps {
		if command, ours := strings.CutPrefix(step.Run, "tokenwarden "); ours {
			h.run(t, 1, strings.Fields(command)...)
			ran++
		}
	}
	if ran != 1 {
		t.Errorf("the workflow runs the program %d times", ran)
	}
	h.told(t, 1)
	sarif, err := os.ReadFile("tokenwarden.sarif")
	if err != nil || !strings.Contains(string(sarif), "service-token-legacy") {
		t.Errorf("the SARIF report: %v", err)
	}
	summary, err := os.ReadFile(h.root + "/summary.md")
	if err != nil || !strings.Contains(string(summary), "Airflow prod") {
		t.Errorf("the step summary: %v", err)
	}
	h.rotates(t, "awssm://prod/dbt/airflow?region=eu-west-1#token")
	h.used(t, slices.Collect(maps.Keys(job.Env))...)
}
