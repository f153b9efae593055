package dbtcloudtest

import (
	"fmt"
	"strings"
	"testing"
)

const ipRulesPath = "/api/v3/accounts/1/ip-restrictions/"

// Recorded: ip_restriction_create_response.json and …_update_response.json.
func TestIPRules(t *testing.T) {
	s, _ := newSim(t)
	admin := s.AdminToken()
	g := send(t, s, admin, "POST", ipRulesPath, `{"name":"Anywhere","type":1,"description":"Allow.","cidrs":[{"cidr":"0.0.0.0"}]}`)
	want(t, g, 200)
	rule := as[ipRule](t, g)
	if len(rule.CIDRs) != 1 || rule.CIDRs[0].CIDRIPv6 != "::ffff:0.0.0.0/128" || !rule.EnabledForServiceTokens || rule.CreatedByServiceTokenID == nil || rule.RuleSetEnabled {
		t.Errorf("%s", g.body)
	}
	if !strings.Contains(g.body, `"failed_cidrs":[]`) || !strings.Contains(g.body, `"cidrs_already_exists":[]`) || !strings.Contains(g.body, `"error_code":null`) {
		t.Errorf("%s", g.body)
	}
	one := fmt.Sprintf("%s%d", ipRulesPath, rule.ID) // no slash at the end (spec)
	want(t, send(t, s, admin, "GET", one, nil), 200)

	// Recorded: PUT adds; whatever is saved makes it 2xx, the rest is in extra.
	g = send(t, s, admin, "PUT", one, `{"name":"Some","type":1,"cidrs":[{"cidr":"52.45.144.63/32"},{"cidr":"0.0.0.0"},{"cidr":"nonsense"},{"cidr":"2001:db8::/32"}]}`)
	want(t, g, 200)
	rule = as[ipRule](t, g)
	if len(rule.CIDRs) != 3 || rule.CIDRs[1].CIDRIPv6 != "::ffff:52.45.144.63/128" || rule.CIDRs[2].CIDRIPv6 != "2001:db8::/32" || rule.Name != "Some" {
		t.Errorf("%s", g.body)
	}
	if len(g.extra.Failed) != 1 || g.extra.Failed[0] != "nonsense" || len(g.extra.Known) != 1 || g.extra.Known[0] != "0.0.0.0" {
		t.Errorf("extra %+v", g.extra)
	}
	// Recorded: removal is the range with its id and state 2.
	g = send(t, s, admin, "PUT", one, fmt.Sprintf(`{"name":"Some","type":2,"cidrs":[{"id":%d,"cidr":"0.0.0.0","state":2},{"id":%d,"cidr":"52.45.144.63/32"}]}`, rule.CIDRs[0].ID, rule.CIDRs[1].ID))
	if rule = as[ipRule](t, g); len(rule.CIDRs) != 2 || rule.Type != 2 || len(g.extra.Known) != 0 {
		t.Errorf("%s", g.body)
	}
	want(t, send(t, s, admin, "PUT", one, `{"name":"Some","type":1,"cidrs":[{"cidr":"300.1.1.1"}]}`), 400)
	want(t, send(t, s, admin, "PUT", one, `{"name":"Some","type":3}`), 400)
	want(t, send(t, s, admin, "POST", ipRulesPath, `{"type":1}`), 400)

	// Spec: enforcement is switched for the set; there is no GET for it.
	want(t, send(t, s, admin, "POST", "/api/v3/accounts/1/ip-restrictions-set/", `{"enabled":true}`), 200)
	want(t, send(t, s, admin, "POST", "/api/v3/accounts/1/ip-restrictions-set/", `{}`), 400)
	want(t, send(t, s, admin, "GET", "/api/v3/accounts/1/ip-restrictions-set/", nil), 405)
	list := as[[]ipRule](t, send(t, s, admin, "GET", ipRulesPath, nil))
	if len(list) != 1 || !list[0].RuleSetEnabled {
		t.Errorf("%+v", list)
	}
	want(t, send(t, s, admin, "DELETE", one, nil), 200)
	want(t, send(t, s, admin, "GET", one, nil), 404)
	want(t, send(t, s, admin, "PUT", one, `{"name":"Some","type":1}`), 404)
	want(t, send(t, s, admin, "DELETE", one, nil), 404)
	if list := as[[]ipRule](t, send(t, s, admin, "GET", ipRulesPath, nil)); len(list) != 0 {
		t.Errorf("%+v", list)
	}
}
