package pkgstate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"pkgd.io/pkgd/internal/osutil"
	"pkgd.io/pkgd/overlord/state"
)

// doStopServices begins the downtime. From here to the verdict no run at rest of
// check-health is wanted.
func (m *Manager) doStopServices(ctx context.Context, t *state.Task) error {
	s, sto, err := m.read(t)
	if err != nil {
		return err
	}
	if err := m.awaitOrEndBoot(ctx, t, s); err != nil {
		return err
	}
	m.beginSwitch(s.Package)
	if !m.hasServices(s.Package, s.From) {
		return nil
	}
	var up []string
	ask := func() (err error) {
		up, err = m.running(ctx, s.Package)
		return err
	}
	if sto.Down != nil { // this began before pkgd last stopped: services may be down
		err = m.insist(ctx, t, ask)
	} else {
		err = ask()
	}
	if err != nil {
		return err
	}
	m.tell(t, func(st *story) {
		if sto.Down == nil {
			now := osutil.ThisMoment()
			st.Down, st.WereUp = &now, up
		}
	})
	// A disk that fails now stops the change here: its old health is not true
	// of a package whose services are down.
	m.health.Refreshing(s.Package, s.From)
	err = m.insist(ctx, t, func() error { return m.stopServices(ctx, s.Package) })
	if err == nil || ctx.Err() != nil {
		return err
	}
	// A step that fails is not undone: what it has stopped serves again.
	return errors.Join(err, m.startServices(ctx, s.Package, s.From, nil))
}

// awaitOrEndBoot waits for what a start of pkgd brings back where the verdict
// will ask what was up, and ends it where nobody will.
func (m *Manager) awaitOrEndBoot(ctx context.Context, t *state.Task, s *setup) error {
	if s.Kind == "remove" {
		return m.endBoot(ctx, s.Package)
	}
	return m.awaitBoot(ctx, t, s.Package)
}

// undoStopServices ends the downtime of a revert: the old revision serves again.
func (m *Manager) undoStopServices(ctx context.Context, t *state.Task) error {
	s, _, err := m.read(t)
	if err != nil {
		return err
	}
	if err := m.insist(ctx, t, func() error { return m.startServices(ctx, s.Package, s.From, nil) }); err != nil {
		return err
	}
	m.tell(t, (*story).upAgain)
	if s.Kind == "remove" {
		m.endSwitch(s.Package)
	}
	return nil
}

// upAgain adds to the downtime what has passed since the services stopped.
func (st *story) upAgain() {
	if st.Down == nil {
		return
	}
	st.Downtime += st.Down.Since()
	st.Down = nil
}

func (m *Manager) hasServices(name string, rev int) bool {
	m.st.Lock()
	defer m.st.Unlock()
	p, err := loadPackage(m.st, name)
	if err != nil {
		return false
	}
	r := p.Revisions[rev]
	return r != nil && len(r.Info.Services) > 0
}

// doLinkPackage is the switch. The whole previous state is saved once, before
// anything changes, and is what the undo puts back.
func (m *Manager) doLinkPackage(_ context.Context, t *state.Task) error {
	s, err := m.switchState(t)
	if err != nil {
		return err
	}
	if err := m.disk.Link(s.Package, s.To); err != nil {
		return errors.Join(err, m.unlinkFailed(t, s))
	}
	return m.track(s.Package, true)
}

// unlinkFailed takes a switch back that failed half-way: the engine undoes what
// was done before a task that fails, not the task itself. The link may already
// be the new one, not durably; a disk that does not let it be put back keeps
// nobody from putting the state back.
func (m *Manager) unlinkFailed(t *state.Task, s *setup) error {
	if s.From != 0 {
		_ = m.disk.Link(s.Package, s.From)
	} else {
		_ = m.disk.Unlink(s.Package)
	}
	_, sto, err := m.read(t)
	if err != nil {
		return err
	}
	if err := m.restoreState(s, sto); err != nil {
		return err
	}
	m.tell(t, func(st *story) { st.Linked, st.Previous, st.OldConfig = false, nil, nil })
	return nil
}

// switchState makes the new revision the current one in the state.
func (m *Manager) switchState(t *state.Task) (*setup, error) {
	m.st.Lock()
	defer m.st.Unlock()
	s, err := taskSetup(t)
	if err != nil {
		return nil, err
	}
	p, err := loadPackage(m.st, s.Package)
	if err != nil {
		return nil, err
	}
	if changeStory(t.Change(), s.Package).Linked {
		return s, nil // run again after a crash
	}
	m.tellLocked(t, func(st *story) {
		prev := *p
		st.Previous, st.Linked = &prev, true
		if m.st.Has(configKey(s.Package, s.To)) {
			st.OldConfig, _ = m.config(s.Package, s.To)
		}
	})
	if s.Kind != "revert" {
		m.copyConfig(s.Package, s.configFrom(p), s.To)
	}
	p.leave(s.To)
	if s.Kind == "revert" {
		p.Before = slices.DeleteFunc(p.Before, func(n int) bool { return n == s.From })
		if err := m.refuseByHand(s.Package, p.digest(s.From), s.From, s.FromVersion); err != nil {
			return nil, err
		}
	}
	if s.Channel != "" {
		p.Channel = s.Channel
	}
	p.Question, p.LeftData = nil, 0
	m.save(p)
	return s, nil
}

// configFrom is the revision whose configuration the new one starts with.
func (s *setup) configFrom(p *packageState) int {
	if s.From != 0 {
		return s.From
	}
	return p.LeftData
}

// undoLinkPackage puts the saved state back, whatever the new revision's time
// has added to it since, except what arrived on the disk meanwhile.
func (m *Manager) undoLinkPackage(_ context.Context, t *state.Task) error {
	s, sto, err := m.read(t)
	if err != nil || !sto.Linked {
		return err
	}
	if s.From != 0 {
		err = m.disk.Link(s.Package, s.From)
	} else {
		err = m.disk.Unlink(s.Package)
	}
	if err != nil {
		return err
	}
	if err := m.restoreState(s, sto); err != nil {
		return err
	}
	if s.From == 0 {
		m.health.Untrack(s.Package)
		m.runner.Forget(s.Package)
		return nil
	}
	return m.track(s.Package, true)
}

func (m *Manager) restoreState(s *setup, sto *story) error {
	m.st.Lock()
	defer m.st.Unlock()
	p, err := loadPackage(m.st, s.Package)
	if err != nil {
		return err
	}
	prev := sto.Previous
	p.Current, p.Before, p.Channel, p.Question, p.LeftData = prev.Current, prev.Before, prev.Channel, prev.Question, prev.LeftData
	p.restoreWishes(prev)
	m.save(p)
	if s.Kind == "revert" {
		return m.forgive(s.Package, p.digest(s.From))
	}
	if sto.OldConfig != nil {
		m.st.Set(configKey(s.Package, s.To), sto.OldConfig)
		return nil
	}
	m.st.Set(configKey(s.Package, s.To), nil)
	return nil
}

// track tells healthstate which revision is current; refreshing: nothing has
// been heard of it yet.
func (m *Manager) track(name string, refreshing bool) error {
	m.st.Lock()
	p, err := loadPackage(m.st, name)
	m.st.Unlock()
	if err != nil {
		return err
	}
	r := p.current()
	if r == nil {
		return fmt.Errorf("internal error: package %q has no current revision", name)
	}
	if refreshing {
		m.beginSwitch(name)
	}
	m.health.Track(m.target(p, r))
	if refreshing {
		m.health.Refreshing(name, r.Number)
	}
	return nil
}

// doStartServices ends the downtime. A service that does not come up is for the
// verdict.
func (m *Manager) doStartServices(ctx context.Context, t *state.Task) error {
	s, sto, err := m.read(t)
	if err != nil {
		return err
	}
	m.beginSwitch(s.Package)
	if err := m.crashLoop(t, s, sto); err != nil {
		return err
	}
	if err := m.insist(ctx, t, func() error { return m.startServices(ctx, s.Package, s.To, nil) }); err != nil {
		return err
	}
	m.tell(t, (*story).upAgain)
	m.st.Lock()
	defer m.st.Unlock()
	if st := changeStory(t.Change(), s.Package); st.Downtime > 0 {
		t.Set("result", fmt.Sprintf("down for %.2f s", st.Downtime.Seconds()))
	}
	return nil
}

// undoStartServices begins the downtime of a revert.
func (m *Manager) undoStartServices(ctx context.Context, t *state.Task) error {
	s, _, err := m.read(t)
	if err != nil {
		return err
	}
	if err := m.endBoot(ctx, s.Package); err != nil {
		return err
	}
	m.beginSwitch(s.Package)
	if m.hasServices(s.Package, s.From) {
		m.tell(t, func(st *story) {
			if st.Down == nil {
				now := osutil.ThisMoment()
				st.Down = &now
			}
		})
	}
	return m.insist(ctx, t, func() error { return m.stopServices(ctx, s.Package) })
}

func configKey(name string, rev int) string { return fmt.Sprintf("config/%s/%d", name, rev) }

// config reads a revision's configuration, an empty object where there is none.
// The state is locked.
func (m *Manager) config(name string, rev int) (json.RawMessage, error) {
	var doc json.RawMessage
	err := m.st.Get(configKey(name, rev), &doc)
	if errors.Is(err, state.ErrNoState) {
		return json.RawMessage("{}"), nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read the configuration of %q: %w", name, err)
	}
	return doc, nil
}

// copyConfig starts a revision with another's configuration. The state is locked.
func (m *Manager) copyConfig(name string, from, to int) {
	if from == 0 || from == to {
		return
	}
	if doc, err := m.config(name, from); err == nil {
		m.st.Set(configKey(name, to), doc)
	}
}

// doUnlinkPackage takes a package away, as far as anybody can see. Its data and
// configuration stay for a re-install.
func (m *Manager) doUnlinkPackage(_ context.Context, t *state.Task) error {
	s, _, err := m.read(t)
	if err != nil {
		return err
	}
	m.st.Lock()
	p, err := loadPackage(m.st, s.Package)
	if err == nil && p.installed() && !changeStory(t.Change(), s.Package).Linked {
		m.tellLocked(t, func(st *story) {
			prev := *p
			st.Previous, st.Linked = &prev, true
		})
		p.LeftData, p.Current, p.Question = p.Current, 0, nil
		m.save(p)
	}
	m.st.Unlock()
	if err != nil {
		return err
	}
	if err := m.disk.Unlink(s.Package); err != nil {
		return err
	}
	m.health.Untrack(s.Package)
	return nil
}

func (m *Manager) undoUnlinkPackage(_ context.Context, t *state.Task) error {
	s, sto, err := m.read(t)
	if err != nil || !sto.Linked {
		return err
	}
	if err := m.disk.Link(s.Package, s.From); err != nil {
		return err
	}
	m.st.Lock()
	p, err := loadPackage(m.st, s.Package)
	if err == nil {
		p.Current, p.LeftData, p.Question = sto.Previous.Current, sto.Previous.LeftData, sto.Previous.Question
		m.save(p)
	}
	m.st.Unlock()
	if err != nil {
		return err
	}
	return m.track(s.Package, false)
}

// doDeletePackage is the last step of remove and is never undone.
func (m *Manager) doDeletePackage(ctx context.Context, t *state.Task) error {
	s, _, err := m.read(t)
	if err != nil {
		return err
	}
	if err := m.svc.Forget(ctx, s.Package); err != nil {
		return err
	}
	m.runner.Forget(s.Package)
	m.st.Lock()
	p, err := loadPackage(m.st, s.Package)
	m.st.Unlock()
	if err != nil {
		return err
	}
	if err := m.dropDataBut(s.Package, p.dataRevision(p.LeftData)); err != nil {
		return err
	}
	for rev := range p.Revisions {
		if err := m.dropRevision(s.Package, rev); err != nil {
			return err
		}
	}
	if s.Purge {
		if err := m.disk.Purge(s.Package); err != nil {
			return err
		}
	}
	return m.forget(s)
}

// forget drops what is remembered of a removed package: with purge all but the
// numbers and refusals of its content, else not the data and configuration
// either.
func (m *Manager) forget(s *setup) error {
	m.st.Lock()
	defer m.st.Unlock()
	p, err := loadPackage(m.st, s.Package)
	if err != nil {
		return err
	}
	for _, key := range m.st.Keys("config/" + s.Package + "/") {
		if s.Purge || key != configKey(s.Package, p.LeftData) {
			m.st.Set(key, nil)
		}
	}
	p.Services, p.Hold, p.Question, p.Before = nil, nil, nil, nil
	if s.Purge {
		p.LeftData = 0
	}
	m.save(p)
	m.st.DropWarnings(s.Package)
	return nil
}
