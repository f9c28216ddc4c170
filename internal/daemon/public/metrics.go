package public

import (
	"net/http"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"pkgd.io/pkgd/healthstate"
	"pkgd.io/pkgd/internal/api"
)

// metrics are what Prometheus scrapes, one registry for each exposure.
type metrics struct {
	handlers    [full + 1]http.Handler
	transitions map[healthstate.Status]*atomic.Uint64
	figures     *figures
}

func newMetrics(s *Server) *metrics {
	m := &metrics{transitions: map[healthstate.Status]*atomic.Uint64{}, figures: newFigures(s.o.Packages, s.o.Reports)}
	for _, status := range healthstate.Statuses() {
		m.transitions[status] = &atomic.Uint64{}
	}
	for expose := counts; expose <= full; expose++ {
		registry := prometheus.NewRegistry()
		registry.MustRegister(&collector{s: s, m: m, expose: expose})
		if expose == full {
			registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
		}
		m.handlers[expose] = promhttp.HandlerFor(registry, promhttp.HandlerOpts{MaxRequestsInFlight: 16})
	}
	return m
}

// subscribe counts transitions until cancel.
func (m *metrics) subscribe(h Health) (cancel func()) {
	return h.Subscribe(func(t api.Transition, _ api.Record) {
		if n := m.transitions[healthstate.Status(t.To)]; n != nil {
			n.Add(1)
		}
	})
}

func (m *metrics) serve(w http.ResponseWriter, r *http.Request, expose exposure) {
	w.Header().Set("Cache-Control", "no-store")
	m.figures.scraped()
	m.handlers[expose].ServeHTTP(w, r)
}

// collector makes metrics of the snapshot when they are scraped.
type collector struct {
	s      *Server
	m      *metrics
	expose exposure
}

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("pkgd_"+name, help, labels, nil)
}

// The families. Names with a package are for who may know packages' names.
var (
	descBuild       = desc("build_info", "Version of pkgd; always 1.", "version")
	descLevel       = desc("health_level", "The host's health: 1 for the level that it has, 0 for the others.", "level")
	descPackages    = desc("packages", "Packages that count for the host's health, by status.", "status")
	descStale       = desc("packages_stale", "Packages whose last check is too old.")
	descOldest      = desc("oldest_check_timestamp_seconds", "When the check that is longest ago ran.")
	descReady       = desc("ready", "Whether pkgd can do its work (1) or not (0).")
	descLoop        = desc("loop_alive_timestamp_seconds", "When pkgd's loop was last known to turn.")
	descTransitions = desc("health_transitions_total", "Changes of a package's status, by the new status.", "status")

	descStatus   = desc("package_status", "A package's health: 1 for the status that it has, 0 for the others.", "package", "status")
	descRevision = desc("package_revision", "The revision that runs.", "package")
	descChecked  = desc("package_check_timestamp_seconds", "When the package's check last ran.", "package")
	descDuration = desc("package_check_duration_seconds", "How long the package's last check took.", "package")
	descRuns     = desc("package_checks_total", "Runs of the package's check since its revision came.", "package")
	descQoS      = desc("package_qos", "The least quality of service of the package's checks, 0 to 1.", "package")
	descPart     = desc("package_check_health", "One check of a package: 1 for the health that it has, 0 for the others.", "package", "check", "health")
)

// Describe sends nothing: which families there are depends on who may know.
func (c *collector) Describe(chan<- *prometheus.Desc) {}

// Collect reads one snapshot, and the figures that were counted last.
func (c *collector) Collect(to chan<- prometheus.Metric) {
	snap := c.s.o.Health.Snapshot()
	c.host(to, snap)
	if counted := c.m.figures.newest.Load(); counted != nil {
		counted.tell(to, c.expose)
	}
	if c.expose < names {
		return
	}
	gauge(to, descBuild, 1, c.s.o.Version)
	for _, rec := range snap.Health.Packages {
		c.packageMetrics(to, rec, snap.Counts(rec.Package))
	}
}

func (c *collector) host(to chan<- prometheus.Metric, snap *healthstate.Snapshot) {
	for _, level := range []string{healthstate.LevelOK, healthstate.LevelDegraded, healthstate.LevelFault, healthstate.LevelUnknown} {
		gauge(to, descLevel, one(level == snap.Health.Level), level)
	}
	for status, n := range snap.Health.Counts {
		gauge(to, descPackages, float64(n), status)
	}
	for status, n := range c.m.transitions {
		to <- prometheus.MustNewConstMetric(descTransitions, prometheus.CounterValue, float64(n.Load()), string(status))
	}
	s := newSummary(snap)
	gauge(to, descStale, float64(s.Stale))
	if s.OldestCheck != nil {
		gauge(to, descOldest, float64(s.OldestCheck.UnixNano())/1e9)
	}
	gauge(to, descReady, one(!(view{conditions: c.s.ready(&rules{})}).failed()))
	gauge(to, descLoop, float64(c.s.o.Alive().UnixNano())/1e9)
}

func (c *collector) packageMetrics(to chan<- prometheus.Metric, rec api.Record, counted bool) {
	gauge(to, descRevision, float64(rec.Revision), rec.Package)
	if !counted {
		return
	}
	for _, status := range healthstate.Statuses() {
		gauge(to, descStatus, one(rec.Status == string(status)), rec.Package, string(status))
	}
	if rec.CheckedAt != nil {
		gauge(to, descChecked, float64(rec.CheckedAt.UnixNano())/1e9, rec.Package)
		gauge(to, descDuration, rec.Duration, rec.Package)
	}
	to <- prometheus.MustNewConstMetric(descRuns, prometheus.CounterValue, float64(rec.Runs), rec.Package)
	if rec.QoS != nil {
		gauge(to, descQoS, *rec.QoS, rec.Package)
	}
	if c.expose < full {
		return
	}
	for _, part := range rec.Checks {
		for _, health := range []string{"passed", "warn", "fail"} {
			gauge(to, descPart, one(part.Health == health), rec.Package, part.Name, health)
		}
	}
}

func gauge(to chan<- prometheus.Metric, d *prometheus.Desc, v float64, labels ...string) {
	to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
}

func one(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
