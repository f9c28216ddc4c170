package faults

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

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
	ready.disk.unmount()
	ready.disk.keep()
	w := ready.again(t)
	may = w.Ends(d)
	w.disk.unmount()
	return ready, may
}

// cutAt does a deed, cuts the power instead of the nth flush, mounts what is
// left, starts again and looks.
func cutAt(t *testing.T, ready *site, n int, d world.Deed, may map[string]world.View) (survived bool, end string) {
	w := ready.again(t)
	w.Start(unix.SYS_FSYNC, unix.SYS_FDATASYNC, unix.SYS_SYNC, unix.SYS_SYNCFS)
	cut := w.cutPower(n)
	d.Do(w.World) // it dies in the middle
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

// cutPower ends file system and daemon when the nth flush is asked for.
func (w *site) cutPower(n int) *atomic.Bool {
	var cut atomic.Bool
	root := w.disk.dir
	w.Gate.Set(func(c gate.Call) gate.Outcome {
		if n == 0 || !strings.HasPrefix(c.Path(0), root) || !c.By("pkgd") {
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
	})
	return &cut
}
