package video

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// Source is where frames come from.
type Source struct {
	Kind   SourceKind
	Target string // path or address, with what secrets it has
	Index  int    // of a Device
}

// SourceKind tells sources apart that behave differently when they fail.
type SourceKind int

// The kinds of sources.
const (
	File   SourceKind = iota // ends, and is read as fast as it is looked at
	Device                   // a camera of this machine
	Stream                   // comes over the network at its own pace
)

// ParseSource reads a camera's number, a path (of a file, or /dev/video0) or an
// address (rtsp://, rtsps://, rtmp://, http://, https://, udp://, tcp://).
func ParseSource(s string) (Source, error) {
	if s == "" {
		return Source{}, errors.New("source is empty")
	}
	if n, err := strconv.Atoi(s); err == nil {
		if n < 0 || n > 255 {
			return Source{}, fmt.Errorf("camera %d: numbers are from 0 to 255", n)
		}
		return Source{Kind: Device, Target: "/dev/video" + s, Index: n}, nil
	}
	if rest, ok := strings.CutPrefix(s, "/dev/video"); ok {
		if n, err := strconv.Atoi(rest); err == nil && n >= 0 {
			return Source{Kind: Device, Target: s, Index: n}, nil
		}
	}
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok {
		return Source{Kind: File, Target: s}, nil
	}
	switch scheme = strings.ToLower(scheme); scheme {
	case "file":
		return Source{Kind: File, Target: rest}, nil
	case "rtsp", "rtsps", "rtmp", "rtmps", "http", "https", "udp", "tcp", "srt":
		u, err := url.Parse(s)
		if err != nil || u.Host == "" {
			return Source{}, fmt.Errorf("source %s is not an address", redact(s))
		}
		return Source{Kind: Stream, Target: s}, nil
	}
	return Source{}, fmt.Errorf("source %s: %s:// is not known here, want rtsp, rtmp, http, https, udp, tcp, srt or file", redact(s), scheme)
}

// Patient tells whether the source waits while a frame is looked at, so that
// every frame can be had.
func (s Source) Patient() bool {
	return s.Kind == File || s.Kind == Stream && strings.HasPrefix(strings.ToLower(s.Target), "http")
}

// String is the source without user names, passwords and parameters: for logs.
func (s Source) String() string {
	if s.Kind == Stream {
		return redact(s.Target)
	}
	return s.Target
}

var credentials = regexp.MustCompile(`//[^/@]*@`)

func redact(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return credentials.ReplaceAllString(address, "//")
	}
	u.User, u.Fragment = nil, ""
	if u.RawQuery != "" {
		u.RawQuery = "..."
	}
	return u.String()
}

// Name is a short name for a camera that has none: a file's without its ending,
// an address's host.
func (s Source) Name() string {
	name := filepath.Base(s.Target)
	switch s.Kind {
	case Device:
		name = "video" + strconv.Itoa(s.Index)
	case Stream:
		if u, err := url.Parse(s.Target); err == nil {
			name = u.Hostname()
		}
	case File:
		name = strings.TrimSuffix(name, filepath.Ext(name))
	}
	return safeName(name)
}

var unsafeLetters = regexp.MustCompile(`[^A-Za-z0-9_-]+`)

// safeName keeps what may stand in file names, addresses and MQTT topics.
func safeName(s string) string {
	if s = strings.Trim(unsafeLetters.ReplaceAllString(s, "_"), "_"); s == "" {
		return "camera"
	}
	return s
}
