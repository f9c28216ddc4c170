package state_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"pgregory.net/rapid"

	"pkgd.io/pkgd/overlord/state"
)

// TestRandomChangesEndAsTheModelSays drives random graphs through random
// failures, aborts, planned stops and crashes, at commits too, and compares
// with the model: what stands is done, what fell is not, and every side effect
// in the world has its intent on disk before it and its status after it.
func TestRandomChangesEndAsTheModelSays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		defer w.close()
		for turns := 0; !w.turn(); turns++ {
			if turns > 300 {
				t.Fatalf("the change does not end: %s", w.statuses())
			}
		}
		w.compare()
	})
}

// world is what survives pkgd's crashes: the file, the clock, and the side
// effects of handlers.
type world struct {
	t        *rapid.T
	g        graph
	dir      string
	parallel bool
	crashAt  int // commit that is the last before a crash; 1, which makes the change: none
	lastDies bool
	faults   []int // commits that a full disk refuses

	mu      sync.Mutex
	now     time.Time
	applied map[int]bool
	calls   map[string]int
	asked   aborts // durable requests to abort
	maybe   aborts // requests that a crash may have lost

	// one life of pkgd
	s       *state.State
	r       *state.TaskRunner
	c       *state.Change
	down    atomic.Bool // the disk takes nothing any more
	commits int
	restart chan struct{}
	problem atomic.Pointer[string]
}

func newWorld(t *rapid.T) *world {
	w := &world{
		t: t, g: drawGraph(t), dir: tempDirOf(t),
		parallel: rapid.Bool().Draw(t, "parallel"),
		crashAt:  rapid.IntRange(1, 20).Draw(t, "crash at commit"),
		lastDies: rapid.Bool().Draw(t, "crash before the commit is durable"),
		faults:   rapid.SliceOfN(rapid.IntRange(2, 20), 0, 3).Draw(t, "faults"),
		now:      time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC),
		applied:  map[int]bool{}, calls: map[string]int{},
	}
	w.open()
	locked(w.s, w.build)
	return w
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

// open begins a life.
func (w *world) open() {
	var err error
	w.down.Store(false)
	w.restart = make(chan struct{}, 1)
	if w.s, err = state.OpenFaulty(filepath.Join(w.dir, "state.db"), state.Options{Now: w.clock}, w.commit); err != nil {
		w.t.Fatal(err)
	}
	w.r = state.NewTaskRunner(w.s)
	w.r.AddHandler("both", w.do, w.undo)
	w.r.AddHandler("noundo", w.do, nil)
	w.r.SetBlocked(func(_ *state.Task, running []*state.Task) bool { return !w.parallel && len(running) > 0 })
	locked(w.s, func() { w.c = w.s.Change("1") })
}

// commit is every commit: one of them is the last before a crash.
func (w *world) commit(commit func() error) error {
	if w.down.Load() {
		return errors.New("crashed")
	}
	w.commits++
	if slices.Contains(w.faults, w.commits) {
		return syscall.ENOSPC
	}
	if w.commits != w.crashAt || w.crashAt == 1 {
		return commit()
	}
	w.crash()
	if w.lastDies {
		return errors.New("crashed")
	}
	return commit()
}

func (w *world) crash() {
	w.down.Store(true)
	w.askRestart()
}

func (w *world) askRestart() {
	select {
	case w.restart <- struct{}{}:
	default:
	}
}

func (w *world) build() {
	w.c = w.s.NewChange("random", "random")
	for range 3 {
		w.s.NewLane()
	}
	var tasks []*state.Task
	for i, nd := range w.g.tasks {
		kind := "both"
		if nd.noUndo {
			kind = "noundo"
		}
		task := w.s.NewTask(kind, strconv.Itoa(i))
		for _, j := range nd.waits {
			task.WaitFor(tasks[j])
		}
		for _, lane := range nd.lanes {
			task.JoinLane(lane)
		}
		tasks = append(tasks, task)
		w.c.AddTask(task)
	}
}

// turn is one look of the overlord. It tells whether the change is ready.
func (w *world) turn() (ready bool) {
	w.mu.Lock()
	w.now = w.now.Add(time.Hour) // no retry is longer
	w.mu.Unlock()
	w.r.Ensure()
	idle, r := make(chan struct{}), w.r
	go func() {
		r.Wait()
		close(idle)
	}()
	select {
	case <-idle:
	case <-w.restart:
		w.reopen()
		<-idle
	}
	if p := w.problem.Load(); p != nil {
		w.t.Fatal(*p)
	}
	locked(w.s, func() {
		ready = w.c.IsReady()
		for _, task := range w.c.Tasks() {
			w.resolve(task)
		}
	})
	kept := w.s.Sync(context.Background()) // rather than wait for what a full disk refused
	select {
	case <-w.restart: // it crashed with the last commit
		w.reopen()
		return false
	default:
		return ready && kept == nil
	}
}

// resolve ends a wait.
func (w *world) resolve(task *state.Task) {
	if task.Status() != state.WaitStatus {
		return
	}
	w.mu.Lock()
	undone := w.applied[index(task)]
	w.mu.Unlock()
	if undone {
		task.SetStatus(state.DoneStatus)
	} else {
		task.SetStatus(state.UndoneStatus)
	}
}

// reopen ends this life, planned or not, and begins the next.
func (w *world) reopen() {
	w.r.Stop()
	w.s.Close()
	w.open()
	if w.c == nil {
		w.t.Fatal("the change is gone")
	}
	all, lanes := w.c.Dead()
	w.asked.all = w.asked.all || w.maybe.all && all
	for _, lane := range w.maybe.lanes {
		for _, dead := range lanes {
			if lane == dead {
				w.asked.lanes = append(w.asked.lanes, lane)
			}
		}
	}
	w.maybe = aborts{}
}

func (w *world) close() {
	w.r.Stop()
	w.s.Close()
}

func index(task *state.Task) int {
	i, _ := strconv.Atoi(task.Summary())
	return i
}

func (w *world) fail(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	w.problem.CompareAndSwap(nil, &text)
}

// begin checks what must hold when a handler starts, and gives its move.
func (w *world) begin(task *state.Task, undo bool) string {
	i, phase, intent := index(task), "do", state.DoingStatus
	moves := w.g.tasks[i].do
	if undo {
		phase, intent, moves = "undo", state.UndoingStatus, w.g.tasks[i].undo
	}
	got, err := w.s.DurableStatus(task.ID())
	if aborted := !undo && got == state.AbortStatus; err != nil || got != intent && !aborted {
		w.fail("%s of task %d started with %v on disk (%v)", phase, i, got, err)
	}
	w.checkOrder(task, undo)
	w.mu.Lock()
	defer w.mu.Unlock()
	call := w.calls[phase+task.Summary()]
	w.calls[phase+task.Summary()]++
	return move(moves, call)
}

func (w *world) checkOrder(task *state.Task, undo bool) {
	w.s.Lock()
	defer w.s.Unlock()
	if undo {
		for _, other := range task.HaltTasks() {
			if !other.Status().Ready() {
				w.fail("undo of task %s while %s, which waits for it, is %v", task.Summary(), other.Summary(), other.Status())
			}
		}
		return
	}
	for _, other := range task.WaitTasks() {
		// Undo: somebody aborted since.
		if st := other.Status(); st != state.DoneStatus && task.Status() == state.DoingStatus {
			w.fail("do of task %s while %s, for which it waits, is %v", task.Summary(), other.Summary(), st)
		}
	}
}

func (w *world) set(task *state.Task, applied bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.applied[index(task)] = applied
}

func (w *world) do(ctx context.Context, task *state.Task) error {
	what := w.begin(task, false)
	w.set(task, true)
	switch {
	case what == "fail":
		w.set(task, false)
		return errors.New("failed")
	case strings.HasPrefix(what, "abort"):
		w.abort(what[len("abort"):])
	}
	return w.either(ctx, what, func() { w.set(task, false) })
}

func (w *world) undo(ctx context.Context, task *state.Task) error {
	what := w.begin(task, true)
	if what == "fail" {
		return errors.New("failed")
	}
	w.set(task, false)
	return w.either(ctx, what, func() { w.set(task, true) })
}

// either is what do and undo have in common; half takes back what they did.
func (w *world) either(ctx context.Context, what string, half func()) error {
	switch what {
	case "retry":
		return &state.Retry{After: time.Minute}
	case "wait":
		return &state.Wait{}
	case "stop":
		w.askRestart()
		<-ctx.Done()
		half()
		return errors.New("interrupted")
	case "crash":
		w.crash()
		<-ctx.Done()
	}
	return nil
}

// abort asks for the end of the change or of a lane, and remembers whether a
// crash may lose that.
func (w *world) abort(lane string) {
	n, _ := strconv.Atoi(lane)
	locked(w.s, func() {
		if n == 0 {
			w.c.Abort()
		} else {
			w.c.AbortLanes([]int{n})
		}
	})
	w.mu.Lock()
	defer w.mu.Unlock()
	into := &w.asked
	if w.s.Writable() != nil || w.down.Load() {
		into = &w.maybe
	}
	if n == 0 {
		into.all = true
	} else {
		into.lanes = append(into.lanes, n)
	}
}

func (w *world) statuses() string {
	var out []string
	locked(w.s, func() {
		for _, task := range w.c.Tasks() {
			out = append(out, fmt.Sprintf("%s:%v", task.Summary(), task.Status()))
		}
	})
	return strings.Join(out, " ")
}

// compare looks at the end: first in memory, then as the file has it.
func (w *world) compare() {
	before := w.statuses()
	w.reopen()
	if after := w.statuses(); after != before {
		w.t.Fatalf("statuses changed by a restart:\nfrom %s\n  to %s", before, after)
	}
	w.s.Lock()
	defer w.s.Unlock()
	if !w.c.IsReady() {
		w.t.Fatalf("the change is not ready after a restart: %v", w.c.Status())
	}
	a := w.asked
	for _, task := range w.c.Tasks() {
		if i := index(task); task.Status() == state.ErrorStatus && w.calls["undo"+task.Summary()] == 0 {
			a.failed = append(a.failed, i)
			if last := move(w.g.tasks[i].do, w.calls["do"+task.Summary()]-1); last != "fail" {
				w.t.Fatalf("task %d failed, and its last move was %s", i, last)
			}
		}
	}
	fell := w.g.fallen(a)
	for i, task := range w.c.Tasks() {
		w.compareTask(i, task.Status(), fell[i], before)
	}
}

func (w *world) compareTask(i int, got state.Status, fell bool, all string) {
	if fell == (got == state.DoneStatus) {
		w.t.Fatalf("task %d is %v, and the model says fallen=%v: %s", i, got, fell, all)
	}
	if !got.Ready() {
		w.t.Fatalf("task %d is %v", i, got)
	}
	applied, nd := w.applied[i], w.g.tasks[i]
	switch {
	case got == state.DoneStatus && !applied:
		w.t.Fatalf("task %d is Done and its effect is not there: %s", i, all)
	case got == state.HoldStatus && applied, got == state.UndoneStatus && applied && !nd.noUndo:
		w.t.Fatalf("task %d is %v and its effect is there: %s", i, got, all)
	}
}
