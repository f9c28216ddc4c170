package state

import "slices"

// Abort undoes what the change has done and does no more of it. A ready change
// stays as it is.
func (c *Change) Abort() {
	c.st.mustHold()
	c.abortAll()
	c.st.EnsureBefore(0)
}

// AbortLanes does so for the tasks that are in these lanes, and in no lane
// that lives on, and for those that wait for them.
func (c *Change) AbortLanes(lanes []int) {
	c.st.mustHold()
	c.abortDoomed(func(d *doom) { d.kill(lanes) })
	c.st.EnsureBefore(0)
}

// abortFor draws the conclusion of a task that failed: its lanes go, and
// without lanes the whole change.
func (c *Change) abortFor(t *Task) {
	if len(t.rec.Lanes) == 0 {
		c.abortAll()
		return
	}
	c.drop(t)
}

// drop gives up a task, and what goes with it.
func (c *Change) drop(t *Task) { c.abortDoomed(func(d *doom) { d.fall(t) }) }

func (c *Change) abortAll() {
	if !c.rec.Ready.IsZero() {
		return
	}
	if !c.rec.Aborted {
		c.rec.Aborted = true
		c.st.touch(c)
	}
	for _, t := range c.Tasks() {
		t.abort()
	}
}

func (c *Change) abortDoomed(begin func(*doom)) {
	if !c.rec.Ready.IsZero() {
		return
	}
	d := doom{c: c, tasks: c.Tasks(), fell: map[*Task]bool{}}
	begin(&d)
	d.spread()
	for _, t := range d.tasks {
		if d.fell[t] {
			t.abort()
		}
	}
}

// doom finds what falls with a lane: a task all of whose lanes are dead, and
// every task that waits for one that falls. What falls because it waited takes
// its own lanes along; one in no lane only falls itself.
type doom struct {
	c     *Change
	tasks []*Task
	fell  map[*Task]bool
	todo  []*Task // fell, consequences not yet drawn
}

func (d *doom) kill(lanes []int) {
	for _, lane := range lanes {
		if !slices.Contains(d.c.rec.Dead, lane) {
			d.c.rec.Dead = append(d.c.rec.Dead, lane)
			d.c.st.touch(d.c)
		}
	}
	for _, t := range d.tasks {
		if d.c.lanesDead(t) {
			d.fall(t)
		}
	}
}

func (d *doom) fall(t *Task) {
	if !d.fell[t] {
		d.fell[t] = true
		d.todo = append(d.todo, t)
	}
}

func (d *doom) spread() {
	for len(d.todo) > 0 {
		t := d.todo[0]
		d.todo = d.todo[1:]
		if !d.c.lanesDead(t) && len(t.rec.Lanes) > 0 {
			d.kill(t.rec.Lanes)
		}
		for _, waiter := range t.HaltTasks() {
			d.fall(waiter)
		}
	}
}

// lanesDead tells whether the task is in lanes, and all of them were aborted.
func (c *Change) lanesDead(t *Task) bool {
	for _, lane := range t.rec.Lanes {
		if !slices.Contains(c.rec.Dead, lane) {
			return false
		}
	}
	return len(t.rec.Lanes) > 0
}

// abort moves one task towards its undone state.
func (t *Task) abort() {
	switch t.rec.Status {
	case DoStatus:
		t.SetStatus(HoldStatus)
	case DoingStatus:
		t.SetStatus(AbortStatus)
	case DoneStatus:
		t.SetStatus(UndoStatus)
	case WaitStatus:
		if t.rec.Waited != UndoingStatus {
			t.SetStatus(UndoStatus)
		}
	}
}

// hopeless tells of a task still to be done that never can be: its change or
// its lanes were aborted, or what it waits for will not be done. Tasks that a
// handler added late may be born so.
func (t *Task) hopeless(c *Change) bool {
	if c.rec.Aborted || c.lanesDead(t) {
		return true
	}
	return slices.ContainsFunc(t.WaitTasks(), (*Task).givenUp)
}

// givenUp tells of a task that is not and will not be done.
func (t *Task) givenUp() bool {
	switch t.rec.Status {
	case DoStatus, DoingStatus, DoneStatus, WaitStatus:
		return false
	}
	return true
}
