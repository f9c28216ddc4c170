package crash

import (
	"fmt"
	"testing"
)

// maxSteps ends a test whose run never gets beyond its deaths.
const maxSteps = 2000

func TestDeathAtEveryCommit(t *testing.T) {
	for _, d := range deeds {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			dieOnce(t, d, commits)
		})
	}
}

// dieOnce does a deed, killing the daemon at the first step, then at the second,
// and so on until a run survives. After each death the next daemon has to end by
// itself what was begun, and nothing but before and after may be seen.
func dieOnce(t *testing.T, d deed, s steps) {
	ready, may := prepared(t, d)
	ends := map[string]int{}
	deaths := 0
	for survived := false; !survived && !t.Failed(); deaths++ {
		if deaths == maxSteps {
			t.Fatalf("no run survived %d steps", maxSteps)
		}
		t.Run(fmt.Sprint("step ", deaths+1), func(t *testing.T) {
			h := ready.again(t)
			died := h.dieAt(s, deaths+1)
			h.live(d.do)
			survived = !died.Load()
			h.Start()
			end := h.comesTo(may)
			h.Stop()
			ends[end]++
			if survived && end != "after" {
				t.Error("a deed that nothing hindered was not done")
			}
		})
	}
	t.Logf("%d deaths: as before %d times, as after %d", deaths-1, ends["before"], ends["after"]-1)
}
