package healthstate_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"pkgd.io/pkgd/healthstate"
	"pkgd.io/pkgd/hookrunner"
	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/service"
)

func TestFirstRunsAreSpreadOverTheInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, always(active), healthstate.Options{Interval: minutes(5)})
		h.start(t)
		begin := time.Now()
		for i := range 100 {
			h.Track(target(fmt.Sprintf("p%02d", i), 1))
		}
		pass(minutes(5))
		thirds := [3]int{}
		for i := range 100 {
			runs := h.run.of(fmt.Sprintf("p%02d", i))
			if len(runs) == 0 {
				t.Fatalf("p%02d has not run within the interval", i)
			}
			thirds[min(int(runs[0].at.Sub(begin)*3/minutes(5)), 2)]++
		}
		for _, n := range thirds {
			if n < 10 {
				t.Errorf("first runs by thirds of the interval: %v", thirds)
			}
		}
		if first := h.run.of("p00")[0]; first.Phase != hookrunner.PhaseRest || !first.Gentle {
			t.Error("a run at rest has the phase rest and is gentle")
		}
	})
}

// gaps are the times between the runs of a package.
func gaps(runs []started) (list []time.Duration) {
	for i := 1; i < len(runs); i++ {
		list = append(list, runs[i].at.Sub(runs[i-1].at))
	}
	return list
}

func within(t *testing.T, what string, got, want time.Duration) {
	t.Helper()
	if got < want*8/10 || got > want*12/10 {
		t.Errorf("%s: %v, want %v give or take a fifth", what, got, want)
	}
}

func TestAnActivePackageIsAskedEveryIntervalGiveOrTakeAFifth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, always(active), healthstate.Options{Interval: minutes(5)})
		h.Track(target("web", 1))
		h.start(t)
		pass(24 * time.Hour)
		all := gaps(h.run.of("web"))
		short, long := 0, 0
		for _, gap := range all {
			within(t, "gap", gap, minutes(5))
			if gap < minutes(5) {
				short++
			} else {
				long++
			}
		}
		if len(all) < 250 || short < len(all)/4 || long < len(all)/4 {
			t.Errorf("%d gaps in a day, %d short and %d long: no jitter", len(all), short, long)
		}
	})
}

func TestAnUnwellPackageIsAskedSoonerAndThenLessAndLess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, inTurn(active, broken, broken, waiting, broken, broken, broken, active), healthstate.Options{})
		h.Track(target("web", 1))
		h.start(t)
		pass(2 * time.Hour)
		want := []time.Duration{300, 30, 60, 120, 240, 300, 300, 300, 300}
		for i, gap := range gaps(h.run.of("web"))[:len(want)] {
			within(t, fmt.Sprintf("gap %d", i), gap, want[i]*time.Second)
		}
	})
}

func TestAPackageMayLengthenTheInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, always(active), healthstate.Options{Interval: time.Minute})
		long, short := target("long", 1), target("short", 1)
		long.Interval, short.Interval = minutes(10), time.Second
		h.Track(long)
		h.Track(short)
		h.start(t)
		pass(time.Hour)
		within(t, "lengthened", gaps(h.run.of("long"))[0], minutes(10))
		within(t, "shortened in vain", gaps(h.run.of("short"))[0], time.Minute)
	})
}

func TestAChangedIntervalAppliesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, always(active), healthstate.Options{Interval: 10 * time.Hour})
		h.Track(target("web", 1))
		h.start(t)
		pass(11 * time.Hour)
		before := len(h.run.of("web"))
		h.Configure(healthstate.Options{Interval: time.Second})
		pass(2 * time.Second)
		if n := len(h.run.of("web")) - before; n < 1 {
			t.Errorf("%d runs in the 2 s after the interval became 1 s", n)
		}
		slow := target("web", 1)
		slow.Interval = time.Hour
		h.Track(slow)
		before = len(h.run.of("web"))
		pass(minutes(30))
		if n := len(h.run.of("web")) - before; n != 0 {
			t.Errorf("%d runs in the half hour after the package asked for one an hour", n)
		}
	})
}

func TestTwoHungHooksStopNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFakeRunner(func(run hookrunner.Run, _ int) answer {
			if strings.HasPrefix(run.Name, "hung") {
				return answer{timeout: true, takes: time.Hour}
			}
			return active
		})
		h := build(t, r, healthstate.Options{Interval: minutes(1), Concurrency: 2})
		h.start(t)
		for _, name := range []string{"hung1", "hung2", "web", "db"} {
			h.Track(target(name, 1))
		}
		pass(minutes(30))
		for _, name := range []string{"web", "db"} {
			for _, gap := range gaps(r.of(name)) {
				if gap > 75*time.Second {
					t.Errorf("%s was kept waiting for %v", name, gap)
				}
			}
		}
		if n := len(r.of("hung1")); n != 1 {
			t.Errorf("%d runs of one hung package at once", n)
		}
	})
}

func TestNoMoreRunAtOnceThanThereAreSlots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, always(answer{status: "active", takes: 900 * time.Millisecond}), healthstate.Options{Interval: 30 * time.Second, Concurrency: 3})
		h.start(t)
		for i := range 60 {
			h.Track(target(fmt.Sprintf("p%02d", i), 1))
		}
		pass(minutes(5))
		if h.run.peak() != 3 {
			t.Errorf("%d runs at once, want 3", h.run.peak())
		}
	})
}

func TestWhenTheMachineCannotKeepUpLateRunsAreSkippedFairly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const packages = 200
		h := build(t, always(answer{status: "active", takes: 100 * time.Millisecond}), healthstate.Options{Interval: time.Second, Concurrency: 2})
		h.start(t)
		for i := range packages {
			h.Track(target(fmt.Sprintf("p%03d", i), 1))
		}
		pass(minutes(10)) // two slots of 100 ms: 20 runs a second, 60 a package
		least, most := 1<<30, 0
		for i := range packages {
			n := len(h.run.of(fmt.Sprintf("p%03d", i)))
			least, most = min(least, n), max(most, n)
		}
		if least < 58 || most > 62 {
			t.Errorf("between %d and %d runs a package, want about 60 each", least, most)
		}
		if h.run.peak() > 2 {
			t.Errorf("%d runs at once, want 2", h.run.peak())
		}
	})
}

// An hour of a thousand packages: as many as a host has room for get their run in
// each interval, as many as it can where it has not, and none is preferred.
func TestAnHourOfAThousandPackages(t *testing.T) {
	if !*load {
		t.Skip("takes long: see ./run-checks --load")
	}
	const packages = 1000
	for _, load := range []struct {
		interval    time.Duration
		concurrency int
		least, most int // runs a package
	}{
		{10 * time.Second, 2, 345, 375}, // 100 a second, of 200 that two slots hold
		{time.Second, 2, 710, 730},      // 1000 a second, of 200: 720 each
	} {
		t.Run(load.interval.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := build(t, always(answer{status: "active", takes: 10 * time.Millisecond}), healthstate.Options{Interval: load.interval, Concurrency: load.concurrency})
				h.start(t)
				for i := range packages {
					h.Track(target(fmt.Sprintf("p%03d", i), 1))
				}
				pass(time.Hour)
				least, most := 1<<30, 0
				for i := range packages {
					n := len(h.run.of(fmt.Sprintf("p%03d", i)))
					least, most = min(least, n), max(most, n)
				}
				if least < load.least || most > load.most {
					t.Errorf("between %d and %d runs a package, want %d to %d", least, most, load.least, load.most)
				}
				if h.run.peak() > load.concurrency {
					t.Errorf("%d runs at once, want %d", h.run.peak(), load.concurrency)
				}
				t.Logf("every %v for an hour: %d to %d runs a package", load.interval, least, most)
			})
		})
	}
}

func TestRunsAtRestMakeNoChangeAndWriteNothingWhereNothingChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		busy := 0.5
		r := newFakeRunner(func(_ hookrunner.Run, n int) answer {
			a := active
			if n%2 == 1 {
				busy = 0.6
			}
			c, err := healthstate.NewCheck("load", "passed", fmt.Sprintf("run %d", n), &busy, map[string]string{"n": fmt.Sprint(n)})
			if err != nil {
				t.Error(err)
			}
			a.checks = append(a.checks, c)
			return a
		})
		h := build(t, r, healthstate.Options{Interval: minutes(1)})
		h.start(t)
		for i := range 10 {
			h.Track(target(fmt.Sprintf("p%d", i), 1))
		}
		pass(minutes(2))
		before := h.st.Commits()
		first := h.record(t, "p1")
		pass(time.Hour)
		if n := h.st.Commits() - before; n != 0 {
			t.Errorf("%d commits in an hour without a transition", n)
		}
		h.st.Lock()
		if n := len(h.st.Changes()); n != 0 {
			t.Errorf("%d changes", n)
		}
		h.st.Unlock()
		last := h.record(t, "p1")
		if !last.CheckedAt.After(*first.CheckedAt) || last.Runs < first.Runs+50 || last.Checks[0].Message == first.Checks[0].Message {
			t.Errorf("memory has not followed: %v, then %v", first, last)
		}
		h.reopen(t, healthstate.Options{Interval: minutes(1)})
		h.Track(target("p1", 1))
		if got := h.record(t, "p1"); got.Runs != last.Runs || !got.CheckedAt.Equal(*last.CheckedAt) || !got.Since.Equal(*first.Since) {
			t.Errorf("after a restart %+v, before %+v", got, last)
		}
	})
}

func TestARegressionWarnsAndRecoveryTakesTheWarningBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, inTurn(active, waiting, broken, broken, active), healthstate.Options{})
		var seen []string
		h.Subscribe(func(tr api.Transition, rec api.Record) { seen = append(seen, tr.From+" → "+word(rec)) })
		h.Track(target("web", 1))
		h.start(t)
		var got [][]string
		for n := range 5 {
			for len(h.run.of("web")) <= n {
				pass(time.Second)
			}
			got = append(got, h.warnings())
		}
		want := [][]string{
			{},
			{"pkgd-regression: web was active and is waiting: for the database"},
			{"pkgd-regression: web was active and is waiting: for the database", "pkgd-regression: web was waiting and is error disk-full: No space left"},
			{"pkgd-regression: web was active and is waiting: for the database", "pkgd-regression: web was waiting and is error disk-full: No space left"},
			{},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("warnings after each run (-want +got):\n%s", diff)
		}
		told := []string{"unknown → active", "active → waiting", "waiting → error disk-full", "error → active"}
		if diff := cmp.Diff(told, seen); diff != "" {
			t.Errorf("subscribers (-want +got):\n%s", diff)
		}
		list, err := h.History("web", 0)
		if err != nil {
			t.Fatal(err)
		}
		var lines []string
		for _, tr := range list {
			lines = append(lines, fmt.Sprintf("%d %s→%s %s %s", tr.Revision, tr.From, tr.To, tr.Code, tr.Phase))
		}
		if diff := cmp.Diff([]string{"1 error→active  rest", "1 waiting→error disk-full rest", "1 active→waiting  rest", "1 unknown→active  rest"}, lines); diff != "" {
			t.Errorf("history (-want +got):\n%s", diff)
		}
	})
}

func TestAServiceDownAtRestMakesThePackageErrorWithOrWithoutAHook(t *testing.T) {
	for _, hook := range []bool{true, false} {
		t.Run(fmt.Sprintf("hook=%v", hook), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := build(t, always(active), healthstate.Options{})
				tgt := target("web", 1)
				tgt.Hook, tgt.HasServices, tgt.Services = hook, true, []string{"main"}
				h.svc.set("web", "", up("main", 0))
				h.Track(tgt)
				h.start(t)
				pass(minutes(6))
				well := "unknown"
				if hook {
					well = "active"
				}
				if got := word(h.record(t, "web")); got != well {
					t.Errorf("with its service up: %s, want %s", got, well)
				}
				h.svc.set("web", service.Gone, down("main"))
				pass(10 * time.Second)
				rec := h.record(t, "web")
				if word(rec) != "error pkgd-service-down" || rec.Message != "main is failed: exited with status 1" || rec.Source != "pkgd" {
					t.Errorf("with its service down: %s %q from %s", word(rec), rec.Message, rec.Source)
				}
				if h.Host().Level != healthstate.LevelFault || len(h.warnings()) != 1 {
					t.Errorf("host is %s, warnings %q", h.Host().Level, h.warnings())
				}
				h.svc.set("web", service.Started, up("main", 0))
				pass(10 * time.Second)
				if got := word(h.record(t, "web")); got != well || len(h.warnings()) != 0 {
					t.Errorf("with its service up again: %s, warnings %q", got, h.warnings())
				}
			})
		})
	}
}

func TestAFlappingServiceDoesNotMakeItsHookRunAllTheTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, always(active), healthstate.Options{})
		tgt := target("web", 1)
		tgt.Services = []string{"main"}
		h.Track(tgt)
		h.start(t)
		for i := range 600 {
			h.svc.set("web", service.Restarted, up("main", i))
			pass(100 * time.Millisecond)
		}
		if n := len(h.run.of("web")); n > 13 {
			t.Errorf("%d runs in a minute of flapping", n)
		}
	})
}

func TestStopKillsTheRunsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, always(answer{status: "error", takes: time.Hour}), healthstate.Options{Interval: time.Second})
		h.Track(target("web", 1))
		h.start(t)
		pass(minutes(1))
		h.Stop()
		if got := word(h.record(t, "web")); got != "unknown" {
			t.Errorf("a run that was killed left %s", got)
		}
	})
}

func TestEveryRunIsToldOfAlsoOneThatSaysNothingNew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, inTurn(active, active, broken, broken), healthstate.Options{Interval: minutes(5)})
		var told []string
		h.OnRun(func(r api.Record, phase hookrunner.Phase) { told = append(told, string(phase)+" "+word(r)) })
		h.Track(target("web", 1))
		h.start(t)
		pass(time.Hour)
		synctest.Wait()
		if len(told) != len(h.run.of("web")) {
			t.Errorf("told of %d runs of %d", len(told), len(h.run.of("web")))
		}
		want := []string{"rest active", "rest active", "rest error disk-full", "rest error disk-full"}
		if diff := cmp.Diff(want, told[:len(want)]); diff != "" {
			t.Error(diff)
		}
	})
}
