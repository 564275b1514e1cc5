package api

import (
	"net/http"
	"runtime"
	"runtime/debug"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics is what /metrics shows, in a registry of its own so that servers in
// one process do not clash.
type metrics struct {
	registry   *prometheus.Registry
	requests   *prometheus.CounterVec
	seconds    *prometheus.HistogramVec
	stages     *prometheus.HistogramVec
	pictures   *prometheus.CounterVec
	detections *prometheus.CounterVec
}

// buckets span from a 0.5 ms stage to a request that waits long.
var buckets = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}

func newMetrics(s *Server) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "riffle_http_requests_total", Help: "Requests answered, by route, method and status; 499 is a client that went away.",
		}, []string{"route", "method", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "riffle_http_request_duration_seconds", Help: "Time from the request's header to the end of its answer.", Buckets: buckets,
		}, []string{"route"}),
		stages: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "riffle_stage_duration_seconds", Help: "Time of one stage of one picture.", Buckets: buckets,
		}, []string{"model", "stage"}),
		pictures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "riffle_pictures_total", Help: "Pictures looked at.",
		}, []string{"model"}),
		detections: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "riffle_detections_total", Help: "Detections answered, by label.",
		}, []string{"model", "label"}),
	}
	m.registry.MustRegister(m.requests, m.seconds, m.stages, m.pictures, m.detections,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		&liveCollector{s}, buildInfo(s.cfg.Version))
	return m
}

func buildInfo(version string) prometheus.Collector {
	revision := "unknown"
	if bi, ok := debug.ReadBuildInfo(); ok {
		for _, set := range bi.Settings {
			if set.Key == "vcs.revision" {
				revision = set.Value
			}
		}
	}
	g := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "riffle_build_info", Help: "Always 1; the labels tell what runs.",
		ConstLabels: prometheus.Labels{"version": version, "revision": revision, "go": runtime.Version(), "arch": runtime.GOARCH},
	})
	g.Set(1)
	return g
}

// looked counts one picture.
func (m *metrics) looked(model *served, out *seen) {
	m.pictures.WithLabelValues(model.Name).Inc()
	for _, st := range out.stages {
		m.stages.WithLabelValues(model.Name, st.name).Observe(st.took.Seconds())
	}
	for _, d := range out.found {
		m.detections.WithLabelValues(model.Name, d.Label).Inc()
	}
}

// answered counts one request. Methods are known words or "other": a stranger
// may write any.
func (m *metrics) answered(route, method string, status int) {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodOptions:
	default:
		method = "other"
	}
	m.requests.WithLabelValues(route, method, strconv.Itoa(status)).Inc()
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// liveCollector reads the state of queues and models when it is asked.
type liveCollector struct{ s *Server }

var (
	descQueue   = prometheus.NewDesc("riffle_queue_length", "Pictures that wait for a worker.", []string{"model"}, nil)
	descLimit   = prometheus.NewDesc("riffle_queue_limit", "Pictures that may wait for a worker.", []string{"model"}, nil)
	descBusy    = prometheus.NewDesc("riffle_workers_busy", "Workers at work.", []string{"model"}, nil)
	descWorkers = prometheus.NewDesc("riffle_workers", "Workers of the model.", []string{"model"}, nil)
	descBodies  = prometheus.NewDesc("riffle_body_bytes", "Bytes of request bodies held now.", nil, nil)
	descModel   = prometheus.NewDesc("riffle_model_info", "1 if the model is loaded; the labels describe it.",
		[]string{"model", "weights", "input", "classes", "ap"}, nil)
)

func (c *liveCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descQueue, descLimit, descBusy, descWorkers, descBodies, descModel} {
		ch <- d
	}
}

func (c *liveCollector) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	gauge(descBodies, float64(c.s.budget.Used()))
	for _, m := range c.s.models.all {
		gauge(descQueue, float64(m.gate.Waiting()), m.Name)
		gauge(descLimit, float64(m.gate.Limit()), m.Name)
		gauge(descBusy, float64(m.gate.Busy()), m.Name)
		gauge(descWorkers, float64(m.Workers), m.Name)
		model := m.loaded()
		if model == nil {
			gauge(descModel, 0, m.Name, "", "", "", "")
			continue
		}
		gauge(descModel, 1, m.Name, model.weights, strconv.Itoa(model.width)+"x"+strconv.Itoa(model.height),
			strconv.Itoa(len(model.classes)), strconv.FormatFloat(model.ap, 'g', 4, 64))
	}
}
