package audit

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/tokenwarden/tokenwarden/internal/dbtcloud"
)

// What an IP rule does with its ranges (recorded).
const (
	ruleAllow = 1
	ruleDeny  = 2
)

// ipRange is one active range of a rule.
type ipRange struct {
	rule   *dbtcloud.IPRule
	text   string // as it was written
	prefix netip.Prefix
	bare   bool // written without a length
}

func (x ipRange) everything() bool { return x.prefix.Bits() == 0 }

// looksLikeNetwork is true of an address that names a network by habit: all
// zeros, or a last part of zero.
func (x ipRange) looksLikeNetwork() bool {
	addr := x.prefix.Addr()
	if addr.Is4() {
		return addr.As4()[3] == 0
	}
	return addr.IsUnspecified() || strings.HasSuffix(x.text, "::")
}

// coveredBy returns the range of another rule that would decide if this one were
// not there: the most specific that contains it; nil when there is none. Of two
// equal ranges the one of the later rule is covered.
func (x ipRange) coveredBy(all []ipRange) *ipRange {
	var best *ipRange
	for i := range all {
		o := &all[i]
		switch {
		case o.rule.ID == x.rule.ID || o.prefix.Bits() > x.prefix.Bits() || !o.prefix.Contains(x.prefix.Addr()):
		case o.prefix == x.prefix && o.rule.ID > x.rule.ID:
		case best == nil || o.prefix.Bits() > best.prefix.Bits():
			best = o
		}
	}
	return best
}

// eachRule visits the rules with their active ranges. A range that cannot be
// read makes its rule one that could not be judged.
func (v *verdict) eachRule(f *Facts, visit func(*dbtcloud.IPRule, []ipRange)) {
	for i := range f.Rules.Items {
		r := &f.Rules.Items[i]
		ranges, err := rangesOf(r)
		if err != nil {
			v.cannotTell(ruleResource(r), Failed, err.Error())
			continue
		}
		visit(r, ranges)
	}
}

// rangesOf reads the active ranges of a rule. The service stores each range
// twice, as it was written and as IPv6; the second is a range of its own only
// where it says something else.
func rangesOf(r *dbtcloud.IPRule) ([]ipRange, error) {
	if r.Type != ruleAllow && r.Type != ruleDeny {
		return nil, fmt.Errorf("it does not say whether it allows or denies")
	}
	var ranges []ipRange
	for _, c := range r.CIDRs {
		if c.State == dbtcloud.Deleted || !c.Enabled {
			continue
		}
		var last *ipRange
		for _, text := range []string{strings.TrimSpace(c.CIDR), strings.TrimSpace(c.CIDRIPv6)} {
			if text == "" {
				continue
			}
			x, err := parseRange(text)
			if err != nil {
				return nil, err
			}
			if x.rule = r; last == nil || last.prefix != x.prefix {
				ranges = append(ranges, x)
				last = &x
			}
		}
		if last == nil {
			return nil, fmt.Errorf("one of its ranges is empty")
		}
	}
	return ranges, nil
}

// parseRange reads a range, or an address as a range of one. An IPv4 range in
// IPv6 clothes (::ffff:0.0.0.0/96) becomes one again.
func parseRange(text string) (ipRange, error) {
	if addr, err := netip.ParseAddr(text); err == nil {
		addr = addr.WithZone("").Unmap()
		return ipRange{text: text, prefix: netip.PrefixFrom(addr, addr.BitLen()), bare: true}, nil
	}
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		return ipRange{}, fmt.Errorf("its range %s could not be understood", Quote(text))
	}
	if mapped := 96; prefix.Addr().Is4In6() && prefix.Bits() >= mapped {
		prefix = netip.PrefixFrom(prefix.Addr().Unmap(), prefix.Bits()-mapped)
	}
	return ipRange{text: text, prefix: prefix.Masked()}, nil
}

// namesRange reports whether a rule's name promises more than one host.
func namesRange(name string) bool {
	words := strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return (r < 'a' || r > 'z') && r < 0x80 })
	for _, w := range words {
		switch w {
		case "any", "anywhere", "anyone", "all", "everything", "everyone", "everywhere", "world", "internet", "public",
			"range", "ranges", "network", "networks", "net", "subnet", "subnets", "block", "cidr", "vpc":
			return true
		}
	}
	return false
}

func ruleResource(r *dbtcloud.IPRule) Resource {
	return Resource{Type: ResourceIPRule, ID: r.ID, Name: r.Name}
}

func ruleIDs(rules []dbtcloud.IPRule) string {
	var ids []string
	for i := range rules {
		ids = append(ids, fmt.Sprint(rules[i].ID))
	}
	return strings.Join(ids, ", ")
}
