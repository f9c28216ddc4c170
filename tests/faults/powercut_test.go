package faults

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/tests/blocks"
	"pkgd.io/pkgd/tests/world"
)

var (
	reordered = flag.Int("reordered", 3, "between two flushes keep so many parts of what was written, one after the other")
	seed      = flag.Uint64("seed", 1, "chooses these parts")
)

func TestPowerCutAtEveryFlush(t *testing.T) {
	for _, kind := range []string{"ext4", "xfs", "btrfs"} {
		for _, d := range deeds {
			t.Run(kind+" "+d.Name, func(t *testing.T) {
				requires(t, "mkfs."+kind)
				t.Parallel()
				cutAtEach(t, kind, d)
			})
		}
	}
}

// cutAtEach does a deed once, on a disk that is recorded, and then looks at each
// disk that a power cut might have left of it: as of every flush, and as of every
// flush with parts of what was written after it.
func cutAtEach(t *testing.T, kind string, d world.Deed) {
	ready, may := prepare(t, kind, d)
	windows, promised := record(t, ready, d)
	c := newCuts(ready, may)
	for i, w := range windows {
		if i >= promised {
			c.may = map[string]world.View{"after": may["after"]}
		}
		rnd := rand.New(rand.NewPCG(*seed, uint64(i)))
		c.cut(t, fmt.Sprint("flush ", i), nil)
		for n, part := range w.Parts(rnd, *reordered) {
			c.cut(t, fmt.Sprint("flush ", i, " and part ", n+1), part)
		}
		if t.Failed() {
			t.Fatalf("with -seed=%d, of %d flushes", *seed, len(windows))
		}
		c.reach(w)
	}
	c.found(t, "power cut, "+kind, "at each flush of: "+d.Name, "")
}

// prepare gives the image of a disk on which a deed is about to be done, and how
// the host may look afterwards.
func prepare(t *testing.T, kind string, d world.Deed) (ready *site, may map[string]world.View) {
	t.Helper()
	ready = newSite(t, kind)
	d.Prepare(ready.World)
	ready.wearIn()
	ready.disk.unmount()
	ready.disk.keep()
	w := ready.again(t)
	may = w.Ends(d)
	w.disk.unmount()
	may["after, not told"] = untold(may["after"])
	return ready, may
}

// wearIn commits so often that the state's file finds room in itself from then
// on: a file system that has to give it more makes durable what else it has
// noted, and with it what pkgd has forgotten to sync.
func (w *site) wearIn() {
	w.Helper()
	w.Start()
	for range 30 {
		for _, action := range []string{"hold", "unhold"} {
			// Where web is not installed this is refused: such a file is young.
			_, _ = w.Client.Do(w.Ctx(), api.PackageRequest{Action: action, Targets: []string{"web"}})
		}
	}
	w.Stop()
}

// record does a deed and gives what was written meanwhile; from the window
// promised on, pkgd had said that it was done.
func record(t *testing.T, ready *site, d world.Deed) (windows []blocks.Window, promised int) {
	t.Helper()
	w, rec := ready.recorded(t)
	w.Start()
	d.Do(w.World)
	promised = rec.Now()
	w.Stop()
	w.disk.unmount()
	return rec.Stop(), promised
}
