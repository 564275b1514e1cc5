//go:build opencv

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strconv"
	"syscall"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v3"

	"example.com/riffle"
	"example.com/riffle/detector"
	"example.com/riffle/internal/suggest"
	"example.com/riffle/video"
	"example.com/riffle/video/mqtt"
	"example.com/riffle/video/opencv"
)

// Run is called by kong.
func (c *videoCmd) Run(std stdio, parsed *kong.Context) (err error) {
	cameras, err := c.cameras()
	if err != nil {
		return usageError{err}
	}
	d, err := c.detector(cameras)
	if err != nil {
		return err
	}
	if err := knownLabels(cameras, d.Info().Classes); err != nil {
		return usageError{err}
	}
	backend, err := opencv.New()
	if err != nil {
		return err
	}
	log := c.logger(std.err)
	for _, s := range strayVariables(parsed.Model, os.Environ()) {
		log.Warn().Msg(s)
	}
	cfg := video.Config{
		Cameras: cameras, Detector: d, Backend: backend, Log: log,
		Snapshots: c.Snapshots, KeepSnapshots: c.MQTT != "", SnapshotWidth: c.Width, HTTP: c.HTTP, Stall: c.Stall,
	}
	if c.Benchmark {
		cfg.Benchmark = std.err
	}
	sinks, closeSinks, err := c.files(std.out, cameras)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeSinks()) }()
	cfg.Sinks = append(cfg.Sinks, sinks...)
	if c.MQTT != "" {
		broker, err := mqtt.New(mqtt.Config{
			Broker: c.MQTT, Username: c.MQTTUsername, Password: c.MQTTPassword, Topic: c.MQTTTopic, Discovery: c.MQTTDiscovery,
			CA: c.MQTTCA, Version: shortVersion(), Cameras: cameras, Log: log,
		})
		if err != nil {
			return err
		}
		defer broker.Close()
		cfg.Sinks = append(cfg.Sinks, broker)
	}
	runner, err := video.New(cfg)
	if err != nil {
		return err
	}
	if a := runner.Addr(); a != "" {
		log.Info().Str("addr", a).Msg("live page")
	}
	signal.Ignore(syscall.SIGPIPE) // whoever reads the log may go; events say so themselves
	defer signal.Reset(syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // the next signal ends the process at once
	return runner.Run(ctx)
}

// files opens what --events and --tracks name. What is known of live cameras
// cannot be had again: it is appended to; tracks of files are written anew.
func (c *videoCmd) files(stdout io.Writer, cameras []video.Camera) (sinks []video.Sink, closeAll func() error, err error) {
	var closers []func() error
	closeAll = func() error {
		var errs []error
		for _, f := range closers {
			errs = append(errs, f())
		}
		return errors.Join(errs...)
	}
	open := func(flag, path string, mode int) (io.Writer, error) {
		if path == "-" {
			return stdout, nil
		}
		f, err := appendLines(path, mode)
		if err != nil {
			return nil, fmt.Errorf("--%s %s: %w", flag, path, fileError(err))
		}
		closers = append(closers, f.Close)
		return f, nil
	}
	add := func(flag, path string, s interface {
		video.Sink
		io.Closer
	}) {
		sinks = append(sinks, s)
		closers = slices.Insert(closers, 0, func() error {
			if err := s.Close(); err != nil {
				return fmt.Errorf("--%s %s: %w", flag, path, err)
			}
			return nil
		})
	}
	if c.Events != "" {
		w, err := open("events", c.Events, os.O_APPEND)
		if err != nil {
			return nil, nil, err
		}
		add("events", c.Events, video.NewJSONLSink(w))
	}
	if c.Tracks != "" {
		mode := os.O_TRUNC
		if slices.ContainsFunc(cameras, isLive) {
			mode = os.O_APPEND
		}
		w, err := open("tracks", c.Tracks, mode)
		if err != nil {
			return nil, nil, errors.Join(err, closeAll())
		}
		add("tracks", c.Tracks, video.NewTracksSink(w))
	}
	return sinks, closeAll, nil
}

func isLive(c video.Camera) bool {
	s, err := video.ParseSource(c.Source)
	return err == nil && s.Kind != video.File
}

// appendLines opens a file for lines. Where the last of those that are there was
// torn, as by a full disk, the next begins on a line of its own.
func appendLines(path string, mode int) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|mode, 0o666)
	if errors.Is(err, os.ErrPermission) { // may be written but not read
		return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|mode, 0o666)
	}
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Size() == 0 {
		return f, nil
	}
	last := make([]byte, 1)
	if _, err := f.ReadAt(last, info.Size()-1); err == nil && last[0] != '\n' {
		_, _ = f.WriteString("\n") // if it cannot be written, neither can lines, which say so
	}
	return f, nil
}

// cameras are those of the configuration file, or else of the command line. One
// source on the command line takes the place of the only camera's in the file.
func (c *videoCmd) cameras() ([]video.Camera, error) {
	base := video.Camera{
		Out: c.Out, Codec: c.Codec, Labels: c.Labels, Threshold: c.Threshold, After: c.After,
		Motion: video.MotionGate{Share: c.MotionPart, Hold: c.MotionHold},
	}
	list, err := c.fromFile(base)
	if err != nil {
		return nil, err
	}
	if list != nil && len(c.Sources) > 0 {
		if len(list) > 1 || len(c.Sources) > 1 {
			return nil, fmt.Errorf("%d sources on the command line, and %d cameras in %s: one of each can be put together", len(c.Sources), len(list), c.Config)
		}
		return list, nil
	}
	for _, s := range c.Sources {
		cam := base
		cam.Source = s
		c.choose(&cam, video.Asked{})
		source, err := video.ParseSource(s)
		if err != nil {
			return nil, err
		}
		cam.Name = source.Name()
		for n := 2; slices.ContainsFunc(list, func(o video.Camera) bool { return o.Name == cam.Name }); n++ {
			cam.Name = source.Name() + "-" + strconv.Itoa(n)
		}
		list = append(list, cam)
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("%s names no cameras, and neither does the command line", c.Config)
	}
	if len(list) > 1 && c.Out != "" {
		return nil, errors.New("--out is one file: give each camera its own in the configuration file")
	}
	return list, nil
}

func (c *videoCmd) fromFile(base video.Camera) ([]video.Camera, error) {
	if c.Config == "" {
		return nil, nil
	}
	path := string(c.Config)
	section, err := readSection(path, camerasSection)
	if section == nil {
		return nil, err
	}
	if len(c.Sources) == 1 {
		base.Source = c.Sources[0]
	}
	list, err := video.Cameras(section, base, func(cam *video.Camera, asked video.Asked) {
		if len(c.Sources) == 1 {
			cam.Source = c.Sources[0]
		}
		c.choose(cam, asked)
	})
	if err != nil {
		return nil, fmt.Errorf("%s:%w", path, err)
	}
	return list, nil
}

// readSection is the value of a key of a configuration file that was read before;
// nil if it has none.
func readSection(path, key string) (*yaml.Node, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("configuration file %s: %w", path, fileError(err))
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(doc.Content) == 0 {
		return nil, nil
	}
	root := doc.Content[0]
	for i := 0; i+1 < len(root.Content); i += 2 {
		if root.Content[i].Value == key {
			return root.Content[i+1], nil
		}
	}
	return nil, nil
}

// choose settles what depends on the source where nobody says: files are looked
// at frame by frame, cameras while something moves.
func (c *videoCmd) choose(cam *video.Camera, asked video.Asked) {
	source, err := video.ParseSource(cam.Source)
	file := err == nil && source.Kind == video.File
	pick := func(def bool, choices ...*bool) bool {
		for _, v := range choices {
			if v != nil {
				return *v
			}
		}
		return def
	}
	cam.EveryFrame = pick(file, asked.EveryFrame, c.EveryFrame)
	cam.Motion.On = pick(!file, asked.Motion, c.Motion)
}

// detector is shared by all cameras.
func (c *videoCmd) detector(cameras []video.Camera) (*riffle.Detector, error) {
	procs := runtime.GOMAXPROCS(0)
	o := riffle.Options{Threads: c.Threads, Workers: c.Workers, Quality: c.quality(), Size: c.Size, Precision: c.precision(), FirstStageOnly: c.FirstStageOnly}
	if o.Workers == 0 {
		o.Workers = min(len(cameras), procs)
	}
	if o.Threads == 0 {
		o.Threads = min(riffle.MaxThreads, max(1, procs/o.Workers))
	}
	d, err := riffle.Open(c.Model, o)
	if err != nil {
		return nil, err
	}
	return d, nil
}

// knownLabels holds all labels against the model's.
func knownLabels(cameras []video.Camera, classes []detector.Class) error {
	var names []string
	for _, cl := range classes {
		names = append(names, cl.Name)
	}
	check := func(where string, labels []string) error {
		for _, l := range labels {
			if !slices.Contains(names, l) {
				return fmt.Errorf("camera %s: unknown label %q%s", where, l, suggest.Hint(l, names))
			}
		}
		return nil
	}
	var errs []error
	for _, cam := range cameras {
		errs = append(errs, check(cam.Name, cam.Labels))
		for _, z := range cam.Zones {
			errs = append(errs, check(cam.Name+", zone "+z.Name, z.Labels))
		}
		for _, l := range cam.Lines {
			errs = append(errs, check(cam.Name+", line "+l.Name, l.Labels))
		}
	}
	return errors.Join(errs...)
}
