package api

import (
	"time"

	"github.com/rs/zerolog"
)

// Config is what a [Server] needs to know. The zero value of every field but
// Models is usable.
type Config struct {
	// Addr is where Run listens, default ":8080".
	Addr string
	// Models on offer; requests that name none get the first.
	Models []Model
	// Preload opens the first model in New, so that a broken file is an error
	// there and the first request is not slower than the next.
	Preload bool
	// Log takes access and error lines; the zero value is silent.
	Log zerolog.Logger
	// Version is shown in /metrics, /openapi.json and the Server header.
	Version string

	// MaxBody is the largest request body in bytes, default 32 MiB.
	MaxBody int64
	// MaxPixels is the largest picture, width x height, default 50 million.
	MaxPixels int
	// MaxHeader is the largest request header in bytes, default 64 KiB.
	MaxHeader int
	// MaxMemory bounds the bytes of request bodies held at a time over all
	// requests, default 256 MiB; requests over it are answered 503.
	MaxMemory int64
	// MaxBatch is how many pictures one request may hold, default 32.
	MaxBatch int

	// Threshold is the lowest score of /detect when a request asks for none,
	// default 0.3.
	Threshold float64
	// MaxDetections of /detect when a request asks for none, default 100.
	MaxDetections int

	ReadHeaderTimeout time.Duration // of a request's header, default 5 s
	ReadTimeout       time.Duration // of a whole request, default 30 s
	WriteTimeout      time.Duration // from the end of the header to the last byte of the answer, default 60 s
	IdleTimeout       time.Duration // between requests of a connection, default 120 s
	RequestTimeout    time.Duration // waiting and working, default 30 s, then 503
	Grace             time.Duration // for requests in flight when Run's context ends, default 15 s

	// APIKeys, if any, are what a request must show one of, as
	// "Authorization: Bearer KEY", "X-Api-Key: KEY" or, on the routes of
	// DeepStack, the form field api_key. Health and the web page are open.
	APIKeys []string
	// TLSCert and TLSKey are PEM files; with both, Run speaks HTTPS.
	TLSCert, TLSKey string
	// AllowedOrigins are the web origins whose pages may call the service,
	// such as "https://home.example"; "*" allows all. None by default.
	AllowedOrigins []string
	// DebugAddr, if set, is a second address with /debug/pprof/ and /metrics,
	// such as "127.0.0.1:6060". Only loopback addresses are accepted.
	DebugAddr string
}
