package healthstate

import (
	"fmt"
	"slices"
	"time"

	"pkgd.io/pkgd/hookrunner"
	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/overlord/state"
)

// known is the last record of a package as it is kept. It is never changed.
type known struct {
	api.Record
	Rolled bool   `json:"rolled,omitempty"` // the status comes from checks
	Prior  *prior `json:"prior,omitempty"`  // of a pkgd-refreshing one: what was before the switch
}

// prior is what a later record is compared with.
type prior struct {
	Revision int        `json:"revision"`
	Status   string     `json:"status"`
	Code     string     `json:"code"`
	Since    *time.Time `json:"since"`
}

func recordKey(name string) string { return "health/" + name }

// before is what the package was before the next record; between switch and
// first result that is what it was before the switch. k may be nil.
func (k *known) before() prior {
	switch {
	case k == nil:
		return prior{Status: string(Unknown)}
	case k.Prior != nil:
		return *k.Prior
	}
	return prior{Revision: k.Revision, Status: k.Status, Code: k.Code, Since: k.Since}
}

func (k *known) of(revision int) bool { return k != nil && k.Revision == revision }

// sameRecord tells whether b says no more than a that is worth the disk: status,
// code, revision and check results are equal (design §2). Messages, data and the
// exact qos go along with the next real write.
func sameRecord(a, b *known) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Revision == b.Revision && a.Status == b.Status && a.Code == b.Code &&
		a.Source == b.Source && slices.EqualFunc(a.Checks, b.Checks, sameResult)
}

// sameResult compares the results of two checks: of qos only what the host's
// level sees of it, so that a figure that never stands still costs no write.
func sameResult(a, b api.Check) bool {
	return a.Name == b.Name && a.Health == b.Health && degrades(a.QoS) == degrades(b.QoS)
}

func degrades(qos *float64) bool { return qos != nil && *qos < 1 }

// news is what taking in a record led to, to be told when no lock is held.
type news struct {
	at    api.Transition
	rec   api.Record
	fresh bool // there is something to tell
}

// takeIn makes next(previous record) the record of the package, in one
// transaction that checks that it still is the one that was asked: it gives
// false, and changes nothing, when it is not. What changes nothing that is kept
// stays in memory. now is when the words were spoken; next may return its
// argument, which says that nothing was heard, or nil for no record.
func (m *Manager) takeIn(p *pkg, t Target, phase hookrunner.Phase, now time.Time, next func(*known) *known) (api.Record, bool) {
	if rec, n, ok := m.confirm(p, t, phase, now, next); ok {
		m.tell(n)
		return rec, true
	}
	rec, n, ok := m.replace(p, t, phase, now, next)
	m.tell(n)
	return rec, ok
}

// confirm takes in a record that changes nothing that is kept, without the
// state's lock.
func (m *Manager) confirm(p *pkg, t Target, phase hookrunner.Phase, now time.Time, next func(*known) *known) (api.Record, news, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.isAsked(p, t) {
		return api.Record{}, news{}, false
	}
	k := next(p.known)
	if !sameRecord(p.known, k) {
		return api.Record{}, news{}, false
	}
	p.dirty = true
	n := m.setKnown(p, k, phase, now)
	return n.rec, n, true
}

// replace takes in a record that says something new.
func (m *Manager) replace(p *pkg, t Target, phase hookrunner.Phase, now time.Time, next func(*known) *known) (api.Record, news, bool) {
	m.st.Lock()
	defer m.st.Unlock()
	if exists := m.exists(); exists != nil && !exists(m.st, t.Name, t.Revision) {
		return api.Record{}, news{}, false
	}
	m.mu.Lock()
	if !m.isAsked(p, t) {
		m.mu.Unlock()
		return api.Record{}, news{}, false
	}
	was := p.known
	k := next(was)
	p.dirty = false
	n := m.setKnown(p, k, phase, now)
	m.mu.Unlock()
	m.keep(p, t, was, k, phase, now)
	return n.rec, n, true
}

func (m *Manager) exists() func(*state.State, string, int) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.opts.Exists
}

// isAsked tells whether p still is what t was when it was asked, or is so again:
// a hook may stop a service of its package and start it.
func (m *Manager) isAsked(p *pkg, t Target) bool {
	return m.pkgs[t.Name] == p && p.target.Revision == t.Revision &&
		(t.Generation == 0 || t.Generation == p.target.Generation || sameTarget(t, p.target))
}

// setKnown makes k the package's record and publishes it.
func (m *Manager) setKnown(p *pkg, k *known, phase hookrunner.Phase, now time.Time) news {
	if k != p.known {
		p.known, p.saidAt = k, now
		p.standing, p.staleSince = false, time.Time{}
		m.expectStale(p)
	}
	return m.publish(p, phase, now)
}

// keep writes the package's record, and what follows from it when it says
// something else than the one before. The state is locked.
func (m *Manager) keep(p *pkg, t Target, was, k *known, phase hookrunner.Phase, now time.Time) {
	tr := api.Transition{At: now, Package: t.Name, Revision: t.Revision, Phase: string(phase)}
	if k == nil {
		m.st.Set(recordKey(t.Name), nil)
	} else {
		m.st.Set(recordKey(t.Name), *k)
		tr.Message = k.Message
	}
	from, to := was.before(), k.before()
	if from.Revision == t.Revision && from.Status == to.Status && from.Code == to.Code {
		return
	}
	tr.From, tr.To, tr.Code = from.Status, to.Status, to.Code
	m.appendHistory(p, tr)
	m.warn(tr)
}

// warn raises a warning when a package got worse outside a change, and drops
// those of a package that is well again. Inside a change the verdict speaks.
func (m *Manager) warn(t api.Transition) {
	from, to := Status(t.From), Status(t.To)
	switch {
	case to == Active && from != Active:
		m.st.DropWarnings(t.Package)
	case to == Unknown && from.severity() == 2 && t.Code == "":
		m.st.DropWarnings(t.Package, CodeRegression) // without a hook, "well" is to have nothing to say
	case to.severity() > from.severity() && t.Phase != string(hookrunner.PhaseAfter):
		m.st.Warn(t.Package, CodeRegression, fmt.Sprintf("%s was %s and is %s%s", t.Package, from, to, reason(t)))
	}
}

func reason(t api.Transition) string {
	text := ""
	if t.Code != "" {
		text += " " + t.Code
	}
	if t.Message != "" {
		text += ": " + t.Message
	}
	return text
}

// load reads the records that were kept when pkgd last ran.
func (m *Manager) load() {
	m.st.Lock()
	defer m.st.Unlock()
	for _, key := range m.st.Keys(recordKey("")) {
		k := new(known)
		if m.st.Get(key, k) != nil || k.Package == "" {
			m.log.Warn("a health record cannot be read and is left out", "key", key)
			continue
		}
		m.kept[k.Package] = k
	}
}

// flush hands what only memory knew to the state, for its last write.
func (m *Manager) flush() {
	m.st.Lock()
	defer m.st.Unlock()
	m.mu.Lock()
	defer m.mu.Unlock()
	for name, p := range m.pkgs {
		if p.dirty && p.known != nil {
			m.st.SetLazy(recordKey(name), *p.known)
			p.dirty = false
		}
	}
}
