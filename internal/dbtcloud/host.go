package dbtcloud

import (
	"errors"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
)

// Errors of ParseHost. None repeats the text, which may hold a password.
var (
	errHost      = errors.New("expected the account's access URL, such as https://ab123.us1.dbt.com (a trailing /api is fine)")
	errPlainHTTP = errors.New("plain http would show the token to the network: it is allowed to loopback addresses only, expected https://")
)

// defaultPorts are left out of a normalised host.
var defaultPorts = map[string]string{"https": "443", "http": "80"}

var hostName = regexp.MustCompile(`^[a-z0-9]([a-z0-9._-]*[a-z0-9])?$`)

// ParseHost reads an account's access URL, with or without a trailing /api, and
// returns it as scheme://host[:port] in lower case. Plain http would show the
// credential to everyone on the way, so it is for loopback addresses only: of
// names only localhost is taken for one, since RFC 6761 reserves it.
func ParseHost(s string) (string, error) {
	u, err := url.Parse(strings.TrimSpace(s))
	if err != nil || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return "", errHost
	}
	if path := strings.Trim(u.EscapedPath(), "/"); path != "" && path != "api" {
		return "", errHost
	}
	name := strings.ToLower(u.Hostname())
	address, err := netip.ParseAddr(name)
	switch {
	case err != nil && !hostName.MatchString(name), address.Zone() != "", strings.HasSuffix(u.Host, ":"):
		return "", errHost
	case u.Scheme == "https":
	case u.Scheme != "http":
		return "", errHost
	case name != "localhost" && !address.IsLoopback():
		return "", errPlainHTTP
	}
	return u.Scheme + "://" + hostPort(u), nil
}

// hostPort is the host of u in lower case, without the port that its scheme
// implies.
func hostPort(u *url.URL) string {
	host := strings.ToLower(u.Host)
	if port := defaultPorts[u.Scheme]; port != "" {
		host = strings.TrimSuffix(host, ":"+port)
	}
	return strings.TrimSuffix(host, ":")
}
