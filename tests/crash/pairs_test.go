package crash

import (
	"fmt"
	"testing"

	"pkgd.io/pkgd/tests/world"
)

// A task is about four steps: begun and ended, each before and after the commit.
// Of the steps at which a recovery can be ended once more every spread-th is
// taken, shifted from one first death to the next, so that each four first
// deaths in a row have between them one second death in each four steps in a
// row: whatever a first death interrupted, something is interrupted in every
// task of its recovery.
const (
	stepsOfATask = 4
	spread       = stepsOfATask * stepsOfATask
)

// seconds gives the first step of the recovery at which the second death comes,
// from 1; others follow, each spread later.
func seconds(first int) int {
	meets := stepsOfATask*first + first/stepsOfATask // counted from the deed's own first step
	return 1 + ((meets-first)%spread+spread)%spread
}

// every is how many first deaths there are to one that is followed by a second
// where they are not all asked for.
const every = 6

func TestSecondDeathInTheRecovery(t *testing.T) {
	for _, d := range deeds {
		t.Run(d.Name, func(t *testing.T) {
			t.Parallel()
			dieTwice(t, d)
		})
	}
}

// dieTwice does a deed, kills the daemon at each step and the next daemon once
// more. Without -pairs it is a sample: some first deaths, one second one each.
func dieTwice(t *testing.T, d world.Deed) {
	h, may := ready(t, d)
	ends := map[string]int{}
	dead, deaths := true, 0
	for first := 1; dead && !t.Failed() && first < maxSteps; first++ {
		if !*pairs && first%every != 0 {
			continue
		}
		again := true
		for second := seconds(first); dead && again && !t.Failed(); second += spread {
			t.Run(fmt.Sprintf("steps %d and %d", first, second), func(t *testing.T) {
				h := h.again(t)
				died := h.dieAt(commits, first)
				h.live(d.Do)
				if dead = died.Load(); !dead {
					return
				}
				died = h.dieAt(commits, second)
				h.live(carryOn)
				again = died.Load() && *pairs
				h.Start()
				ends[h.ComesTo(h.owed(d, may))]++
				if deaths++; deaths%stepsOfATask == 0 {
					h.follows(deaths / stepsOfATask)
				}
				h.Stop()
			})
		}
	}
	world.Report(t, "killed, and once more in the recovery", "during: "+d.Name, deaths, fmt.Sprintf("as before %d times, as after %d", ends["before"], ends["after"]))
}
