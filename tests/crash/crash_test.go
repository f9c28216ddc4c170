package crash

import (
	"flag"
	"fmt"
	"slices"
	"testing"

	"pkgd.io/pkgd/tests/world"
)

// maxSteps ends a test whose run never gets beyond its deaths.
const maxSteps = 2000

var (
	everyCall = flag.Bool("every-call", false, "die at every call that changes the disk, not only at commits")
	table     = flag.String("table", "", "write the table of what was found into this document, between its markers")
	twice     = flag.Int("twice", 0, "die once more in each recovery, at its 1st, 2nd … nth commit")
)

func TestDeathAtEveryCommit(t *testing.T) {
	for _, d := range world.Deeds {
		t.Run(d.Name, func(t *testing.T) {
			t.Parallel()
			dieAtEach(t, d, commits, 0)
		})
	}
}

func TestDeathAtEveryCallThatChangesTheDisk(t *testing.T) {
	if !*everyCall {
		t.Skip("thousands of deaths are died with -every-call only (./run-checks --faults)")
	}
	for _, d := range world.Deeds {
		t.Run(d.Name, func(t *testing.T) {
			t.Parallel()
			dieAtEach(t, d, changes, 0)
		})
	}
}

func TestSecondDeathInTheRecovery(t *testing.T) {
	if *twice == 0 {
		t.Skip("second deaths are died with -twice only (./run-checks --faults)")
	}
	for _, d := range world.Deeds {
		t.Run(d.Name, func(t *testing.T) {
			t.Parallel()
			for again := 1; again <= *twice && !t.Failed(); again++ {
				dieAtEach(t, d, commits, again)
			}
		})
	}
}

// ready gives a host on which a deed is about to be done, and how it may look
// afterwards.
func ready(t *testing.T, d world.Deed) (h *host, may map[string]world.View) {
	t.Helper()
	h = newHost(t)
	d.Prepare(h.World)
	h.keep()
	return h, h.again(t).Ends(d)
}

// dieAtEach does a deed, killing the daemon at the first step, then at the
// second, and so on until a run survives; with again the next daemon is killed
// too, at that commit of its own. After each time the next one has to end by
// itself what was begun, and nothing but before and after may be seen.
func dieAtEach(t *testing.T, d world.Deed, s steps, again int) {
	what := "killed at each " + s.name
	if again > 0 {
		what += fmt.Sprintf(", and at step %d of its recovery", again)
	}
	h, may := ready(t, d)
	ends := map[string]int{}
	deaths := 0
	for survived := false; !survived && !t.Failed(); deaths++ {
		if deaths == maxSteps {
			t.Fatalf("no run survived %d steps", maxSteps)
		}
		t.Run(fmt.Sprint("step ", deaths+1), func(t *testing.T) {
			h := h.again(t)
			died := h.dieAt(s, deaths+1)
			h.live(d.Do)
			survived = !died.Load()
			if again > 0 {
				h.dieAt(commits, again)
				h.live(carryOn)
			}
			h.Start()
			end := h.ComesTo(may)
			h.Stop()
			ends[end]++
			if survived && !slices.Equal(may[end], may["after"]) {
				t.Error("a deed that nothing hindered was not done")
			}
		})
	}
	world.Report(t, what, "during: "+d.Name, deaths-1, fmt.Sprintf("as before %d times, as after %d", ends["before"], ends["after"]-1))
}

// carryOn waits until what was begun has ended, or the daemon.
func carryOn(w *world.World) {
	list, err := w.Client.Changes(w.Ctx())
	for _, chg := range list {
		if err == nil {
			_, err = w.Client.WaitChange(w.Ctx(), chg.ID)
		}
	}
}

// stepsOfARecovery are how many steps a start survives in which the deaths of
// the last are counted and nothing else is done.
const stepsOfARecovery = 3

func TestThirdDeathBetweenSwitchAndVerdictIsACrashLoop(t *testing.T) {
	if *twice == 0 {
		t.Skip("third deaths are died with -twice only (./run-checks --faults)")
	}
	t.Parallel()
	refresh := world.Deed{Prepare: (*world.World).Installed, Do: world.Refresh("42", world.Well)}
	h, may := ready(t, refresh)
	loops, deaths := 0, 1
	for survived := false; !survived && !t.Failed() && deaths < maxSteps; deaths++ {
		t.Run(fmt.Sprint("step ", deaths), func(t *testing.T) {
			h := h.again(t)
			died := h.dieAt(commits, deaths)
			h.live(refresh.Do)
			survived = !died.Load()
			for range 2 {
				h.dieAt(commits, stepsOfARecovery)
				h.live(carryOn)
			}
			h.Start()
			h.Settle("")
			why, err := h.Client.Why(h.Ctx(), "web")
			if err == nil && why.After != nil && why.After.Code == "pkgd-crash-loop" {
				loops++
				h.Holds(1)
				h.NoLeftovers()
			} else {
				h.ComesTo(may)
			}
			h.Stop()
		})
	}
	if loops == 0 {
		t.Error("no three deaths were a crash loop")
	}
	world.Report(t, "killed three times", "during: refresh", deaths-2, fmt.Sprintf("a crash loop, taken back, %d times; else as before or as after", loops))
}
