package healthstate_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pkgd.io/pkgd/healthstate"
	"pkgd.io/pkgd/hookrunner"
	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/overlord/state"
)

func TestTenChecksAtTheSameTimeRunTheHookOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, always(answer{status: "active", takes: time.Second}), healthstate.Options{})
		h.Track(target("web", 1))
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() {
				recs, err := h.Check(t.Context(), []string{"web"}, hookrunner.PhaseManual)
				if err != nil || len(recs) != 1 || word(recs[0]) != "active" || recs[0].Output != "output of check-health" {
					t.Errorf("%+v, %v", recs, err)
				}
			})
		}
		all.Wait()
		if runs := h.run.of("web"); len(runs) != 1 || runs[0].Phase != hookrunner.PhaseManual || runs[0].Gentle {
			t.Errorf("%d runs", len(runs))
		}
	})
}

func TestCheckWithoutNamesRunsEveryPackageWithAHookAFewAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, always(answer{status: "active", takes: 100 * time.Millisecond}), healthstate.Options{Concurrency: 4})
		for i := range 40 {
			tgt := target(fmt.Sprintf("p%02d", i), 1)
			tgt.Hook = i%4 != 0
			h.Track(tgt)
		}
		recs, err := h.Check(t.Context(), nil, hookrunner.PhaseManual)
		if err != nil || len(recs) != 30 {
			t.Fatalf("%d records, %v", len(recs), err)
		}
		if !slices.IsSortedFunc(recs, func(a, b api.Record) int { return len(a.Package) - len(b.Package) }) || word(recs[7]) != "active" {
			t.Errorf("%v", recs)
		}
		if h.run.peak() != 4 {
			t.Errorf("%d at once", h.run.peak())
		}
	})
}

func TestCheckOfAnUnknownPackageRunsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, always(active), healthstate.Options{})
		h.Track(target("web", 1))
		for _, names := range [][]string{{"wbe"}, {"web", "wbe"}} {
			var refusal *api.Error
			if _, err := h.Check(t.Context(), names, hookrunner.PhaseManual); !errors.As(err, &refusal) || refusal.Kind != api.ErrNotInstalled {
				t.Errorf("%v", err)
			}
		}
		if n := len(h.run.of("web")); n != 0 {
			t.Errorf("%d runs", n)
		}
	})
}

func TestCheckRunsThoughEverySlotAtRestIsTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, always(answer{status: "active", takes: 900 * time.Millisecond}), healthstate.Options{Interval: time.Second, Concurrency: 1})
		h.start(t)
		for i := range 50 {
			h.Track(target(fmt.Sprintf("p%02d", i), 1))
		}
		pass(minutes(2))
		h.Track(target("web", 1))
		begin := time.Now()
		if _, err := h.Check(t.Context(), []string{"web"}, hookrunner.PhaseManual); err != nil || time.Since(begin) > time.Second {
			t.Errorf("after %v: %v", time.Since(begin), err)
		}
	})
}

func TestARunOutlivesTheCallerWhoAskedForIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, always(answer{status: "active", takes: time.Minute}), healthstate.Options{})
		h.Track(target("web", 1))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := h.Check(ctx, []string{"web"}, hookrunner.PhaseManual); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		pass(time.Minute)
		if got := word(h.record(t, "web")); got != "active" {
			t.Error(got)
		}
	})
}

func TestBetweenSwitchAndVerdictNothingRunsAtRestAndCheckJoinsTheVerdict(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, always(answer{status: "active", takes: 100 * time.Millisecond}), healthstate.Options{Interval: time.Second, Bake: time.Second})
		h.Track(target("web", 1))
		h.start(t)
		pass(minutes(1))
		h.Pause("web")
		before := len(h.run.of("web"))
		var all sync.WaitGroup
		all.Go(func() {
			recs, err := h.Check(t.Context(), []string{"web"}, hookrunner.PhaseManual)
			if err != nil || recs[0].Revision != 2 || recs[0].Phase != "after" {
				t.Errorf("%+v, %v", recs, err)
			}
		})
		pass(minutes(1))
		if n := len(h.run.of("web")) - before; n != 0 {
			t.Errorf("%d runs while paused", n)
		}
		h.Track(target("web", 2))
		h.Refreshing("web", 2)
		if _, err := h.Judge(t.Context(), target("web", 2), healthstate.JudgeOptions{}); err != nil {
			t.Fatal(err)
		}
		all.Wait()
		if n := len(h.run.of("web")) - before; n != 2 {
			t.Errorf("%d runs in the window, want the verdict's two", n)
		}
		h.Resume("web")
		pass(3 * time.Second)
		if n := len(h.run.of("web")) - before; n < 4 {
			t.Errorf("%d runs after the window", n-2)
		}
	})
}

func TestPauseEndsARunUnderWayAndItsWordsDoNotCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, always(answer{status: "error", takes: 20 * time.Second}), healthstate.Options{Interval: time.Second})
		h.Track(target("web", 1))
		h.start(t)
		pass(10 * time.Second)
		begin := time.Now()
		h.Pause("web")
		if h.run.under("web") != 0 || time.Since(begin) != 0 {
			t.Errorf("%d runs under way after Pause, which took %v", h.run.under("web"), time.Since(begin))
		}
		if got := word(h.record(t, "web")); got != "unknown" {
			t.Error(got)
		}
	})
}

func TestACheckThatAPauseEndsWaitsForTheVerdict(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, always(answer{status: "active", takes: 10 * time.Second}), healthstate.Options{})
		h.Track(target("web", 1))
		var all sync.WaitGroup
		all.Go(func() {
			recs, err := h.Check(t.Context(), []string{"web"}, hookrunner.PhaseManual)
			if err != nil || recs[0].Phase != "after" {
				t.Errorf("%+v, %v", recs, err)
			}
		})
		pass(time.Second)
		h.Pause("web")
		if _, err := h.Judge(t.Context(), target("web", 1), healthstate.JudgeOptions{}); err != nil {
			t.Error(err)
		}
		all.Wait()
	})
}

func TestAChangeEndsARunAtRestAndWaitsForOneByHand(t *testing.T) {
	for phase, wait := range map[hookrunner.Phase]time.Duration{hookrunner.PhaseRest: 0, hookrunner.PhaseManual: 9 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			h := build(t, always(answer{status: "active", takes: 10 * time.Second}), healthstate.Options{Interval: time.Second})
			h.Track(target("web", 1))
			var all sync.WaitGroup
			if phase == hookrunner.PhaseRest {
				h.start(t)
				for h.run.under("web") == 0 {
					pass(100 * time.Millisecond)
				}
			} else {
				all.Go(func() {
					if _, err := h.Check(t.Context(), []string{"web"}, phase); err != nil {
						t.Error(err)
					}
				})
				pass(time.Second)
			}
			begin := time.Now()
			if _, err := h.RunOnce(t.Context(), target("web", 1), hookrunner.PhaseBefore); err != nil {
				t.Error(err)
			}
			if got := time.Since(begin) - 10*time.Second; got != wait {
				t.Errorf("waited %v for a run of phase %s, want %v", got, phase, wait)
			}
			all.Wait()
		})
	}
}

func TestNoRecordAfterRemove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, inTurn(active, answer{status: "error", takes: time.Minute}), healthstate.Options{Interval: time.Second})
		h.Track(target("web", 1))
		h.start(t)
		pass(10 * time.Second)
		h.Untrack("web")
		if h.run.under("web") != 0 {
			t.Error("the run of a removed package goes on")
		}
		pass(time.Hour)
		if _, ok := h.Record("web"); ok || len(h.Host().Packages) != 0 || h.Host().Level != healthstate.LevelUnknown {
			t.Errorf("left behind: %+v", h.Host())
		}
		if _, err := h.History("web", 0); err == nil {
			t.Error("a removed package has a history")
		}
		h.st.Lock()
		if keys := h.st.Keys("health/"); len(keys) != 0 {
			t.Errorf("left behind: %q", keys)
		}
		h.st.Unlock()
		h.Track(target("web", 1))
		if list, err := h.History("web", 0); err != nil || len(list) != 0 {
			t.Errorf("installed once more: %v, %v", list, err)
		}
	})
}

func TestARecordIsWrittenOnlyForThePackageThatIsStillTheOneAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		current := 1
		h := build(t, inTurn(active, broken), healthstate.Options{Exists: func(st *state.State, name string, rev int) bool {
			return st.Has("package/"+name) && rev == current
		}})
		h.st.Lock()
		h.st.Set("package/web", true)
		h.st.Unlock()
		h.Track(target("web", 1))
		if _, err := h.RunOnce(t.Context(), target("web", 1), hookrunner.PhaseManual); err != nil {
			t.Fatal(err)
		}
		current = 2
		if o, err := h.RunOnce(t.Context(), target("web", 1), hookrunner.PhaseManual); err != nil || o.Status() != healthstate.Error {
			t.Fatalf("%s, %v", o.Status(), err)
		}
		if got := word(h.record(t, "web")); got != "active" {
			t.Errorf("record %s, though revision 1 is no longer current", got)
		}
		if _, err := h.Check(t.Context(), []string{"web"}, hookrunner.PhaseManual); err == nil {
			t.Error("a check that never counts says so")
		}
		if o, err := h.RunOnce(t.Context(), target("other", 1), hookrunner.PhaseManual); err != nil || o.Status() != healthstate.Active {
			t.Errorf("a package that is not tracked can be asked all the same: %v", err)
		}
	})
}

func TestAManagerThatStopsLetsNobodyWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, always(answer{status: "active", takes: time.Hour}), healthstate.Options{})
		h.Track(target("web", 1))
		h.Track(target("db", 1))
		h.Pause("db")
		time.AfterFunc(time.Second, h.Stop)
		var all sync.WaitGroup
		for _, name := range []string{"web", "db"} {
			all.Go(func() {
				if _, err := h.Check(t.Context(), []string{name}, hookrunner.PhaseManual); !errors.Is(err, state.ErrStopping) {
					t.Errorf("%s: %v", name, err)
				}
			})
		}
		all.Wait()
	})
}
