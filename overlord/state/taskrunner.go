package state

import (
	"context"
	"slices"
	"sync"
	"time"
)

// HandlerFunc does, undoes or cleans up after a task. It is called without the
// lock, may be called again for a task that was interrupted, and ends when ctx
// does.
type HandlerFunc func(ctx context.Context, t *Task) error

// TaskRunner runs the tasks of a state. Ensure looks what can start; a task
// that ends starts what waited for it, in the commit that says so.
type TaskRunner struct {
	st *State

	// These are guarded by the state's lock.
	running  map[string]*run                    // by task; from the intent to the conclusion
	cleaning map[string]context.CancelCauseFunc // by change
	stopped  bool
	starved  bool      // SetBlocked kept a task back: look again when one ends
	wake     time.Time // the earliest At met on the way; zero: none

	// mu guards what follows; it is taken after the state's lock.
	mu       sync.Mutex
	handlers map[string]handlers
	cleanups map[string]HandlerFunc
	blocked  func(t *Task, running []*Task) bool
	active   int // goroutines
	idle     *sync.Cond
}

type handlers struct{ do, undo HandlerFunc }

// run is one call of a handler.
type run struct {
	task   *Task
	undo   bool
	f      HandlerFunc
	ctx    context.Context
	cancel context.CancelCauseFunc
	wakes  int // of the task when it began
	tasks  int // of the change when it began
}

// NewTaskRunner makes the runner of a state; one a state.
func NewTaskRunner(s *State) *TaskRunner {
	r := &TaskRunner{
		st: s, running: map[string]*run{}, cleaning: map[string]context.CancelCauseFunc{},
		handlers: map[string]handlers{}, cleanups: map[string]HandlerFunc{},
	}
	r.idle = sync.NewCond(&r.mu)
	s.OnTaskStatus(func(t *Task, _, now Status) {
		if run := r.running[t.rec.ID]; run != nil && now == AbortStatus {
			run.cancel(ErrAborted)
		}
	})
	return r
}

// AddHandler says how tasks of a kind are done and undone. Without undo there
// is nothing to undo.
func (r *TaskRunner) AddHandler(kind string, do, undo HandlerFunc) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.handlers[kind] = handlers{do, undo}
}

// AddCleanup says what is left to do for tasks of a kind when their change is
// ready, however it ended.
func (r *TaskRunner) AddCleanup(kind string, f HandlerFunc) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cleanups[kind] = f
}

// SetBlocked plugs in who may keep a task back while others run. It is called
// with the lock held.
func (r *TaskRunner) SetBlocked(f func(t *Task, running []*Task) bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.blocked = f
}

// Ensure starts what can be started: all intents go into one commit, and the
// handlers start when that is durable. It does not wait for the disk itself,
// and starts nothing while the store cannot be written. The error is always
// nil: it makes the runner a manager of the overlord.
func (r *TaskRunner) Ensure() error {
	s := r.st
	s.Lock()
	runs := r.pick(s.openTasks())
	r.startCleanups()
	r.launch(runs)
	return nil
}

// openTasks gives the tasks of the changes that are not ready.
func (s *State) openTasks() (tasks []*Task) {
	var changes []*Change
	for _, c := range s.open {
		changes = append(changes, c)
	}
	slices.SortFunc(changes, olderChange)
	for _, c := range changes {
		tasks = append(tasks, c.Tasks()...)
	}
	return tasks
}

// Stop tells all handlers to end with ErrStopping, waits for them, and starts
// nothing any more. Call it without the lock.
func (r *TaskRunner) Stop() {
	r.st.Lock()
	r.stopped = true
	for _, run := range r.running {
		run.cancel(ErrStopping)
	}
	for _, cancel := range r.cleaning {
		cancel(ErrStopping)
	}
	r.st.Unlock()
	r.Wait()
}

// Wait returns when no handler runs.
func (r *TaskRunner) Wait() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.active > 0 {
		r.idle.Wait()
	}
}

func (r *TaskRunner) enter() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.active++
}

func (r *TaskRunner) leave() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.active--
	r.idle.Broadcast()
}

// launch lets the lock go and has the runs start as soon as their intents, and
// everything before, are durable.
func (r *TaskRunner) launch(runs []*run) {
	for range runs {
		r.enter()
	}
	t := r.st.release(false)
	for _, run := range runs {
		go r.drive(run, t.all)
	}
	if len(t.readied) > 0 {
		r.enter()
		go func() {
			defer r.leave()
			_ = r.st.await(t)
		}()
	}
}

// drive is the goroutine of one run.
func (r *TaskRunner) drive(run *run, intent uint64) {
	defer r.leave()
	defer run.cancel(nil)
	if r.st.commit.wait(intent) != nil {
		r.withdraw(run)
		return
	}
	start := r.st.now()
	err := context.Cause(run.ctx) // stopped or aborted before it began
	if err == nil {
		err = run.f(run.ctx, run.task)
	}
	cause := context.Cause(run.ctx)
	r.finish(run, r.st.now().Sub(start), cause, err)
}

// withdraw gives up a run whose intent could not be written. The task stays
// Doing or Undoing in memory, and is started once the store works again.
func (r *TaskRunner) withdraw(run *run) {
	r.st.Lock()
	delete(r.running, run.task.rec.ID)
	r.st.Unlock()
	r.st.EnsureBefore(0)
}
