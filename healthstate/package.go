package healthstate

import (
	"time"

	"pkgd.io/pkgd/hookrunner"
	"pkgd.io/pkgd/internal/api"
)

// pkg is what the manager keeps in memory of one tracked package. The manager's
// mu guards it.
type pkg struct {
	target Target
	known  *known // last record, of whatever revision; nil: none
	dirty  bool   // known has counters that the state does not have

	// The age of a record counts monotonic time. One that was too old when pkgd
	// started (or the host woke) stands, marked stale, until the first run, or
	// until it gets too old once more.
	saidAt     time.Time
	standing   bool
	staleSince time.Time // zero: not stale

	turn    chan struct{} // closed when something changed for those who wait; nil: nobody waits
	lastRun time.Time     // when it began
	due     time.Time     // next run at rest
	hint    time.Time     // no later than this, because a service had an event; zero: none
	place   int           // among those that wait for it; -1: none
	unwell  int           // runs in a row that did not find it active

	appended int // transitions since pkgd started; the state's lock guards it
}

// show is the record as a reader sees it.
func (p *pkg) show(o Options) api.Record {
	rec := blank(p.target)
	if p.known.of(p.target.Revision) {
		rec = p.known.Record
		rec.Version = p.target.Version
		rec.Stale = p.standing
	}
	if !p.staleSince.IsZero() {
		last := rec
		since := p.staleSince
		rec = blank(p.target)
		rec.Code, rec.Source, rec.Stale = CodeStale, SourcePkgd, true
		rec.Since, rec.CheckedAt, rec.Runs = &since, last.CheckedAt, last.Runs
		rec.Last = &last
	}
	rec.TTL = o.ttl(p.target).Seconds()
	if due := p.due; p.target.asks() {
		rec.NextCheck = &due
	}
	return rec
}

// counted tells whether the package counts for the host's level.
func (p *pkg) counted() bool {
	if p.target.asks() {
		return true
	}
	k := p.known
	return k.of(p.target.Revision) && (k.Source == SourceApp || k.Code == CodeServiceDown)
}

// publish puts the package's row on the board.
func (m *Manager) publish(p *pkg, phase hookrunner.Phase, now time.Time) news {
	next := &row{rec: p.show(m.opts), counted: p.counted()}
	b := m.board.Load()
	from := api.Record{Status: string(Unknown)}
	if i, found := b.find(p.target.Name); found {
		from = b.rows[i].rec
	}
	m.board.Store(b.with(p.target.Name, next, now))
	to := next.rec
	n := news{rec: to}
	if from.Status == to.Status && from.Code == to.Code && from.Revision == to.Revision {
		return n
	}
	n.fresh = true
	n.at = api.Transition{
		At: now, Package: to.Package, Revision: to.Revision, From: from.Status,
		To: to.Status, Code: to.Code, Message: to.Message, Phase: string(phase),
	}
	return n
}

// expectStale notes when the package's record gets stale, if it can.
func (m *Manager) expectStale(p *pkg) {
	if !p.canStale() {
		return
	}
	at := p.saidAt.Add(m.opts.ttl(p.target))
	if m.staleAt.IsZero() || at.Before(m.staleAt) {
		m.staleAt = at
		m.kick()
	}
}

// canStale tells a record whose age matters: a package without a hook has
// nothing to confirm its own, and only an app's words fade.
func (p *pkg) canStale() bool {
	return p.staleSince.IsZero() && p.known.of(p.target.Revision) && p.counted() && p.known.Status != string(Unknown)
}

// expired tells whether the package's record is too old to count.
func (p *pkg) expired(o Options, now time.Time) bool {
	return p.standing || !now.Before(p.saidAt.Add(o.ttl(p.target)))
}

// expire marks the records that got stale and finds when the next one does.
func (m *Manager) expire(now time.Time) (all []news) {
	if m.staleAt.IsZero() || now.Before(m.staleAt) {
		return nil
	}
	m.staleAt = time.Time{}
	for _, p := range m.pkgs {
		if !p.canStale() {
			continue
		}
		at := p.saidAt.Add(m.opts.ttl(p.target))
		if !now.Before(at) {
			p.staleSince = now
			all = append(all, m.publish(p, "", now))
		} else if m.staleAt.IsZero() || at.Before(m.staleAt) {
			m.staleAt = at
		}
	}
	return all
}

// broadcast wakes those who wait for a change of the package.
func (p *pkg) broadcast() {
	if p.turn != nil {
		close(p.turn)
		p.turn = nil
	}
}

// changed is closed at the next change.
func (p *pkg) changed() <-chan struct{} {
	if p.turn == nil {
		p.turn = make(chan struct{})
	}
	return p.turn
}
