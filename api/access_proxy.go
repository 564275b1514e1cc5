package api

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"path"
	"regexp"
	"strings"
)

// proxies are the addresses whose X-Forwarded headers are believed: those of
// reverse proxies.
type proxies []netip.Prefix

// privateNetworks are where reverse proxies stand: this machine, and networks
// that the internet does not reach.
var privateNetworks = prefixes("127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "fc00::/7", "fe80::/10")

// newProxies reads addresses and networks; "private" stands for all private ones,
// which is also what no entry means, and "none" for nobody.
func newProxies(list []string) (proxies, error) {
	if len(list) == 0 {
		return privateNetworks, nil
	}
	var p proxies
	for _, entry := range list {
		switch entry {
		case "none":
			continue
		case "private":
			p = append(p, privateNetworks...)
			continue
		}
		if a, err := netip.ParseAddr(entry); err == nil {
			p = append(p, netip.PrefixFrom(a, a.BitLen()))
			continue
		}
		network, err := netip.ParsePrefix(entry)
		if err != nil {
			return nil, fmt.Errorf("trusted proxy %q: want an address, a network such as 10.1.0.0/16, private or none", entry)
		}
		p = append(p, network.Masked())
	}
	return p, nil
}

func (p proxies) trusts(r *http.Request) bool {
	a, err := netip.ParseAddr(remoteHost(r))
	if err != nil {
		return false
	}
	a = a.WithZone("").Unmap()
	for _, network := range p {
		if network.Contains(a) {
			return true
		}
	}
	return false
}

// address is where a client sees the service.
type address struct {
	scheme, host string
	prefix       string // of all paths, such as /riffle; "" for none
}

// base is the URL that paths are appended to.
func (a address) base() string { return a.scheme + "://" + a.host + a.prefix }

// curl is base as short as curl takes it.
func (a address) curl() string { return strings.TrimPrefix(a.base(), "http://") }

// addressOf is the address that a request was sent to.
func addressOf(r *http.Request) address {
	if a, ok := r.Context().Value(keyAddress).(address); ok {
		return a
	}
	return directAddress(r)
}

func directAddress(r *http.Request) address {
	a := address{scheme: "http", host: r.Host}
	if r.TLS != nil {
		a.scheme = "https"
	}
	return a
}

var (
	plainHost   = regexp.MustCompile(`^[A-Za-z0-9._:\[\]-]+$`)
	plainPrefix = regexp.MustCompile(`^(/[A-Za-z0-9._~-]+)+$`)
)

// middleware notes the address of a request: as it came, or as a trusted proxy
// says. What follows sees the public host, and paths without the prefix and
// without repeated or trailing slashes, which clients make of a base URL that
// ends in one.
func (p proxies) middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a := directAddress(r)
		if p.trusts(r) {
			a.forwarded(r)
		}
		r = r.WithContext(context.WithValue(r.Context(), keyAddress, a))
		r.Host = a.host
		u := *r.URL
		u.Path, u.RawPath = cleanPath(u.Path), ""
		if rest, ok := strings.CutPrefix(u.Path, a.prefix); ok && (rest == "" || rest[0] == '/') {
			u.Path = cleanPath(rest) // of a proxy that passes the prefix on
		}
		r.URL = &u
		next.ServeHTTP(w, r)
	})
}

// forwarded takes what a proxy says. X-Ingress-Path is Home Assistant's.
func (a *address) forwarded(r *http.Request) {
	first := func(names ...string) string {
		for _, name := range names {
			if v, _, _ := strings.Cut(r.Header.Get(name), ","); v != "" {
				return strings.TrimSpace(v)
			}
		}
		return ""
	}
	if host := first("X-Forwarded-Host"); plainHost.MatchString(host) {
		a.host = host
	}
	if scheme := strings.ToLower(first("X-Forwarded-Proto", "X-Forwarded-Scheme")); scheme == "http" || scheme == "https" {
		a.scheme = scheme
	}
	prefix := strings.TrimRight(first("X-Forwarded-Prefix", "X-Ingress-Path", "X-Script-Name"), "/")
	if plainPrefix.MatchString(prefix) && path.Clean(prefix) == prefix {
		a.prefix = prefix
	}
}

// cleanPath is a path without empty elements.
func cleanPath(p string) string {
	for strings.Contains(p, "//") {
		p = strings.ReplaceAll(p, "//", "/")
	}
	if p = strings.TrimRight(p, "/"); p == "" {
		return "/"
	}
	return p
}
