package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
	"github.com/rs/zerolog"

	"example.com/riffle"
	"example.com/riffle/api"
	"example.com/riffle/models"
	"example.com/riffle/models/modelfile"
)

// serveCmd's flags are also the keys of its configuration file and, upper case
// after RIFFLE_, the environment variables it reads.
type serveCmd struct {
	Addr  string   `default:":8080" env:"RIFFLE_ADDR" placeholder:"HOST:PORT" help:"Where to listen (${default})."`
	Model []string `env:"RIFFLE_MODEL" placeholder:"NAME|FILE" help:"Model to answer with, at the size it was trained for; what --quality chooses if none is given. Several for requests to choose from, the first being the default. OTHER=NAME offers it under another name, for clients that insist on one."`
	qualityFlags
	precisionFlag
	stageFlag
	Threads perModel[int]           `default:"1" env:"RIFFLE_THREADS" placeholder:"[NAME=]N" help:"Threads that work on one photo (${default}); NAME=N for the model of this name."`
	Workers perModel[int]           `default:"0" env:"RIFFLE_WORKERS" placeholder:"[NAME=]N" help:"Photos worked on at a time; 0 for as many as the processors allow."`
	Queue   perModel[int]           `default:"0" env:"RIFFLE_QUEUE" placeholder:"[NAME=]N" help:"Requests that may wait before more are refused; 0 for 16 for each worker, --queue=-1 for none."`
	MaxWait perModel[time.Duration] `default:"500ms" env:"RIFFLE_MAX_WAIT" placeholder:"[NAME=]TIME" help:"While more requests come than can be answered, let them wait so long for a worker before more are refused (${default}); 0s refuses all that would wait longer than about half a photo takes."`

	Threshold     float64 `default:"0.3" env:"RIFFLE_THRESHOLD" help:"Lowest score of an answer unless the request says otherwise (${default})."`
	MaxDetections int     `default:"100" env:"RIFFLE_MAX_DETECTIONS" help:"Most objects in an answer unless the request says otherwise (${default})."`

	MaxBody        byteSize `group:"Limits:" default:"32MiB" env:"RIFFLE_MAX_BODY" placeholder:"SIZE" help:"Largest request body (${default})."`
	MaxPixels      int      `group:"Limits:" default:"0" env:"RIFFLE_MAX_PIXELS" help:"Largest photo to decode, width times height; 0 for as many pixels as --max-photo-memory holds. Of a JPEG that is reduced while it is decoded, what is left counts."`
	MaxPhotoMemory byteSize `group:"Limits:" default:"512MiB" env:"RIFFLE_MAX_PHOTO_MEMORY" placeholder:"SIZE" help:"Memory that decoding one photo may take (${default}); of photos that take more than 64 MiB one is decoded at a time."`
	MaxHeader      byteSize `group:"Limits:" default:"64KiB" env:"RIFFLE_MAX_HEADER" placeholder:"SIZE" help:"Largest request header (${default})."`
	MaxMemory      byteSize `group:"Limits:" default:"256MiB" env:"RIFFLE_MAX_MEMORY" placeholder:"SIZE" help:"Request bodies held at a time over all requests (${default})."`
	MaxBatch       int      `group:"Limits:" default:"32" env:"RIFFLE_MAX_BATCH" help:"Photos in one request (${default})."`

	MinRate byteSize `group:"Limits:" default:"16KiB" env:"RIFFLE_MIN_RATE" placeholder:"SIZE" help:"Lowest rate of a request body, in bytes a second, after its first five seconds (${default})."`

	Timeout       time.Duration `group:"Limits:" default:"30s" env:"RIFFLE_TIMEOUT" placeholder:"TIME" help:"For waiting and working on one request (${default})."`
	HeaderTimeout time.Duration `group:"Limits:" default:"5s" env:"RIFFLE_HEADER_TIMEOUT" placeholder:"TIME" help:"For reading a request's header (${default})."`
	ReadTimeout   time.Duration `group:"Limits:" default:"30s" env:"RIFFLE_READ_TIMEOUT" placeholder:"TIME" help:"For reading a whole request (${default})."`
	WriteTimeout  time.Duration `group:"Limits:" default:"90s" env:"RIFFLE_WRITE_TIMEOUT" placeholder:"TIME" help:"From the header to the last byte of the answer (${default}); more than reading and working take together."`
	IdleTimeout   time.Duration `group:"Limits:" default:"2m" env:"RIFFLE_IDLE_TIMEOUT" placeholder:"TIME" help:"Between two requests of a connection (${default})."`
	FetchTimeout  time.Duration `group:"Limits:" default:"10s" env:"RIFFLE_FETCH_TIMEOUT" placeholder:"TIME" help:"For fetching a picture by its address (${default})."`
	Grace         time.Duration `group:"Limits:" default:"15s" env:"RIFFLE_GRACE" placeholder:"TIME" help:"For requests in flight when told to stop (${default})."`

	APIKey       []string `group:"Access:" name:"api-key" env:"RIFFLE_API_KEY" placeholder:"KEY" help:"Answer only requests that show this key, or one of several. Others on this machine can see the command line: rather use the environment or the configuration file."`
	AllowOrigin  []string `group:"Access:" env:"RIFFLE_ALLOW_ORIGIN" placeholder:"URL" help:"Web origin whose pages may call the service, * for all; may be repeated."`
	AllowURL     []string `group:"Access:" name:"allow-url" env:"RIFFLE_ALLOW_URL" placeholder:"URL" help:"Where pictures may be fetched from if a request gives an address, such as https://pictures.example/cam for all in this folder; may be repeated. None by default; hosts without a public address are never asked."`
	AllowFrame   []string `group:"Access:" env:"RIFFLE_ALLOW_FRAME" placeholder:"URL" help:"Web origin whose pages may show the service's page in a frame, such as Home Assistant's http://homeassistant.local:8123; * for all, none for none; may be repeated. By default only the service's own."`
	TrustedProxy []string `group:"Access:" env:"RIFFLE_TRUSTED_PROXY" placeholder:"NETWORK" help:"Reverse proxies whose X-Forwarded-Host, -Proto and -Prefix are believed, by address or network; private for this machine and private networks (the default), none for nobody; may be repeated."`
	TLSCert      string   `group:"Access:" name:"tls-cert" env:"RIFFLE_TLS_CERT" placeholder:"FILE" help:"Certificate in PEM; with --tls-key the service speaks HTTPS."`
	TLSKey       string   `group:"Access:" name:"tls-key" env:"RIFFLE_TLS_KEY" placeholder:"FILE" help:"Its private key in PEM."`
	DebugAddr    string   `group:"Access:" env:"RIFFLE_DEBUG_ADDR" placeholder:"HOST:PORT" help:"A second, loopback address for profiles (/debug/pprof/) and metrics."`

	OTLPEndpoint string `group:"Log:" name:"otlp-endpoint" env:"RIFFLE_OTLP_ENDPOINT" placeholder:"URL" help:"Collector of OpenTelemetry that traces are sent to, by OTLP over HTTP, such as http://localhost:4318."`

	logFlags `embed:""`

	Config      configFile `env:"RIFFLE_CONFIG" placeholder:"FILE" help:"YAML file with values for these flags, by their names."`
	PrintConfig bool       `help:"Print what the service would run with, as such a file, and where each value comes from; then exit."`
}

// Help is shown below the flags.
func (*serveCmd) Help() string {
	return `A value comes from the command line, or else from the environment (RIFFLE_ADDR for --addr and so on), or else from the configuration file. SIGTERM and SIGINT let requests in flight finish; a second one does not wait.

    riffle serve
    curl -F image=@street.jpg localhost:8080/detect
    curl --data-binary @street.jpg 'localhost:8080/detect?threshold=0.5&labels=person,dog'
    curl -H 'Accept: image/jpeg' --data-binary @street.jpg localhost:8080/detect -o drawn.jpg

    riffle serve --addr 127.0.0.1:9000 --config /etc/riffle.yaml
    riffle serve --print-config > riffle.yaml`
}

// Validate is called by kong after parsing.
func (c *serveCmd) Validate() error {
	positive := []struct {
		name string
		ok   bool
	}{
		{"max-detections", c.MaxDetections >= 1},
		{"max-body", c.MaxBody >= 1},
		{"max-photo-memory", c.MaxPhotoMemory >= 1},
		{"max-header", c.MaxHeader >= 1},
		{"max-memory", c.MaxMemory >= 1},
		{"max-batch", c.MaxBatch >= 1},
		{"min-rate", c.MinRate >= 1},
		{"timeout", c.Timeout > 0},
		{"header-timeout", c.HeaderTimeout > 0},
		{"read-timeout", c.ReadTimeout > 0},
		{"write-timeout", c.WriteTimeout > 0},
		{"idle-timeout", c.IdleTimeout > 0},
		{"grace", c.Grace > 0},
		{"fetch-timeout", c.FetchTimeout > 0},
	}
	for _, p := range positive {
		if !p.ok {
			return fmt.Errorf("--%s must be positive", p.name)
		}
	}
	if err := cmp.Or(c.Threads.check("threads", 1), c.Workers.check("workers", 0), c.Queue.check("queue", -1), c.MaxWait.check("max-wait", 0)); err != nil {
		return err
	}
	switch {
	case !(c.Threshold >= 0 && c.Threshold <= 1):
		return errThreshold(c.Threshold)
	case (c.TLSCert == "") != (c.TLSKey == ""):
		return errors.New("--tls-cert and --tls-key go together")
	case c.WriteTimeout <= c.ReadTimeout+c.Timeout: // the answer could not be written
		return fmt.Errorf("--write-timeout (%v) must be more than --read-timeout and --timeout together (%v)", c.WriteTimeout, c.ReadTimeout+c.Timeout)
	case c.MaxPixels < 0:
		return fmt.Errorf("--max-pixels must be at least 0, not %d", c.MaxPixels)
	}
	if err := c.checkSize(); err != nil {
		return err
	}
	return checkKeys(c.APIKey, os.LookupEnv)
}

// checkKeys refuses empty keys. A variable that is set to nothing, such as a
// compose file's ${KEY:-} makes it, is a key that was forgotten, not a service
// that is meant to be open to all.
func checkKeys(keys []string, lookup func(string) (string, bool)) error {
	for _, k := range keys {
		if strings.TrimSpace(k) == "" {
			return errors.New("--api-key is empty")
		}
	}
	if v, set := lookup(keyVariable); set && strings.TrimSpace(v) == "" && len(keys) == 0 {
		return fmt.Errorf("%s is empty: give a key, or unset it if everybody may ask", keyVariable)
	}
	return nil
}

// keyVariable is that of --api-key.
const keyVariable = "RIFFLE_API_KEY"

// Run is called by kong.
func (c *serveCmd) Run(std stdio, parsed *kong.Context) error {
	log := c.logger(std.err)
	for _, stray := range strayVariables(parsed.Model, os.Environ()) {
		log.Warn().Msg(stray)
	}
	if emptyFlag(parsed, "api-key") {
		return usagef("--api-key is empty")
	}
	server, err := c.server(log)
	if err != nil {
		return err
	}
	if c.PrintConfig {
		if err := server.Check(); err != nil {
			return err
		}
		return printConfig(std.out, parsed)
	}
	// Most of the heap are photos that come and go: collecting them sooner than
	// Go would by itself costs little and saves a third of the memory.
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(50)
	}
	debug.FreeOSMemory() // what reading the model took
	// A log that nobody reads any more must not end the service.
	signal.Ignore(syscall.SIGPIPE)
	defer signal.Reset(syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // the next signal ends the process at once
	return server.Run(ctx)
}

// emptyFlag tells that a flag which may be repeated stands on the command line
// with nothing behind it.
func emptyFlag(parsed *kong.Context, name string) bool {
	for _, p := range parsed.Path {
		if p.Flag != nil && p.Flag.Name == name && !p.Resolved && p.Flag.Target.Len() == 0 {
			return true
		}
	}
	return false
}

// server makes the service of the settings, and so checks all of them.
func (c *serveCmd) server(log zerolog.Logger) (*api.Server, error) {
	offered, err := c.models()
	if err != nil {
		return nil, err
	}
	return api.New(api.Config{
		Addr: c.Addr, Models: offered, Preload: true, Log: log, Version: shortVersion(),
		MaxBody: int64(c.MaxBody), MaxPixels: c.MaxPixels, MaxPictureMemory: int64(c.MaxPhotoMemory), MaxHeader: int(c.MaxHeader),
		MaxMemory: int64(c.MaxMemory), MaxBatch: c.MaxBatch, MinRate: int64(c.MinRate),
		Threshold: c.Threshold, MaxDetections: c.MaxDetections,
		ReadHeaderTimeout: c.HeaderTimeout, ReadTimeout: c.ReadTimeout, WriteTimeout: c.WriteTimeout,
		IdleTimeout: c.IdleTimeout, RequestTimeout: c.Timeout, Grace: c.Grace,
		APIKeys: c.APIKey, TLSCert: c.TLSCert, TLSKey: c.TLSKey,
		AllowedFrames: c.AllowFrame, TrustedProxies: c.TrustedProxy, AllowedURLs: c.AllowURL, FetchTimeout: c.FetchTimeout,
		AllowedOrigins: c.AllowOrigin, DebugAddr: c.DebugAddr, OTLPEndpoint: c.OTLPEndpoint,
		SpareProcessors: 2, LongSlices: true, FreeMemory: debug.FreeOSMemory,
	})
}

// models makes the service's list of what --model names; broken names are found
// here, broken files when they are first needed. The model that --quality chooses
// answers /detect if none that are named do.
func (c *serveCmd) models() ([]api.Model, error) {
	var offered []api.Model
	var names []string
	detects := false
	for _, named := range c.Model {
		alias, name := cutAlias(named)
		file, err := models.Find(name)
		if err != nil {
			return nil, err
		}
		if alias == "" {
			alias = file.Name
		}
		if slices.Contains(names, alias) {
			return nil, usagef("two models are called %q", alias)
		}
		names = append(names, alias)
		kind := ""
		if !file.Embedded {
			kind = modelfile.PeekKind(name)
		}
		m := c.offer(alias, kind, name)
		_, isDetector := m.Open.(api.OpenDetector)
		detects = detects || isDetector
		offered = append(offered, m)
	}
	if chosen := c.quality().Model(); !detects && !slices.Contains(names, chosen) {
		names = append(names, chosen)
		offered = append(offered, c.offer(chosen, "", ""))
	}
	return offered, cmp.Or(c.Threads.known("threads", names), c.Workers.known("workers", names), c.Queue.known("queue", names), c.MaxWait.known("max-wait", names))
}

// offer is a model under an alias, with the settings for that alias; without a name
// it is the one that --quality chooses.
func (c *serveCmd) offer(alias, kind, name string) api.Model {
	m := api.Model{
		Name: alias, Workers: c.Workers.of(alias), Threads: c.Threads.of(alias),
		Queue: c.Queue.of(alias), MaxWait: c.MaxWait.of(alias),
	}
	if m.MaxWait == 0 {
		m.MaxWait = -1 // as short as can be
	}
	o := riffle.Options{Threads: m.Threads, Workers: m.Workers, Precision: c.precision()}
	switch kind {
	case modelfile.Classifier:
		m.Open = api.OpenClassifier(func() (api.Classifier, error) {
			m, err := riffle.OpenClassifier(name, o)
			if err != nil {
				return nil, err
			}
			return m.Classifier, nil
		})
	case modelfile.Segmenter:
		m.Open = api.OpenSegmenter(func() (api.Segmenter, error) {
			m, err := riffle.OpenSegmenter(name, o)
			if err != nil {
				return nil, err
			}
			return m.Segmenter, nil
		})
	default:
		m.Open = api.OpenDetector(func() (api.Detector, error) {
			o.FirstStageOnly, o.Quality, o.Size = c.FirstStageOnly, c.quality(), c.Size
			m, err := riffle.Open(name, o)
			if err != nil {
				return nil, err
			}
			return m.Detector, nil
		})
	}
	return m
}

// cutAlias splits OTHER=NAME. What has a path separator before its "=" is a
// path.
func cutAlias(s string) (alias, name string) {
	before, after, ok := strings.Cut(s, "=")
	if !ok || before == "" || strings.ContainsAny(before, `/\`) {
		return "", s
	}
	return before, after
}
