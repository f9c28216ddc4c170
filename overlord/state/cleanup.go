package state

import "context"

// startCleanups starts the cleanup handlers of changes that got ready. They
// need no intent: after a crash they are run again.
func (r *TaskRunner) startCleanups() {
	for id, c := range r.st.unclean {
		if r.stopped || r.cleaning[id] != nil {
			continue
		}
		tasks := r.toClean(c)
		if len(tasks) == 0 {
			r.st.markClean(c)
			continue
		}
		ctx, cancel := context.WithCancelCause(context.Background())
		r.cleaning[id] = cancel
		r.enter()
		go r.clean(ctx, c, tasks)
	}
}

func (s *State) markClean(c *Change) {
	c.readData() // it will be written as a whole
	c.rec.Clean = true
	delete(s.unclean, c.rec.ID)
	s.touchLazily(c)
}

func (r *TaskRunner) toClean(c *Change) (tasks []*Task) {
	if !r.hasCleanups() {
		return nil
	}
	for _, t := range c.Tasks() {
		if r.cleanup(t.rec.Kind) != nil {
			tasks = append(tasks, t)
		}
	}
	return tasks
}

func (r *TaskRunner) hasCleanups() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.cleanups) > 0
}

func (r *TaskRunner) cleanup(kind string) HandlerFunc {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.cleanups[kind]
}

// clean calls the cleanup handlers of one change. A failure is noted and does
// not come back; Retry has all of them called again.
func (r *TaskRunner) clean(ctx context.Context, c *Change, tasks []*Task) {
	defer r.leave()
	var retry Retry
	var again bool
	for _, t := range tasks {
		if ctx.Err() != nil {
			break
		}
		err := r.cleanup(t.rec.Kind)(ctx, t)
		if r, ok := asRetry(err); ok {
			retry, again = r, true
			continue
		}
		if err == nil || ctx.Err() != nil {
			continue
		}
		r.st.Lock()
		t.Errorf("cannot clean up: %v", err)
		r.st.Unlock()
	}
	r.st.Lock()
	defer r.st.Unlock()
	stopped := ctx.Err() != nil
	r.cleaning[c.rec.ID](nil)
	delete(r.cleaning, c.rec.ID)
	switch {
	case stopped:
	case again:
		r.st.EnsureBefore(retry.After)
	default:
		r.st.markClean(c)
	}
}
