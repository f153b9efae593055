package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tokenwarden/tokenwarden/audit"
	"github.com/tokenwarden/tokenwarden/internal/config"
	"github.com/tokenwarden/tokenwarden/internal/dbtcloud"
	"github.com/tokenwarden/tokenwarden/rotate"
	"github.com/tokenwarden/tokenwarden/secrets"
)

// chosenCase is one token as an account shows it, in the words of a table.
type chosenCase struct {
	name    string
	token   string // its name in dbt Cloud
	entry   config.Entry
	also    []config.ActiveToken // tokens of the same assignment
	refs    int                  // destinations; -1: none
	held    []held               // what they hold, in order; the last one for all that follow
	rule    string               // empty: legacy
	accepts bool                 // the policy accepts the finding
	want    reason
	detail  string // is in the detail
}

const chosenID = 777

func labelled(label secrets.Label, past ...secrets.Label) held {
	h := held{label: label, labels: secrets.Labels{"0000000000000001": label}}
	for i, l := range past {
		h.labels[secrets.Fingerprint(fmt.Sprintf("%016d", i+2))] = l
	}
	return h
}

func TestChoose(t *testing.T) {
	its := labelled(secrets.Label{TokenID: chosenID, AccountID: 7})
	others := labelled(secrets.Label{TokenID: 700, AccountID: 7})
	for _, c := range []chosenCase{
		{name: "labelled as its own", held: []held{its}},
		{name: "two destinations of its own", refs: 2, held: []held{its}},
		{name: "flagged by the policy's age", rule: "service-token-old", held: []held{its}},
		{name: "it replaced one that is gone", held: []held{labelled(secrets.Label{TokenID: chosenID, AccountID: 7, Replaces: 5})}},
		{name: "the policy accepts it", accepts: true, held: []held{its}, want: suppressed, detail: "it is needed"},
		{name: "never", entry: config.Entry{Never: true, Reason: "Terraform"}, held: []held{its}, want: neverRotated, detail: "Terraform"},
		{name: "never, without a destination", entry: config.Entry{Never: true, Reason: "Terraform"}, refs: -1, want: neverRotated},
		{name: "no destination", refs: -1, want: unplaced},
		{name: "nothing is stored", held: []held{{empty: true}}, want: emptyPlace, detail: "vault://secret/1#token: empty"},
		{name: "no label", held: []held{{}}, want: unlabelled, detail: "unknown owner"},
		{name: "a label of another account", held: []held{labelled(secrets.Label{TokenID: chosenID, AccountID: 8})}, want: unlabelled},
		{name: "another token's value", held: []held{others}, want: foreign, detail: "token 700"},
		{name: "a store that is down", held: []held{{err: errors.New("sealed")}}, want: unreadable, detail: "sealed"},
		{name: "one of two is not labelled", refs: 2, held: []held{its, {}}, want: unlabelled, detail: "vault://secret/2#token"},
		{name: "one of two cannot be read, and that is said", refs: 3, held: []held{{}, {err: errors.New("sealed")}, {empty: true}}, want: unreadable},
		{name: "it carries the name of a replacement", token: "Airflow [replaces 5 abcd]", held: []held{its}, want: inFlight},
		{name: "a replacement carries its name", also: []config.ActiveToken{{ID: 901, Replaces: []int64{chosenID}}}, held: []held{its}, want: inFlight},
		{name: "a renamed replacement is stored", held: []held{labelled(secrets.Label{TokenID: 700, AccountID: 7, Replaces: chosenID})}, want: inFlight},
		{name: "one of two holds the replacement", refs: 2, held: []held{{}, labelled(secrets.Label{TokenID: 700, AccountID: 7, Replaces: chosenID})}, want: inFlight},
		{name: "a renamed replacement of one that lives", held: []held{labelled(secrets.Label{TokenID: chosenID, AccountID: 7, Replaces: 700})}, want: inFlight},
	} {
		chosen, left := c.known().choose()
		switch {
		case c.want == "" && (len(chosen) != 1 || len(left) != 0):
			t.Errorf("%s: not taken: %+v", c.name, left)
		case c.want == "" && len(chosen[0].request.Destinations) != max(c.refs, 1):
			t.Errorf("%s: goes to %v", c.name, chosen[0].request.Destinations)
		case c.want == "":
		case len(chosen) != 0 || len(left) != 1:
			t.Errorf("%s: taken: %+v", c.name, chosen)
		case left[0].Reason != c.want || !strings.Contains(left[0].Detail, c.detail) || left[0].TokenID != chosenID || (left[0].err != nil) != (c.want == unreadable):
			t.Errorf("%s: left out for %+v", c.name, left[0])
		}
	}
}

// known is an account with that token, and a living token 700 that nobody flags.
func (c chosenCase) known() known {
	token := dbtcloud.ServiceToken{ID: chosenID, Name: "Airflow"}
	if c.token != "" {
		token.Name = c.token
	}
	k := known{
		account: &account{
			Account: config.Account{ID: 7, Name: "seven"}, credential: secrets.NewValue("credential"),
			survey: &rotate.Survey{Tokens: map[int64]dbtcloud.ServiceToken{chosenID: token, 700: {ID: 700, Name: "another"}}},
		},
		held: map[string]held{},
	}
	s := config.Assignment{Account: k.account.Account, Entry: c.entry, Tokens: append([]config.ActiveToken{{ID: chosenID}}, c.also...)}
	for i := range max(c.refs, 1) {
		if c.refs < 0 {
			break
		}
		ref := secrets.Ref{Scheme: secrets.Vault, Path: fmt.Sprint("secret/", i+1), Field: "token"}
		s.Destinations = append(s.Destinations, ref)
		h := c.held[min(i, len(c.held)-1)]
		h.ref = ref
		k.held[ref.Place()] = h
	}
	k.assignments = []config.Assignment{s, {Account: k.account.Account, Tokens: []config.ActiveToken{{ID: 700}}}}
	f := audit.Finding{Rule: "service-token-legacy", Resource: audit.Resource{ID: chosenID}}
	if c.rule != "" {
		f.Rule = c.rule
	}
	if k.findings = []audit.Finding{f, f}; c.accepts { // both rules may flag it
		f.Suppression = &audit.Accepted{Reason: "it is needed"}
		k.findings, k.accepted = nil, []audit.Finding{f}
	}
	return k
}

// What is flagged and gone by the time of the survey is no matter any more.
func TestChooseGone(t *testing.T) {
	k := chosenCase{held: []held{{}}}.known()
	delete(k.account.survey.Tokens, chosenID)
	if chosen, left := k.choose(); len(chosen)+len(left) > 0 {
		t.Errorf("%v, %v", chosen, left)
	}
}

// A token that one rule's finding is accepted of, and another's is not, is taken.
func TestChooseAcceptedByOneRule(t *testing.T) {
	k := chosenCase{held: []held{labelled(secrets.Label{TokenID: chosenID, AccountID: 7})}}.known()
	k.accepted = []audit.Finding{{Rule: "service-token-old", Resource: audit.Resource{ID: chosenID}, Suppression: &audit.Accepted{}}}
	if chosen, left := k.choose(); len(chosen) != 1 || len(left) != 0 {
		t.Errorf("%v, %v", chosen, left)
	}
}

// Our own credential is told by the label of its value, whatever it may do.
func TestChooseOwn(t *testing.T) {
	k := chosenCase{held: []held{labelled(secrets.Label{TokenID: chosenID, AccountID: 7})}}.known()
	if chosen, _ := k.choose(); chosen[0].own {
		t.Error("another value is taken for our own")
	}
	for place, h := range k.held {
		h.labels = secrets.Labels{k.account.credential.Fingerprint(7): h.label}
		k.held[place] = h
	}
	if chosen, _ := k.choose(); !chosen[0].own {
		t.Error("our own value is not known")
	}
}

// turns plays a whole run: who comes when, and who proves himself.
func TestTurns(t *testing.T) {
	one, two := &account{}, &account{}
	grants := func(set string) []dbtcloud.Grant { return []dbtcloud.Grant{{PermissionSet: set, AllProjects: true}} }
	flag := func(id int64, c *account, year int, set string, own bool) *flaggedToken {
		power := rotate.PowerOf(dbtcloud.ServiceToken{}, grants(set))
		created := dbtcloud.Timestamp{Presence: dbtcloud.Known, Time: time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC)}
		return &flaggedToken{rotation: &rotation{account: c}, item: dbtcloud.ServiceToken{ID: id, CreatedAt: created}, own: own, power: power}
	}
	for name, c := range map[string]struct {
		tokens  []*flaggedToken
		refused []int64
		want    []int64
	}{
		"the least powerful, then the oldest, our own last": {
			[]*flaggedToken{flag(1, one, 2019, "account_admin", true), flag(2, one, 2022, "job_viewer", false), flag(3, one, 2021, "job_admin", false), flag(4, one, 2020, "job_admin", false)},
			nil, []int64{2, 4, 3, 1},
		},
		"a tie goes to the oldest, and then to the lowest id": {
			[]*flaggedToken{flag(1, one, 2022, "job_viewer", false), flag(2, one, 2021, "job_viewer", false), flag(3, one, 2021, "job_viewer", false)},
			nil, []int64{2, 3, 1},
		},
		"an unknown set is never least": {
			[]*flaggedToken{flag(1, one, 2019, "something_new", false), flag(2, one, 2022, "owner", false)},
			nil, []int64{2, 1},
		},
		"canaries until one comes through": {
			[]*flaggedToken{flag(1, one, 2019, "owner", false), flag(2, one, 2020, "developer", false), flag(3, one, 2021, "job_viewer", false), flag(4, one, 2022, "readonly", false)},
			[]int64{3, 4}, []int64{3, 4, 2, 1},
		},
		"each account has its own": {
			[]*flaggedToken{flag(1, one, 2019, "owner", false), flag(2, one, 2022, "readonly", false), flag(3, two, 2020, "owner", false), flag(4, two, 2021, "readonly", false), flag(5, two, 2018, "owner", true)},
			nil, []int64{2, 4, 1, 3, 5},
		},
		"our own is its account's canary only when it is alone": {
			[]*flaggedToken{flag(1, one, 2019, "readonly", true), flag(2, two, 2022, "owner", false)},
			nil, []int64{2, 1},
		},
	} {
		queue := slices.Clone(c.tokens)
		slices.SortStableFunc(queue, compareTurns)
		proven := map[*account]bool{}
		var got []int64
		for len(queue) > 0 {
			i := nextTurn(queue, proven)
			id := queue[i].item.ID
			got = append(got, id)
			proven[queue[i].account] = proven[queue[i].account] || !slices.Contains(c.refused, id)
			queue = slices.Delete(queue, i, i+1)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v instead of %v", name, got, c.want)
		}
	}
}
