package reportstate

import (
	"net/url"
	"slices"
	"time"

	"pkgd.io/pkgd/internal/api"
)

// Outbox shows what waits and how it stands with the collector. It takes no lock
// of the state's and touches no disk.
func (m *Manager) Outbox() api.Outbox {
	m.mu.Lock()
	defer m.mu.Unlock()
	l := &m.line
	o := api.Outbox{
		URL: redacted(m.conf.URL), Device: m.device, Boot: m.boot, LastExchange: l.last, Delivered: l.delivered,
		Failures: l.failures, LastError: l.lastError, LastErrorAt: l.errorAt, Lost: m.tally.Lost,
		Waiting: []api.WaitingReport{}, Refused: append([]api.WaitingReport{}, m.tally.Refused...),
	}
	for _, r := range m.out.all() {
		o.Waiting = append(o.Waiting, waiting(r))
		o.Bytes += r.size
		if r.Kind == api.ReportChange {
			o.Changes++
		} else {
			o.Rest++
		}
	}
	if next := slices.MaxFunc([]time.Time{l.next, l.retry}, time.Time.Compare); m.conf.URL != "" {
		o.NextExchange = &next
	}
	return o
}

func waiting(r *report) api.WaitingReport {
	w := api.WaitingReport{
		Boot: r.Boot, Sequence: r.Sequence, Kind: r.Kind, Package: r.Package, At: r.At, Runs: r.runs(), InDoubt: r.Doubt,
	}
	if r.Change != nil {
		w.Outcome = r.Change.Outcome
	}
	return w
}

// redacted is an address without the password that may be in it.
func redacted(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Redacted()
}

// tell logs what came of a request: failures, and the first success after them.
func (m *Manager) tell(b batch, r reply) {
	m.mu.Lock()
	failures, again := m.line.failures, m.line.retry
	m.mu.Unlock()
	switch {
	case r.kind == refused && len(b.reports) > 0:
		m.log.Warn("the collector refuses reports", "reports", len(b.reports), "error", r.err)
	case r.kind != taken:
		m.log.Warn("cannot tell the collector", "error", r.err, "failures", failures, "again-in", time.Until(again).Round(time.Second))
	case len(r.answer.Refused) > 0:
		m.log.Warn("the collector will never take some reports", "reports", len(r.answer.Refused))
	default:
		m.log.Debug("told the collector", "reports", len(b.reports))
	}
}
