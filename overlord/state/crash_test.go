package state_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pkgd.io/pkgd/overlord/state"
)

// machine is a host with side effects and a power switch: after each commit it
// keeps the file and the effects as a crash would have left them.
type machine struct {
	t    *testing.T
	path string

	mu      sync.Mutex
	effects map[string]bool
	log     []string
	images  []image
}

type image struct {
	file    string
	effects map[string]bool
}

func (m *machine) commit(commit func() error) error {
	err := commit()
	m.mu.Lock()
	defer m.mu.Unlock()
	file := fmt.Sprintf("%s.%d", m.path, len(m.images))
	copyFile(m.t, m.path, file)
	m.images = append(m.images, image{file, maps.Clone(m.effects)})
	return err
}

func (m *machine) handlers(r *state.TaskRunner) {
	effect := func(there bool) state.HandlerFunc {
		return func(_ context.Context, task *state.Task) error {
			m.mu.Lock()
			defer m.mu.Unlock()
			m.log = append(m.log, fmt.Sprint(task.Summary(), there))
			if task.Kind() == "fail" {
				return errors.New("failed")
			}
			m.effects[task.Summary()] = there
			return nil
		}
	}
	r.AddHandler("do", effect(true), effect(false))
	r.AddHandler("fail", effect(true), nil)
}

// end runs what is to be run, and tells how it ended.
func (m *machine) end(t *testing.T, s *state.State, r *state.TaskRunner) string {
	var c *state.Change
	locked(s, func() { c = s.Change("1") })
	startLoop(t, s, r)
	<-c.Ready()
	out := []string{}
	locked(s, func() {
		for _, task := range c.Tasks() {
			out = append(out, task.Summary()+" "+task.Status().String())
		}
	})
	return strings.Join(out, ", ") + fmt.Sprint(slices.Sorted(maps.Keys(m.present())))
}

func (m *machine) present() map[string]bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := maps.Clone(m.effects)
	maps.DeleteFunc(out, func(_ string, there bool) bool { return !there })
	return out
}

func TestACrashAfterAnyCommitEndsLikeNoCrash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &machine{t: t, path: filepath.Join(tempDir(t), "state.db"), effects: map[string]bool{}}
		s, err := state.OpenFaulty(m.path, state.Options{}, m.commit)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		r := state.NewTaskRunner(s)
		m.handlers(r)
		locked(s, func() {
			c := s.NewChange("k", "s")
			one, two := s.NewLane(), s.NewLane()
			for _, lane := range []int{one, two} {
				var last *state.Task
				for i := range 4 {
					kind := "do"
					if lane == two && i == 3 {
						kind = "fail"
					}
					task := s.NewTask(kind, fmt.Sprintf("%d.%d", lane, i))
					task.JoinLane(lane)
					if last != nil {
						task.WaitFor(last)
					}
					last = task
					c.AddTask(task)
				}
			}
		})
		want := m.end(t, s, r)
		if !strings.HasSuffix(want, "[1.0 1.1 1.2 1.3]") {
			t.Fatalf("ended with %s", want)
		}
		for i, img := range m.images {
			again := &machine{t: t, effects: img.effects}
			s := openAt(t, img.file, state.Options{})
			r := state.NewTaskRunner(s)
			again.handlers(r)
			if got := again.end(t, s, r); got != want {
				t.Errorf("after a crash at commit %d:\n got %s\nwant %s\n log %v", i, got, want, again.log)
			}
		}
		if len(m.images) < 8 {
			t.Errorf("only %d images", len(m.images))
		}
	})
}

func TestAPlannedStopLeavesTasksDoing(t *testing.T) {
	path := filepath.Join(tempDir(t), "state.db")
	runs := make(chan string, 10)
	life := func(f state.HandlerFunc) (*state.State, *state.TaskRunner) {
		s := openAt(t, path, state.Options{})
		r := state.NewTaskRunner(s)
		r.AddHandler("k", f, f)
		return s, r
	}
	s, r := life(func(ctx context.Context, task *state.Task) error {
		runs <- task.Summary()
		<-ctx.Done()
		if !errors.Is(context.Cause(ctx), state.ErrStopping) {
			t.Errorf("cause: %v", context.Cause(ctx))
		}
		if task.Summary() == "says nothing" {
			return nil
		}
		return errors.New("killed")
	})
	locked(s, func() {
		c := s.NewChange("k", "s")
		undo := s.NewTask("k", "undo")
		undo.SetStatus(state.UndoStatus)
		c.AddAll(state.NewTaskSet(s.NewTask("k", "says nothing"), s.NewTask("k", "says something"), undo))
	})
	r.Ensure()
	for range 3 {
		<-runs
	}
	r.Stop()
	r.Ensure() // does nothing any more
	s.Close()

	s, r = life(func(_ context.Context, task *state.Task) error {
		runs <- task.Summary()
		return nil
	})
	locked(s, func() {
		got := ""
		for _, task := range s.Change("1").Tasks() {
			got += task.Status().String() + " "
		}
		if got != "Doing Doing Undoing " {
			t.Errorf("statuses %s", got)
		}
	})
	r.Ensure()
	r.Wait()
	locked(s, func() {
		if got := s.Change("1").Status(); got != state.UndoneStatus || len(runs) != 3 {
			t.Errorf("%v after %d runs", got, len(runs))
		}
	})
}

func TestARetryThatWasPendingIsNotLostByARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(tempDir(t), "state.db")
		runs := 0
		life := func() (*state.State, *state.TaskRunner) {
			s := openAt(t, path, state.Options{})
			r := state.NewTaskRunner(s)
			r.AddHandler("k", func(context.Context, *state.Task) error {
				if runs++; runs == 1 {
					return &state.Retry{After: time.Hour}
				}
				return nil
			}, nil)
			return s, r
		}
		s, r := life()
		locked(s, func() { s.NewChange("k", "s").AddTask(s.NewTask("k", "s")) })
		r.Ensure()
		r.Wait()
		s.Close()
		s, r = life()
		start := time.Now()
		startLoop(t, s, r)
		var c *state.Change
		locked(s, func() { c = s.Change("1") })
		<-c.Ready()
		if runs != 2 || time.Since(start) != time.Hour {
			t.Errorf("%d runs, after %v", runs, time.Since(start))
		}
	})
}
