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
// state's comes first; methods that write (Untrack, Refreshing, Check, RunOnce,
// Judge, RecordHook, SetApp, AddAppCheck, Stop) take it themselves, so they are
// to be called without it. Track, Pause, Resume and Configure do not need it.
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

	// mu guards what follows. It is held for moments, never across a run or the
	// disk.
	mu         sync.Mutex
	opts       Options
	pkgs       map[string]*pkg
	kept       map[string]*known // from the last time, of packages not yet tracked
	paused     map[string]bool   // between stop-services and verdict
	waiting    queue             // packages by their next run at rest
	rest, hand *slots            // of runs at rest and of runs by hand
	staleAt    time.Time         // when a record may get stale; zero: none can
	slept      time.Duration     // of asleep, when last looked at
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
		opts:   o.withDefaults(),
		pkgs:   map[string]*pkg{},
		kept:   map[string]*known{},
		paused: map[string]bool{},
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

// Track says which revision of a package is current, and how it is to be asked:
// at start, after each switch, and when what the manifest or the admin says has
// changed. The target's Generation is set here.
func (m *Manager) Track(t Target) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.generation++
	t.Generation = m.generation
	now := time.Now()
	p := m.pkgs[t.Name]
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
	var f *flight
	if p != nil {
		m.waiting.remove(p)
		f = p.flight
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
	var f *flight
	if p := m.pkgs[name]; p != nil {
		m.waiting.remove(p)
		f = p.flight
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

// LastOutput is the end of what the last run of the package's hook printed, at
// most 4 KiB.
func (m *Manager) LastOutput(name string) []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	if p := m.pkgs[name]; p != nil {
		return p.output
	}
	return nil
}

// kick makes the loop look again.
func (m *Manager) kick() {
	select {
	case m.wake <- struct{}{}:
	default: // it will look anyway
	}
}
