package video

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics is what /metrics shows of cameras.
type metrics struct {
	registry   *prometheus.Registry
	up         *prometheus.GaugeVec
	captured   *prometheus.CounterVec
	looked     *prometheus.CounterVec
	dropped    *prometheus.CounterVec
	still      *prometheus.CounterVec
	failures   *prometheus.CounterVec
	reconnects *prometheus.CounterVec
	resized    *prometheus.CounterVec
	events     *prometheus.CounterVec
	losses     *prometheus.CounterVec
	damaged    *prometheus.CounterVec
	detect     *prometheus.HistogramVec
	wait       *prometheus.HistogramVec
}

var buckets = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5}

func newMetrics() *metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, append([]string{"camera"}, labels...))
	}
	histogram := func(name, help string) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, []string{"camera"})
	}
	m := &metrics{
		registry:   prometheus.NewRegistry(),
		up:         prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "riffle_camera_up", Help: "1 while frames come."}, []string{"camera"}),
		captured:   counter("riffle_camera_frames_total", "Frames captured."),
		looked:     counter("riffle_camera_frames_looked_at_total", "Frames that went through the loop, by detector or as still."),
		dropped:    counter("riffle_camera_frames_dropped_total", "Frames that a newer one replaced before anybody looked."),
		still:      counter("riffle_camera_frames_still_total", "Frames without motion, which the detector did not see."),
		failures:   counter("riffle_camera_failures_total", "Times that no frames could be had, by reason.", "reason"),
		reconnects: counter("riffle_camera_reconnects_total", "Times that a lost camera came back."),
		resized:    counter("riffle_camera_resolution_changes_total", "Changes of resolution between frames."),
		events:     counter("riffle_camera_events_total", "Events, by kind.", "event"),
		losses:     counter("riffle_camera_write_failures_total", "Frames, snapshots, events and lines of tracks that could not be written at first try, by what.", "what"),
		damaged:    counter("riffle_camera_frames_damaged_total", "Frames that came damaged."),
		detect:     histogram("riffle_camera_detect_seconds", "Time of the detector for one frame."),
		wait:       histogram("riffle_camera_wait_seconds", "Time that a frame waited for the detector, which cameras share."),
	}
	m.registry.MustRegister(m.up, m.captured, m.looked, m.dropped, m.still, m.failures, m.reconnects, m.resized, m.events, m.losses, m.damaged, m.detect, m.wait,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}
