package api

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestPublicAddresses(t *testing.T) {
	for address, want := range map[string]bool{
		"1.1.1.1": true, "8.8.8.8": true, "93.184.216.34": true, "2606:4700::1111": true, "::ffff:8.8.8.8": true,
		"127.0.0.1": false, "127.9.9.9": false, "10.0.0.1": false, "172.16.0.1": false, "172.31.255.255": false, "192.168.1.20": false,
		"169.254.169.254": false, "0.0.0.0": false, "0.1.2.3": false, "100.64.0.1": false, "192.0.0.8": false, "192.0.2.1": false,
		"198.18.0.1": false, "198.51.100.1": false, "203.0.113.1": false, "224.0.0.1": false, "240.0.0.1": false, "255.255.255.255": false,
		"::": false, "::1": false, "::ffff:127.0.0.1": false, "::ffff:10.0.0.1": false, "::127.0.0.1": false, "64:ff9b::7f00:1": false, "2002:7f00:1::": false,
		"2001::1": false, "2001:db8::1": false, "fc00::1": false, "fd12::1": false, "fe80::1": false, "fe80::1%eth0": false, "fec0::1": false, "ff02::1": false,
	} {
		if got := publicAddress(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s: %v, want %v", address, got, want)
		}
	}
	if publicAddress(netip.Addr{}) {
		t.Error("no address is a public one")
	}
}

func TestAllowedURLs(t *testing.T) {
	f, err := newFetcher([]string{"https://a.example", "http://b.example:81/cam/", "http://c.example:80/one.jpg"}, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	for address, want := range map[string]bool{
		"https://a.example": true, "https://a.example/x/y.jpg?z": true, "https://A.EXAMPLE:443/x": true,
		"http://a.example/": false, "https://a.example:444/": false, "https://b.a.example/": false, "https://a.example.evil/": false,
		"https://a.example@evil/": false, "https://evil@a.example/": false, "https:a.example": false, "//a.example/": false, "ftp://a.example/": false, "file:///etc/passwd": false,
		"http://b.example:81/cam": true, "http://b.example:81/cam/1": true, "http://b.example:81/camera": false, "http://b.example/cam/1": false,
		"http://b.example:81/cam/../x": false, "http://b.example:81/cam/%2e%2e/x": false, "http://b.example:81/cam/..%2fx": false, `http://b.example:81/cam/..\x`: false, "http://b.example:81/cam//x": false,
		"http://c.example/one.jpg": true, "http://c.example/one.jpg/x": true, "http://c.example/two.jpg": false,
	} {
		u, err := url.Parse(address)
		if got := err == nil && f.allows(u) == nil; got != want {
			t.Errorf("%s: %v, want %v", address, got, want)
		}
	}
	for _, bad := range []string{"", "a.example", "ftp://a.example", "https://", "https://u:p@a.example", "https://*.example", "https://a.example/?x", "https://a.example/a/../b", "https://a example"} {
		if _, err := New(Config{Models: []Model{{Name: "a", Open: opens(&fake{})}}, AllowedURLs: []string{bad}}); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

// pictureHost serves pictures, good and bad, and counts who asked.
func pictureHost(t *testing.T, photo []byte) (host string, asked *atomic.Int64) {
	asked = &atomic.Int64{}
	var ts *httptest.Server
	ts = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		to := func(address string) { http.Redirect(w, r, address, http.StatusFound) }
		switch r.URL.Path {
		case "/in/photo.jpg":
			if r.Header.Get("Referer") != "" || r.Header.Get("Authorization") != "" {
				t.Errorf("headers %v", r.Header)
			}
			_, _ = w.Write(photo)
		case "/in/moved":
			to("/in/photo.jpg")
		case "/in/out":
			to("/secret")
		case "/in/elsewhere":
			to(strings.Replace(ts.URL, "127.0.0.1", "127.0.0.2", 1) + "/in/photo.jpg")
		case "/in/file":
			to("file:///etc/passwd")
		case "/in/loop":
			to("/in/loop")
		case "/in/text":
			fmt.Fprint(w, "text")
		case "/in/empty":
		case "/in/large":
			w.Header().Set("Content-Length", "2000000")
			_, _ = w.Write(make([]byte, 2000000))
		case "/in/endless":
			for {
				if _, err := w.Write(make([]byte, 64<<10)); err != nil {
					return
				}
			}
		case "/in/slow":
			_, _ = w.Write(photo[:10])
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		case "/in/broken":
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write(photo[:10])
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(ts.Close)
	return ts.URL, asked
}

func TestPictureByURL(t *testing.T) {
	host, _ := pictureHost(t, jpegOf(t, 80, 40))
	s := newTestServer(t, &fake{}, func(c *Config) {
		c.AllowedURLs = []string{host + "/in", strings.Replace(host, "127.0.0.1", "127.0.0.2", 1)}
		c.MaxBody, c.FetchTimeout = 1<<20, 300*time.Millisecond
	})
	s.fetcher.public = func(a netip.Addr) bool { return a == netip.MustParseAddr("127.0.0.1") }

	photo := host + "/in/photo.jpg"
	form, formType := formOf(t, formPart{"url", "", photo}, formPart{"threshold", "", "0.5"})
	for name, w := range map[string]*httptest.ResponseRecorder{
		"query":    post(s, "/detect?threshold=0.5&url="+url.QueryEscape(photo), nil),
		"form":     post(s, "/detect", form.Bytes(), "Content-Type", formType),
		"JSON":     post(s, "/detect", jsonBody(t, map[string]any{"url": photo, "threshold": 0.5}), "Content-Type", "application/json"),
		"redirect": post(s, "/detect", jsonBody(t, map[string]any{"url": host + "/in/moved", "threshold": 0.5})),
	} {
		var got Result
		if w.Code != 200 {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
			continue
		}
		decodeAnswer(t, w, &got)
		if got.Width != 80 || len(got.Detections) != 2 || got.TimingMS["fetch"] <= 0 || got.TimingMS["total"] < got.TimingMS["fetch"] {
			t.Errorf("%s: %+v", name, got)
		}
	}

	for path, want := range map[string]struct {
		status       int
		slug, detail string
	}{
		"/secret":       {403, "url-not-allowed", "are not allowed"},
		"/in/out":       {403, "url-not-allowed", "are not allowed"},
		"/in/elsewhere": {403, "url-not-allowed", "not at a public address"},
		"/in/file":      {400, "bad-parameter", "http://... or https://..."},
		"/in/loop":      {422, "not-fetched", "redirects"},
		"/in/none":      {422, "not-fetched", "answers 404"},
		"/in/text":      {415, "not-an-image", "not a picture"},
		"/in/empty":     {422, "not-fetched", "nothing"},
		"/in/large":     {413, "body-too-large", "1048576"},
		"/in/endless":   {413, "body-too-large", "1048576"},
		"/in/slow":      {422, "not-fetched", "within 300ms"},
		"/in/broken":    {422, "not-fetched", "broke off"},
	} {
		w := post(s, "/detect", jsonBody(t, map[string]any{"url": host + path}))
		wantProblem(t, w, want.status, want.slug, want.detail)
		if t.Failed() {
			t.Fatalf("%s: %s", path, w.Body)
		}
	}
	both, bothType := formOf(t, formPart{"url", "", photo}, formPart{"image", "a.jpg", string(jpegOf(t, 80, 40))})
	wantProblem(t, post(s, "/detect", both.Bytes(), "Content-Type", bothType), 400, "bad-parameter", "one of them")
	wantProblem(t, post(s, "/detect?url="+url.QueryEscape(photo), jpegOf(t, 80, 40)), 400, "bad-parameter", "one of them")
	wantProblem(t, post(s, "/detect?url=http://a/%00", nil), 400, "bad-parameter", "url")
	wantProblem(t, post(s, "/detect?url="+strings.Repeat("a", fetchURL+1), nil), 400, "bad-parameter", "4096")
	eventually(t, "nothing held", func() bool { return s.budget.Used() == 0 && len(s.fetcher.slots) == 0 })

	for range fetchMost {
		s.fetcher.slots <- struct{}{}
	}
	wantProblem(t, post(s, "/detect?url="+url.QueryEscape(photo), nil), 503, "busy", "being fetched")
}

// A host on the list whose name leads to an address that is not public is not
// even connected to, and each fetch asks anew: a name may lead elsewhere the
// next time.
func TestURLsLeadToPublicAddressesOnly(t *testing.T) {
	host, asked := pictureHost(t, jpegOf(t, 80, 40))
	named := strings.Replace(host, "127.0.0.1", "localhost", 1)
	s := newTestServer(t, &fake{}, func(c *Config) { c.AllowedURLs = []string{host, named} })
	for _, h := range []string{host, named} {
		wantProblem(t, post(s, "/detect?url="+h+"/in/photo.jpg", nil), 403, "url-not-allowed", "not at a public address")
	}
	if n := asked.Load(); n != 0 {
		t.Errorf("%d requests arrived", n)
	}
	public := true
	s.fetcher.public = func(netip.Addr) bool { return public }
	if w := post(s, "/detect?url="+host+"/in/photo.jpg", nil); w.Code != 200 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	public = false
	wantProblem(t, post(s, "/detect?url="+host+"/in/photo.jpg", nil), 403, "url-not-allowed", "not at a public address")
	if n := asked.Load(); n != 1 {
		t.Errorf("%d requests arrived", n)
	}

	s = newTestServer(t, &fake{}, nil)
	s.fetcher.public = func(netip.Addr) bool { return true }
	wantProblem(t, post(s, "/detect?url="+host+"/in/photo.jpg", nil), 403, "url-not-allowed", "opens no addresses")
	if n := asked.Load(); n != 1 {
		t.Errorf("%d requests arrived at a service that opens no addresses", n)
	}
}
