// Package metrics writes what a run found and did as a file for node_exporter's
// textfile collector. It imports nothing of ours.
package metrics

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Run is what one run found and did.
type Run struct {
	Version  string
	Finished time.Time
	Duration time.Duration
	ExitCode int
	// Success says that the run did all it was to do: exit codes 0 and 1, for
	// findings are no failure of the run. Otherwise the time of the last success
	// is taken over from the file that is replaced.
	Success  bool
	Accounts []Account
}

// Account is what is known of one account. Names may be text from the API; they
// become label values, which the format escapes.
type Account struct {
	Name      string
	ID        int64
	Findings  []Findings
	Checks    map[string]int // number of checks by outcome
	Tokens    []Token
	Rotations map[string]int // by status
	Requests  int            // to the API, in this run
}

// Findings counts the findings of one rule and severity; rules that found
// nothing belong here with 0, so that an alert on them can end.
type Findings struct {
	Rule, Severity string
	Count          int
}

// Token is an active service token.
type Token struct {
	ID   int64
	Name string
	Age  time.Duration
}

// Checked is the outcome that counts as covered.
const Checked = "checked"

// statuses are those of a rotation; each is written even at 0.
var statuses = [...]string{"rotated", "undone", "pending", "refused", "failed"}

// collect fills a registry. A fresh one each time: what is gone leaves no series
// behind.
func (r Run) collect(lastSuccess time.Time) (*prometheus.Registry, error) {
	reg := prometheus.NewRegistry()
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "tokenwarden", Name: name, Help: help}, labels)
		reg.MustRegister(g)
		return g
	}
	gauge("build_info", "The version that ran; always 1.", "version").WithLabelValues(valid(r.Version)).Set(1)
	gauge("last_run_timestamp_seconds", "When the last run ended.").WithLabelValues().Set(seconds(r.Finished))
	gauge("last_run_duration_seconds", "How long the last run took.").WithLabelValues().Set(r.Duration.Seconds())
	gauge("last_run_exit_code", "How the last run ended: 0 fine, 1 findings or a rotation that waits for a person, 2 something could not be done.").WithLabelValues().Set(float64(r.ExitCode))
	if success := gauge("last_success_timestamp_seconds", "When a run last did all it was to do; findings are no failure."); !lastSuccess.IsZero() {
		success.WithLabelValues().Set(seconds(lastSuccess))
	}
	account := []string{"account", "account_id"}
	findings := gauge("findings", "Findings that stand, without the accepted ones.", append(account, "rule", "severity")...)
	checks := gauge("checks", "Checks by outcome; anything but checked means that nothing is known there.", append(account, "outcome")...)
	coverage := gauge("coverage_ratio", "The part of the checks that could be made, 0 to 1.", account...)
	age := gauge("service_token_age_seconds", "The age of an active service token.", append(account, "token_id", "name")...)
	rotations := gauge("rotations", "Rotations that the last run worked on, by what became of them.", append(account, "status")...)
	requests := gauge("api_requests", "Requests to the Admin API in the last run.", account...)
	seen := map[string]bool{}
	for _, a := range r.Accounts {
		ids := []string{valid(a.Name), strconv.FormatInt(a.ID, 10)}
		key := strings.Join(ids, "\x00")
		if seen[key] {
			return nil, fmt.Errorf("account %q comes twice", a.Name)
		}
		seen[key] = true
		with := func(more ...string) []string { return append(ids[:2:2], more...) }
		for _, f := range a.Findings {
			findings.WithLabelValues(with(f.Rule, f.Severity)...).Add(float64(f.Count))
		}
		all := 0
		for outcome, n := range a.Checks {
			all += n
			checks.WithLabelValues(with(valid(outcome))...).Set(float64(n))
		}
		if all > 0 {
			coverage.WithLabelValues(ids...).Set(float64(a.Checks[Checked]) / float64(all))
		}
		for _, t := range a.Tokens {
			age.WithLabelValues(with(strconv.FormatInt(t.ID, 10), valid(t.Name))...).Set(t.Age.Seconds())
		}
		for _, status := range statuses {
			rotations.WithLabelValues(with(status)...).Set(float64(a.Rotations[status]))
		}
		requests.WithLabelValues(ids...).Set(float64(a.Requests))
	}
	return reg, nil
}

// valid makes text a label value: the format is UTF-8.
func valid(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
