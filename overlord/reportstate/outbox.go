package reportstate

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"pkgd.io/pkgd/internal/api"
)

// report is one report in the outbox.
type report struct {
	kept
	size int // in bytes of JSON; of one that grows, when last looked at
}

// kept is a report as it is on disk.
type kept struct {
	api.Report
	// Doubt says that it may have been delivered. Another content under the same
	// key would be taken for the same report, so it is never changed again.
	Doubt bool `json:"doubt,omitempty"`
}

func (r *kept) key() string { return reportKey(r.Boot, r.Sequence) }

func reportKey(boot string, sequence uint64) string {
	return fmt.Sprintf("%s%s/%d", reportPrefix, boot, sequence)
}

// whole tells a report that has what its kind says.
func (r *kept) whole() bool {
	return r.Kind == api.ReportChange && r.Change != nil || r.Kind == api.ReportRest && r.Rest != nil
}

func (r *report) runs() uint64 {
	if r.Rest == nil {
		return 0
	}
	return r.Rest.Runs
}

// measure finds the report's size.
func (r *report) measure() {
	b, err := json.Marshal(r.Report)
	if err != nil {
		panic("internal error: a report that JSON does not take: " + err.Error())
	}
	r.size = len(b)
}

// outbox is what waits to be told. The manager's mu guards it.
type outbox struct {
	changes  []*report          // how changes ended, oldest first; never changed
	doubtful []*report          // at rest, may have been delivered, oldest first; never changed
	open     map[string]*report // at rest, by package: what grows
	flying   []*report          // at rest, within a request: the answer decides what becomes of them
	unsaved  map[*report]bool   // open, and the state does not know how they stand
}

// remove takes a report away, wherever it is.
func (b *outbox) remove(r *report) {
	is := func(other *report) bool { return other == r }
	b.changes = slices.DeleteFunc(b.changes, is)
	b.doubtful = slices.DeleteFunc(b.doubtful, is)
	b.flying = slices.DeleteFunc(b.flying, is)
	if b.open[r.Package] == r {
		delete(b.open, r.Package)
	}
	delete(b.unsaved, r)
}

// resting lists the open reports, oldest first.
func (b *outbox) resting() []*report {
	return slices.SortedFunc(maps.Values(b.open), older)
}

// all lists what waits, in the order in which it is told.
func (b *outbox) all() []*report {
	return slices.Concat(b.changes, b.doubtful, b.flying, b.resting())
}

// weight is how much waits, without what is just being told at rest: that cannot
// be dropped, and is little.
func (b *outbox) weight() (reports, bytes int) {
	for _, r := range slices.Concat(b.changes, b.doubtful, slices.Collect(maps.Values(b.open))) {
		reports++
		bytes += r.size
	}
	return reports, bytes
}

// least is what can best be done without: the oldest report at rest, and of
// changes the oldest. What grows has been made one of many before.
func (b *outbox) least() *report {
	if len(b.doubtful) > 0 {
		return b.doubtful[0]
	}
	if r := b.resting(); len(r) > 0 {
		return r[0]
	}
	if len(b.changes) > 0 {
		return b.changes[0]
	}
	return nil
}

// bound drops what is too much, and counts it. State and mu are locked.
func (m *Manager) bound() {
	reports, bytes := m.out.weight()
	for reports > m.o.MaxWaiting || bytes > m.o.MaxBytes {
		r := m.out.least()
		if r == nil {
			return
		}
		reports, bytes = reports-1, bytes-r.size
		if r.Kind == api.ReportChange {
			m.tally.Lost.Changes++
		}
		m.tally.Lost.Runs += r.runs()
		m.forget(r)
		m.st.SetLazy(tallyKey, m.tally)
	}
}

// forget takes a report out of outbox and state. One at rest goes lazily: come
// back after a crash, it is told again under its key. State and mu are locked.
func (m *Manager) forget(r *report) {
	m.out.remove(r)
	if r.Kind == api.ReportChange {
		m.st.Set(r.key(), nil)
		return
	}
	m.st.SetLazy(r.key(), nil)
}

// save hands to the state how the open reports stand, and gives the last
// sequence so far. What it keeps reaches the disk with the next real write.
func (m *Manager) save() (sequence uint64) {
	m.st.Lock()
	defer m.st.Unlock()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.keepOpen()
	m.bound()
	return m.seq
}

// keepOpen keeps the open reports that have changed. A crash leaves them as they
// were then, and nobody knows whether they have been sent meanwhile: so they are
// kept as doubtful. State and mu are locked.
func (m *Manager) keepOpen() {
	for r := range m.out.unsaved {
		m.name(r)
		r.measure()
		m.st.SetLazy(r.key(), kept{Report: r.Report, Doubt: true})
	}
	clear(m.out.unsaved)
}

// flush hands to the state what waits as it really is.
func (m *Manager) flush() {
	m.st.Lock()
	defer m.st.Unlock()
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range m.out.open {
		m.name(r)
		m.st.SetLazy(r.key(), r.kept)
	}
	for _, r := range m.out.doubtful {
		m.st.SetLazy(r.key(), r.kept)
	}
}

// name gives the contents of a report at rest their digests.
func (m *Manager) name(r *report) {
	for i := range r.Rest.Counts {
		if c := &r.Rest.Counts[i]; c.Digest == "" {
			c.Digest = m.o.Digest(r.Package, c.Revision)
		}
	}
}
