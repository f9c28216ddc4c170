package healthstate_test

import (
	"testing"
	"testing/synctest"
	"time"

	"pkgd.io/pkgd/healthstate"
	"pkgd.io/pkgd/hookrunner"
	"pkgd.io/pkgd/internal/api"
)

// slow is a hook that takes a while, and dying one that takes a while to be killed.
var (
	slow  = answer{status: "active", takes: 7 * time.Second}
	dying = answer{status: "active", takes: time.Hour, dies: 7 * time.Second}
)

func TestARunOfAPackageThatIsNotYetTrackedKeepsOthersAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, always(slow), healthstate.Options{Interval: time.Second})
		h.start(t)
		done := make(chan error, 1)
		go func() {
			_, err := h.RunOnce(t.Context(), target("web", 1), hookrunner.PhaseBefore)
			done <- err
		}()
		synctest.Wait()
		h.Track(target("web", 1))
		pass(2 * time.Second)
		if _, err := h.Check(t.Context(), []string{"web"}, hookrunner.PhaseManual); err != nil {
			t.Errorf("a check meanwhile: %v", err)
		}
		pass(minutes(1))
		if err := <-done; err != nil {
			t.Error(err)
		}
		if runs := h.run.of("web"); len(runs) < 3 || runs[1].Phase != hookrunner.PhaseRest && runs[1].Phase != hookrunner.PhaseManual {
			t.Errorf("%d runs in a minute: the package waits for ever", len(runs))
		}
	}) // which fails where two runs of one package were under way at once
}

func TestTwoRunsOfAPackageThatIsNotTrackedTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, always(slow), healthstate.Options{})
		begin, done := time.Now(), make(chan error)
		for range 2 {
			go func() {
				_, err := h.RunOnce(t.Context(), target("web", 1), hookrunner.PhaseBefore)
				done <- err
			}()
		}
		for range 2 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		if took := time.Since(begin); took != 2*slow.takes {
			t.Errorf("both took %v", took)
		}
	})
}

func TestAPackageThatComesBackWaitsForTheRunThatIsStillBeingKilled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, inTurn(dying, active), healthstate.Options{Interval: time.Second})
		h.start(t)
		h.Track(target("web", 1))
		pass(2 * time.Second)
		gone := make(chan struct{})
		go func() {
			h.Untrack("web")
			close(gone)
		}()
		synctest.Wait()
		h.Track(target("web", 2))
		recs := make(chan api.Record)
		go func() {
			rec, err := h.Check(t.Context(), []string{"web"}, hookrunner.PhaseManual)
			if err != nil {
				t.Error(err)
			}
			recs <- rec[0]
		}()
		pass(time.Second)
		h.Pause("web") // no run of the new one may begin, nor the old one be under way
		if h.run.resting("web") {
			t.Error("the run of the old package outlived a pause of the new one")
		}
		h.Resume("web")
		<-gone
		if rec := <-recs; rec.Revision != 2 || word(rec) != "active" {
			t.Errorf("checked: revision %d %s", rec.Revision, word(rec))
		}
		pass(minutes(1))
		if n := len(h.run.of("web")); n < 30 {
			t.Errorf("%d runs in a minute: the package waits for ever", n)
		}
	})
}
