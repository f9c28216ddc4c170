package healthstate_test

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"pkgd.io/pkgd/healthstate"
	"pkgd.io/pkgd/hookrunner"
	"pkgd.io/pkgd/internal/api"
)

func TestARecordThatNobodyConfirmsGetsStale(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var can atomic.Bool
		can.Store(true)
		r := newFakeRunner(func(hookrunner.Run, int) answer {
			if can.Load() {
				return active
			}
			return answer{err: errors.New("cannot fork: resource temporarily unavailable")}
		})
		h := build(t, r, healthstate.Options{})
		var told []string
		h.Subscribe(func(tr api.Transition, rec api.Record) { told = append(told, word(rec)) })
		h.Track(target("web", 1))
		h.start(t)
		pass(minutes(6))
		can.Store(false)
		last := *h.record(t, "web").CheckedAt
		pass(time.Until(last.Add(2*minutes(5) + 30*time.Second - time.Millisecond)))
		if got := word(h.record(t, "web")); got != "active" {
			t.Errorf("just before its time: %s", got)
		}
		commits := h.st.Commits()
		pass(2 * time.Millisecond)
		rec := h.record(t, "web")
		if word(rec) != "unknown pkgd-stale (stale)" || rec.Last == nil || word(*rec.Last) != "active" {
			t.Errorf("just after its time: %s, last %v", word(rec), rec.Last)
		}
		if h.Host().Level != healthstate.LevelFault {
			t.Errorf("every record is stale, the host is %s", h.Host().Level)
		}
		can.Store(true)
		pass(minutes(6))
		if got := word(h.record(t, "web")); got != "active" || h.st.Commits() != commits {
			t.Errorf("confirmed: %s, with %d commits", got, h.st.Commits()-commits)
		}
		if diff := cmp.Diff([]string{"active", "unknown pkgd-stale (stale)", "active"}, told); diff != "" {
			t.Errorf("subscribers (-want +got):\n%s", diff)
		}
	})
}

func TestAfterAStartTheOldRecordStandsUntilTheOverduePackageHasRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, always(active), healthstate.Options{})
		names := []string{"db", "web"}
		for _, name := range names {
			h.Track(target(name, 1))
		}
		h.start(t)
		pass(minutes(7))
		since := *h.record(t, "web").Since
		h.close(t)
		pass(24 * time.Hour)
		h.svc = &fakeServices{}
		h.run = always(answer{status: "active", takes: 500 * time.Millisecond})
		h.open(t, healthstate.Options{})
		for _, name := range names {
			h.Track(target(name, 1))
		}
		rec := h.record(t, "web")
		if word(rec) != "active (stale)" || !rec.Since.Equal(since) {
			t.Errorf("before the first run: %s since %v", word(rec), rec.Since)
		}
		if got := h.Host().Level; got != healthstate.LevelOK {
			t.Errorf("a record that stands made the host %s", got)
		}
		h.start(t)
		h.Track(target("new", 1))
		pass(time.Second)
		for _, name := range names {
			if len(h.run.of(name)) != 1 || word(h.record(t, name)) != "active" {
				t.Errorf("%s was overdue: %d runs, %s", name, len(h.run.of(name)), word(h.record(t, name)))
			}
		}
	})
}

func TestAfterAStartARecordThatIsNeverConfirmedGetsStaleAllTheSame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, always(active), healthstate.Options{})
		h.Track(target("web", 1))
		h.start(t)
		pass(minutes(6))
		h.close(t)
		pass(24 * time.Hour)
		h.svc = &fakeServices{}
		h.run = always(answer{err: errors.New("cannot fork")})
		h.open(t, healthstate.Options{})
		h.Track(target("web", 1))
		h.start(t)
		pass(minutes(10))
		if got := word(h.record(t, "web")); got != "active (stale)" {
			t.Errorf("after ten minutes: %s", got)
		}
		pass(minutes(1))
		if got := word(h.record(t, "web")); got != "unknown pkgd-stale (stale)" {
			t.Errorf("after eleven minutes: %s", got)
		}
	})
}

func TestAfterAResumeOfTheHostOverduePackagesRunSoonAndOneAfterTheOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, always(active), healthstate.Options{})
		var slept atomic.Int64
		h.SetAsleep(func() time.Duration { return time.Duration(slept.Load()) })
		for i := range 20 {
			h.Track(target(fmt.Sprintf("p%02d", i), 1))
		}
		h.start(t)
		pass(minutes(10))
		slept.Store(int64(8 * time.Hour))
		before := map[string]int{}
		for i := range 20 {
			name := fmt.Sprintf("p%02d", i)
			before[name] = len(h.run.of(name))
		}
		resumed := time.Now()
		h.Wake()
		pass(0)
		run := 0
		for name, n := range before {
			run += len(h.run.of(name)) - n
		}
		if run != 1 {
			t.Errorf("%d have run at once, want the one that is the longest overdue", run)
		}
		pass(2 * time.Second)
		if d := time.Since(resumed); d > 3*time.Second {
			t.Fatalf("%v have passed", d)
		}
		for name, n := range before {
			if len(h.run.of(name)) != n+1 || word(h.record(t, name)) != "active" {
				t.Errorf("%s: %d runs after the resume, %s", name, len(h.run.of(name))-n, word(h.record(t, name)))
			}
		}
	})
	if healthstate.Suspended() < 0 {
		t.Error("the host was suspended for less than no time")
	}
}
