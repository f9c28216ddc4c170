package systemd

import (
	"context"
	"errors"
	"fmt"
	"time"

	"pkgd.io/pkgd/internal/service"
)

// How long systemd may take for what is asked of it.
const (
	startTimeout = 30 * time.Second // to fork and exec; systemd itself ends it then
	jobMargin    = 10 * time.Second // beyond what systemd itself allows
)

// Start runs units, each once those before it are ready.
func (m *Manager) Start(ctx context.Context, units []service.Unit) error {
	for _, u := range units {
		if err := u.Check(); err != nil {
			return err
		}
	}
	units, err := service.Order(units)
	if err != nil {
		return err
	}
	return service.EachPackage(units, func(pkg string, units []service.Unit) error {
		return m.startPackage(ctx, pkg, units)
	})
}

func (m *Manager) startPackage(ctx context.Context, pkg string, units []service.Unit) error {
	m.awaitGreeting(ctx)
	patience, end, err := m.turns.Start(ctx, pkg)
	if err != nil {
		return err
	}
	defer end()
	if m.isClosed() {
		return service.ErrClosed
	}
	errs := make(chan error, len(units))
	service.StartInOrder(ctx, patience, units, func(u service.Unit) {
		if err := m.start(ctx, patience, u); err != nil {
			errs <- fmt.Errorf("cannot start service %q: %w", u.ID(), err)
		}
	})
	close(errs)
	var all []error
	for err := range errs {
		all = append(all, err)
	}
	return errors.Join(append(all, ctx.Err())...)
}

// start starts a unit, unless this very revision is up already, and waits until
// it has settled or patience ends. The error is about systemd, not the service.
func (m *Manager) start(ctx, patience context.Context, u service.Unit) error {
	e := m.entry(u)
	up, err := m.clear(ctx, e, u)
	if err != nil {
		return err
	}
	if up {
		if err := m.link(u, u.Enabled); err != nil {
			return err
		}
	} else if err := m.begin(ctx, e, u); err != nil {
		return err
	}
	e.await(patience)
	return nil
}

// clear ends other revisions of the service, and this one where it only waits
// to be started again, or has failed. It says whether this one is up.
func (m *Manager) clear(ctx context.Context, e *entry, u service.Unit) (up bool, err error) {
	units, err := m.revisions(ctx, e)
	if err != nil {
		return false, err
	}
	for unit, loaded := range units {
		if unit != m.unitOf(u) {
			if err := m.drop(ctx, e, unit, loaded); err != nil {
				return false, err
			}
		} else if loaded {
			if up, err = m.clearOwn(ctx, e, u); err != nil {
				return false, err
			}
		}
	}
	return up, nil
}

func (m *Manager) clearOwn(ctx context.Context, e *entry, u service.Unit) (up bool, err error) {
	var now state
	err = m.bus.ask(ctx, func(l *link) (err error) {
		now, err = l.state(ctx, m.unitOf(u))
		return err
	})
	if err != nil {
		return false, err
	}
	if now.up() {
		e.know(u)
		return true, nil
	}
	if now.active == "inactive" || now.active == "" {
		return false, nil
	}
	return false, m.end(ctx, e, m.unitOf(u))
}

// begin has systemd start a unit that is not up.
func (m *Manager) begin(ctx context.Context, e *entry, u service.Unit) error {
	unit := m.unitOf(u)
	if err := m.install(ctx, u); err != nil {
		return err
	}
	e.begin(u)
	result, err := m.job(ctx, startTimeout+jobMargin, "StartUnit", unit)
	e.started()
	if refused(err) {
		e.fail(m.refusal(unit, err))
		return nil
	}
	if err != nil {
		e.wantEnd() // nobody knows what systemd will make of it
		return err
	}
	now := m.look(ctx, e)
	if result != "done" && result != unknownResult && now.active != "failed" && !now.waits() {
		e.fail(fmt.Sprintf("systemd did not start it: the job ended with %q; see systemctl status %s", result, unit))
	}
	return nil
}

// refusal says in a person's words why systemd will not have a unit.
func (m *Manager) refusal(unit string, err error) string {
	switch {
	case isError(err, unitMasked):
		return fmt.Sprintf("it is masked: systemctl unmask %s", unit)
	case isError(err, noSuchUnit):
		return fmt.Sprintf("its unit file is gone, or systemd does not read %s", m.unitDir)
	}
	return fmt.Sprintf("systemd refuses it: %v", err)
}

// Stop ends services, each once those that follow it have ended: systemd takes
// the stops in that order when they are all asked for, followers first.
func (m *Manager) Stop(ctx context.Context, pkg string, names []string) error {
	m.awaitGreeting(ctx)
	end, err := m.turns.Stop(ctx, pkg)
	if err != nil {
		return err
	}
	defer end()
	if m.isClosed() {
		return service.ErrClosed
	}
	entries := m.named(pkg, names)
	ended := make(map[string]chan struct{}, len(entries))
	for _, e := range entries {
		ended[e.service] = make(chan struct{})
	}
	return service.Each(entries, func(e *entry) error {
		defer close(ended[e.service])
		for _, other := range entries {
			if other != e && other.known().Follows(e.known()) && !e.known().Follows(other.known()) {
				service.Await(ctx, ended[other.service])
			}
		}
		return m.stop(ctx, e)
	})
}

// stop ends the units of all revisions of a service that systemd has loaded.
func (m *Manager) stop(ctx context.Context, e *entry) error {
	e.wantEnd()
	units, err := m.revisions(ctx, e)
	if err != nil {
		return fmt.Errorf("cannot stop service %q: %w", e.id, err)
	}
	for unit, loaded := range units {
		if !loaded {
			continue
		}
		if err := m.end(ctx, e, unit); err != nil {
			return fmt.Errorf("cannot stop service %q: %w", e.id, err)
		}
	}
	return nil
}

// end has systemd end a unit that it has loaded, and forget that it failed.
func (m *Manager) end(ctx context.Context, e *entry, unit string) error {
	e.wantEnd()
	// systemd gives the timeout to the stop-command, to TERM and to KILL each.
	bound := 3*stopTimeout(e.known()) + jobMargin
	_, err := m.job(ctx, bound, "StopUnit", unit)
	if err != nil && !isError(err, noSuchUnit) {
		return err
	}
	if m.look(ctx, e).active != "failed" {
		return nil
	}
	if l, err := m.bus.get(); err == nil {
		_ = l.call(ctx, "ResetFailedUnit", unit).Err // it may be gone already
	}
	m.look(ctx, e)
	return nil
}

// drop ends a unit and removes all that is kept of it.
func (m *Manager) drop(ctx context.Context, e *entry, unit string, loaded bool) error {
	if loaded {
		if err := m.end(ctx, e, unit); err != nil {
			return err
		}
	}
	if l, err := m.bus.get(); err == nil {
		m.bus.unwatch(ctx, l, unit)
	}
	return m.uninstall(unit)
}

// Restart is Stop and then Start.
func (m *Manager) Restart(ctx context.Context, units []service.Unit) error {
	err := service.EachPackage(units, func(pkg string, units []service.Unit) error {
		return m.Stop(ctx, pkg, service.Names(units))
	})
	if err != nil {
		return err
	}
	return m.Start(ctx, units)
}

// Enable links units to the target that systemd boots, for whoever looks; what
// starts them after a boot is pkgd.
func (m *Manager) Enable(ctx context.Context, units []service.Unit) error {
	return service.Each(units, func(u service.Unit) error {
		if err := u.Check(); err != nil {
			return err
		}
		m.awaitGreeting(ctx)
		_, end, err := m.turns.Start(ctx, u.Package)
		if err != nil {
			return err
		}
		defer end()
		u.Enabled = true
		return m.enable(ctx, u)
	})
}

func (m *Manager) enable(ctx context.Context, u service.Unit) error {
	e := m.entry(u)
	if known := e.known(); known.Revision != u.Revision {
		// Another revision is what systemd knows, until this one is started.
		return m.link(known, true)
	}
	if m.installed(u) {
		return m.link(u, true)
	}
	return m.install(ctx, u)
}

// Disable removes the links.
func (m *Manager) Disable(ctx context.Context, pkg string, names []string) error {
	m.awaitGreeting(ctx)
	_, end, err := m.turns.Start(ctx, pkg)
	if err != nil {
		return err
	}
	defer end()
	return service.Each(m.named(pkg, names), func(e *entry) error { return m.link(e.known(), false) })
}

// Forget stops the package's services and removes their unit files. Their output
// is the journal's.
func (m *Manager) Forget(ctx context.Context, pkg string) error {
	if err := m.Stop(ctx, pkg, nil); err != nil {
		return err
	}
	m.awaitGreeting(ctx)
	end, err := m.turns.Stop(ctx, pkg)
	if err != nil {
		return err
	}
	defer end()
	return service.Each(m.named(pkg, nil), func(e *entry) error {
		units, err := m.revisions(ctx, e)
		if err != nil {
			return err
		}
		for unit, loaded := range units {
			if err := m.drop(ctx, e, unit, loaded); err != nil {
				return err
			}
		}
		m.forget(e)
		return nil
	})
}
