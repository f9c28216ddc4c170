package crash

import (
	"flag"
	"fmt"
	"maps"
	"slices"
	"testing"

	"pkgd.io/pkgd/tests/world"
)

// maxSteps ends a test whose run never gets beyond its deaths.
const maxSteps = 2000

var (
	everyCall = flag.Bool("every-call", false, "die at every call that changes the disk, not only at commits")
	table     = flag.String("table", "", "write the table of what was found into this document, between its markers")
	pairs     = flag.Bool("pairs", false, "let every death be followed by second ones in the recovery, and by third ones, not only some")
)

func TestDeathAtEveryCommit(t *testing.T) {
	for _, d := range deeds {
		t.Run(d.Name, func(t *testing.T) {
			t.Parallel()
			dieAtEach(t, d, commits)
		})
	}
}

func TestDeathAtEveryCallThatChangesTheDisk(t *testing.T) {
	if !*everyCall {
		t.Skip("thousands of deaths are died with -every-call only (./run-checks --faults)")
	}
	for _, d := range deeds {
		t.Run(d.Name, func(t *testing.T) {
			t.Parallel()
			dieAtEach(t, d, changes)
		})
	}
}

// stride is how many steps lie between two deaths: of the deeds of two packages,
// which are long and whose every step another deed has too, some are left out
// where speed counts.
func stride(d world.Deed) int {
	if !*pairs && (d.Name == wellTogether || d.Name == backTogether) {
		return 3
	}
	return 1
}

// ready gives a host on which a deed is about to be done, and how it may look
// afterwards.
func ready(t *testing.T, d world.Deed) (h *host, may map[string]world.View) {
	t.Helper()
	h = newHost(t)
	if d.Name == backTogether { // how far one was when the other took it back is left open
		h.Blind = []string{"set aside: ", "/reverted-data/"}
	}
	d.Prepare(h.World)
	h.keep()
	may = h.again(t).Ends(d)
	if d.Name != world.Deeds[0].Name && slices.Equal(may["before"], may["after"]) {
		t.Fatal("the deed does nothing")
	}
	return h, may
}

// dieAtEach does a deed, killing the daemon at the first step, then at the
// second, and so on until a run survives. After each time the next one has to
// end by itself what was begun, nothing but before and after may be seen, and
// the host can be worked on.
func dieAtEach(t *testing.T, d world.Deed, s steps) {
	h, may := ready(t, d)
	ends := map[string]int{}
	found, old := boundaries{}, h.again(t).Tasks()
	var through map[string]string
	deaths, step := 0, 1
	comeBack := func(h *host, died bool) (end string) {
		h.Start()
		if end = h.ComesTo(h.owed(d, may)); died {
			deaths++
			ends[end]++
		}
		return end
	}
	for survived := false; !survived && !t.Failed(); step += stride(d) {
		if step > maxSteps {
			t.Fatalf("no run survived %d steps", maxSteps)
		}
		t.Run(fmt.Sprint("step ", step), func(t *testing.T) {
			h := h.again(t)
			died := h.dieAt(s, step)
			h.live(d.Do)
			if survived = !died.Load(); survived {
				through = h.Tasks()
				maps.DeleteFunc(through, func(task, _ string) bool { return old[task] != "" })
			} else {
				found.look(h)
			}
			end := comeBack(h, !survived)
			if survived && !slices.Equal(may[end], may["after"]) {
				t.Error("a deed that nothing hindered was not done")
			}
			if *everyCall || deaths%2 == 1 {
				h.follows(deaths / 2)
			}
			h.Stop()
		})
	}
	if stride(d) == 1 {
		found.complete(h, d, s, step, through, comeBack)
	}
	world.Report(t, "killed at each "+s.name, "during: "+d.Name, deaths, fmt.Sprintf("as before %d times, as after %d", ends["before"], ends["after"]))
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
	if !*pairs {
		t.Skip("third deaths are died with -pairs only (./run-checks --faults)")
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
