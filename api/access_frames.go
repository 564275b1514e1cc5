package api

import (
	"fmt"
	"net/url"
	"strings"
)

// contentPolicy lets the pages load what this service serves, show pictures and
// the camera, and nothing else; frames are the pages that may show them in a
// frame, such as a panel of Home Assistant.
func contentPolicy(frames []string) (string, error) {
	ancestors := "'self'"
	for _, f := range frames {
		u, err := url.Parse(f)
		switch {
		case f == "none" && len(frames) == 1:
			ancestors = "'none'"
		case f == "*" && len(frames) == 1:
			ancestors = "*"
		case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || f != u.Scheme+"://"+u.Host || !plainHost.MatchString(u.Host):
			return "", fmt.Errorf("allowed frame %q: want scheme://host[:port], or * or none alone", f)
		default:
			ancestors += " " + f
		}
	}
	return strings.Join([]string{
		"default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' blob: data:", "media-src 'self' blob:",
		"connect-src 'self'", "base-uri 'none'", "form-action 'none'", "frame-ancestors " + ancestors,
	}, "; "), nil
}
