package faults

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/tests/gate"
	"pkgd.io/pkgd/tests/world"
)

// maxCuts ends a test whose deed never gets beyond its power cuts.
const maxCuts = 400

func TestPowerCutBeforeEveryFlush(t *testing.T) {
	for _, kind := range []string{"ext4", "xfs"} {
		for _, d := range world.Deeds {
			t.Run(kind+" "+d.Name, func(t *testing.T) {
				requires(t, "mkfs."+kind)
				t.Parallel()
				cutAtEach(t, kind, d)
			})
		}
	}
}

// cutAtEach does a deed, cutting the power at its first flush, then at its
// second, and so on until one survives.
func cutAtEach(t *testing.T, kind string, d world.Deed) {
	ready, may := prepare(t, kind, d)
	cuts := 0
	ends := map[string]int{}
	for survived := false; !survived && !t.Failed(); cuts++ {
		if cuts == maxCuts {
			t.Fatalf("none survived %d power cuts", maxCuts)
		}
		t.Run(fmt.Sprint("flush ", cuts+1), func(t *testing.T) {
			var end string
			survived, end = cutAt(t, ready, cuts+1, d, may)
			ends[end]++
		})
	}
	world.Report(t, "power cut, "+kind, "before each flush of: "+d.Name, cuts-1,
		fmt.Sprintf("as before %d times, as after %d", ends["before"], ends["after"]))
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

// cutAt does a deed, cuts the power instead of the nth flush, mounts what is
// left, starts again and looks.
func cutAt(t *testing.T, ready *site, n int, d world.Deed, may map[string]world.View) (survived bool, end string) {
	w := ready.again(t)
	rule, cut := w.cutPower(n)
	w.Launch(rule, unix.SYS_FSYNC, unix.SYS_FDATASYNC, unix.SYS_SYNC, unix.SYS_SYNCFS)
	if w.Up() == nil {
		d.Do(w.World) // it dies in the middle
	}
	w.Gate.Set(gate.LetThrough)
	if survived = !cut.Load(); survived {
		w.Stop()
		return true, ""
	}
	w.Kill()
	w.disk.replug()
	w.Start()
	end = w.ComesTo(may)
	w.Stop()
	return false, end
}

// cutPower is the rule of a gate that ends file system and daemon when the nth
// flush is asked for.
func (w *site) cutPower(n int) (gate.Rule, *atomic.Bool) {
	var cut atomic.Bool
	return func(c gate.Call) gate.Outcome {
		if cut.Load() || !strings.HasPrefix(c.Path(0), w.disk.dir) || !c.By("pkgd") {
			return gate.Through
		}
		if n--; n > 0 {
			return gate.Through
		}
		if err := w.disk.shutdown(); err != nil {
			w.Error(err)
		}
		cut.Store(true)
		c.Kill()
		return gate.Outcome{Errno: unix.EIO}
	}, &cut
}
