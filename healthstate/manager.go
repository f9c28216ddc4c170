package healthstate

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"pkgd.io/pkgd/hookrunner"
	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/service"
	"pkgd.io/pkgd/overlord/state"
)

// runner is what the manager needs of a hookrunner.Runner.
type runner interface {
	Run(ctx context.Context, run hookrunner.Run) (hookrunner.Result, error)
}

// Manager asks packages how they are, keeps what they say, and tells readers.
// It is safe for use by many goroutines. Where both locks are needed, the
// state's comes first. Methods that write, or wait for who does (Check, RunOnce,
// Judge, RecordHook, SetApp, AddAppCheck, Refreshing, Pause, Untrack, Stop), are
// to be called without it; Track, Resume and Configure may be called with it.
type Manager struct {
	st     *state.State
	runner runner
	svc    service.Manager
	log    *slog.Logger
	boot   string               // tells this daemon's ETags from another's
	asleep func() time.Duration // that the host has been suspended for since it booted

	board atomic.Pointer[board]    // what readers see
	snap  atomic.Pointer[Snapshot] // put together by the first of them

	ctx    context.Context // of runs at rest and by hand, and of the loop
	cancel context.CancelCauseFunc
	wg     sync.WaitGroup // of the same
	wake   chan struct{}  // one token: the loop is to look again

	departures chan departure // to those who wait for one
	crew       atomic.Int32   // how many do

	onRun     []func(api.Record, hookrunner.Phase) // set before StartUp
	onSuccess []func(*hookrunner.Context)          // set before StartUp

	// mu guards what follows. It is held for moments, never across a run or the
	// disk.
	mu         sync.Mutex
	opts       Options
	pkgs       map[string]*pkg
	kept       map[string]*known  // from the last time, of packages not yet tracked
	paused     map[string]bool    // between stop-services and verdict
	flying     map[string]*flight // runs under way by package, tracked or not
	waiting    queue              // packages by their next run at rest
	rest, hand *slots             // of runs at rest and of runs by hand
	staleAt    time.Time          // when a record may get stale; zero: none can
	slept      time.Duration      // of asleep, when last looked at
	generation uint64
	subs       map[int]func(api.Transition, api.Record)
	lastSub    int
	unhear     func() // ends the subscription to service events; nil: not started
}

// NewManager makes a manager and reads the records of last time. A nil svc means
// that there are no services. Nothing runs by itself before StartUp.
func NewManager(st *state.State, r *hookrunner.Runner, svc service.Manager, o Options) *Manager {
	return newManager(st, r, svc, o)
}

func newManager(st *state.State, r runner, svc service.Manager, o Options) *Manager {
	m := &Manager{
		st: st, runner: r, svc: svc,
		boot:   strconv.FormatUint(rand.Uint64(), 36),
		asleep: suspended,
		wake:   make(chan struct{}, 1),

		departures: make(chan departure),

		opts:   o.withDefaults(),
		pkgs:   map[string]*pkg{},
		kept:   map[string]*known{},
		paused: map[string]bool{},
		flying: map[string]*flight{},
		subs:   map[int]func(api.Transition, api.Record){},
	}
	m.log = m.opts.Log
	m.ctx, m.cancel = context.WithCancelCause(context.Background())
	m.rest = newSlots(m.opts.Concurrency, m.kick)
	m.hand = newSlots(m.opts.Concurrency, nil)
	m.board.Store(&board{at: time.Now()})
	m.slept = m.asleep()
	m.load()
	return m
}

// StartUp begins to run hooks at rest and to listen to services.
func (m *Manager) StartUp() error {
	m.mu.Lock()
	started := m.unhear != nil
	m.unhear = func() {}
	if !started {
		m.spreadOverdue(time.Now())
	}
	m.mu.Unlock()
	if started {
		return nil
	}
	if m.svc != nil {
		unhear := m.svc.Subscribe(m.hear)
		m.mu.Lock()
		m.unhear = unhear
		m.mu.Unlock()
	}
	m.wg.Go(m.loop)
	return nil
}

// Wake has the clocks looked at: the host may have been suspended.
func (m *Manager) Wake() { m.kick() }

// Ensure has nothing to do: the runs at rest have timers of their own.
func (m *Manager) Ensure() error { return nil }

// Stop ends the runs at rest and by hand, kills those under way, and hands to
// the state what only memory knew. Runs within a change end with the change.
func (m *Manager) Stop() {
	m.mu.Lock()
	m.cancel(state.ErrStopping)
	unhear := m.unhear
	m.mu.Unlock()
	if unhear != nil {
		unhear()
	}
	m.wg.Wait()
	m.flush()
}

// Configure takes new options, but for Log; a changed interval applies at once.
// An Exists of nil keeps the present one.
func (m *Manager) Configure(o Options) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if o.Exists == nil {
		o.Exists = m.opts.Exists
	}
	o = o.withDefaults()
	changed := o.Interval != m.opts.Interval || o.UnhealthyInterval != m.opts.UnhealthyInterval
	if o.Concurrency != m.opts.Concurrency {
		m.rest = newSlots(o.Concurrency, m.kick)
		m.hand = newSlots(o.Concurrency, nil)
	}
	m.opts = o
	if changed {
		m.staleAt = time.Time{}
		for _, p := range m.pkgs {
			m.plan(p)
			m.expectStale(p)
			m.publish(p, "", time.Now())
		}
	}
	m.kick()
}

// Subscribe calls f for every change of a package's status, code or revision as
// readers see it, until cancel. f must not block.
func (m *Manager) Subscribe(f func(api.Transition, api.Record)) (cancel func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lastSub++
	id := m.lastSub
	m.subs[id] = f
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		delete(m.subs, id)
	}
}

// OnRun has f told of every run that was recorded, also of one that said what
// the one before it said, with the record as it then stands. Call it before
// StartUp; f runs without a lock and must not block.
func (m *Manager) OnRun(f func(api.Record, hookrunner.Phase)) { m.onRun = append(m.onRun, f) }

// OnSuccess has f told of every script of a package, hook or plug-in, that was
// run to its end and exited with 0, before what it said of health is taken in:
// it may have set more than that. Call it before StartUp; f runs without a lock.
func (m *Manager) OnSuccess(f func(*hookrunner.Context)) { m.onSuccess = append(m.onSuccess, f) }

// tell hands the news to all subscribers. No lock is held.
func (m *Manager) tell(n news) {
	if !n.fresh {
		return
	}
	m.mu.Lock()
	all := make([]func(api.Transition, api.Record), 0, len(m.subs))
	for _, f := range m.subs {
		all = append(all, f)
	}
	m.mu.Unlock()
	for _, f := range all {
		f(n.at, n.rec)
	}
}

// kick makes the loop look again.
func (m *Manager) kick() {
	select {
	case m.wake <- struct{}{}:
	default: // it will look anyway
	}
}
