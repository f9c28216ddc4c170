package state

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"
)

// pick goes through tasks, and what follows from them, and gives the runs that
// can start. It sets their status: the lock section that calls it is their
// intent. It has the next look taken when a task's time comes.
func (r *TaskRunner) pick(queue []*Task) (runs []*run) {
	r.wake = time.Time{}
	for len(queue) > 0 {
		t := queue[0]
		run, more := r.consider(t)
		if run != nil {
			runs = append(runs, run)
		}
		queue = append(queue[1:], more...)
	}
	if !r.wake.IsZero() {
		r.st.EnsureBefore(r.wake.Sub(r.st.now()))
	}
	return runs
}

// consider looks at one task: a run when it can start, and the tasks to look at
// because this one moved without a run.
func (r *TaskRunner) consider(t *Task) (*run, []*Task) {
	c := t.Change()
	if c == nil || r.running[t.rec.ID] != nil || r.stopped {
		return nil, nil
	}
	if t.rec.Status == AbortStatus { // its handler is not running any more
		t.SetStatus(UndoStatus)
	}
	switch t.rec.Status {
	case DoStatus:
		if t.hopeless(c) {
			c.drop(t)
			return nil, c.Tasks()
		}
		if !allIn(t.WaitTasks(), func(s Status) bool { return s == DoneStatus }) {
			return nil, nil
		}
		return r.begin(t, DoingStatus)
	case DoingStatus:
		return r.begin(t, DoingStatus)
	case UndoStatus:
		if !allIn(t.HaltTasks(), Status.Ready) {
			return nil, nil
		}
		return r.begin(t, UndoingStatus)
	case UndoingStatus:
		return r.begin(t, UndoingStatus)
	}
	return nil, nil
}

func allIn(tasks []*Task, is func(Status) bool) bool {
	for _, t := range tasks {
		if !is(t.rec.Status) {
			return false
		}
	}
	return true
}

// begin makes a run of a task whose turn it is, unless there is nothing to run
// or something keeps it back.
func (r *TaskRunner) begin(t *Task, to Status) (*run, []*Task) {
	if t.rec.At.After(r.st.now()) {
		if r.wake.IsZero() || t.rec.At.Before(r.wake) {
			r.wake = t.rec.At
		}
		return nil, nil
	}
	f, known := r.handler(t.rec.Kind, to)
	if !known {
		return nil, r.fail(t, fmt.Errorf("this pkgd has no handler for tasks of kind %q", t.rec.Kind))
	}
	if f == nil {
		t.SetStatus(UndoneStatus)
		return nil, t.WaitTasks()
	}
	if r.st.Writable() != nil {
		return nil, nil
	}
	if r.isBlocked(t) {
		r.starved = true
		return nil, nil
	}
	t.SetStatus(to)
	return r.newRun(t, f), nil
}

// handler gives what to call; known and nil: nothing needs to be called.
func (r *TaskRunner) handler(kind string, to Status) (f HandlerFunc, known bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	h, known := r.handlers[kind]
	if to == UndoingStatus {
		return h.undo, known
	}
	return h.do, known
}

func (r *TaskRunner) isBlocked(t *Task) bool {
	r.mu.Lock()
	blocked := r.blocked
	r.mu.Unlock()
	if blocked == nil {
		return false
	}
	tasks := make([]*Task, 0, len(r.running))
	for _, run := range r.running {
		tasks = append(tasks, run.task)
	}
	slices.SortFunc(tasks, func(a, b *Task) int { return cmp.Compare(a.number, b.number) })
	return blocked(t, tasks)
}

func (r *TaskRunner) newRun(t *Task, f HandlerFunc) *run {
	ctx, cancel := context.WithCancelCause(context.Background())
	run := &run{
		task: t, f: f, ctx: ctx, cancel: cancel,
		undo: t.rec.Status == UndoingStatus, wakes: t.wakes, tasks: len(t.Change().rec.Tasks),
	}
	t.progress = progress{}
	r.running[t.rec.ID] = run
	return run
}
