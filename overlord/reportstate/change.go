package reportstate

import "pkgd.io/pkgd/internal/api"

// Outcome writes the report of how a change ended, in the commit that records
// it: call it with the state locked. It never blocks.
func (m *Manager) Outcome(why api.Why) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.conf.URL == "" || !changesContent(why.Kind) {
		return
	}
	r := m.newReport(api.ReportChange, why.Package, why.At)
	r.Change = m.changeReport(why)
	r.measure()
	m.st.Set(r.key(), r.kept)
	m.out.changes = append(m.out.changes, r)
	m.bound()
	m.kick()
}

// changesContent tells the changes that reports are about: what is installed,
// not how it is configured.
func changesContent(kind string) bool { return kind != "configure" && kind != "services" }

// changeReport is the outcome without what a hook printed and where content came
// from, which are the host's own.
func (m *Manager) changeReport(why api.Why) *api.ChangeReport {
	return &api.ChangeReport{
		Change: why.Change, Kind: why.Kind,
		From: m.content(why.Package, why.From, why.FromVersion), To: m.content(why.Package, why.To, why.ToVersion),
		Current: why.Current, Before: slim(why.Before), After: slim(why.After), Restored: slim(why.Restored),
		Rule: why.Rule, Outcome: why.Outcome, Error: why.Error, Transaction: why.Transaction,
		WantsPerson: why.WantsPerson, DataRestored: why.DataRestored, RefusedUntil: why.RefusedUntil,
		Downtime: why.Downtime, Elapsed: why.Elapsed,
	}
}

func (m *Manager) content(name string, revision int, version string) api.Content {
	c := api.Content{Revision: revision, Version: version}
	if revision != 0 {
		c.Digest = m.o.Digest(name, revision)
	}
	return c
}
