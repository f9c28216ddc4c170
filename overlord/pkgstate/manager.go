package pkgstate

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"pkgd.io/pkgd/healthstate"
	"pkgd.io/pkgd/hookrunner"
	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/config"
	"pkgd.io/pkgd/internal/dirs"
	"pkgd.io/pkgd/internal/service"
	"pkgd.io/pkgd/internal/store"
	"pkgd.io/pkgd/overlord/pkgstate/backend"
	"pkgd.io/pkgd/overlord/state"
)

// Manager installs, refreshes, reverts and removes packages.
type Manager struct {
	st      *state.State
	tasks   *state.TaskRunner
	runner  *hookrunner.Runner
	health  *healthstate.Manager
	svc     service.Manager
	inhibit Inhibitor
	disk    *backend.Backend
	dirs    dirs.Dirs
	log     *slog.Logger
	digests digestCache
	version string

	speakers  map[string]*hookrunner.Context // by service.ID, guarded by the state's lock
	ended     map[api.Ended]uint64           // since pkgd started, guarded by the state's lock
	onOutcome []func(api.Why)                // set before the loop starts; called with the state locked
	watchers  watchers

	booting  map[string]*comeback // by package; read-only after StartUp
	rebooted bool                 // since the last pkgd on this root; read-only after StartUp
	open     sync.Once
	turning  chan struct{}   // closed by the first Ensure: the sockets are open
	life     context.Context // of the manager's own goroutines, from StartUp to Stop
	quit     context.CancelFunc
	working  sync.WaitGroup // the manager's own goroutines

	mu   sync.Mutex // guards what follows, never held across I/O
	conf settings
	auto autoRefresh
}

// settings are what the configuration file says of packages.
type settings struct {
	retain int
	stores []store.Store
	trust  bool
	auto   config.Refresh
}

// Inhibitor keeps the host up while a package is between its switch and its
// verdict. See internal/logind.
type Inhibitor interface {
	Hold(name, why string)
	Release(name string)
}

// Options are what a Manager is built from; all are needed but Inhibitor.
type Options struct {
	State    *state.State
	Tasks    *state.TaskRunner
	Runner   *hookrunner.Runner
	Health   *healthstate.Manager
	Services service.Manager
	Inhibit  Inhibitor // nil: nobody to ask
	Dirs     dirs.Dirs
	Log      *slog.Logger
	Version  string
}

// NewManager registers the handlers of all task kinds with the runner.
func NewManager(o Options) *Manager {
	m := &Manager{
		st: o.State, tasks: o.Tasks, runner: o.Runner, health: o.Health, svc: o.Services, inhibit: o.Inhibit, dirs: o.Dirs,
		disk: backend.New(o.Dirs), log: o.Log, version: o.Version,
		speakers: map[string]*hookrunner.Context{}, booting: map[string]*comeback{}, turning: make(chan struct{}),
		conf: settings{retain: config.Defaults().Retain},
	}
	m.addHandlers(o.Tasks)
	o.Health.OnSuccess(m.keepConfig)
	o.State.OnTaskStatus(m.onTaskStatus)
	o.State.OnChangeStatus(m.publishChange)
	return m
}

// addHandlers is the one list of what pkgd's tasks do and how that is undone.
func (m *Manager) addHandlers(r *state.TaskRunner) {
	r.AddHandler("fetch-package", m.doFetchPackage, m.undoFetchPackage)
	r.AddHandler("verify-package", m.doVerifyPackage, m.undoVerifyPackage)
	r.AddHandler("unpack-package", m.doUnpackPackage, m.undoUnpackPackage)
	r.AddHandler("copy-data", m.doCopyData, m.undoCopyData)
	r.AddHandler("check-health-before", m.doCheckHealthBefore, m.undoCheckHealthBefore)
	r.AddHandler("run-hook", m.doRunHook, nothing)
	r.AddHandler("stop-services", m.doStopServices, m.undoStopServices)
	r.AddHandler("snapshot-data", m.doSnapshotData, m.undoSnapshotData)
	r.AddHandler("link-package", m.doLinkPackage, m.undoLinkPackage)
	r.AddHandler("start-services", m.doStartServices, m.undoStartServices)
	r.AddHandler("await-verdict", m.doAwaitVerdict, nothing)
	r.AddHandler("discard-revisions", m.doDiscardRevisions, nil)
	r.AddHandler("set-aside-data", m.doSetAsideData, nil)
	r.AddHandler("unlink-package", m.doUnlinkPackage, m.undoUnlinkPackage)
	r.AddHandler("delete-package", m.doDeletePackage, nil)
	r.AddHandler("service-command", m.doServiceCommand, nothing)
}

// Configure takes what the configuration says from now on. Stores that cannot
// be opened are logged and left out; all others work.
func (m *Manager) Configure(c config.Config) {
	conf := settings{retain: c.Retain, trust: len(c.Trust) > 0, auto: c.Refresh}
	for _, dir := range c.Stores {
		s, err := store.OpenDir(dir)
		if err != nil {
			m.log.Error("cannot open a store", "store", dir, "error", err)
			continue
		}
		conf.stores = append(conf.stores, s)
	}
	now := time.Now()
	var last time.Time
	if len(conf.stores) > 0 {
		last = m.lastLook(now)
	}
	m.mu.Lock()
	m.conf = conf
	m.auto.reschedule(conf.auto, last, now)
	m.mu.Unlock()
	m.st.EnsureBefore(0)
}

func (m *Manager) settings() settings {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.conf
}

func (m *Manager) retain() int           { return m.settings().retain }
func (m *Manager) stores() []store.Store { return m.settings().stores }
func (m *Manager) needsSignature() bool  { return m.settings().trust }

// OnOutcome has f told of every outcome, in the commit that records it. Call it
// before StartUp; f runs with the state locked and must not block.
func (m *Manager) OnOutcome(f func(api.Why)) { m.onOutcome = append(m.onOutcome, f) }

// Ensure carries on what is due: tasks, and looking for updates by itself.
func (m *Manager) Ensure() error {
	m.open.Do(func() { close(m.turning) })
	m.lookIfDue()
	return nil
}

// StartUp takes up what is installed, so that whoever asks is answered. Nothing
// runs yet, and nothing that takes time is done.
func (m *Manager) StartUp() {
	m.life, m.quit = context.WithCancel(context.Background())
	installed, rebooted := m.recall()
	m.rebooted = rebooted
	m.boot(m.life, installed)
}

// Tidy puts right what the last pkgd left half-way: after StartUp, and before any
// task or hook runs.
func (m *Manager) Tidy() {
	if !m.rebooted { // else nothing lives any more
		m.runner.KillLeftovers(m.life)
	}
	if err := m.disk.Clean(m.knows, m.awaits); err != nil {
		m.log.Error("cannot clear up after the last run", "error", err)
	}
	m.finishRestores()
	m.working.Go(func() { m.expire(m.life) })
}

// Stop ends the manager's own goroutines and notes what a planned stop must
// not be mistaken for. Tasks are the runner's.
func (m *Manager) Stop() {
	if m.quit != nil {
		m.quit()
	}
	m.working.Wait()
	if err := m.disk.NoteAside(); err != nil {
		m.log.Error("cannot note how long data set aside are still to be kept", "error", err)
	}
	m.st.Lock()
	defer m.st.Unlock()
	m.noteRefusals()
	m.st.Set(runningKey, nil)
}

// knows tells the backend which revisions' trees are wanted: those in the state
// and the one that a change is bringing in. One that a change was giving up when
// pkgd died is forgotten already, and nobody but the backend would find it.
func (m *Manager) knows(name string, rev int) bool {
	m.st.Lock()
	defer m.st.Unlock()
	p, err := loadPackage(m.st, name)
	if err != nil {
		return true // what cannot be read is not deleted
	}
	if p.Revisions[rev] != nil {
		return true
	}
	chg := m.busy(name)
	if chg == nil || !chg.Has(setupKey(name)) {
		return false
	}
	var s setup
	return chg.Get(setupKey(name), &s) != nil || s.To == rev
}

// awaits tells the backend which private copies are on their way in.
func (m *Manager) awaits(stage string) bool {
	m.st.Lock()
	defer m.st.Unlock()
	for _, chg := range m.st.OpenChanges() {
		for _, name := range changePackages(chg) {
			if !chg.Has(setupKey(name)) {
				continue // it brings nothing in
			}
			var s setup
			if err := chg.Get(setupKey(name), &s); err != nil || s.Stage == stage {
				return true // what cannot be read is not deleted
			}
		}
	}
	return false
}

// Exists tells, with the state locked, whether a package's current revision is
// still rev: healthstate asks before it writes a record.
func Exists(st *state.State, name string, rev int) bool {
	p, err := loadPackage(st, name)
	return err == nil && rev != 0 && p.Current == rev
}

// Digest names, with the state locked, the content that the host numbers rev,
// also when it is no longer there. Empty: no such content was ever here.
func Digest(st *state.State, name string, rev int) string {
	p, err := loadPackage(st, name)
	if err != nil {
		return ""
	}
	for digest, n := range p.Numbers {
		if n == rev {
			return digest
		}
	}
	return ""
}
