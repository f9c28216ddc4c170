// Package systemd runs the services of packages as units of the host's systemd,
// asked over D-Bus.
//
// Its nouns: the [Manager] knows an entry for each service; an entry has one
// unit file, of the revision that was started last; a look reads from systemd
// how a unit is; the bus is the connection, which comes and goes.
//
// Its rules: signals are hints, properties are the truth; everything asked of
// systemd ends in bounded time, with an error that says what to do; the unit of
// each revision has a name of its own, so that nothing needs a daemon-reload;
// unit files live in /run and are pkgd's alone: after a boot pkgd itself starts
// what is enabled, when it has put right what the boot interrupted, and the
// services' cookies are there.
package systemd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/godbus/dbus/v5"

	"pkgd.io/pkgd/internal/dirs"
	"pkgd.io/pkgd/internal/service"
)

// Options are what a Manager needs to know.
type Options struct {
	Dirs    dirs.Dirs
	Log     *slog.Logger // nil: tells nobody
	Address string       // of the bus; empty: the host's system bus
	UnitDir string       // where unit files go; empty: /run/systemd/system
}

// defaultUnitDir is below the admin's own, so that a mask in /etc wins.
const defaultUnitDir = "/run/systemd/system"

// Manager runs services as units. It is a [service.Manager].
type Manager struct {
	dirs    dirs.Dirs
	log     *slog.Logger
	names   names
	unitDir string
	bus     *bus
	jobs    jobs
	events  service.Events
	turns   service.Turns

	greeted chan struct{} // closed when greet has ended

	life   context.Context // ends with Shutdown
	cancel context.CancelFunc
	work   sync.WaitGroup // the watcher and the probes

	mu      sync.Mutex // guards what follows
	entries map[string]*entry
	dirty   map[string]bool // units that a signal told of
	wake    chan struct{}   // a token: look at the dirty ones
	closed  bool
}

var _ service.Manager = (*Manager)(nil)

// New makes a manager, which knows again what an earlier one on the same root
// started. Where the bus cannot be reached it comes all the same, says so by
// Ping, and goes on trying.
func New(o Options) (*Manager, error) {
	m := &Manager{
		dirs: o.Dirs, log: o.Log, names: namesOf(o.Dirs.Root), unitDir: o.UnitDir,
		entries: make(map[string]*entry), dirty: make(map[string]bool), wake: make(chan struct{}, 1), greeted: make(chan struct{}),
	}
	if m.log == nil {
		m.log = slog.New(slog.DiscardHandler)
	}
	if m.unitDir == "" {
		m.unitDir = defaultUnitDir
	}
	if err := m.recall(); err != nil {
		return nil, fmt.Errorf("cannot read the unit files in %s: %w", m.unitDir, err)
	}
	m.life, m.cancel = context.WithCancel(context.Background())
	m.bus = newBus(o.Address, m.log, m.hear, m.lookAtAll)
	go m.bus.loop()
	m.work.Go(func() {
		m.greet()
		close(m.greeted)
		m.watch()
	})
	return m, nil
}

// greet waits for the first connection, or for its failure, and looks at what
// runs already, which is no news. Whoever starts pkgd need not wait for it.
func (m *Manager) greet() {
	select {
	case <-m.bus.tried:
	case <-m.life.Done():
		return
	}
	ctx, cancel := context.WithTimeout(m.life, connectTimeout)
	defer cancel()
	l, err := m.bus.get()
	if err != nil {
		return // the bus tells the log
	}
	for _, e := range m.entriesOf("") {
		if err := m.bus.watch(ctx, l, e.name()); err != nil {
			return
		}
		if now, ok := m.read(ctx, e); ok {
			e.note(now)
		}
	}
}

// awaitGreeting waits until the manager knows what runs already, or cannot.
func (m *Manager) awaitGreeting(ctx context.Context) {
	select {
	case <-m.greeted:
	case <-ctx.Done():
	case <-m.life.Done():
	}
}

// Kind is [service.Systemd].
func (m *Manager) Kind() string { return service.Systemd }

// pingTimeout is how long systemd may take to show that it is there.
const pingTimeout = 2 * time.Second

// Ping asks systemd for a sign of life.
func (m *Manager) Ping(ctx context.Context) error {
	if m.isClosed() {
		return service.ErrClosed
	}
	m.awaitGreeting(ctx)
	l, err := m.bus.get()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	if _, err := getProperty(ctx, l, systemdPath, managerIface, "Version"); err != nil {
		return fmt.Errorf("systemd does not answer: %w", err)
	}
	return nil
}

// Subscribe calls f for every event until cancel.
func (m *Manager) Subscribe(f func(service.Event)) (cancel func()) {
	return m.events.Subscribe(f)
}

// Shutdown leaves the services running and ends the connection.
func (m *Manager) Shutdown(context.Context) error {
	m.mu.Lock()
	first := !m.closed
	m.closed = true
	m.mu.Unlock()
	if !first {
		return nil
	}
	m.cancel()
	m.bus.close()
	m.work.Wait()
	m.events.Close()
	return nil
}

func (m *Manager) isClosed() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.closed
}

// hear takes a signal.
func (m *Manager) hear(s *dbus.Signal) {
	switch s.Name {
	case jobRemoved:
		m.jobs.removed(s)
	case propsChanged:
		m.mark(s.Path, endOf(s))
	}
}

// endOf reads how a unit's main process has ended off a signal that says so.
func endOf(s *dbus.Signal) string {
	var iface string
	var changed map[string]dbus.Variant
	var others []string
	if dbus.Store(s.Body, &iface, &changed, &others) != nil || iface != serviceIface {
		return ""
	}
	code, _ := changed["ExecMainCode"].Value().(int32)
	status, _ := changed["ExecMainStatus"].Value().(int32)
	return howEnded(int(code), int(status))
}

// mark notes that something about a unit has changed; ended is how its main process
// has ended, empty if that is not what happened.
func (m *Manager) mark(path dbus.ObjectPath, ended string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range m.entries {
		if unitPath(e.name()) == path {
			m.dirty[e.id] = true
			if ended != "" {
				e.hearEnd(ended)
			}
		}
	}
	m.wakeLocked()
}

// lookAtAll makes up for signals that a lost connection did not bring.
func (m *Manager) lookAtAll() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for id := range m.entries {
		m.dirty[id] = true
	}
	m.wakeLocked()
}

func (m *Manager) wakeLocked() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// watch looks at what signals told of.
func (m *Manager) watch() {
	for {
		select {
		case <-m.life.Done():
			return
		case <-m.wake:
		}
		for _, e := range m.takeDirty() {
			m.look(m.life, e)
		}
	}
}

func (m *Manager) takeDirty() []*entry {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []*entry
	for id := range m.dirty {
		if e := m.entries[id]; e != nil {
			all = append(all, e)
		}
	}
	clear(m.dirty)
	return all
}

// entry gives the entry of u, a new one for a service not known so far.
func (m *Manager) entry(u service.Unit) *entry {
	m.mu.Lock()
	defer m.mu.Unlock()
	e := m.entries[u.ID()]
	if e == nil {
		e = newEntry(m, u)
		m.entries[u.ID()] = e
	}
	return e
}

// entriesOf gives a package's entries, all when pkg is empty, sorted.
func (m *Manager) entriesOf(pkg string) []*entry {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []*entry
	for _, id := range slices.Sorted(maps.Keys(m.entries)) {
		if e := m.entries[id]; pkg == "" || e.pkg == pkg {
			all = append(all, e)
		}
	}
	return all
}

// named gives the entries of a package's services, of all when names is nil.
func (m *Manager) named(pkg string, names []string) []*entry {
	return slices.DeleteFunc(m.entriesOf(pkg), func(e *entry) bool {
		return e.pkg != pkg || names != nil && !slices.Contains(names, e.service)
	})
}

func (m *Manager) forget(e *entry) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.entries, e.id)
}

// recall reads the unit files that an earlier manager on this root left. Of
// several revisions of a service the highest counts until it is started.
func (m *Manager) recall() error {
	files, err := filepath.Glob(filepath.Join(m.unitDir, m.names.prefix+"*.service"))
	if err != nil {
		return err
	}
	for _, path := range files {
		u, err := m.readUnit(filepath.Base(path))
		if err != nil {
			m.log.Warn("a unit file is not pkgd's any more", "file", path, "error", err)
			continue
		}
		if e := m.entry(u); e.known().Revision < u.Revision {
			e.know(u)
		}
	}
	return nil
}

// errForeign is about a file of our name and not of our making.
var errForeign = errors.New("its note is missing")

// unitOf is the unit's name.
func (m *Manager) unitOf(u service.Unit) string {
	return m.names.unit(u.Package, u.Name, u.Revision)
}

// revisions gives the unit names of all revisions of a service that have a file
// or that systemd has loaded, and which of them it has.
func (m *Manager) revisions(ctx context.Context, e *entry) (loaded map[string]bool, err error) {
	pattern := m.names.pattern(e.pkg, e.service)
	files, err := filepath.Glob(filepath.Join(m.unitDir, pattern))
	if err != nil {
		return nil, err
	}
	var units []loadedUnit
	err = m.bus.ask(ctx, func(l *link) (err error) {
		units, err = l.list(ctx, pattern)
		return err
	})
	if err != nil {
		return nil, err
	}
	loaded = make(map[string]bool)
	for _, path := range files {
		loaded[filepath.Base(path)] = false
	}
	for _, u := range units {
		loaded[u.Name] = true
	}
	maps.DeleteFunc(loaded, func(unit string, _ bool) bool {
		pkg, name, _, ok := m.names.parse(unit)
		return !ok || pkg != e.pkg || name != e.service // of a service whose name is longer
	})
	return loaded, nil
}
