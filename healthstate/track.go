package healthstate

import (
	"reflect"
	"slices"
	"time"
)

// Track says which revision of a package is current, and how it is to be asked:
// at start, after each switch, when services were started or stopped, and when
// what the manifest or the admin says has changed. The target's Generation is set
// here: it stays while all else does, so that a hook may restart its services and
// is heard all the same.
func (m *Manager) Track(t Target) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	p := m.pkgs[t.Name]
	if p != nil && sameTarget(p.target, t) {
		t.Generation = p.target.Generation
	} else {
		m.generation++
		t.Generation = m.generation
	}
	switch {
	case p == nil:
		p = m.adopt(t, now)
	case p.target.Revision != t.Revision:
		p.target, p.unwell = t, 0
		p.standing, p.staleSince = false, time.Time{}
		m.plan(p)
	default:
		replan := m.opts.interval(p.target) != m.opts.interval(t) || p.target.asks() != t.asks()
		p.target = t
		if replan {
			m.plan(p)
		}
	}
	m.expectStale(p)
	m.publish(p, "", now)
	m.kick()
}

// sameTarget tells whether a and b are asked alike.
func sameTarget(a, b Target) bool {
	a.Generation = b.Generation
	a.Services, b.Services = slices.Sorted(slices.Values(a.Services)), slices.Sorted(slices.Values(b.Services))
	return reflect.DeepEqual(a, b)
}

// adopt makes a package known for the first time since pkgd started.
func (m *Manager) adopt(t Target, now time.Time) *pkg {
	p := &pkg{target: t, known: m.kept[t.Name], saidAt: now, place: -1}
	delete(m.kept, t.Name)
	m.pkgs[t.Name] = p
	k := p.known
	if !k.of(t.Revision) || k.CheckedAt == nil {
		m.spread(p, now)
		return p
	}
	if k.Status != string(Active) {
		p.unwell = 1
	}
	age := now.Sub(*k.CheckedAt) // by the wall clock: nothing else was running
	if age < 0 || age > m.opts.ttl(t) {
		p.standing = true
		age = max(age, m.opts.ttl(t))
	} else {
		p.saidAt = now.Add(-age)
	}
	p.lastRun = now.Add(-age)
	m.plan(p)
	return p
}

// Untrack forgets a package that was removed: record, history and warnings. A
// run under way is ended, and what it says does not count.
func (m *Manager) Untrack(name string) {
	m.mu.Lock()
	p := m.pkgs[name]
	delete(m.pkgs, name)
	delete(m.kept, name)
	delete(m.paused, name)
	f := m.flying[name]
	if p != nil {
		m.waiting.remove(p)
		p.broadcast()
		m.board.Store(m.board.Load().with(name, nil, time.Now()))
	}
	m.mu.Unlock()
	f.stop(errRemoved)

	m.st.Lock()
	defer m.st.Unlock()
	m.st.Set(recordKey(name), nil)
	m.st.DropJournal(journal(name))
	m.st.DropWarnings(name)
}

// Pause keeps runs at rest and by hand away from a package, from stop-services
// to the verdict. It ends one that is under way and waits until it is gone. A
// package may be paused before it is tracked.
func (m *Manager) Pause(name string) {
	m.mu.Lock()
	m.paused[name] = true
	f := m.flying[name]
	if p := m.pkgs[name]; p != nil {
		m.waiting.remove(p)
	}
	m.mu.Unlock()
	if !f.ofChange() {
		f.stop(errPaused)
	}
}

// Resume ends Pause. A package that has not said anything since the switch is
// asked at once.
func (m *Manager) Resume(name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.paused, name)
	p := m.pkgs[name]
	if p == nil {
		return
	}
	if k := p.known; p.target.asks() && (!k.of(p.target.Revision) || k.Code == CodeRefreshing) {
		p.due = time.Now()
	}
	m.enqueue(p)
	p.broadcast()
}
