package config

import (
	"math"
	"regexp"
	"time"
)

var (
	severities = []string{"info", "low", "medium", "high", "critical", "never"}
	ruleName   = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	slackID    = regexp.MustCompile(`^[UWCGS][A-Z0-9]{2,}$`) // user, channel, user group (vendor documentation)
)

// ruleUse is where a rule is named, for CheckRules.
type ruleUse struct {
	rule  string
	line  int
	where string
}

// CheckRules returns an *Error when a rule is named in the file that is not
// among the known: a rule that was disabled under a wrong name still runs, but
// a suppression under one silences nothing.
func (c Config) CheckRules(known []string) error {
	found := &problems{}
	isKnown := map[string]bool{}
	for _, k := range known {
		isKnown[k] = true
	}
	for _, use := range c.Audit.rules {
		if !isKnown[use.rule] {
			found.add(use.line, use.where, "unknown rule%s: see tokenwarden rules", didYouMean(use.rule, known))
		}
	}
	return found.err(c.Path)
}

func readAudit(n node, a Audit) Audit {
	f := n.fields("fail_on", "max_age", "max_age_by_permission_set", "unused_for", "lookups", "disable", "suppress")
	if on := f.get("fail_on"); !on.absent() {
		a.FailOn = on.oneOf(severities...)
	}
	f.get("max_age").duration(&a.MaxAge, 1)
	f.get("unused_for").duration(&a.UnusedFor, 1)
	if most := f.get("lookups"); !most.absent() {
		a.Lookups = int(most.whole(math.MaxInt32))
	}
	for _, p := range f.get("max_age_by_permission_set").pairs() {
		var age time.Duration
		if p.absent() {
			p.problem("is missing")
			continue
		}
		p.duration(&age, 1)
		if a.MaxAgeByPermissionSet == nil {
			a.MaxAgeByPermissionSet = map[string]time.Duration{}
		}
		a.MaxAgeByPermissionSet[p.key] = age
	}
	for _, item := range f.get("disable").list() {
		a.Disable = append(a.Disable, a.rule(item))
	}
	for _, item := range f.get("suppress").list() {
		a.Suppress = append(a.Suppress, a.suppression(item))
	}
	return a
}

// rule reads the name of a rule and remembers where it stands.
func (a *Audit) rule(n node) string {
	name := n.text()
	if name != "" && !ruleName.MatchString(name) {
		n.problem("expected the name of a rule, such as service-token-legacy")
		return ""
	}
	a.rules = append(a.rules, ruleUse{rule: name, line: n.line, where: n.where})
	return name
}

func (a *Audit) suppression(n node) Suppression {
	f := n.fields("rule", "name", "fingerprint", "reason", "owner", "expires")
	s := Suppression{
		Line:        n.line,
		Name:        Pattern(f.get("name").text()),
		Fingerprint: f.get("fingerprint").text(),
		Reason:      f.need("reason").text(),
		Owner:       f.need("owner").text(),
	}
	if rule := f.need("rule"); !rule.absent() {
		s.Rule = a.rule(rule)
	}
	f.exactlyOne("name", "fingerprint")
	expires := f.need("expires")
	if text, ok := expires.maybeText("a date"); ok {
		var err error
		if s.Expires, err = time.Parse(time.DateOnly, text); err != nil {
			expires.problem("expected a date such as 2027-03-31")
		}
	}
	return s
}

func readRotate(n node, r Rotate) Rotate {
	f := n.fields("overlap", "quiet", "max", "orphan_min_age")
	f.get("overlap").duration(&r.Overlap, 0)
	f.get("quiet").duration(&r.Quiet, 0)
	f.get("orphan_min_age").duration(&r.OrphanMinAge, 0)
	if most := f.get("max"); !most.absent() {
		r.Max = int(most.whole(math.MaxInt32))
	}
	return r
}

func readNotify(n node, y Notify) Notify {
	f := n.fields("slack", "remind", "owners", "heartbeat")
	f.get("remind").duration(&y.Remind, 1)
	y.Heartbeat, _ = f.get("heartbeat").ref()
	if slack := f.get("slack"); !slack.absent() {
		y.Slack = readSlack(slack)
	}
	for _, p := range f.get("owners").pairs() {
		o := Owner{Name: Pattern(p.key), Slack: p.text()}
		if !slackID.MatchString(o.Slack) {
			p.problem("expected the ID of a Slack user or channel, such as U0123456789")
		}
		y.Owners = append(y.Owners, o)
	}
	return y
}

func readSlack(n node) *Slack {
	f := n.fields("token", "channel", "webhook")
	token, channel, webhook := f.get("token"), f.get("channel"), f.get("webhook")
	s := &Slack{Channel: channel.text()}
	s.Token, _ = token.ref()
	s.Webhook, _ = webhook.ref()
	bot := !token.absent() && !channel.absent() && webhook.absent()
	hook := token.absent() && channel.absent() && !webhook.absent()
	if !bot && !hook && !f.broken {
		n.problem("needs either token and channel, or webhook")
	}
	return s
}
