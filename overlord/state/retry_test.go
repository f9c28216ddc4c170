package state_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"pkgd.io/pkgd/overlord/state"
)

func TestAWaitingRetryIsWokenByClearingItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t)
		runs := 0
		g.handle("k", func(*state.Task) error {
			if runs++; runs == 1 {
				return &state.Retry{After: time.Hour, Reason: "too early"}
			}
			return nil
		}, nil)
		c, tasks := g.chain("k")
		startLoop(t, g.s, g.r)
		start := time.Now()
		synctest.Wait()
		g.s.EnsureBefore(0) // alone it does not
		synctest.Wait()
		locked(g.s, func() {
			if runs != 1 || !tasks[0].AtTime().Equal(start.Add(time.Hour)) || tasks[0].Status() != state.DoingStatus {
				t.Errorf("%d runs, at %v, %v", runs, tasks[0].AtTime(), tasks[0].Status())
			}
			tasks[0].At(time.Time{})
		})
		g.s.EnsureBefore(0)
		<-c.Ready()
		if runs != 2 || time.Since(start) != 0 {
			t.Errorf("%d runs after %v", runs, time.Since(start))
		}
	})
}

func TestAWakeUpDuringTheRunIsNotLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t)
		runs := 0
		g.handle("k", func(task *state.Task) error {
			if runs++; runs == 1 {
				locked(g.s, func() { task.At(time.Time{}) }) // by somebody, while it is on its way out
				return &state.Retry{After: time.Hour}
			}
			return nil
		}, nil)
		c, _ := g.chain("k")
		startLoop(t, g.s, g.r)
		start := time.Now()
		<-c.Ready()
		if time.Since(start) != 0 {
			t.Errorf("slept for %v", time.Since(start))
		}
	})
}

func TestATaskStartsNoSoonerThanItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t)
		g.handle("k", nothing, nil)
		start := time.Now()
		c, tasks := g.chain("k")
		locked(g.s, func() { tasks[0].At(start.Add(time.Minute)) })
		startLoop(t, g.s, g.r)
		<-c.Ready()
		if time.Since(start) != time.Minute {
			t.Errorf("after %v", time.Since(start))
		}
	})
}

func TestTimesOfRunsAddUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t)
		slow := func(d time.Duration) state.HandlerFunc {
			runs := 0
			return func(context.Context, *state.Task) error {
				time.Sleep(d)
				if runs++; runs == 1 {
					return &state.Retry{}
				}
				return nil
			}
		}
		g.r.AddHandler("slow", slow(time.Second), slow(time.Minute))
		g.handle("fail", func(*state.Task) error { return errors.New("no") }, nil)
		c, tasks := g.chain("slow", "fail")
		startLoop(t, g.s, g.r)
		<-c.Ready()
		locked(g.s, func() {
			task := tasks[0]
			if task.DoingTime() != 2*time.Second || task.UndoingTime() != 2*time.Minute || task.ReadyTime().Sub(task.SpawnTime()) != 122*time.Second {
				t.Errorf("doing %v, undoing %v", task.DoingTime(), task.UndoingTime())
			}
			if !c.ReadyTime().Equal(task.ReadyTime()) {
				t.Errorf("change ready %v after its task", c.ReadyTime().Sub(task.ReadyTime()))
			}
		})
	})
}

func TestAbortOfATaskThatWaitsForItsRetryUndoesIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t)
		undone := false
		g.handle("k", func(*state.Task) error { return &state.Retry{After: time.Hour} },
			func(*state.Task) error { undone = true; return nil })
		c, _ := g.chain("k")
		startLoop(t, g.s, g.r)
		synctest.Wait()
		start := time.Now()
		locked(g.s, c.Abort)
		<-c.Ready()
		if !undone || time.Since(start) != 0 {
			t.Errorf("undone %v after %v", undone, time.Since(start))
		}
	})
}
