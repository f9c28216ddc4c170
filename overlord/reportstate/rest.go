package reportstate

import (
	"cmp"
	"slices"
	"time"

	"pkgd.io/pkgd/hookrunner"
	"pkgd.io/pkgd/internal/api"
)

// What a report at rest has room for.
const (
	maxCounts      = 32
	maxTransitions = 32
	maxRecordSize  = 8 << 10 // bytes, more or less
)

// Run takes in what a run said of its package; runs within a change belong to
// the change's own report. It never blocks.
func (m *Manager) Run(rec api.Record, phase hookrunner.Phase) {
	if ofChange(string(phase)) {
		return
	}
	m.observe(rec, func(r *api.RestReport) {
		r.Runs++
		count(r, api.RestCount{Content: api.Content{Revision: rec.Revision, Version: rec.Version}, Status: rec.Status, Code: rec.Code, Runs: 1})
	})
}

// Transition takes in that a package's status or code became another one outside
// a change. It never blocks.
func (m *Manager) Transition(t api.Transition, rec api.Record) {
	if ofChange(t.Phase) {
		return
	}
	t.Package = "" // the report says it
	m.observe(rec, func(r *api.RestReport) { transit(r, t) })
}

func ofChange(phase string) bool {
	return phase == string(hookrunner.PhaseBefore) || phase == string(hookrunner.PhaseAfter)
}

// observe lets what was heard of a package change its open report.
func (m *Manager) observe(rec api.Record, change func(*api.RestReport)) {
	heard := slim(&rec)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.conf.URL == "" {
		return
	}
	now := time.Now()
	r := m.out.open[rec.Package]
	if r == nil {
		r = m.newReport(api.ReportRest, rec.Package, now)
		r.Rest = &api.RestReport{Counts: []api.RestCount{}, Transitions: []api.Transition{}}
		m.out.open[rec.Package] = r
	}
	change(r.Rest)
	r.Rest.Until, r.Rest.Record = now, heard
	m.out.unsaved[r] = true
	m.kick()
}

// newReport gives a report its key. mu is held.
func (m *Manager) newReport(kind, name string, at time.Time) *report {
	m.seq++
	return &report{kept: kept{Report: api.Report{Boot: m.boot, Sequence: m.seq, Kind: kind, Package: name, At: at}}}
}

// count adds runs to those that said the same.
func count(r *api.RestReport, c api.RestCount) {
	for i := range r.Counts {
		have := &r.Counts[i]
		if have.Revision == c.Revision && have.Status == c.Status && have.Code == c.Code {
			have.Runs += c.Runs
			have.Digest = cmp.Or(have.Digest, c.Digest)
			return
		}
	}
	if len(r.Counts) == maxCounts {
		r.Uncounted += c.Runs
		return
	}
	r.Counts = append(r.Counts, c)
}

// transit adds a transition; of too many the oldest go.
func transit(r *api.RestReport, t api.Transition) {
	if len(r.Transitions) == maxTransitions {
		r.Transitions = slices.Delete(r.Transitions, 0, 1)
		r.Untold++
	}
	r.Transitions = append(r.Transitions, t)
}

// merge adds the later of two reports of a package to the earlier.
func merge(r, later *api.RestReport) {
	r.Runs += later.Runs
	r.Uncounted += later.Uncounted
	r.Untold += later.Untold
	for _, c := range later.Counts {
		count(r, c)
	}
	for _, t := range later.Transitions {
		transit(r, t)
	}
	r.Until = later.Until
	if later.Record != nil {
		r.Record = later.Record
	}
}

// slim is a record as it travels: without what a hook printed and without what
// only this host can use, and of many or long checks only what fits, the worst
// first.
func slim(rec *api.Record) *api.Record {
	if rec == nil {
		return nil
	}
	s := *rec
	s.Output, s.Last, s.NextCheck = "", nil, nil
	if fits(s) {
		return &s
	}
	s.Checks = slices.Clone(s.Checks)
	for i := range s.Checks {
		s.Checks[i].Data = map[string]string{}
	}
	slices.SortStableFunc(s.Checks, func(a, b api.Check) int { return cmp.Compare(harm(b), harm(a)) })
	for len(s.Checks) > 0 && !fits(s) {
		s.Checks = s.Checks[:len(s.Checks)/2]
	}
	return &s
}

// fits tells a record that is short enough, without encoding it: locks may be
// held.
func fits(rec api.Record) bool {
	const frame = 100 // what JSON adds to a check
	n := len(rec.Message)
	for _, c := range rec.Checks {
		n += frame + len(c.Name) + len(c.Message)
		for k, v := range c.Data {
			n += len(k) + len(v)
		}
	}
	for _, b := range rec.Blockers {
		n += len(b)
	}
	return n <= maxRecordSize
}

func harm(c api.Check) int { return slices.Index([]string{"passed", "warn", "fail"}, c.Health) }
