package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/gofrs/flock"

	"github.com/tokenwarden/tokenwarden/rotate"
)

// evidenceFile is a file of JSON lines that runs append to, each line under a
// lock and on the disk before the next thing is done.
type evidenceFile struct {
	file *os.File
	lock *flock.Flock
	run  evidenceRun
}

// evidenceRun says who did it, on every line.
type evidenceRun struct {
	Actor   string `json:"actor"`
	Host    string `json:"host"`
	CIRun   string `json:"ci_run,omitempty"`
	Version string `json:"version"`
	Reason  string `json:"reason"`
}

// openEvidence opens the file of --evidence; nil without one, and for a dry run,
// which does nothing that needs any.
func (a *app) openEvidence(o rotateOptions) (*evidenceFile, error) {
	if o.evidence == "" || o.dryRun {
		return nil, nil
	}
	f, err := os.OpenFile(o.evidence, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return nil, misuse("--evidence: %w", err)
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return &evidenceFile{file: f, lock: flock.New(o.evidence, flock.SetFlag(os.O_RDWR)), run: evidenceRun{
		Actor:   cmp.Or(a.env.get("USER"), a.env.get("LOGNAME"), fmt.Sprintf("uid %d", os.Getuid())),
		Host:    host,
		CIRun:   cmp.Or(a.env.get("GITHUB_RUN_ID"), a.env.get("CI_PIPELINE_ID"), a.env.get("BUILD_URL")),
		Version: version(),
		Reason:  cmp.Or(o.reason, o.asked()),
	}}, nil
}

// evidence is e for package rotate, where nil means none.
func (e *evidenceFile) evidence() rotate.Evidence {
	if e == nil {
		return nil
	}
	return e
}

// Record implements rotate.Evidence.
func (e *evidenceFile) Record(ctx context.Context, entry rotate.Entry) error {
	line, err := json.Marshal(struct {
		rotate.Entry
		evidenceRun
	}{entry, e.run})
	if err != nil {
		return err
	}
	if _, err := e.lock.TryLockContext(ctx, 20*time.Millisecond); err != nil {
		return fmt.Errorf("locking the evidence file: %w", err)
	}
	defer func() { _ = e.lock.Unlock() }() // it ends with the process at the latest
	if _, err := e.file.Write(append(line, '\n')); err != nil {
		return err
	}
	return e.file.Sync()
}

func (e *evidenceFile) close() {
	if e != nil {
		_ = e.file.Close() // every line is on the disk already
	}
}
