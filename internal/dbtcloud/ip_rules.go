package dbtcloud

import (
	"context"
	"fmt"
)

// UnmarshalJSON reads an item of the API; a missing id or a list of addresses
// that cannot be read is an error, because a rule without them means nothing.
func (r *IPRule) UnmarshalJSON(b []byte) error {
	o, err := readObject(b)
	if err != nil {
		return err
	}
	id, err := o.id()
	if err != nil {
		return err
	}
	*r = IPRule{
		ID:                      id,
		Name:                    o.text("name"),
		Type:                    int(o.integer("type")),
		State:                   o.state(),
		RuleSetEnabled:          o.flag("rule_set_enabled"),
		EnabledForServiceTokens: o.flag("enabled_for_service_tokens"),
		Description:             o.text("description"),
	}
	if !o.into("cidrs", &r.CIDRs) && o.has("cidrs") {
		return fmt.Errorf("the cidrs of IP rule %d cannot be understood", id)
	}
	return nil
}

// UnmarshalJSON reads an address range; only what is no object is an error.
func (c *CIDR) UnmarshalJSON(b []byte) error {
	o, err := readObject(b)
	if err != nil {
		return err
	}
	enabled := o.flag("enabled")
	*c = CIDR{
		ID: o.integer("id"), CIDR: o.text("cidr"), CIDRIPv6: o.text("cidr_ipv6"), State: o.state(), Enabled: enabled == nil || *enabled,
	}
	return nil
}

// IPRules reads the account's IP restrictions, deleted rules included.
//
// GET /api/v3/accounts/{a}/ip-restrictions/ (spec; items: recorded).
func (c *Client) IPRules(ctx context.Context) ([]IPRule, error) {
	return whole(ctx, c, listing[IPRule]{
		op: "listing IP restrictions", path: c.accountPath("ip-restrictions/"), id: func(r IPRule) int64 { return r.ID },
	})
}
