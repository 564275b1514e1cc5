package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"path"
	"strings"
	"syscall"
	"time"
)

// A service that opens whatever address a request names can be used against
// the network that it stands in. So pictures by URL are off unless the operator
// lists where they may come from, every redirect is held against the list too,
// and the address that is dialled, after the name is resolved, must be a public
// one: a name on the list may point anywhere tomorrow.

const (
	fetchMost      = 16 // fetches at a time
	fetchRedirects = 5
	fetchURL       = 4 << 10 // bytes of an address
)

// fetcher gets pictures from the places on its list.
type fetcher struct {
	allowed []*url.URL
	client  *http.Client
	slots   chan struct{}
	public  func(netip.Addr) bool // tests set it
}

func newFetcher(allowed []string, timeout time.Duration) (*fetcher, error) {
	f := &fetcher{slots: make(chan struct{}, fetchMost), public: publicAddress}
	for _, a := range allowed {
		u, err := url.Parse(a)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil ||
			u.RawQuery != "" || u.Fragment != "" || strings.Contains(u.Host, "*") || !plainPath(u) {
			return nil, fmt.Errorf("allowed URL %q: want http(s)://host[:port][/path]", a)
		}
		f.allowed = append(f.allowed, u)
	}
	dialer := &net.Dialer{Timeout: timeout, Control: f.checkDial}
	f.client = &http.Client{
		Timeout: timeout,
		Transport: &http.Transport{
			Proxy:                  nil, // a proxy would dial for us, unchecked
			DialContext:            dialer.DialContext,
			DisableKeepAlives:      true, // the next picture's name is resolved and checked again
			DisableCompression:     true, // pictures are; a bomb would come compressed
			MaxResponseHeaderBytes: 64 << 10,
		},
		CheckRedirect: func(r *http.Request, via []*http.Request) error {
			r.Header.Del("Referer") // it may hold a secret of the first address
			if len(via) > fetchRedirects {
				return failf(kindNotFetched, "more than %d redirects", fetchRedirects)
			}
			return f.allows(r.URL)
		},
	}
	return f, nil
}

// plainPath tells that a URL's path means what it says.
func plainPath(u *url.URL) bool {
	clean := path.Clean("/" + u.Path)
	return !strings.Contains(u.Path, `\`) && (u.Path == "" || strings.TrimSuffix(u.Path, "/") == strings.TrimSuffix(clean, "/"))
}

// allows holds an address against the list.
func (f *fetcher) allows(u *url.URL) error {
	switch {
	case len(f.allowed) == 0:
		return failf(kindURLNotAllowed, "this service opens no addresses: send the picture itself")
	case u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.Opaque != "":
		return failf(kindBadParameter, "url must be http://... or https://..., not %q", clip(u.String()))
	case u.User != nil:
		return failf(kindBadParameter, "url must not hold a name and password")
	case !plainPath(u):
		return failf(kindBadParameter, "url must have a path without . and ..")
	}
	for _, a := range f.allowed {
		if a.Scheme == u.Scheme && strings.EqualFold(a.Hostname(), u.Hostname()) && portOf(a) == portOf(u) && beneath(a.Path, u.Path) {
			return nil
		}
	}
	return failf(kindURLNotAllowed, "pictures of %q are not allowed", clip(u.Scheme+"://"+u.Host))
}

func portOf(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "https":
		return "443"
	}
	return "80"
}

// beneath tells whether a path is the folder or in it: /a allows /a and /a/b,
// not /ab.
func beneath(folder, p string) bool {
	folder = strings.TrimSuffix(folder, "/")
	rest, ok := strings.CutPrefix(p, folder)
	return ok && (rest == "" || rest[0] == '/')
}

// checkDial is asked with the very address that is about to be dialled.
func (f *fetcher) checkDial(_, address string, _ syscall.RawConn) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil || !f.public(ap.Addr()) {
		return failf(kindURLNotAllowed, "its host is not at a public address")
	}
	return nil
}

// notPublic are the blocks that IANA's registries of special addresses keep from
// the public internet, as far as netip does not know them by name, and those
// that hold an IPv4 address, which may be any.
var notPublic = prefixes("0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15",
	"198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")

func prefixes(list ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(list))
	for i, s := range list {
		out[i] = netip.MustParsePrefix(s)
	}
	return out
}

// global are the addresses of IPv6 that are given out at all.
var global = netip.MustParsePrefix("2000::/3")

func publicAddress(a netip.Addr) bool {
	a = a.Unmap()
	if !a.IsValid() || a.Zone() != "" || !a.IsGlobalUnicast() || a.IsPrivate() || a.Is6() && !global.Contains(a) {
		return false
	}
	for _, p := range notPublic {
		if p.Contains(a) {
			return false
		}
	}
	return true
}

// fetch gets one picture; the bytes count as the request's own.
func (f *fetcher) fetch(ctx context.Context, address string, in *bodyReader) (picture, error) {
	if len(address) > fetchURL {
		return picture{}, failf(kindBadParameter, "url of more than %d bytes", fetchURL)
	}
	u, err := url.Parse(address)
	if err != nil {
		return picture{}, failf(kindBadParameter, "url cannot be read")
	}
	if err := f.allows(u); err != nil {
		return picture{}, err
	}
	select {
	case f.slots <- struct{}{}:
		defer func() { <-f.slots }()
	default:
		return picture{}, &failure{kind: kindBusy, detail: "too many pictures are being fetched", retryAfter: busyPause}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return picture{}, failf(kindBadParameter, "url cannot be read")
	}
	req.Header.Set("Accept", "image/*")
	req.Header.Set("User-Agent", "riffle")
	resp, err := f.client.Do(req)
	if err != nil {
		return picture{}, f.notFetched(ctx, u, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return picture{}, failf(kindNotFetched, "%s answers %d", clip(u.Host), resp.StatusCode)
	}
	if resp.ContentLength > in.limit {
		return picture{}, in.tooLarge()
	}
	from := &bodyReader{claim: in.claim, limit: in.limit, known: resp.ContentLength}
	data, err := from.readAll(io.LimitReader(resp.Body, in.limit+1))
	var own *failure
	switch {
	case errors.As(err, &own) && own.cause == nil:
		return picture{}, err
	case err != nil:
		return picture{}, f.notFetched(ctx, u, errors.Unwrap(err))
	case len(data) == 0:
		return picture{}, failf(kindNotFetched, "%s answers with nothing", clip(u.Host))
	}
	return picture{name: path.Base(u.Path), data: data}, nil
}

// notFetched says why there is no picture, in as few words as a stranger needs.
func (f *fetcher) notFetched(ctx context.Context, u *url.URL, err error) error {
	var own *failure
	var dns *net.DNSError
	host := clip(u.Host)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &own):
		return failf(own.kind, "%s: %s", host, own.detail)
	case isTimeout(err):
		return &failure{kind: kindNotFetched, detail: fmt.Sprintf("%s did not send the picture within %v", host, f.client.Timeout), cause: err}
	case errors.As(err, &dns):
		return &failure{kind: kindNotFetched, detail: host + " is not known", cause: err}
	}
	return &failure{kind: kindNotFetched, detail: host + " cannot be reached, or broke off", cause: err}
}
