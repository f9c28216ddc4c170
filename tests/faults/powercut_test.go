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

// maxCuts ends a test whose refresh never gets beyond its power cuts.
const maxCuts = 300

func TestPowerCutBeforeEveryFlushOfARefresh(t *testing.T) {
	for _, kind := range []string{"ext4", "xfs"} {
		for name, health := range map[string]string{"bad": world.Broken, "good": world.Well} {
			t.Run(kind+" "+name, func(t *testing.T) {
				requires(t, "mkfs."+kind)
				t.Parallel()
				ready := prepare(t, kind)
				cuts := 0
				ends := map[int]int{}
				for survived := false; !survived && !t.Failed(); cuts++ {
					if cuts == maxCuts {
						t.Fatalf("no refresh survived %d power cuts", maxCuts)
					}
					t.Run(fmt.Sprint("flush ", cuts+1), func(t *testing.T) {
						var rev int
						survived, rev = cutAt(t, ready, cuts+1, health)
						ends[rev]++
					})
				}
				report(t, "power cut, "+kind, "before each flush of a refresh to a "+name+" revision", cuts-1,
					fmt.Sprintf("old revision %d times, new %d", ends[1], ends[2]))
			})
		}
	}
}

// prepare gives the image of a disk with web 41 on it.
func prepare(t *testing.T, kind string) *site {
	t.Helper()
	w := newSite(t, kind)
	w.Installed()
	w.disk.unmount()
	w.disk.keep()
	return w
}

// cutAt refreshes, cuts the power instead of the nth flush, mounts what is left,
// starts again and looks.
func cutAt(t *testing.T, ready *site, n int, health string) (survived bool, rev int) {
	w := ready.again(t)
	w.Start(unix.SYS_FSYNC, unix.SYS_FDATASYNC, unix.SYS_SYNC, unix.SYS_SYNCFS)
	target := w.Pack("42", health)
	cut := w.cutPower(n)
	_, _ = w.Ask("refresh", target) // it dies in the middle
	w.Gate.Set(gate.LetThrough)
	if survived = !cut.Load(); survived {
		w.Stop()
		return true, 0
	}
	w.Kill()
	w.disk.replug()
	w.Start()
	rev = w.ended(health)
	w.Holds(rev)
	w.NoLeftovers()
	w.Stop()
	return false, rev
}

// cutPower ends file system and daemon when the nth flush is asked for.
func (w *site) cutPower(n int) *atomic.Bool {
	var cut atomic.Bool
	process, root := w.Cmd.Process, w.disk.dir
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
		_ = process.Kill()
		return gate.Outcome{Errno: unix.EIO}
	})
	return &cut
}

// ended waits for what was begun to end by itself, and tells which revision has
// to run then.
func (w *site) ended(health string) (rev int) {
	w.Helper()
	chg, begun := w.Settle("refresh")
	if !begun || chg.Status != "Done" {
		return 1
	}
	if health == world.Broken {
		w.Errorf("a bad revision was called good: %+v", chg)
	}
	return 2
}
