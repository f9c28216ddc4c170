package state

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// Change is a goal, reached when all of its tasks are ready.
type Change struct {
	st     *State
	rec    changeRecord
	number int
	ready  chan struct{}
	counts [numStatuses]int // of its tasks, while it is not ready
	shown  Status           // what observers were told last
	unread bool             // its data are on the disk only: it was ready when pkgd started
}

// changeRecord is a change on disk.
type changeRecord struct {
	ID       string                     `json:"id"`
	Kind     string                     `json:"kind"`
	Summary  string                     `json:"summary"`
	Tasks    []string                   `json:"tasks"`
	Spawned  time.Time                  `json:"spawned"`
	Ready    time.Time                  `json:"ready,omitzero"`
	Final    Status                     `json:"final,omitzero"` // once ready
	Failures []Failure                  `json:"failures,omitempty"`
	Aborted  bool                       `json:"aborted,omitempty"` // as a whole
	Dead     []int                      `json:"dead,omitempty"`    // aborted lanes
	Clean    bool                       `json:"clean,omitempty"`   // cleanup handlers have run
	Data     map[string]json.RawMessage `json:"data,omitempty"`    // last, see readHeadline
}

func newChange(s *State, rec changeRecord) *Change {
	n, _ := strconv.Atoi(rec.ID)
	return &Change{st: s, rec: rec, number: n, ready: make(chan struct{}), shown: DoStatus}
}

func olderChange(a, b *Change) int { return cmp.Compare(a.number, b.number) }

func (c *Change) slot() slot { return slot{changeBucket, idKey(c.rec.ID)} }

func (c *Change) encode() []byte {
	if c.st.changes[c.rec.ID] != c {
		return nil // pruned
	}
	return mustMarshal(c.rec)
}

// ID names the change; it is a number, never used again. It needs no lock.
func (c *Change) ID() string { return c.rec.ID }

// Kind says what sort of change it is. It needs no lock.
func (c *Change) Kind() string { return c.rec.Kind }

// Summary tells a person what it does. It needs no lock.
func (c *Change) Summary() string { return c.rec.Summary }

// Ready gives a channel that is closed when the change is ready and this is on
// disk (or cannot be written). It needs no lock.
func (c *Change) Ready() <-chan struct{} { return c.ready }

// SpawnTime is when the change began. It needs no lock.
func (c *Change) SpawnTime() time.Time { return c.rec.Spawned }

// ReadyTime is when the change got ready, or zero.
func (c *Change) ReadyTime() time.Time {
	c.st.mustHold()
	return c.rec.Ready
}

// Status is what the change's tasks make of it.
func (c *Change) Status() Status {
	c.st.mustHold()
	return c.status()
}

func (c *Change) status() Status {
	if !c.rec.Ready.IsZero() {
		return c.rec.Final
	}
	for _, s := range changeOrder {
		if c.counts[s] > 0 {
			return s
		}
	}
	return DoStatus
}

// IsReady tells whether all is done, undone, on hold or failed.
func (c *Change) IsReady() bool { return c.Status().Ready() }

// Err gives what went wrong, a *ChangeError, or nil when nothing did.
func (c *Change) Err() error {
	c.st.mustHold()
	failures := c.rec.Failures
	if c.rec.Ready.IsZero() {
		failures = c.failures()
	}
	if len(failures) == 0 {
		return nil
	}
	return &ChangeError{slices.Clone(failures)}
}

func (c *Change) failures() (out []Failure) {
	if c.counts[ErrorStatus] == 0 {
		return nil
	}
	for _, t := range c.Tasks() {
		if t.rec.Status == ErrorStatus {
			out = append(out, Failure{t.rec.ID, t.rec.Kind, t.rec.Summary, t.rec.Failure})
		}
	}
	return out
}

// Tasks gives the change's tasks in the order in which they were added.
func (c *Change) Tasks() []*Task {
	c.st.mustHold()
	return c.st.tasksOf(c.rec.Tasks)
}

func (s *State) tasksOf(ids []string) []*Task {
	tasks := make([]*Task, 0, len(ids))
	for _, id := range ids {
		if t := s.Task(id); t != nil {
			tasks = append(tasks, t)
		}
	}
	return tasks
}

// AddTask adds a task, which is kept from now on. Handlers may add tasks to
// their own change while it is not ready.
func (c *Change) AddTask(t *Task) {
	c.st.mustHold()
	if t.rec.Change != "" {
		panic(fmt.Sprintf("internal error: task %s is already in change %s", t.rec.ID, t.rec.Change))
	}
	if !c.rec.Ready.IsZero() {
		panic(fmt.Sprintf("internal error: cannot add task %s to change %s, which is ready", t.rec.ID, c.rec.ID))
	}
	t.rec.Change = c.rec.ID
	c.rec.Tasks = append(c.rec.Tasks, t.rec.ID)
	c.counts[t.rec.Status]++
	c.st.touch(c)
	c.st.touch(t)
	c.st.touched[c] = true
}

// AddAll adds a set of tasks.
func (c *Change) AddAll(ts *TaskSet) {
	for _, t := range ts.tasks {
		c.AddTask(t)
	}
}

// settle is called at the end of a lock section in which tasks of the change
// got another status.
func (c *Change) settle() {
	if c.rec.Ready.IsZero() && (len(c.rec.Tasks) == 0 || c.status().Ready()) {
		c.becomeReady()
	}
	old, now := c.shown, c.status()
	if old == now {
		return
	}
	c.shown = now
	for _, f := range c.st.changeObservers.all() {
		f(c, old, now)
	}
}

func (c *Change) becomeReady() {
	s := c.st
	c.rec.Failures = c.failures()
	c.rec.Final = c.status()
	if len(c.rec.Tasks) == 0 {
		c.rec.Final = DoneStatus
	}
	c.rec.Ready = s.now()
	delete(s.open, c.rec.ID)
	s.unclean[c.rec.ID] = c
	s.readied = append(s.readied, c)
	s.touch(c)
	s.EnsureBefore(0)
}

// Get reads the value kept with the change under key into v, or returns ErrNoState.
func (c *Change) Get(key string, v any) error {
	c.st.mustHold()
	c.readData()
	return getData(c.rec.Data, key, v)
}

// Has tells whether the change has a value under key.
func (c *Change) Has(key string) bool {
	c.st.mustHold()
	c.readData()
	return c.rec.Data[key] != nil
}

// Set keeps v with the change; nil deletes. See [State.Set].
func (c *Change) Set(key string, v any) {
	c.st.mustHold()
	c.readData()
	if setData(&c.rec.Data, fmt.Sprintf("entry %s of change %s", key, c.rec.Kind), key, v) {
		c.st.touch(c)
	}
}
