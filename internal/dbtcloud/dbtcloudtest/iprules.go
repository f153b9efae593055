package dbtcloudtest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"time"
)

// ipRule is one rule of the IP restrictions (recorded).
type ipRule struct {
	ID                      int64           `json:"id"`
	Name                    string          `json:"name"`
	Type                    int             `json:"type"`
	State                   int             `json:"state"`
	RuleSetID               int64           `json:"ip_restriction_rule_set_id"`
	RuleSetEnabled          bool            `json:"rule_set_enabled"`
	AccountID               int64           `json:"account_id"`
	CIDRs                   []*cidr         `json:"cidrs"`
	CreatedByID             *int64          `json:"created_by_id"`
	CreatedByServiceTokenID *int64          `json:"created_by_service_token_id"`
	EnabledForServiceTokens bool            `json:"enabled_for_service_tokens"`
	Description             string          `json:"description"`
	CreatedAt               json.RawMessage `json:"created_at"`
	UpdatedAt               json.RawMessage `json:"updated_at"`
}

type cidr struct {
	ID        int64           `json:"id"`
	State     int             `json:"state"`
	RuleID    int64           `json:"ip_restriction_rule_id"`
	Enabled   bool            `json:"enabled"`
	CIDR      string          `json:"cidr"`
	CIDRIPv6  string          `json:"cidr_ipv6"`
	CreatedAt json.RawMessage `json:"created_at"`
	UpdatedAt json.RawMessage `json:"updated_at"`
}

func newIPRule(a *account, id int64, now time.Time) *ipRule {
	date := writeDate(now, 0)
	return &ipRule{ID: id, AccountID: a.id, RuleSetID: 10, State: active, EnabledForServiceTokens: true, CIDRs: []*cidr{}, CreatedAt: date, UpdatedAt: date}
}

func newCIDR(r *ipRule, id int64, now time.Time) *cidr {
	date := writeDate(now, 0)
	return &cidr{ID: id, RuleID: r.ID, State: active, Enabled: true, CreatedAt: date, UpdatedAt: date}
}

// asIPv6 writes a range as the service does: "0.0.0.0" without a length is one
// host, ::ffff:0.0.0.0/128, and not "anywhere" (recorded).
func asIPv6(s string) (string, error) {
	prefix, err := netip.ParsePrefix(s)
	if err != nil {
		addr, err := netip.ParseAddr(s)
		if err != nil {
			return "", fmt.Errorf("not an address or a range")
		}
		prefix = netip.PrefixFrom(addr, addr.BitLen())
	}
	if prefix.Addr().Is4() {
		return fmt.Sprintf("::ffff:%s/%d", prefix.Addr(), 96+prefix.Bits()), nil
	}
	return prefix.String(), nil
}

func (c *call) ipRuleItem(r *ipRule) any {
	item := *r
	item.RuleSetEnabled = c.account.ipOn // there is no GET for the set itself (spec)
	item.CIDRs = slices.DeleteFunc(slices.Clone(r.CIDRs), func(x *cidr) bool { return x.State != active })
	return item
}

func (c *call) ipRule() *ipRule {
	for _, r := range c.account.ipRules {
		if r.ID == c.ids[1] && r.State == active {
			return r
		}
	}
	return nil
}

func (c *call) listIPRules() reply {
	var rules []*ipRule
	for _, r := range c.account.ipRules {
		if r.State == active {
			rules = append(rules, r)
		}
	}
	return list(c, rules, c.ipRuleItem)
}

func (c *call) getIPRule() reply {
	if r := c.ipRule(); r != nil {
		return success(http.StatusOK, c.ipRuleItem(r))
	}
	return notFound()
}

type ipRuleRequest struct {
	Name        *string `json:"name"`
	Type        int     `json:"type"`
	Description *string `json:"description"`
	CIDRs       []struct {
		ID    int64  `json:"id"`
		CIDR  string `json:"cidr"`
		State int    `json:"state"`
	} `json:"cidrs"`
}

func (c *call) createIPRule() reply {
	r := newIPRule(c.account, 0, c.now)
	refusal, ok := c.fillIPRule(r)
	if !ok {
		return refusal
	}
	if c.cred.token != nil {
		r.CreatedByServiceTokenID = &c.cred.token.id
	} else {
		r.CreatedByID = &c.cred.user.seed.ID
	}
	c.account.ipRules = append(c.account.ipRules, r)
	return c.savedIPRule(r, refusal)
}

func (c *call) updateIPRule() reply {
	r := c.ipRule()
	if r == nil {
		return notFound()
	}
	refusal, ok := c.fillIPRule(r)
	if !ok {
		return refusal
	}
	r.UpdatedAt = writeDate(c.now, 0)
	return c.savedIPRule(r, refusal)
}

// savedIPRule has the form of the recorded replies to POST and PUT: 200, with
// what was not saved in extra.
func (c *call) savedIPRule(r *ipRule, saved reply) reply {
	out := success(http.StatusOK, c.ipRuleItem(r))
	out.extra, out.errorCode = saved.extra, json.RawMessage("null")
	return out
}

// fillIPRule adds the request's ranges to r; one with an id and state 2 is
// removed, one that is there already or makes no sense is reported in extra,
// and any saved one makes the whole a success (recorded).
func (c *call) fillIPRule(r *ipRule) (saved reply, ok bool) {
	var in ipRuleRequest
	if refusal, ok := c.decode(&in); !ok {
		return refusal, false
	}
	if in.Name == nil || *in.Name == "" {
		return invalid("name", "This field is required."), false
	}
	if in.Type != 1 && in.Type != 2 {
		return invalid("type", "It is neither 1 (allow) nor 2 (deny)."), false
	}
	failed, known, good := []string{}, []string{}, 0
	var added []*cidr
	for _, x := range in.CIDRs {
		at := slices.IndexFunc(r.CIDRs, func(have *cidr) bool { return have.State == active && (have.ID == x.ID || have.CIDR == x.CIDR) })
		mapped, err := asIPv6(x.CIDR)
		switch {
		case at >= 0 && r.CIDRs[at].ID == x.ID:
			if x.State == deleted {
				r.CIDRs[at].State = deleted
			}
			good++
		case at >= 0:
			known = append(known, x.CIDR)
		case err != nil:
			failed = append(failed, x.CIDR)
		default:
			n := newCIDR(r, 0, c.now)
			n.CIDR, n.CIDRIPv6 = x.CIDR, mapped
			added = append(added, n)
			good++
		}
	}
	if good == 0 && len(failed) > 0 {
		return invalid("cidrs", "None of them could be saved."), false
	}
	if r.ID == 0 {
		r.ID = c.sim.world.nextID()
	}
	for _, n := range added {
		n.ID, n.RuleID = c.sim.world.nextID(), r.ID
	}
	r.Name, r.Type, r.CIDRs = *in.Name, in.Type, append(r.CIDRs, added...)
	if in.Description != nil {
		r.Description = *in.Description
	}
	return reply{extra: map[string][]string{"failed_cidrs": failed, "cidrs_already_exists": known}}, true
}

func (c *call) deleteIPRule() reply {
	r := c.ipRule()
	if r == nil {
		return notFound()
	}
	r.State = deleted
	return success(http.StatusOK, c.ipRuleItem(r))
}

// setIPRules switches the enforcement for the account (spec).
func (c *call) setIPRules() reply {
	var in struct {
		Enabled *bool `json:"enabled"`
	}
	if refusal, ok := c.decode(&in); !ok {
		return refusal
	}
	if in.Enabled == nil {
		return invalid("enabled", "This field is required.")
	}
	c.account.ipOn = *in.Enabled
	return success(http.StatusOK, map[string]any{"id": 10, "account_id": c.account.id, "enabled": c.account.ipOn})
}
