package healthstate_test

import (
	"testing"
	"testing/synctest"
	"time"

	"pkgd.io/pkgd/healthstate"
	"pkgd.io/pkgd/hookrunner"
)

// serving is a package whose service is up, and has a hook that does something
// each time it is asked.
func serving(t *testing.T, during func(h *house, tgt healthstate.Target)) *house {
	t.Helper()
	tgt := target("web", 1)
	tgt.HasServices, tgt.Services = true, []string{"main", "side"}
	var h *house
	h = build(t, newFakeRunner(func(hookrunner.Run, int) answer {
		during(h, tgt)
		return active
	}), healthstate.Options{})
	h.svc.set("web", "", up("main", 0), up("side", 0))
	h.Track(tgt)
	h.start(t)
	return h
}

func TestAHookThatRestartsItsServicesIsHeard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := serving(t, func(h *house, tgt healthstate.Target) {
			tgt.Services = []string{"side", "main"} // the same, sorted by nobody
			h.Track(tgt)
		})
		pass(minutes(6))
		if got := word(h.record(t, "web")); got != "active" {
			t.Errorf("it is %s, want active", got)
		}
	})
}

// What was asked of other services than are wanted now counts for nothing, but
// nobody waits an interval, or until the record is stale, for what does count.
func TestWhoseServicesWereStoppedMeanwhileIsAskedAgainSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stopped := false
		h := serving(t, func(h *house, tgt healthstate.Target) {
			if !stopped {
				stopped = true
				tgt.Services = []string{"main"}
				h.svc.set("web", "", up("main", 0), down("side"))
				h.Track(tgt)
			}
		})
		for len(h.run.of("web")) == 0 {
			pass(time.Second)
		}
		pass(10 * time.Second)
		if got, runs := word(h.record(t, "web")), len(h.run.of("web")); got != "active" || runs != 2 {
			t.Errorf("after %d runs it is %s, want active after 2", runs, got)
		}
	})
}
