package state

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Options of Open. The zero value is usable.
type Options struct {
	Backup string           // where a good copy is kept, see [State.Backup]; "" none
	Now    func() time.Time // nil: time.Now
}

// State is everything that pkgd remembers. Methods need the lock unless they
// say otherwise, and panic without it.
type State struct {
	store  *store
	commit *committer
	now    func() time.Time
	ensure atomic.Pointer[func(time.Duration)]
	backup backup
	shut   atomic.Bool // Close was called

	// mu guards what follows, and the changes, tasks and warnings in it. It is
	// never held while the disk works.
	mu        sync.Mutex
	held      atomic.Bool // for mustHold
	entities  map[string]*entity
	changes   map[string]*Change
	open      map[string]*Change // the changes that are not ready
	unclean   map[string]*Change // ready, cleanup handlers not yet run
	tasks     map[string]*Task   // of open changes, and others once asked for
	warnings  map[string]*Warning
	counters  *counters
	lastEntry uint64 // of all journals

	// What this lock section did so far.
	dirty   map[slot]record  // to be written
	lazy    map[slot]record  // to be written with the next that must be
	touched map[*Change]bool // tasks changed status, or were added
	readied []*Change        // to be announced once it is durable

	taskObservers   observers[func(t *Task, old, new Status)]
	changeObservers observers[func(c *Change, old, new Status)]
}

// observers are functions that are told; they have a lock of their own.
type observers[F any] struct {
	mu   sync.Mutex
	list []F
}

func (o *observers[F]) add(f F) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.list = append(o.list, f)
}

func (o *observers[F]) all() []F {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.list
}

// Open reads the state from path, or begins a new one. A file that does not
// open because of its content gives *CorruptError, one of a newer pkgd
// *LevelError, one in use *BusyError; nothing is moved or changed then.
func Open(path string, o Options) (*State, error) {
	return open(path, o, current(), nil)
}

func open(path string, o Options, sc schema, hook func(func() error) error) (*State, error) {
	st, err := openStore(path, sc)
	if err != nil {
		return nil, err
	}
	s := newState(st)
	if o.Now != nil {
		s.now = o.Now
	}
	if err := s.load(); err != nil {
		st.close()
		return nil, &CorruptError{path, err}
	}
	st.now, st.hook = s.now, hook
	s.commit = newCommitter(st, func() { s.EnsureBefore(0) })
	s.backup.path = o.Backup
	return s, nil
}

func newState(st *store) *State {
	return &State{
		store: st, now: time.Now, counters: &counters{},
		entities: map[string]*entity{}, changes: map[string]*Change{}, open: map[string]*Change{},
		unclean: map[string]*Change{}, tasks: map[string]*Task{}, warnings: map[string]*Warning{},
		dirty: map[slot]record{}, lazy: map[slot]record{}, touched: map[*Change]bool{},
	}
}

// Close writes what was set lazily, marks the file as closed properly and lets
// go of it. Handlers must have ended. An error says what could not be written.
// Closing again does nothing.
func (s *State) Close() error {
	if s.shut.Swap(true) {
		return nil
	}
	s.backup.stop()
	s.Lock()
	t := s.release(true)
	err := s.commit.close()
	_ = s.await(t)
	return errors.Join(err, s.store.close())
}

// Lock takes the state's lock.
func (s *State) Lock() {
	s.mu.Lock()
	s.held.Store(true)
}

// Unlock lets the lock go and returns once what changed under it is durable,
// or the store is known to be failing: then it is kept, Writable says why, and
// it is written when that works again. Nothing changed: nothing is written.
func (s *State) Unlock() { _ = s.await(s.release(false)) }

// ticket is what there is to wait for after the lock is gone.
type ticket struct {
	own     uint64 // hand-over with what changed; 0: nothing did
	all     uint64 // this one and all before
	readied []*Change
}

// release is the first half of Unlock: it hands over and lets go. What is lazy
// comes along when something else must be written, or with all.
func (s *State) release(all bool) ticket {
	s.mustHold()
	s.settleChanges()
	t := ticket{readied: s.readied}
	s.readied = nil
	t.own = s.commit.handOver(s.gather(all))
	t.all = s.commit.last()
	s.held.Store(false)
	s.mu.Unlock()
	return t
}

// await is the second half: it waits for the disk and then tells who waits for
// changes.
func (s *State) await(t ticket) error {
	err := s.commit.wait(t.own)
	for _, c := range t.readied {
		close(c.ready)
	}
	return err
}

// gather encodes what is to be written, and forgets that it was.
func (s *State) gather(all bool) batch {
	if len(s.dirty) == 0 && !s.commit.hasStaged() && !all {
		return nil
	}
	b := batch{}
	for _, set := range []map[slot]record{s.lazy, s.dirty} {
		for k, r := range set {
			b[k] = r.encode()
			if e, ok := r.(*entity); ok && e.raw == nil {
				delete(s.entities, e.key)
			}
		}
		clear(set)
	}
	return b
}

func (s *State) touch(r record)       { s.dirty[r.slot()] = r }
func (s *State) touchLazily(r record) { s.lazy[r.slot()] = r }

// mustHold finds who forgot the lock. (It cannot see that somebody else holds
// it; the race detector does.)
func (s *State) mustHold() {
	if !s.held.Load() {
		panic("internal error: state used without its lock")
	}
}

// Writable is nil, or says why the store cannot be written. It needs no lock
// and never blocks.
func (s *State) Writable() error {
	if f := s.commit.failure.Load(); f != nil {
		return f
	}
	return nil
}

// Sync tries at once to write what is not yet durable, and returns nil when
// all that was unlocked before is. It needs no lock.
func (s *State) Sync(ctx context.Context) error { return s.commit.sync(ctx) }

// Commits counts the durable commits since Open. It needs no lock.
func (s *State) Commits() uint64 { return s.commit.commits.Load() }

// SetEnsure plugs in what EnsureBefore calls; f must not block. It needs no lock.
func (s *State) SetEnsure(f func(time.Duration)) { s.ensure.Store(&f) }

// EnsureBefore asks for a turn of the loop within d. It needs no lock, and may
// be called with it.
func (s *State) EnsureBefore(d time.Duration) {
	if f := s.ensure.Load(); f != nil && *f != nil {
		(*f)(max(d, 0))
	}
}

// OnTaskStatus has f called, with the lock held, whenever a task of a change
// gets another status. f must not block. Registering needs no lock.
func (s *State) OnTaskStatus(f func(t *Task, old, new Status)) { s.taskObservers.add(f) }

// OnChangeStatus has f called, with the lock held, when a change has another
// status at the end of a lock section than at the end of the one before. f must
// not block. Registering needs no lock.
func (s *State) OnChangeStatus(f func(c *Change, old, new Status)) { s.changeObservers.add(f) }

// settleChanges draws the conclusions of this lock section: which changes have
// another status, which are ready. Observers may change more.
func (s *State) settleChanges() {
	for len(s.touched) > 0 {
		touched := slices.SortedFunc(maps.Keys(s.touched), olderChange)
		clear(s.touched)
		for _, c := range touched {
			c.settle()
		}
	}
}

// NewLane gives a lane that no task is in.
func (s *State) NewLane() int {
	s.mustHold()
	s.counters.Lane++
	s.touchLazily(s.counters)
	return s.counters.Lane
}

// NewChange begins a change. Add its tasks before Unlock: a change without
// tasks is done then.
func (s *State) NewChange(kind, summary string) *Change {
	s.mustHold()
	s.counters.Change++
	c := newChange(s, changeRecord{
		ID: fmt.Sprint(s.counters.Change), Kind: kind, Summary: summary, Spawned: s.now(),
	})
	s.changes[c.rec.ID] = c
	s.open[c.rec.ID] = c
	s.touch(s.counters)
	s.touch(c)
	s.touched[c] = true
	return c
}

// Change gives the change with this id, or nil.
func (s *State) Change(id string) *Change {
	s.mustHold()
	return s.changes[id]
}

// Changes gives all changes, oldest first.
func (s *State) Changes() []*Change {
	s.mustHold()
	return slices.SortedFunc(maps.Values(s.changes), olderChange)
}

// OpenChanges gives the changes that are not ready, oldest first. It costs nothing
// for those that are, of which there may be hundreds.
func (s *State) OpenChanges() []*Change {
	s.mustHold()
	var open []*Change
	for _, c := range s.open {
		if !c.IsReady() { // all of its tasks may be, before the end of this lock section
			open = append(open, c)
		}
	}
	slices.SortFunc(open, olderChange)
	return open
}

// NewTask begins a task. It is kept from the moment it is added to a change.
func (s *State) NewTask(kind, summary string) *Task {
	s.mustHold()
	s.counters.Task++
	s.touchLazily(s.counters)
	t := newTask(s, taskRecord{
		ID: fmt.Sprint(s.counters.Task), Kind: kind, Summary: summary, Status: DoStatus, Spawned: s.now(),
	})
	s.tasks[t.rec.ID] = t
	return t
}

// Task gives the task with this id, or nil. Tasks of changes that were ready
// when pkgd started are read from the file when first asked for.
func (s *State) Task(id string) *Task {
	s.mustHold()
	if t := s.tasks[id]; t != nil {
		return t
	}
	return s.loadTask(id)
}
