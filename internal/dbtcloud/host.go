package dbtcloud

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
)

// ErrHost is returned by New for a host that cannot or must not be used. Its
// text does not repeat the host, which may hold a password.
var ErrHost = errors.New("dbt Cloud host")

// defaultPorts are left out of a normalised host.
var defaultPorts = map[string]string{"https": "443", "http": "80"}

var hostName = regexp.MustCompile(`^[a-z0-9]([a-z0-9._-]*[a-z0-9])?$`)

// normalHost reads an access URL, with or without a trailing /api, and returns
// it as scheme and host alone. Plain http would show the credential to
// everyone on the way, so it is for loopback addresses only.
func normalHost(raw string) (*url.URL, error) {
	bad := func(why string) (*url.URL, error) { return nil, fmt.Errorf("%w: %s", ErrHost, why) }
	u, err := url.Parse(strings.TrimSpace(raw))
	if err != nil || u.Host == "" || u.Opaque != "" || (u.Scheme != "https" && u.Scheme != "http") {
		return bad("expected the access URL of the account, for example https://ab123.us1.dbt.com")
	}
	if u.User != nil {
		return bad("user information does not belong into the URL")
	}
	if u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return bad("a query or fragment does not belong into the URL")
	}
	switch strings.TrimRight(u.Path, "/") {
	case "", "/api", "/api/v2", "/api/v3":
	default:
		return bad("the URL ends with the host name or with /api")
	}
	name := strings.ToLower(u.Hostname())
	address, err := netip.ParseAddr(name)
	if err != nil && !hostName.MatchString(name) {
		return bad("the host name has characters that a host name cannot have")
	}
	if loopback := name == "localhost" || address.Unmap().IsLoopback(); u.Scheme == "http" && !loopback {
		return bad("plain http is for loopback addresses only: use https")
	}
	return &url.URL{Scheme: u.Scheme, Host: hostPort(u)}, nil
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
