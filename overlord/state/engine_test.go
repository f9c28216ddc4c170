package state_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"pkgd.io/pkgd/overlord/state"
)

// rig is a state with a runner whose handlers a test names.
type rig struct {
	s *state.State
	r *state.TaskRunner
}

func newRig(t testing.TB) rig {
	s := openAt(t, filepath.Join(tempDir(t), "state.db"), state.Options{})
	return rig{s, state.NewTaskRunner(s)}
}

func (g rig) handle(kind string, do, undo func(task *state.Task) error) {
	wrap := func(f func(*state.Task) error) state.HandlerFunc {
		if f == nil {
			return nil
		}
		return func(_ context.Context, task *state.Task) error { return f(task) }
	}
	g.r.AddHandler(kind, wrap(do), wrap(undo))
}

// chain makes a change of tasks that wait for one another.
func (g rig) chain(kinds ...string) (c *state.Change, tasks []*state.Task) {
	locked(g.s, func() {
		c = g.s.NewChange("chain", "chain")
		for _, kind := range kinds {
			task := g.s.NewTask(kind, kind)
			if len(tasks) > 0 {
				task.WaitFor(tasks[len(tasks)-1])
			}
			tasks = append(tasks, task)
			c.AddTask(task)
		}
	})
	return c, tasks
}

func (g rig) status(task *state.Task) (st state.Status) {
	locked(g.s, func() { st = task.Status() })
	return st
}

func nothing(*state.Task) error { return nil }

func TestATaskFromDoToDoneTakesThreeCommits(t *testing.T) {
	g := newRig(t)
	g.handle("k", func(task *state.Task) error {
		locked(g.s, func() { task.Set("result", 1); task.Logf("done") })
		return nil
	}, nil)
	c, _ := g.chain("k")
	before := g.s.Commits()
	g.r.Ensure()
	<-c.Ready()
	if n := g.s.Commits() - before; n != 3 {
		t.Errorf("one task took %d commits", n)
	}
	c, _ = g.chain("k", "k", "k", "k", "k")
	before = g.s.Commits()
	g.r.Ensure()
	<-c.Ready()
	if n := g.s.Commits() - before; n != 11 {
		t.Errorf("five tasks took %d commits, want 11: the next Doing shares the commit of a Done", n)
	}
}

func TestTasksThatAreReadyTogetherShareTheirCommit(t *testing.T) {
	g := newRig(t)
	var begun []uint64
	g.handle("k", func(*state.Task) error {
		g.s.Lock()
		defer g.s.Unlock()
		begun = append(begun, g.s.Commits())
		return nil
	}, nil)
	var c *state.Change
	locked(g.s, func() {
		c = g.s.NewChange("k", "s")
		for range 20 {
			c.AddTask(g.s.NewTask("k", "s"))
		}
	})
	before := g.s.Commits()
	g.r.Ensure()
	<-c.Ready()
	if begun[0] != before+1 {
		t.Errorf("20 tasks began after %d commits", begun[0]-before)
	}
}

func TestAHandlerThatSetsDoneSavesACommit(t *testing.T) {
	g := newRig(t)
	g.handle("k", func(task *state.Task) error {
		locked(g.s, func() { task.Set("result", 1); task.SetStatus(state.DoneStatus) })
		return nil
	}, nil)
	c, _ := g.chain("k")
	before := g.s.Commits()
	g.r.Ensure()
	<-c.Ready()
	if n := g.s.Commits() - before; n != 2 {
		t.Errorf("%d commits", n)
	}
}

func TestObserversSeeTasksAtOnceAndChangesAtUnlock(t *testing.T) {
	g := newRig(t)
	g.handle("ok", nothing, nothing)
	g.handle("fail", func(*state.Task) error { return errors.New("no") }, nil)
	var got []string
	g.s.OnTaskStatus(func(task *state.Task, old, now state.Status) {
		got = append(got, fmt.Sprintf("%s:%v>%v", task.Kind(), old, now))
	})
	g.s.OnChangeStatus(func(_ *state.Change, old, now state.Status) {
		got = append(got, fmt.Sprintf("%v>%v", old, now))
	})
	c, _ := g.chain("ok", "fail")
	g.r.Ensure()
	<-c.Ready()
	g.r.Wait()
	want := "ok:Do>Doing Do>Doing ok:Doing>Done fail:Do>Doing fail:Doing>Error ok:Done>Undo ok:Undo>Undoing Doing>Undoing ok:Undoing>Undone Undoing>Error"
	if d := cmp.Diff(strings.Fields(want), got); d != "" {
		t.Error(d)
	}
}

func TestAnObserverMayWrite(t *testing.T) {
	g := newRig(t)
	g.handle("ok", nothing, nil)
	g.s.OnChangeStatus(func(c *state.Change, _, now state.Status) {
		if now == state.DoneStatus {
			c.Set("seen", true)
			g.s.Append("seen", c.ID())
		}
	})
	c, _ := g.chain("ok")
	g.r.Ensure()
	<-c.Ready()
	if len(entries(t, g.s, "seen")) != 1 {
		t.Error("it is not in the journal")
	}
}

func TestErrNamesWhatWentWrong(t *testing.T) {
	g := newRig(t)
	g.handle("ok", nothing, func(*state.Task) error { return errors.New("cannot go back") })
	g.handle("fail", func(*state.Task) error { return errors.New("cannot go on") }, nil)
	c, tasks := g.chain("ok", "fail")
	locked(g.s, func() {
		if err := c.Err(); err != nil {
			t.Error(err)
		}
	})
	g.r.Ensure()
	<-c.Ready()
	locked(g.s, func() {
		var err *state.ChangeError
		if !errors.As(c.Err(), &err) || err.Error() != "cannot go back; cannot go on" || err.Failures[1].Kind != "fail" {
			t.Errorf("got %v", c.Err())
		}
		if log := tasks[1].Log(); len(log) != 1 || !strings.HasSuffix(log[0], " ERROR cannot go on") {
			t.Errorf("log: %q", log)
		}
	})
}

func TestATaskOfUnknownKindFails(t *testing.T) {
	g := newRig(t)
	g.handle("ok", nothing, nothing)
	c, tasks := g.chain("ok", "from-the-future")
	g.r.Ensure()
	<-c.Ready()
	if g.status(tasks[0]) != state.UndoneStatus || g.status(tasks[1]) != state.ErrorStatus {
		t.Errorf("%v, %v", g.status(tasks[0]), g.status(tasks[1]))
	}
}

func TestAHandlerMayAddTasks(t *testing.T) {
	g := newRig(t)
	g.handle("ok", nothing, nil)
	g.handle("add", func(task *state.Task) error {
		locked(g.s, func() {
			c := task.Change()
			after := g.s.NewTask("ok", "after")
			after.WaitFor(task)
			c.AddAll(state.NewTaskSet(after, g.s.NewTask("ok", "beside")))
		})
		return nil
	}, nil)
	c, _ := g.chain("add")
	startLoop(t, g.s, g.r)
	<-c.Ready()
	locked(g.s, func() {
		if c.Status() != state.DoneStatus || len(c.Tasks()) != 3 {
			t.Errorf("%v with %d tasks", c.Status(), len(c.Tasks()))
		}
	})
}

func TestTasksAddedToWhatIsAbortedAreHeld(t *testing.T) {
	g := newRig(t)
	var lane int
	locked(g.s, func() { lane = g.s.NewLane() })
	late := map[string]*state.Task{}
	add := func(task *state.Task) error {
		locked(g.s, func() {
			after := g.s.NewTask("never", "after")
			after.WaitFor(task)
			beside := g.s.NewTask("never", "beside")
			beside.JoinLane(lane)
			late["after"], late["beside"] = after, beside
			task.Change().AddAll(state.NewTaskSet(after, beside))
		})
		return nil
	}
	g.handle("never", func(task *state.Task) error {
		t.Errorf("%s was done", task.Summary())
		return nil
	}, nil)
	for name, abort := range map[string]func(c *state.Change){
		"change": func(c *state.Change) { c.Abort() },
		"lane":   func(c *state.Change) { c.AbortLanes([]int{lane}) },
	} {
		g.handle("add", func(task *state.Task) error {
			locked(g.s, func() { abort(task.Change()) })
			return add(task)
		}, nil)
		c, tasks := g.chain("add")
		locked(g.s, func() { tasks[0].JoinLane(lane) })
		startLoop(t, g.s, g.r)
		<-c.Ready()
		if a, b := g.status(late["after"]), g.status(late["beside"]); a != state.HoldStatus || b != state.HoldStatus {
			t.Errorf("abort of the %s: after %v, beside %v", name, a, b)
		}
	}
}

func TestAbortBeforeTheHandlerEverStarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t)
		g.handle("k", nothing, nothing)
		c, tasks := g.chain("k")
		locked(g.s, c.Abort)
		<-c.Ready() // without a runner's help
		if got := g.status(tasks[0]); got != state.HoldStatus {
			t.Error(got)
		}
		locked(g.s, c.Abort) // again, and of a ready change: nothing
	})
}

func TestCleanupRunsOnceTheChangeIsReady(t *testing.T) {
	path := filepath.Join(tempDir(t), "state.db")
	s := openAt(t, path, state.Options{})
	var got []string
	r := state.NewTaskRunner(s)
	r.AddHandler("k", func(_ context.Context, task *state.Task) error {
		if task.Summary() == "b" {
			return errors.New("no")
		}
		return nil
	}, nil)
	cleanup := func(_ context.Context, task *state.Task) error {
		s.Lock()
		defer s.Unlock()
		got = append(got, fmt.Sprint(task.Summary(), task.Change().IsReady()))
		if len(got) == 1 {
			return &state.Retry{}
		}
		return errors.New("shrug")
	}
	r.AddCleanup("k", cleanup)
	locked(s, func() {
		c := s.NewChange("k", "s")
		b := s.NewTask("k", "b")
		a := s.NewTask("k", "a")
		b.WaitFor(a)
		c.AddAll(state.NewTaskSet(a, b))
	})
	for range 5 {
		r.Ensure()
		r.Wait()
	}
	r.Stop()
	s.Close()
	s = openAt(t, path, state.Options{})
	r = state.NewTaskRunner(s)
	r.AddCleanup("k", cleanup)
	r.Ensure()
	r.Wait()
	if d := cmp.Diff([]string{"atrue", "btrue", "atrue", "btrue"}, got); d != "" {
		t.Error(d)
	}
}

func TestAChangeWithoutTasksIsDone(t *testing.T) {
	s := openState(t)
	asked := 0
	s.SetEnsure(func(time.Duration) { asked++ })
	var c *state.Change
	locked(s, func() { c = s.NewChange("k", "s") })
	<-c.Ready()
	locked(s, func() {
		if c.Status() != state.DoneStatus || !c.IsReady() || asked != 1 {
			t.Error(c.Status(), asked)
		}
		defer func() {
			if recover() == nil {
				t.Error("a ready change took a task")
			}
		}()
		c.AddTask(s.NewTask("k", "s"))
	})
}

func TestAReadyChangeIsReadBackWhenAskedFor(t *testing.T) {
	path := filepath.Join(tempDir(t), "state.db")
	s := openAt(t, path, state.Options{})
	g := rig{s, state.NewTaskRunner(s)}
	g.handle("k", nothing, nil)
	c, tasks := g.chain("k", "k")
	locked(s, func() { c.Set("who", "me"); tasks[1].Set("n", 7); tasks[0].SetProgress("copy", 1, 2) })
	g.r.Ensure()
	<-c.Ready()
	g.r.Stop()
	s.Close()
	s = openAt(t, path, state.Options{})
	s.Lock()
	defer s.Unlock()
	c = s.Change(c.ID())
	<-c.Ready()
	var who string
	if c.Get("who", &who); who != "me" || c.Status() != state.DoneStatus || c.ReadyTime().IsZero() || c.Has("other") {
		t.Errorf("%s %v %v", who, c.Status(), c.ReadyTime())
	}
	task := s.Task(tasks[1].ID())
	n := 0
	if task.Get("n", &n); n != 7 || task.Change() != c || task.WaitTasks()[0] != c.Tasks()[0] || c.Tasks()[0].HaltTasks()[0] != task {
		t.Errorf("task %v of %v", task, c.Tasks())
	}
	if label, done, total := c.Tasks()[0].Progress(); label != "" || done != 0 || total != 0 {
		t.Error("progress outlived the run")
	}
	for _, id := range []string{"", "x", "99", "-1"} {
		if s.Task(id) != nil || s.Change(id) != nil {
			t.Errorf("there is something at %q", id)
		}
	}
}

func TestStatusesHaveNames(t *testing.T) {
	for st := state.DefaultStatus; st <= state.WaitStatus; st++ {
		b, _ := st.MarshalText()
		var back state.Status
		if err := back.UnmarshalText(b); err != nil || back != st {
			t.Errorf("%v came back as %v: %v", st, back, err)
		}
	}
	var st state.Status
	if st.UnmarshalText([]byte("Dong")) == nil {
		t.Error("an unknown status was read")
	}
	if got := state.Status(99).String(); got != "Status(99)" {
		t.Error(got)
	}
}
