package state

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// logMost is how many lines a task's log keeps: the newest.
const logMost = 100

// Task is one step of a change.
type Task struct {
	st       *State
	rec      taskRecord
	number   int
	progress progress // not kept: it is gone with the run
	wakes    int      // how often At was cleared: so that a Retry on its way sees it
}

// taskRecord is a task on disk.
type taskRecord struct {
	ID      string                     `json:"id"`
	Kind    string                     `json:"kind"`
	Summary string                     `json:"summary"`
	Status  Status                     `json:"status"`
	Waited  Status                     `json:"waited,omitzero"` // while in Wait: what it was before
	Change  string                     `json:"change"`
	Data    map[string]json.RawMessage `json:"data,omitempty"`
	WaitFor []string                   `json:"wait-for,omitempty"`
	Halts   []string                   `json:"halts,omitempty"`
	Lanes   []int                      `json:"lanes,omitempty"`
	Log     []string                   `json:"log,omitempty"`
	Failure string                     `json:"failure,omitempty"`
	Spawned time.Time                  `json:"spawned"`
	Ready   time.Time                  `json:"ready,omitzero"`
	At      time.Time                  `json:"at,omitzero"`
	Doing   time.Duration              `json:"doing,omitempty"`
	Undoing time.Duration              `json:"undoing,omitempty"`
}

type progress struct {
	label       string
	done, total int64
}

func newTask(s *State, rec taskRecord) *Task {
	n, _ := strconv.Atoi(rec.ID)
	return &Task{st: s, rec: rec, number: n}
}

func (t *Task) slot() slot { return slot{taskBucket, idKey(t.rec.ID)} }

func (t *Task) encode() []byte {
	if t.st.tasks[t.rec.ID] != t || t.rec.Change == "" {
		return nil // pruned, or not part of anything
	}
	return mustMarshal(t.rec)
}

// changed has the task written at Unlock.
func (t *Task) changed() {
	if t.rec.Change != "" {
		t.st.touch(t)
	}
}

func (t *Task) changedLazily() {
	if t.rec.Change != "" {
		t.st.touchLazily(t)
	}
}

// ID names the task; it is a number, never used again. It needs no lock.
func (t *Task) ID() string { return t.rec.ID }

// Kind says which handlers the task has. It needs no lock.
func (t *Task) Kind() string { return t.rec.Kind }

// Summary tells a person what it does. It needs no lock.
func (t *Task) Summary() string { return t.rec.Summary }

// SpawnTime is when the task was made. It needs no lock.
func (t *Task) SpawnTime() time.Time { return t.rec.Spawned }

// Status is how far the task has come.
func (t *Task) Status() Status {
	t.st.mustHold()
	return t.rec.Status
}

// SetStatus moves the task. A handler may set its own task Done (or Undone)
// together with its own data, which saves a commit. Ready changes are history:
// moving their tasks panics.
func (t *Task) SetStatus(to Status) {
	t.st.mustHold()
	if to == DefaultStatus {
		to = DoStatus
	}
	old := t.rec.Status
	if old == to {
		return
	}
	c := t.Change()
	if c != nil && !c.rec.Ready.IsZero() {
		panic(fmt.Sprintf("internal error: task %s of change %s, which is ready, cannot become %v", t.rec.ID, c.rec.ID, to))
	}
	t.move(to)
	if c == nil {
		return
	}
	c.counts[old]--
	c.counts[to]++
	t.st.touch(t)
	t.st.touched[c] = true
	for _, f := range t.st.taskObservers.all() {
		f(t, old, to)
	}
}

func (t *Task) move(to Status) {
	old := t.rec.Status
	t.rec.Status, t.rec.Waited, t.rec.Ready = to, DefaultStatus, time.Time{}
	switch {
	case to == WaitStatus:
		t.rec.Waited = old
	case to == AbortStatus, to == UndoStatus:
		t.rec.At = time.Time{} // it was the time of a retry of do
	case to.Ready():
		t.rec.Ready = t.st.now()
	}
	if old == WaitStatus {
		t.st.EnsureBefore(0)
	}
}

// ReadyTime is when the task got ready, or zero.
func (t *Task) ReadyTime() time.Time {
	t.st.mustHold()
	return t.rec.Ready
}

// DoingTime is how long the do handler has run, all its runs together; the
// present one is not yet counted.
func (t *Task) DoingTime() time.Duration {
	t.st.mustHold()
	return t.rec.Doing
}

// UndoingTime is how long the undo handler has run, as DoingTime.
func (t *Task) UndoingTime() time.Duration {
	t.st.mustHold()
	return t.rec.Undoing
}

// Change is the change the task is part of, or nil.
func (t *Task) Change() *Change {
	t.st.mustHold()
	return t.st.changes[t.rec.Change]
}

// At keeps the task from being started before when; zero: at once. It is not
// itself a reason to look: follow it by EnsureBefore. A crash may forget it.
func (t *Task) At(when time.Time) {
	t.st.mustHold()
	t.rec.At = when
	if !when.After(t.st.now()) {
		t.wakes++
	}
	t.changedLazily()
}

// AtTime is when the task may be started, or zero.
func (t *Task) AtTime() time.Time {
	t.st.mustHold()
	return t.rec.At
}

// WaitFor has the task done after other, and undone before it.
func (t *Task) WaitFor(other *Task) {
	t.st.mustHold()
	if slices.Contains(t.rec.WaitFor, other.rec.ID) {
		return
	}
	t.rec.WaitFor = append(t.rec.WaitFor, other.rec.ID)
	other.rec.Halts = append(other.rec.Halts, t.rec.ID)
	t.changed()
	other.changed()
}

// WaitAll has the task done after all of the set.
func (t *Task) WaitAll(ts *TaskSet) {
	for _, other := range ts.tasks {
		t.WaitFor(other)
	}
}

// WaitTasks gives the tasks that this one waits for.
func (t *Task) WaitTasks() []*Task {
	t.st.mustHold()
	return t.st.tasksOf(t.rec.WaitFor)
}

// HaltTasks gives the tasks that wait for this one.
func (t *Task) HaltTasks() []*Task {
	t.st.mustHold()
	return t.st.tasksOf(t.rec.Halts)
}

// JoinLane puts the task in a lane; it may be in several.
func (t *Task) JoinLane(lane int) {
	t.st.mustHold()
	if lane <= 0 {
		panic(fmt.Sprintf("internal error: lane %d was not given out by NewLane", lane))
	}
	if slices.Contains(t.rec.Lanes, lane) {
		return
	}
	t.rec.Lanes = append(t.rec.Lanes, lane)
	t.changed()
}

// Lanes gives the task's lanes; none: the whole change depends on it.
func (t *Task) Lanes() []int {
	t.st.mustHold()
	return slices.Clone(t.rec.Lanes)
}

// Get reads the value kept with the task under key into v, or returns ErrNoState.
func (t *Task) Get(key string, v any) error {
	t.st.mustHold()
	return getData(t.rec.Data, key, v)
}

// Has tells whether the task has a value under key.
func (t *Task) Has(key string) bool {
	t.st.mustHold()
	return t.rec.Data[key] != nil
}

// Set keeps v with the task; nil deletes. See [State.Set].
func (t *Task) Set(key string, v any) {
	t.st.mustHold()
	if setData(&t.rec.Data, fmt.Sprintf("entry %s of task %s", key, t.rec.Kind), key, v) {
		t.changed()
	}
}

func getData(data map[string]json.RawMessage, key string, v any) error {
	raw := data[key]
	if raw == nil {
		return ErrNoState
	}
	return json.Unmarshal(raw, v)
}

// setData tells whether it changed anything.
func setData(data *map[string]json.RawMessage, what, key string, v any) bool {
	if v == nil {
		_, had := (*data)[key]
		delete(*data, key)
		return had
	}
	raw := encode(what, v)
	if bytes.Equal((*data)[key], raw) {
		return false
	}
	if *data == nil {
		*data = map[string]json.RawMessage{}
	}
	(*data)[key] = raw
	return true
}
