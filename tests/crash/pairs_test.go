package crash

import (
	"fmt"
	"testing"

	"pkgd.io/pkgd/tests/world"
)

// stepsOfATask is about how many steps a task is: begun and ended, each before
// and after the commit.
const stepsOfATask = 4

// grain is how many steps in a row are one when pairs are made: a task, and two
// tasks where two packages double them. Of the steps at which a recovery can be
// ended once more every grain²-th is taken, shifted from one first death to the
// next, so that grain first deaths in a row, from a multiple of grain on, have
// between them one second death in each grain steps in a row: whatever a first death interrupted,
// something is interrupted in every task of its recovery.
func grain(d world.Deed) int {
	if d.Name == wellTogether || d.Name == backTogether {
		return 2 * stepsOfATask
	}
	return stepsOfATask
}

// seconds gives the first step of the recovery at which the second death comes,
// from 1; others follow, each grain² later.
func seconds(first, grain int) int {
	meets := grain*first + first/grain // counted from the deed's own first step
	return 1 + (meets-first)%(grain*grain)
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
		again, g := true, grain(d)
		for second := seconds(first, g); dead && again && !t.Failed(); second += g * g {
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
