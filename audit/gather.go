package audit

import (
	"context"
	"fmt"
	"strings"

	"github.com/tokenwarden/tokenwarden/internal/dbtcloud"
)

// gatherer reads one account. What the mission's rules need comes first, so that
// an account which fails half-way fails in what matters least.
type gatherer struct {
	account Account
	policy  *Policy
	facts   Facts
	plan    string
	errors  []string
	// gaveUp is why nothing more is asked of this account; empty: nothing
	// happened that would repeat itself.
	gaveUp string
	visits int // lookups spent
}

func (g *gatherer) gather(ctx context.Context, needed map[need]bool) {
	switch {
	case g.account.Err != nil:
		g.gaveUp = g.account.Err.Error()
	case g.account.Source == nil:
		g.gaveUp = "the account has no credential to be read with"
	}
	if g.gaveUp != "" {
		g.errors = append(g.errors, g.gaveUp)
	}
	f := &g.facts
	f.Tokens.Sight = g.mission(ctx, "service tokens", g.tokens)
	f.Users.Sight = g.mission(ctx, "users", g.users)
	f.Own = g.own()
	if len(f.Tokens.Items) == 0 && f.Tokens.Sight.Whole() || needed[needIPRules] || needed[needSCIMTokens] {
		g.seesAccounts(ctx)
	}
	g.doubtEmpty()
	if needed[needProjects] {
		f.Projects.Sight = g.read(ctx, "projects", g.projects)
	}
	if needed[needIPRules] {
		f.Rules.Sight = g.licensed(g.read(ctx, "IP restrictions", g.ipRules))
	}
	if needed[needSCIMTokens] {
		f.SCIMTokens.Sight = g.licensed(g.read(ctx, "SCIM tokens", g.scimTokens))
	}
	if needed[needGrants] {
		f.Grants = g.grants(ctx)
	}
	if needed[needPersonalTokens] {
		f.PersonalTokens.Sight = g.personalTokens(ctx)
	}
	if needed[needDestinations] {
		f.Destinations.Sight = g.destinations(ctx)
	}
}

// read makes one attempt at a list and turns its error into what it means.
func (g *gatherer) read(ctx context.Context, what string, call func(context.Context) error) Sight {
	if g.gaveUp != "" {
		return Sight{Outcome: Failed, Detail: "not tried: " + g.gaveUp}
	}
	err := call(ctx)
	if err == nil {
		return Sight{Outcome: Checked}
	}
	text := fmt.Sprintf("reading %s: %v", what, err)
	switch dbtcloud.KindOf(err) {
	case dbtcloud.KindNotFound, dbtcloud.KindForbidden:
		// The service answers 404 where a permission is missing (recorded).
		return Sight{Outcome: NotVisible, Detail: text, Refused: true}
	case dbtcloud.KindInvalid, dbtcloud.KindMalformed:
		return Sight{Outcome: Failed, Detail: text}
	case dbtcloud.KindTransport, dbtcloud.KindServer, dbtcloud.KindUnauthorized, dbtcloud.KindIPRestricted,
		dbtcloud.KindRedirect, dbtcloud.KindThrottled, dbtcloud.KindCanceled:
		// The client has waited as long as it may, or the next request would
		// get the same answer.
		g.gaveUp = text
	}
	return Sight{Outcome: Failed, Detail: text}
}

// mission is read for the lists without which a report is not complete.
func (g *gatherer) mission(ctx context.Context, what string, call func(context.Context) error) Sight {
	tried := g.gaveUp == ""
	sight := g.read(ctx, what, call)
	if tried && !sight.Whole() {
		g.errors = append(g.errors, sight.Detail)
	}
	return sight
}

// licensed tells a list that the plan does not have from one that is not shown.
// Both are refused alike, so that only the name of a plan that is known to lack
// it decides (docs: IP restrictions and SCIM are for Enterprise plans).
func (g *gatherer) licensed(s Sight) Sight {
	if s.Outcome != NotVisible {
		return s
	}
	for _, lacking := range []string{"free", "developer", "team", "starter"} {
		if strings.HasPrefix(strings.ToLower(g.plan), lacking) {
			return Sight{Outcome: NotLicensed, Detail: fmt.Sprintf("the plan %s does not have it; asked all the same: %s", Quote(g.plan), s.Detail)}
		}
	}
	return s
}

// seesAccounts asks what the credential can see. Of several accounts only one is
// ours; a credential that sees more than one belongs to a person (docs).
func (g *gatherer) seesAccounts(ctx context.Context) {
	if g.gaveUp != "" {
		return
	}
	accounts, err := g.account.Source.Accounts(ctx)
	if err != nil {
		return // the plan stays unknown, and nothing is concluded from it
	}
	for _, a := range accounts {
		if a.ID == g.account.ID {
			g.plan = a.Plan
		}
	}
	if len(accounts) > 1 && g.facts.Credential == UnknownCredential {
		g.facts.Credential = PersonalCredential
	}
}

// doubtEmpty keeps a credential that may see nothing from making an account look
// clean: the account of a service token has at least that one, and the account
// of a person that user.
func (g *gatherer) doubtEmpty() {
	f := &g.facts
	doubt := func(s *Sight, reason string) {
		*s = Sight{Outcome: NotVisible, Detail: reason + ": the credential is not shown what is there", Refused: true}
		g.errors = append(g.errors, s.Detail)
	}
	switch personal := f.Credential == PersonalCredential; {
	case !personal && f.Tokens.Sight.Whole() && len(f.Tokens.Items) == 0:
		doubt(&f.Tokens.Sight, "the list shows no active service token, not even the one that asked")
	case personal && f.Users.Sight.Whole() && len(f.Users.Items) == 0:
		doubt(&f.Users.Sight, "the list shows no user, not even the one that asked")
	}
}

// own tells whether the credential was recognised among the tokens. A service
// token that is shown just one is that one.
func (g *gatherer) own() Sight {
	if g.facts.Credential == PersonalCredential {
		return Sight{Outcome: NotVisible, Detail: "the audit authenticates with a personal access token"}
	}
	tokens := &g.facts.Tokens
	if g.facts.Credential == ServiceTokenCredential && tokens.Sight.Whole() && len(tokens.Items) == 1 {
		tokens.Items[0].Own = true
	}
	var own []*Token
	for i := range tokens.Items {
		if tokens.Items[i].Own {
			own = append(own, &tokens.Items[i])
		}
	}
	switch len(own) {
	case 1:
		return Sight{Outcome: Checked}
	case 0:
		return tokens.Sight.worse(Sight{Outcome: NotVisible, Detail: "dbt Cloud does not say which token asks, and nothing else does"})
	}
	for _, t := range own {
		t.Own = false
	}
	return Sight{Outcome: NotVisible, Detail: fmt.Sprintf("any of %d tokens may be the one that asks", len(own))}
}

func (g *gatherer) counts() (c Counts) {
	c.ServiceTokens = len(g.facts.Tokens.Items)
	for i := range g.facts.Users.Items {
		if !g.facts.Users.Items[i].Deleted {
			c.Users++
		}
	}
	return c
}

func (g *gatherer) active() []ActiveToken {
	var all []ActiveToken
	for i := range g.facts.Tokens.Items {
		t := &g.facts.Tokens.Items[i]
		all = append(all, ActiveToken{ID: t.ID, Name: t.Name, Created: t.CreatedAt.Time})
	}
	return all
}
