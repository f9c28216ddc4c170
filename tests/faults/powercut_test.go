package faults

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"
)

// maxCuts ends a test whose refresh never gets beyond its power cuts.
const maxCuts = 300

func TestPowerCutBeforeEveryFlushOfARefresh(t *testing.T) {
	for _, kind := range []string{"ext4", "xfs"} {
		for name, health := range map[string]string{"bad": broken, "good": well} {
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
func prepare(t *testing.T, kind string) *world {
	t.Helper()
	w := newWorld(t, kind)
	w.installed()
	w.disk.unmount()
	w.disk.keep()
	return w
}

// cutAt refreshes, cuts the power instead of the nth flush, mounts what is left,
// starts again and looks.
func cutAt(t *testing.T, ready *world, n int, health string) (survived bool, rev int) {
	w := ready.again(t)
	w.start(unix.SYS_FSYNC, unix.SYS_FDATASYNC, unix.SYS_SYNC, unix.SYS_SYNCFS)
	target := w.pack("42", health)
	cut := w.cutPower(n)
	_, _ = w.ask("refresh", target) // it dies in the middle
	w.gate.set(letThrough)
	if survived = !cut.Load(); survived {
		w.stop()
		return true, 0
	}
	w.kill()
	w.disk.replug()
	w.start()
	rev = w.ended(health)
	w.holds(rev)
	w.noLeftovers()
	w.stop()
	return false, rev
}

// cutPower ends file system and daemon when the nth flush is asked for.
func (w *world) cutPower(n int) *atomic.Bool {
	var cut atomic.Bool
	process, root := w.cmd.Process, w.disk.dir
	w.gate.set(func(c call) outcome {
		if n == 0 || !strings.HasPrefix(c.path(0), root) || !c.by("pkgd") {
			return through
		}
		if n--; n > 0 {
			return through
		}
		if err := w.disk.shutdown(); err != nil {
			w.t.Error(err)
		}
		cut.Store(true)
		_ = process.Kill()
		return outcome{errno: unix.EIO}
	})
	return &cut
}

// ended waits for what was begun to end by itself, and tells which revision has
// to run then.
func (w *world) ended(health string) (rev int) {
	w.t.Helper()
	chg, begun := w.settle("refresh")
	if !begun || chg.Status != "Done" {
		return 1
	}
	if health == broken {
		w.t.Errorf("a bad revision was called good: %+v", chg)
	}
	return 2
}
