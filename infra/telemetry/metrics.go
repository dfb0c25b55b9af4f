package telemetry

import (
	"net/http"
	"strconv"
	"time"

	"github.com/ThreeDotsLabs/watermill/components/metrics"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Namespace begins the name of every figure of ours.
const Namespace = "zhiping"

// Metrics are the program's figures. Safe for concurrent use.
type Metrics struct {
	registry *prometheus.Registry

	httpSeconds    *prometheus.HistogramVec
	httpInFlight   prometheus.Gauge
	httpClosed     prometheus.Counter
	commandSeconds *prometheus.HistogramVec
	conflicts      *prometheus.CounterVec
	commandEvents  *prometheus.CounterVec
	identityEvents *prometheus.CounterVec
	messages       *prometheus.CounterVec

	appendSeconds *prometheus.HistogramVec
	reconnects    *prometheus.CounterVec

	lagEvents   *prometheus.GaugeVec
	lagSeconds  *prometheus.GaugeVec
	delay       *prometheus.HistogramVec
	live        *prometheus.GaugeVec
	batch       *prometheus.HistogramVec
	fold        *prometheus.HistogramVec
	commit      *prometheus.HistogramVec
	viewEvents  *prometheus.CounterVec
	viewDocs    *prometheus.CounterVec
	checkpoint  *prometheus.GaugeVec
	parked      *prometheus.GaugeVec
	storeFailed *prometheus.CounterVec
	stopped     prometheus.Gauge
	router      metrics.HandlerPrometheusMetricsMiddleware
}

// fast suits what should take milliseconds.
var fast = []float64{.0005, .001, .0025, .005, .01, .02, .03, .05, .075, .1, .15, .25, .5, 1, 2.5, 5, 10}

// NewMetrics makes a registry with all figures, and those of the Go runtime and the process.
func NewMetrics() *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry()}
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))

	m.httpSeconds = m.histogram("http_request_seconds", "Time to answer an HTTP request.", fast, "method", "route", "status")
	m.httpInFlight = m.gauge("http_requests_in_flight", "HTTP requests being answered.").WithLabelValues()
	m.httpClosed = m.counter("http_connections_shed_total", "Connections closed because as many as are allowed were open.").WithLabelValues()
	m.commandSeconds = m.histogram("command_seconds", "Time to run a command, from authorisation to append.", fast, "command", "outcome")
	m.conflicts = m.counter("command_conflicts_total", "Appends that lost a race; most are repeated and succeed.", "command")
	m.commandEvents = m.counter("command_events_total", "Events appended.", "command")

	m.identityEvents = m.counter("identity_events_total", "Sign-ins, failures, lockouts, codes, resets, grants: every identity audit record.", "kind")

	m.messages = m.counter("messages_total", "Messages to people: sent, failed, expired before they left, or for nobody who could be reached.", "kind", "outcome")

	m.appendSeconds = m.histogram("eventstore_append_seconds", "Time to append to the event store.", fast, "outcome")
	m.reconnects = m.counter("eventstore_reconnects_total", "Connections and subscriptions lost.", "connection")

	m.lagEvents = m.gauge("projection_lag_events", "Events received and not committed yet.", "pipeline")
	m.lagSeconds = m.gauge("projection_lag_seconds", "Age of the oldest event of the last commit, 0 when caught up.", "view", "version")
	m.delay = m.histogram("projection_delay_seconds", "Time from an event's recording to its commit, for the oldest of each batch.", fast, "pipeline")
	m.live = m.gauge("projection_live", "1 when a subscription has delivered all history.", "pipeline")
	m.batch = m.histogram("projection_batch_events", "Events per commit.", prometheus.ExponentialBuckets(1, 2, 13), "pipeline")
	m.fold = m.histogram("projection_fold_seconds", "Time to fold a batch.", fast, "pipeline")
	m.commit = m.histogram("projection_commit_seconds", "Time to commit a batch.", fast, "pipeline")
	m.viewEvents = m.counter("projection_events_total", "Events of interest to a view.", "view", "version")
	m.viewDocs = m.counter("projection_documents_total", "Documents stored or deleted.", "view", "version")
	m.checkpoint = m.gauge("projection_checkpoint", "Position up to which a view is complete.", "view", "version")
	m.parked = m.gauge("projection_parked", "Documents that stopped following their events.", "view", "version")
	m.storeFailed = m.counter("projection_failures_total", "Failed tasks on the read store, to be tried again.", "task")
	m.stopped = m.gauge("projection_stopped", "1 while this node's projections stand still before an event that its version cannot read.").WithLabelValues()
	// What has not happened yet is 0, not absent: a rate then shows the first time.
	for _, connection := range []string{"commands", "subscriptions"} {
		m.reconnects.WithLabelValues(connection)
	}
	for _, task := range []string{"commit", "read documents"} {
		m.storeFailed.WithLabelValues(task)
	}
	m.router = metrics.NewPrometheusMetricsBuilder(m.registry, Namespace, "watermill").NewRouterMiddleware()
	return m
}

func (m *Metrics) histogram(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	v := prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: Namespace, Name: name, Help: help, Buckets: buckets}, labels)
	m.registry.MustRegister(v)
	return v
}

func (m *Metrics) counter(name, help string, labels ...string) *prometheus.CounterVec {
	v := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: Namespace, Name: name, Help: help}, labels)
	m.registry.MustRegister(v)
	return v
}

func (m *Metrics) gauge(name, help string, labels ...string) *prometheus.GaugeVec {
	v := prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: Namespace, Name: name, Help: help}, labels)
	m.registry.MustRegister(v)
	return v
}

// Registry is where figures of other libraries may be added, such as Watermill's.
func (m *Metrics) Registry() *prometheus.Registry { return m.registry }

// Handler serves the figures to Prometheus.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry})
}

// Middleware times the handlers of Watermill routers; it is a projections.Config.Middlewares.
func (m *Metrics) Middleware(next message.HandlerFunc) message.HandlerFunc {
	return m.router.Middleware(next)
}

// Request counts one HTTP request. Route is the pattern, such as /api/notices/:id, never the path itself, whose
// number has no bound.
func (m *Metrics) Request(method, route string, status int, took time.Duration) {
	m.httpSeconds.WithLabelValues(method, route, strconv.Itoa(status)).Observe(took.Seconds())
}

// Identity counts one identity audit record by its kind, of which there are some twenty.
func (m *Metrics) Identity(kind string) { m.identityEvents.WithLabelValues(kind).Inc() }

// Message counts what became of a message to somebody.
func (m *Metrics) Message(kind, outcome string) { m.messages.WithLabelValues(kind, outcome).Inc() }

// ConnectionClosed counts a connection that was closed because as many as are allowed were open.
func (m *Metrics) ConnectionClosed() { m.httpClosed.Inc() }

// InFlight adds to the number of HTTP requests being answered.
func (m *Metrics) InFlight(add int) { m.httpInFlight.Add(float64(add)) }
