package config

import (
	"errors"
	"net"
	"net/netip"
	"net/url"
	"strings"
)

// Errors of ParseHost. None repeats the text, which may hold a password.
var (
	errHost      = errors.New("expected the account's access URL, such as https://ab123.us1.dbt.com (a trailing /api is fine)")
	errPlainHTTP = errors.New("plain http would show the token to the network: it is allowed to loopback addresses only, expected https://")
)

// ParseHost reads an account's access URL, with or without a trailing /api, and
// returns it as scheme://host[:port] in lower case. Plain http is accepted for
// loopback addresses only.
func ParseHost(s string) (string, error) {
	u, err := url.Parse(strings.TrimSpace(s))
	if err != nil || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return "", errHost
	}
	if path := strings.Trim(u.EscapedPath(), "/"); path != "" && path != "api" {
		return "", errHost
	}
	name, port := strings.ToLower(u.Hostname()), u.Port()
	if strings.HasSuffix(u.Host, ":") || strings.ContainsAny(name, " \t%") {
		return "", errHost
	}
	switch u.Scheme {
	case "https":
		if port == "443" {
			port = ""
		}
	case "http":
		if !loopback(name) {
			return "", errPlainHTTP
		}
	default:
		return "", errHost
	}
	host := name
	if strings.Contains(name, ":") {
		host = "[" + name + "]"
	}
	if port != "" {
		host = net.JoinHostPort(name, port)
	}
	return u.Scheme + "://" + host, nil
}

// loopback tells by the address; of names only localhost is taken for one,
// since RFC 6761 reserves it.
func loopback(name string) bool {
	addr, err := netip.ParseAddr(name)
	return name == "localhost" || err == nil && addr.IsLoopback()
}
