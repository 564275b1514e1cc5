package api

import (
	"errors"
	"fmt"
	"net"
	"time"

	"example.com/riffle/photo"
	"github.com/rs/zerolog"
)

// Config is what a [Server] needs to know. The zero value of every field but
// Models is usable.
type Config struct {
	// Addr is where Run listens, default ":8080".
	Addr string
	// Models on offer, of any kinds; requests that name none get the first that
	// does what they ask for.
	Models []Model
	// Preload opens the first detector (or else the first model) in New, so that a broken file is an error
	// there and the first request is not slower than the next.
	Preload bool
	// Log takes access and error lines; the zero value is silent.
	Log zerolog.Logger
	// Version is shown in /metrics and /openapi.json.
	Version string

	// MaxBody is the largest request body in bytes, default 32 MiB.
	MaxBody int64
	// MaxPixels is the largest picture to decode, width x height (of a JPEG that is
	// reduced while it is decoded, of what is left), default no bound but
	// MaxPictureMemory.
	MaxPixels int
	// MaxPictureMemory is how many bytes decoding one picture may take, default
	// 512 MiB. Of pictures that take more than 64 MiB one is decoded at a time.
	MaxPictureMemory int64
	// MaxHeader is the largest request header in bytes, default 64 KiB.
	MaxHeader int
	// MaxMemory bounds the bytes of request bodies held at a time over all
	// requests, default 256 MiB; requests over it are answered 503.
	MaxMemory int64
	// MaxBatch is how many pictures one request may hold, default 32.
	MaxBatch int

	// MinRate is the lowest rate of a body in bytes a second, default 16 KiB: one
	// that keeps us waiting longer, but for its first 5 seconds, is answered 408.
	MinRate int64

	// Threshold is the lowest score of /detect when a request asks for none; 0
	// lets everything through that the model reports, 0.3 suits most.
	Threshold float64
	// MaxDetections of /detect when a request asks for none, default 100.
	MaxDetections int

	ReadHeaderTimeout time.Duration // of a request's header, default 5 s
	ReadTimeout       time.Duration // of a whole request, default 30 s
	WriteTimeout      time.Duration // from the end of the header to the last byte of the answer, default 90 s
	IdleTimeout       time.Duration // between requests of a connection, default 120 s
	RequestTimeout    time.Duration // waiting and working, default 30 s, then 503
	Grace             time.Duration // for requests in flight when Run's context ends, default 15 s

	// APIKeys, if any, are what a request must show one of, as
	// "Authorization: Bearer KEY", "X-Api-Key: KEY", "Doods-Auth-Key: KEY" or,
	// on the routes of DeepStack, the form field api_key. Health, the web page
	// and the documentation are open.
	APIKeys []string
	// TLSCert and TLSKey are PEM files; with both, Run speaks HTTPS.
	TLSCert, TLSKey string
	// AllowedOrigins are the web origins whose pages may call the service,
	// such as "https://home.example"; "*" allows all. None by default.
	AllowedOrigins []string
	// AllowedFrames are the web origins whose pages may show the service's page in a
	// frame, besides its own; "*" allows all, "none" none.
	AllowedFrames []string
	// TrustedProxies are the addresses and networks of reverse proxies, whose
	// X-Forwarded-Host, -Proto and -Prefix (or Home Assistant's X-Ingress-Path) say
	// where clients see the service. Default "private": this machine and private
	// networks; "none" believes nobody.
	TrustedProxies []string
	// AllowedURLs are where pictures may be fetched from, by their beginning:
	// "https://pictures.example/cam" allows all in this folder. Redirects must
	// lead to one of them too. None by default. Hosts at addresses that are not
	// public, such as 127.0.0.1, 10.0.0.1 or 169.254.169.254, are never asked.
	AllowedURLs []string
	// FetchTimeout is for fetching one picture, default 10 s.
	FetchTimeout time.Duration
	// DebugAddr, if set, is a second address with /debug/pprof/ and /metrics,
	// such as "127.0.0.1:6060". Only loopback addresses are accepted.
	DebugAddr string
	// OTLPEndpoint, if set, is where Run and Serve send traces: the URL of an
	// OpenTelemetry collector that takes OTLP over HTTP, such as
	// "http://localhost:4318". Requests with a traceparent header continue its
	// trace, or leave none if it says so.
	OTLPEndpoint string

	// What follows changes the whole process, so it is the program's choice; the
	// zero values change nothing. cmd/riffle sets all three.

	// SpareProcessors is how many processors of Go's Serve adds, while it runs, to
	// those that the models' workers take, unless the environment sets GOMAXPROCS.
	// With 2, short work such as a refusal does not wait for a worker to pause.
	SpareProcessors int
	// LongSlices makes threads that work on pictures ask Linux, from 6.12 on, for
	// long time slices, so that they give way at once to threads that do not.
	LongSlices bool
	// FreeMemory, if set, is called after large pictures and bodies were let go, to
	// give their memory back to the system: debug.FreeOSMemory.
	FreeMemory func()
}

// withDefaults fills in what is not set and checks the rest.
func (c Config) withDefaults() (Config, error) {
	if len(c.Models) == 0 {
		return c, errors.New("no model to serve")
	}
	setDefault(&c.Addr, ":8080")
	setDefault(&c.MaxBody, 32<<20)
	setDefault(&c.MaxPictureMemory, photo.DefaultLimits.MaxMemory)
	setDefault(&c.MaxHeader, 64<<10)
	setDefault(&c.MaxMemory, max(256<<20, 4*c.MaxBody))
	setDefault(&c.MaxBatch, 32)
	setDefault(&c.MinRate, 16<<10)
	setDefault(&c.MaxDetections, 100)
	setDefault(&c.ReadHeaderTimeout, 5*time.Second)
	setDefault(&c.ReadTimeout, 30*time.Second)
	setDefault(&c.WriteTimeout, 90*time.Second)
	setDefault(&c.IdleTimeout, 120*time.Second)
	setDefault(&c.RequestTimeout, 30*time.Second)
	setDefault(&c.Grace, 15*time.Second)
	setDefault(&c.FetchTimeout, 10*time.Second)
	return c, c.check()
}

// check refuses values that cannot be meant.
func (c *Config) check() error {
	for _, n := range []struct {
		name     string
		negative bool
	}{
		{"max body", c.MaxBody < 0},
		{"max pixels", c.MaxPixels < 0},
		{"max picture memory", c.MaxPictureMemory < 0},
		{"max header", c.MaxHeader < 0},
		{"max memory", c.MaxMemory < 0},
		{"max batch", c.MaxBatch < 0},
		{"min rate", c.MinRate < 0},
		{"max detections", c.MaxDetections < 0},
		{"read header timeout", c.ReadHeaderTimeout < 0},
		{"read timeout", c.ReadTimeout < 0},
		{"write timeout", c.WriteTimeout < 0},
		{"idle timeout", c.IdleTimeout < 0},
		{"request timeout", c.RequestTimeout < 0},
		{"grace", c.Grace < 0},
		{"fetch timeout", c.FetchTimeout < 0},
	} {
		if n.negative {
			return fmt.Errorf("%s cannot be negative", n.name)
		}
	}
	switch {
	case !(c.Threshold >= 0 && c.Threshold <= 1):
		return fmt.Errorf("threshold %v is not from 0 to 1", c.Threshold)
	case c.MaxMemory < c.MaxBody:
		return fmt.Errorf("max memory %d is less than max body %d: no request could be read", c.MaxMemory, c.MaxBody)
	case (c.TLSCert == "") != (c.TLSKey == ""):
		return errors.New("TLS needs both a certificate and a key")
	}
	for i, k := range c.APIKeys {
		if k == "" {
			return fmt.Errorf("API key %d is empty", i+1)
		}
	}
	if c.DebugAddr != "" {
		if err := checkLoopback(c.DebugAddr); err != nil {
			return err
		}
	}
	return nil
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// checkLoopback refuses addresses that others than this machine can reach:
// profiles tell too much.
func checkLoopback(addr string) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("debug address %q: want host:port", addr)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return fmt.Errorf("debug address %q must be a loopback one, such as 127.0.0.1:6060", addr)
	}
	return nil
}
