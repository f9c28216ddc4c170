package state

import (
	"context"
	"errors"
	"time"
)

// finish draws the conclusion of a run, and starts what can follow in the same
// commit.
func (r *TaskRunner) finish(run *run, took time.Duration, cause, err error) {
	s, t := r.st, run.task
	s.Lock()
	delete(r.running, t.rec.ID)
	if run.undo {
		t.rec.Undoing += took
	} else {
		t.rec.Doing += took
	}
	t.changedLazily()
	next := r.conclude(run, cause, err)
	if c := t.Change(); r.starved || c != nil && len(c.rec.Tasks) != run.tasks {
		// Somebody was kept back, or there are new tasks: look at everything.
		r.starved = false
		s.EnsureBefore(0)
	}
	r.launch(r.pick(next))
}

// conclude moves the task by what its handler returned, and gives the tasks
// whose turn it may be now.
func (r *TaskRunner) conclude(run *run, cause, err error) []*Task {
	t := run.task
	retry, again := asRetry(err)
	wait, waits := asWait(err)
	switch status := t.rec.Status; {
	case status != DoingStatus && status != UndoingStatus && status != AbortStatus:
		// The handler moved its task itself.
	case errors.Is(cause, ErrStopping):
		return nil // stays as it is, for the next start
	case status == AbortStatus:
		if err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, ErrAborted) {
			t.Logf("aborted: %v", err)
		}
		t.SetStatus(UndoStatus)
	case err == nil && run.undo:
		t.SetStatus(UndoneStatus)
	case err == nil:
		t.SetStatus(DoneStatus)
	case again:
		r.retry(run, retry)
		return nil
	case waits:
		t.Logf("%v", wait)
		t.SetStatus(WaitStatus)
		return nil
	default:
		return r.fail(t, err)
	}
	return t.neighbours()
}

// neighbours are the tasks whose turn it may be because this one moved.
func (t *Task) neighbours() []*Task {
	if t.rec.Status == DoneStatus {
		return t.HaltTasks()
	}
	return append([]*Task{t}, t.WaitTasks()...)
}

// retry has the run repeated, at once when somebody cleared the task's time
// while the handler was on its way out.
func (r *TaskRunner) retry(run *run, retry Retry) {
	t, after := run.task, max(retry.After, 0)
	if t.wakes != run.wakes {
		after = 0
	}
	t.rec.At = time.Time{}
	if after > 0 {
		t.rec.At = r.st.now().Add(after)
	}
	if retry.Reason != "" {
		t.Logf("%v", retry)
	}
	t.changedLazily()
	r.st.EnsureBefore(after)
}

// fail marks a task as failed. A failed do takes along what stands and falls
// with the task; at a failed undo that has fallen already.
func (r *TaskRunner) fail(t *Task, err error) []*Task {
	undo := t.rec.Status == UndoStatus || t.rec.Status == UndoingStatus
	t.rec.Failure = err.Error()
	t.Errorf("%v", err)
	t.SetStatus(ErrorStatus)
	if undo {
		return t.WaitTasks()
	}
	c := t.Change()
	c.abortFor(t)
	return c.Tasks()
}
