package pkgstate

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/config"
	"pkgd.io/pkgd/overlord/state"
)

// lookedKey says when pkgd last looked for updates by itself: a start and a
// configuration that is read again begin no new wait.
const lookedKey = "looked-for-updates"

// autoRefresh is when pkgd next looks for updates by itself.
type autoRefresh struct {
	plan config.Refresh
	last time.Time // of a look that has ended; zero: not read yet, there are no stores
	next time.Time // zero: never
	busy bool      // a look is under way
}

func (a *autoRefresh) reschedule(plan config.Refresh, last, now time.Time) {
	a.plan, a.last = plan, last
	a.next = plan.Schedule.Due(last, now, rand.Float64)
}

// lastLook is when the last look ended, in this run or an earlier one. A host
// that has never looked begins to wait now, and so does one whose clock was put
// back. From now on the time is one that a jumping clock does not change.
func (m *Manager) lastLook(now time.Time) time.Time {
	m.mu.Lock()
	last := m.auto.last
	m.mu.Unlock()
	if !last.IsZero() {
		return last
	}
	m.st.Lock()
	defer m.st.Unlock()
	err := m.st.Get(lookedKey, &last)
	if err == nil && !last.After(now) {
		return now.Add(last.Sub(now))
	}
	if err != nil && !errors.Is(err, state.ErrNoState) {
		m.log.Error("cannot read when pkgd last looked for updates", "error", err)
	}
	m.st.Set(lookedKey, now)
	return now
}

// lookIfDue begins to look for updates when it is time and nothing speaks
// against it; else it sees to it that the loop turns again when it is time.
func (m *Manager) lookIfDue() {
	now := time.Now()
	m.mu.Lock()
	a := &m.auto
	if a.next.IsZero() || a.busy || len(m.conf.stores) == 0 || a.plan.Hold {
		m.mu.Unlock()
		return
	}
	wait := a.next.Sub(now)
	if wait <= 0 {
		a.busy = true
	}
	m.mu.Unlock()
	if wait > 0 {
		m.st.EnsureBefore(wait)
		return
	}
	m.working.Go(m.look)
}

// look refreshes every package that has something newer, each in a change of
// its own: one that is busy or refused does not keep the others back.
func (m *Manager) look() {
	defer m.looked()
	found, messages, err := m.lookForUpdates(context.Background(), api.PackageRequest{Action: "refresh"})
	if err != nil {
		m.log.Error("cannot look for updates", "error", err)
		return
	}
	for _, text := range messages {
		m.log.Info("looked for updates", "result", text)
	}
	for _, s := range found {
		if err := m.refreshByItself(s); err != nil {
			m.log.Warn("cannot refresh by itself", "package", s.Package, "error", err)
		}
	}
}

func (m *Manager) looked() {
	now := time.Now()
	m.st.Lock()
	m.st.Set(lookedKey, now)
	m.st.Unlock()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.auto.busy = false
	m.auto.reschedule(m.auto.plan, now, now)
	m.log.Info("has looked for updates", "next", m.auto.next)
	m.st.EnsureBefore(0)
}

func (m *Manager) refreshByItself(s *setup) error {
	m.st.Lock()
	defer m.st.Unlock()
	reason, err := m.prepare(s, api.PackageRequest{Action: "refresh"}, false)
	if err != nil {
		return err
	}
	if reason != "" {
		return errors.New(reason)
	}
	if err := m.checkConflict(s.Package); err != nil {
		return err
	}
	id := m.newChange([]*setup{s}, false)
	m.log.Info("refreshing by itself", "change", id, "package", s.Package, "to", s.ToVersion)
	return nil
}
