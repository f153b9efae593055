package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/tokenwarden/tokenwarden/internal/config"
	"github.com/tokenwarden/tokenwarden/rotate"
	"github.com/tokenwarden/tokenwarden/secrets"
)

// Several runs append to one file, and every line stays whole.
func TestEvidenceIsAppendedUnderALock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "evidence.jsonl")
	a := newApp(environment{lookup: func(string) (string, bool) { return "", false }})
	var group sync.WaitGroup
	for run := range 4 {
		e, err := a.openEvidence(rotateOptions{evidence: path})
		if err != nil {
			t.Fatal(err)
		}
		defer e.close()
		group.Go(func() {
			for range 10 {
				if err := e.Record(t.Context(), rotate.Entry{Step: "create", OldTokenID: int64(run)}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.Split(bytes.TrimSpace(b), []byte("\n"))
	if len(lines) != 40 {
		t.Errorf("%d lines, expected 40", len(lines))
	}
	for _, line := range lines {
		var entry map[string]any
		if err := json.Unmarshal(line, &entry); err != nil || entry["step"] != "create" || entry["version"] == "" || entry["host"] == "" || entry["actor"] == "" {
			t.Errorf("%s: %v", line, err)
		}
	}
}

func TestEvidenceIsNotNeeded(t *testing.T) {
	a := newApp(environment{})
	for _, o := range []rotateOptions{{}, {evidence: filepath.Join(t.TempDir(), "none", "e"), dryRun: true}} {
		e, err := a.openEvidence(o)
		if err != nil || e.evidence() != nil {
			t.Errorf("%+v: %v, %v", o, e, err)
		}
		e.close()
	}
}

func TestCommandsGetNoSecretOfOurs(t *testing.T) {
	ref := func(name string) secrets.Ref { return secrets.Ref{Scheme: secrets.Env, Path: name} }
	cfg := config.Config{
		Accounts: []config.Account{{Token: ref("ONE")}, {Token: ref("TWO")}, {Token: secrets.Ref{Scheme: secrets.File, Path: "KEPT"}}},
		Notify:   config.Notify{Heartbeat: ref("PING"), Slack: &config.Slack{Token: ref("SLACK"), Webhook: ref("HOOK")}},
	}
	kept := []string{"PATH=/bin", "KUBECONFIG=/k", "AWS_ACCESS_KEY_ID=x", "KEPT=1", "EMPTY="}
	dropped := []string{"DBT_CLOUD_TOKEN=a", "DBT_CLOUD_API_TOKEN=b", "VAULT_TOKEN=c", "TOKENWARDEN_VAULT_SECRET_ID=d",
		"ONE=e", "TWO=f", "PING=g", "SLACK=h", "HOOK=i", "COPY=the credential is s3cr3t here"}
	got := withoutSecrets(slices.Concat(kept, dropped), cfg, secrets.NewValue("s3cr3t"))
	if !slices.Equal(got, kept) {
		t.Errorf("kept %q, expected %q", got, kept)
	}
}
