package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
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
	env := []string{"HOME=" + h.root, "LOGNAME=tokenwarden"}
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
