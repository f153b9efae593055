package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tokenwarden/tokenwarden/audit"
	"github.com/tokenwarden/tokenwarden/audit/report"
	"github.com/tokenwarden/tokenwarden/internal/config"
	"github.com/tokenwarden/tokenwarden/internal/inflight"
	"github.com/tokenwarden/tokenwarden/notify"
	"github.com/tokenwarden/tokenwarden/rotate"
)

// usualLimit is how long announcing may take by itself (notify.Notifier.Limit).
const usualLimit = 5 * time.Minute

// announce tells people what changed, and says on stderr when nothing was known
// of earlier nights.
func (a *app) announce(ctx context.Context, cfg config.Config, o outlets, nights []notify.Night) (notify.Result, error) {
	n := notify.Notifier{
		Channel: o.slack, States: o.states, Remind: cfg.Notify.Remind, Owner: owner(cfg.Notify.Owners),
		Clock: a.clock(), Rand: a.env.rand,
	}
	// What a run that is killed leaves behind keeps others waiting for its limit.
	if end, limited := ctx.Deadline(); limited && time.Until(end) < usualLimit {
		n.Limit = max(time.Until(end), time.Second)
	}
	result, err := n.Ensure(ctx, nights)
	if result.State != nil {
		_, _ = fmt.Fprintf(a.env.stderr, "note: %s; what stands is announced once, and nothing as new\n", printable(result.State.Error()))
	}
	for _, account := range result.Accounts {
		if account.Unattached != nil {
			_, _ = fmt.Fprintf(a.env.stderr, "note: announced without the report: %s\n", printable(account.Unattached.Error()))
		}
	}
	return result, err
}

// rotating is what a run has to say of rotations.
type rotating struct {
	results  []rotate.Result
	troubles []error // why they could not all be looked for: a store, an account, a configuration
}

// cannotRotate is the rule of the alert that stands while there are troubles.
const cannotRotate = "rotation-incomplete"

// nights are what a report and the rotations of a run say of each account. An
// audit alone has not looked at rotations: done is nil.
func (a *app) nights(r *audit.Report, done *rotating) ([]notify.Night, error) {
	var all []notify.Night
	for _, part := range r.Split() {
		account := &part.Accounts[0]
		night := notify.Night{Account: accountKey(account.ID, account.Host), Name: account.Name, Problem: problem(account), Remedy: a.pasted(program + " doctor")}
		for i := range part.Findings {
			alert := alertOf(&part.Findings[i])
			alert.Remedy = a.pasted(alert.Remedy)
			night.Alerts = append(night.Alerts, alert)
		}
		for _, c := range account.Coverage {
			night.Coverage.Checks++
			if c.Outcome == audit.Checked {
				night.Coverage.Checked++
			} else {
				night.Unchecked = append(night.Unchecked, c.Check)
			}
		}
		for _, g := range report.Gaps(account) {
			night.Coverage.Missing = append(night.Coverage.Missing, fmt.Sprintf("%s: %s (%s)", strings.Join(g.Checks, ", "), g.Outcome, g.Detail))
		}
		if done == nil {
			night.Unchecked = append(night.Unchecked, cannotRotate)
		} else {
			for _, result := range done.results {
				if result.Account == account.Name {
					night.Rotations = append(night.Rotations, a.announced(result))
				}
			}
		}
		var page bytes.Buffer
		if err := report.Write(&page, "html", part, report.Options{Version: version()}); err != nil {
			return nil, err
		}
		night.Report = &notify.Report{Name: fileName(account.Name) + "-" + part.GeneratedAt.Format(time.DateOnly) + ".html", Body: page.Bytes()}
		all = append(all, night)
	}
	if done != nil && len(done.troubles) > 0 {
		// Which account they are about, only their words tell: they are told once.
		if i := slices.IndexFunc(all, func(n notify.Night) bool { return n.Problem == "" }); i >= 0 {
			all[i].Alerts = append(all[i].Alerts, notify.Alert{
				Key: cannotRotate, Rule: cannotRotate, Severity: notify.High, Remedy: a.pasted(program + " config check --probe"),
				Headline: "Rotations could not all be looked for, and may stay unfinished: " + errors.Join(done.troubles...).Error(),
			})
		}
	}
	return all, nil
}

// problem says why an account's report is not complete.
func problem(account *audit.AccountReport) string {
	if account.Status == audit.StatusComplete {
		return ""
	}
	why := "why is in the report"
	if len(account.Errors) > 0 {
		why = account.Errors[0]
	}
	return "The account could not be read as the audit needs it, so nothing found means nothing: " + why
}

// alertOf is a finding as an alert. What it rests on makes it another alert when
// it changes, but for what moves by itself.
func alertOf(f *audit.Finding) notify.Alert {
	name, _, _ := inflight.Split(f.Resource.Name)
	alert := notify.Alert{
		Key: f.Fingerprint, Rule: f.Rule, Severity: notify.Severity(f.Severity), Headline: f.Message, Owner: name, Resource: name,
	}
	if strings.HasPrefix(f.Remediation, program+" ") {
		alert.Remedy = f.Remediation
	} else if f.Remediation != "" {
		alert.Headline += ". " + f.Remediation
	}
	var facts []string
	for _, fact := range f.Evidence {
		if fact.Key != "last_used" && fact.Key != "apitoken_last_used" {
			facts = append(facts, fact.Key+"="+fact.Value)
		}
	}
	alert.Facts = strings.Join(facts, "\n")
	return alert
}

// announced is a rotation as it is announced, with the command that goes on
// from there.
func (a *app) announced(r rotate.Result) notify.Rotation {
	n := notify.Rotation{Key: strconv.FormatInt(r.OldTokenID, 10), Name: r.Name, Status: string(r.Status), Owner: r.Name}
	why := strings.TrimSuffix(r.Message+r.Error, "; tokenwarden rotate --pending ends it then") // the remedy says that
	n.Text = strings.Join(append([]string{why}, r.Warnings...), "; ")
	if r.Compromised != "" {
		was := "It was"
		if r.Undo { // which --compromised makes of the rotation of a replacement on its way out
			was = "Its replacement was"
		}
		n.Text = strings.TrimSuffix(was+" compromised: "+r.Compromised+"; "+n.Text, "; ")
	}
	if r.PendingUntil != nil {
		n.Until = *r.PendingUntil
	}
	switch r.Status {
	case rotate.Failed, rotate.Pending:
		n.Remedy = a.pasted(program + " rotate --pending --yes")
	case rotate.Refused:
		n.Remedy = a.pasted(fmt.Sprintf("%s rotate --account %s --token-id %d --dry-run", program, audit.ShellWord(r.Account), r.OldTokenID))
	case rotate.Rotated, rotate.Undone, rotate.Unchanged, rotate.Planned:
	}
	return n
}

// pasted is a command for somebody in another folder: it names the configuration
// that this run was given.
func (a *app) pasted(command string) string {
	path := a.common.config
	if command == "" || path == "" {
		return command
	}
	if dir, err := a.env.dir(); err == nil && !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	return command + " --config " + audit.ShellWord(path)
}

// fileName makes a label fit for the name of a file.
func fileName(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || strings.ContainsRune(`/\:*?"<>|`, r) {
			return '-'
		}
		return r
	}, s)
}

var errNoSlack = errors.New("there is nobody to notify: the configuration has no notify.slack")
