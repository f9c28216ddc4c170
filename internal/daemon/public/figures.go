package public

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"pkgd.io/pkgd/internal/api"
)

// How often is counted without a reason, and how long that may take. Every
// change that ends is a reason, and so is a scrape that finds old figures.
const (
	figuresPeriod  = 5 * time.Minute
	figuresTimeout = 5 * time.Second
	figuresAge     = time.Second
)

// figures are counted in the background: that locks rooms below, and a scrape
// waits for nothing.
type figures struct {
	probe  *probe
	newest atomic.Pointer[counted]
}

// counted is what was counted at one moment.
type counted struct {
	packages api.Figures
	reports  api.Outbox
	at       time.Time
}

func newFigures(packages Packages, reports func() api.Outbox) *figures {
	f := &figures{}
	f.probe = newProbe(figuresPeriod, figuresTimeout, func(context.Context) error {
		f.newest.Store(&counted{packages: packages.Figures(), reports: reports(), at: time.Now()})
		return nil
	})
	return f
}

// scraped has what is old counted again, for the next to come.
func (f *figures) scraped() {
	if c := f.newest.Load(); c != nil && time.Since(c.at) > figuresAge {
		f.probe.now()
	}
}

// The families of changes and reports.
var (
	descChanges    = desc("changes_total", "Changes of packages that ended since pkgd started, by what was to be done and how it ended.", "kind", "outcome")
	descLastChange = desc("packages_last_change", "Packages, by how the last change of each ended.", "outcome")
	descHeld       = desc("packages_held", "Packages that are held.")
	descRefused    = desc("packages_refused", "Packages of which content newer than what runs is refused.")
	descWarnings   = desc("warnings", "Warnings that nobody has dismissed.")

	descWaiting   = desc("reports_waiting", "Reports that wait to be told to the collector, by kind.", "kind")
	descWeight    = desc("reports_waiting_bytes", "How much the reports are that wait, before compression.")
	descDelivered = desc("reports_delivered_total", "Reports that the collector took since pkgd started.")
	descLost      = desc("reports_lost_total", "What will never arrive at the collector: change reports and runs at rest dropped because too much waited, and reports that it refused.", "kind")
	descFailures  = desc("reports_failures", "Failed exchanges with the collector, in a row.")
	descExchange  = desc("reports_last_exchange_timestamp_seconds", "When the collector last took what it was told.")

	descPackageHeld    = desc("package_held", "Whether the package is held (1) or not (0).", "package")
	descPackageRefused = desc("package_refused", "Whether content newer than what runs is refused (1) or not (0).", "package")
	descPackageChange  = desc("package_last_change", "How the package's last change ended: 1 for the outcome that it had, 0 for the others.", "package", "outcome")
	descPackageEnded   = desc("package_last_change_timestamp_seconds", "When the package's last change ended.", "package")
)

// What changes are made of; every pair is told from the start, so that the first
// revert is an increase.
var (
	kindsOfChange = []string{"install", "refresh", "revert", "remove"}
	outcomes      = []string{
		api.OutcomeDone, api.OutcomeReverted, api.OutcomeKept, api.OutcomeUnproven, api.OutcomeFailed, api.OutcomeRevertFailed,
	}
)

func (c *counted) tell(to chan<- prometheus.Metric, expose exposure) {
	c.changes(to)
	if c.reports.URL != "" {
		c.outbox(to)
	}
	if expose < names {
		return
	}
	for _, p := range c.packages.Packages {
		onePackage(to, p)
	}
}

func (c *counted) changes(to chan<- prometheus.Metric) {
	for _, kind := range kindsOfChange {
		for _, outcome := range outcomes {
			counter(to, descChanges, c.packages.Ended[api.Ended{Kind: kind, Outcome: outcome}], kind, outcome)
		}
	}
	last := map[string]int{}
	held, refused := 0, 0
	for _, p := range c.packages.Packages {
		last[p.Outcome]++
		held += int(one(p.Held))
		refused += int(one(p.Refused))
	}
	for _, outcome := range outcomes {
		gauge(to, descLastChange, float64(last[outcome]), outcome)
	}
	gauge(to, descHeld, float64(held))
	gauge(to, descRefused, float64(refused))
	gauge(to, descWarnings, float64(c.packages.Warnings))
}

func (c *counted) outbox(to chan<- prometheus.Metric) {
	o := c.reports
	gauge(to, descWaiting, float64(o.Changes), api.ReportChange)
	gauge(to, descWaiting, float64(o.Rest), api.ReportRest)
	gauge(to, descWeight, float64(o.Bytes))
	counter(to, descDelivered, o.Delivered)
	counter(to, descLost, o.Lost.Changes, "change")
	counter(to, descLost, o.Lost.Runs, "run")
	counter(to, descLost, o.Lost.Refused, "refused")
	gauge(to, descFailures, float64(o.Failures))
	if o.LastExchange != nil {
		gauge(to, descExchange, float64(o.LastExchange.UnixNano())/1e9)
	}
}

func onePackage(to chan<- prometheus.Metric, p api.PackageFigures) {
	gauge(to, descPackageHeld, one(p.Held), p.Name)
	gauge(to, descPackageRefused, one(p.Refused), p.Name)
	if p.Outcome == "" {
		return
	}
	for _, outcome := range outcomes {
		gauge(to, descPackageChange, one(p.Outcome == outcome), p.Name, outcome)
	}
	gauge(to, descPackageEnded, float64(p.EndedAt.UnixNano())/1e9, p.Name)
}

func counter(to chan<- prometheus.Metric, d *prometheus.Desc, n uint64, labels ...string) {
	to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
}
