package reportstate

import (
	"slices"
	"time"

	"pkgd.io/pkgd/internal/api"
)

// maxRequestSize bounds the reports in a request, bytes before compression; one
// that is larger goes alone.
const maxRequestSize = 1 << 20

// batch is what one request tells.
type batch struct {
	exchange api.Exchange
	reports  []*report
	cut      bool // there is more
}

// pack makes the next request. Reports at rest in it grow no further; what is
// heard from now on begins new ones.
func (m *Manager) pack() batch {
	host := m.o.Host()
	m.st.Lock()
	defer m.st.Unlock()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.keepOpen()
	b := m.pick()
	b.exchange = api.Exchange{
		Schema: api.ReportSchema, Device: m.device, Boot: m.boot, At: time.Now(), Version: m.o.Version,
		Host: api.HostLevel{Level: host.Level, Counts: host.Counts}, Lost: m.tally.Lost,
		Reports: make([]api.Report, 0, len(b.reports)),
	}
	for _, r := range b.reports {
		b.exchange.Reports = append(b.exchange.Reports, r.Report)
		if m.out.open[r.Package] == r {
			delete(m.out.open, r.Package)
			m.out.flying = append(m.out.flying, r)
		}
	}
	return b
}

// pick chooses what to tell next: changes first. While it is not known whether
// earlier reports at rest arrived, no others go out, so that not more and more
// of them become doubtful. mu is held.
func (m *Manager) pick() (b batch) {
	all := slices.DeleteFunc(slices.Clone(m.out.changes), func(r *report) bool { return !m.onDisk(r) })
	if len(m.out.doubtful) > 0 {
		all = append(all, m.out.doubtful...)
		b.cut = len(m.out.open) > 0
	} else {
		all = append(all, m.out.resting()...)
	}
	n, bytes := 0, 0
	for n < min(len(all), m.line.most) && m.line.suspect == nil && (n == 0 || bytes+all[n].size <= maxRequestSize) {
		bytes += all[n].size
		n++
	}
	b.reports, b.cut = all[:n], b.cut || n < len(all)
	return b
}

// onDisk tells a change that cannot end once more after a crash.
func (m *Manager) onDisk(r *report) bool { return r.Boot != m.boot || r.Sequence <= m.durable }

// settle does what follows from the reply, and tells whether another request is
// to be made at once.
func (m *Manager) settle(b batch, r reply) (more bool) {
	m.st.Lock()
	defer m.st.Unlock()
	m.mu.Lock()
	defer m.mu.Unlock()
	switch r.kind {
	case taken:
		return m.settleTaken(b, r)
	case refused:
		m.land(false)
		return m.settleRefused(b, r)
	default:
		m.land(r.kind == doubtful)
		m.fail(r)
		return false
	}
}

// land takes the reports at rest back out of a request that was not taken. Of
// those that cannot have arrived each goes on growing, with what was begun
// meanwhile; the others stay as they were sent. State and mu are locked.
func (m *Manager) land(doubt bool) {
	for _, r := range m.out.flying {
		later := m.out.open[r.Package]
		switch {
		case doubt:
			r.Doubt = true
			m.out.doubtful = append(m.out.doubtful, r)
			m.st.SetLazy(r.key(), r.kept)
			continue
		case later != nil:
			merge(r.Rest, later.Rest)
			m.forget(later)
		}
		m.out.open[r.Package] = r
		m.out.unsaved[r] = true
	}
	m.out.flying = nil
	m.bound()
}

// settleTaken forgets what the collector has, or will never have.
func (m *Manager) settleTaken(b batch, r reply) (more bool) {
	reasons := map[string]string{}
	for _, no := range r.answer.Refused {
		reasons[reportKey(no.Boot, no.Sequence)] = no.Reason
	}
	for _, done := range b.reports {
		reason, no := reasons[done.key()]
		if no {
			m.setAside(done, reason)
			continue
		}
		m.forget(done)
		m.line.delivered++
	}
	if m.line.suspect != nil {
		m.setAside(m.line.suspect, m.line.reason)
	}
	now := time.Now()
	m.line.suspect, m.line.failures, m.line.retry, m.line.last = nil, 0, time.Time{}, &now
	m.line.next = now.Add(r.answer.wait(m.conf.Interval))
	m.line.most = min(2*m.line.most, m.o.MaxBatch)
	return b.cut
}

// settleRefused looks for the report that the collector refuses.
func (m *Manager) settleRefused(b batch, r reply) (more bool) {
	switch len(b.reports) {
	case 0: // not a report's fault
		m.fail(r)
		return false
	case 1:
		m.line.suspect, m.line.reason = b.reports[0], r.err.Error()
	}
	m.line.most = max(len(b.reports)/2, 1)
	return true
}

// setAside gives up a report that the collector will never take. It is shown,
// and counted. State and mu are locked.
func (m *Manager) setAside(r *report, reason string) {
	w := waiting(r)
	w.Reason = clip(reason)
	m.tally.Lost.Refused++
	m.tally.Refused = append(m.tally.Refused, w)
	if n := len(m.tally.Refused); n > maxRefused {
		m.tally.Refused = m.tally.Refused[n-maxRefused:]
	}
	m.st.Set(tallyKey, m.tally)
	m.forget(r)
}

// fail notes why an exchange failed and when the next one may be.
func (m *Manager) fail(r reply) {
	now := time.Now()
	m.line.failures++
	m.line.lastError, m.line.errorAt = clip(r.err.Error()), &now
	m.line.suspect = nil
	wait := min(m.o.RetryFirst<<min(m.line.failures-1, 16), m.o.RetryMost)
	m.line.retry = now.Add(about(wait))
	if r.retryAfter > 0 { // what the collector asks for, and not all at that very moment
		m.line.retry = now.Add(r.retryAfter + within(r.retryAfter/5))
	}
}

// clip keeps what others say short.
func clip(text string) string {
	const most = 300
	if r := []rune(text); len(r) > most {
		return string(r[:most]) + "…"
	}
	return text
}
