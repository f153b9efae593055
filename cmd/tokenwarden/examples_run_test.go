package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/tokenwarden/tokenwarden/secrets/awssm/awstest"
)

// TestExampleCron runs the crontab's command as cron does: by its shell, with
// next to nothing in the environment.
func TestExampleCron(t *testing.T) {
	h := newHost(t)
	h.write(t, "/etc/tokenwarden/tokenwarden.yaml", h.text(t, "cron/tokenwarden.yaml"))
	h.write(t, "/etc/tokenwarden/environment", h.text(t, "cron/environment"))
	h.write(t, "/var/lib/tokenwarden/x", "")
	h.write(t, "/var/lib/node_exporter/textfile/x", "")
	set := regexp.MustCompile(`(?m)^([A-Z_]+)='?([^'\n]*)`)
	var names []string
	for _, m := range set.FindAllStringSubmatch(h.text(t, "cron/environment"), -1) {
		names = append(names, m[1])
		h.variables[m[1]] = m[2]
	}
	h.run(t, 0, "age", "init")

	crontab := h.text(t, "cron/tokenwarden")
	env := []string{"HOME=" + h.root, "LOGNAME=tokenwarden", "TMPDIR=" + h.root}
	for _, m := range set.FindAllStringSubmatch(crontab, -1) {
		env = append(env, m[1]+"="+m[2])
	}
	line := regexp.MustCompile(`(?m)^[0-9*/,-]+ [0-9*/,-]+ [0-9*/,-]+ [0-9*/,-]+ [0-9*/,-]+ tokenwarden (.*)$`).FindStringSubmatch(crontab)
	if line == nil || strings.Contains(line[1], "%") { // which ends the command for cron
		t.Fatalf("the crontab has no command that cron would run: %q", line)
	}
	mail := func() string {
		cmd := exec.Command("/bin/sh", "-c", line[1])
		cmd.Env, cmd.Dir = env, h.root
		out, err := cmd.CombinedOutput()
		if failed := (*exec.ExitError)(nil); err != nil && !errors.As(err, &failed) {
			t.Fatal(err)
		}
		return string(out)
	}
	if out := mail(); out != "" {
		t.Errorf("a night with findings is mailed: %s", out)
	}
	h.told(t, 1)
	for _, path := range []string{"/var/lib/tokenwarden/state.json", "/var/lib/node_exporter/textfile/tokenwarden.prom"} {
		if _, err := os.Stat(h.root + path); err != nil {
			t.Error(err)
		}
	}
	h.rotates(t, "age://"+h.root+"/var/lib/tokenwarden/tokens.age#Airflow-prod")
	h.run(t, 1, "nightly")
	h.used(t, names...)

	h.write(t, "/etc/tokenwarden/tokenwarden.yaml", "acounts: []\n")
	if out := mail(); !strings.Contains(out, "unknown key") {
		t.Errorf("a mistake in the configuration is not mailed: %q", out)
	}
	if err := os.Remove(h.root + "/etc/tokenwarden/environment"); err != nil {
		t.Fatal(err)
	}
	if out := mail(); !strings.Contains(out, "environment") {
		t.Errorf("a missing environment file is not mailed: %q", out)
	}
}

// TestExampleSystemd runs the service's command with the variables and the
// credentials that systemd would give it.
func TestExampleSystemd(t *testing.T) {
	h := newHost(t)
	h.write(t, "/etc/tokenwarden/tokenwarden.yaml", h.text(t, "systemd/tokenwarden.yaml"))
	h.write(t, "/var/lib/tokenwarden/x", "")
	roleID, secretID := h.vault.Admin().AppRole(t, "approle", "tokenwarden", map[string]any{"token_policies": []string{"tokenwarden"}})
	h.write(t, "/secrets/vault-secret-id", secretID)
	service := h.text(t, "systemd/tokenwarden.service")
	credentials := "/run/credentials/tokenwarden.service"
	settings := func(key string) (all []string) {
		for _, m := range regexp.MustCompile(`(?m)^`+key+`=(.+)$`).FindAllStringSubmatch(service, -1) {
			all = append(all, strings.ReplaceAll(m[1], "%d", h.root+credentials))
		}
		return all
	}
	for _, credential := range settings("LoadCredential") {
		id, path, _ := strings.Cut(credential, ":")
		if path != h.root+"/etc/tokenwarden/"+id {
			t.Errorf("the credential %s is loaded from %s", id, path)
		}
		h.write(t, filepath.Join(credentials, id), h.secret(t, id))
	}
	var names []string
	for _, assignment := range settings("Environment") {
		name, value, _ := strings.Cut(assignment, "=")
		names = append(names, name)
		h.variables[name] = value
	}
	h.variables["TOKENWARDEN_VAULT_ROLE_ID"] = roleID
	h.variables["STATE_DIRECTORY"] = h.root + "/var/lib/" + settings("StateDirectory")[0]
	command := strings.Fields(settings("ExecStart")[0])
	h.run(t, 1, command[1:]...)
	h.told(t, 1)
	if _, err := os.Stat(h.root + "/var/lib/tokenwarden/alerts.json"); err != nil {
		t.Error(err)
	}
	h.rotates(t, "vault://secret/dbt/Airflow-prod#token", "--config", h.root+"/etc/tokenwarden/tokenwarden.yaml")
	h.used(t, names...)
}

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
