package faults

import (
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"pkgd.io/pkgd/tests/gate"
	"pkgd.io/pkgd/tests/world"
)

// failing makes these calls on files of the root fail, once n of them have gone
// through; failed tells how many have.
func (w *site) failing(errno unix.Errno, n int64, on string, calls ...int) (failed *atomic.Int64) {
	failed = &atomic.Int64{}
	var seen atomic.Int64
	w.Gate.Set(func(c gate.Call) gate.Outcome {
		if !c.By("pkgd") || !strings.HasPrefix(c.Path(0), w.Dirs.Root+on) || seen.Add(1) <= n {
			return gate.Through
		}
		failed.Add(1)
		return gate.Outcome{Errno: errno}
	})
	return failed
}

func TestFailingDiskIsToldAndNothingIsLost(t *testing.T) {
	flushes := []int{unix.SYS_FSYNC, unix.SYS_FDATASYNC, unix.SYS_SYNCFS}
	writes := []int{unix.SYS_WRITE, unix.SYS_PWRITE64, unix.SYS_COPY_FILE_RANGE}
	for _, f := range []struct {
		name, on string
		calls    []int
	}{
		{"EIO at fsync of the store", "/var/lib/pkgd/state.db", flushes},
		{"EIO at write to the store", "/var/lib/pkgd/state.db", writes},
		{"EIO at every fsync", "/var", flushes},
		{"EIO at every write", "/var", writes},
	} {
		t.Run(f.name, func(t *testing.T) {
			requires(t, "mkfs.ext4")
			t.Parallel()
			w := newSite(t, "ext4")
			w.Installed()
			w.disk.unmount()
			w.disk.keep()
			times := 0
			for n := int64(0); n < 60 && !t.Failed(); n++ {
				t.Run("", func(t *testing.T) { w.again(t).failFor(f.on, n, f.calls...) })
				times++
			}
			world.Report(t, f.name, "during a refresh, from its 1st, 2nd … 60th such call on", times, "told; the old or the new revision, once the disk works")
		})
	}
}

// failFor refreshes on a disk that fails after n calls, looks, and lets the disk
// work again.
func (w *site) failFor(on string, n int64, calls ...int) {
	w.Start(calls...)
	w.AwaitService()
	target := w.Pack("42", world.Well)
	failed := w.failing(unix.EIO, n, on, calls...)
	change, err := w.begin("refresh", target)
	if err != nil {
		w.says(err, "input/output error")
	}
	w.sayNothingFalse(1, 2)
	w.Gate.Set(gate.LetThrough)
	w.recovers()
	rev := w.endOf(change, 1, 2)
	if failed.Load() == 0 && rev != 2 {
		w.Error("a refresh that nothing hindered was not done")
	}
	w.Holds(rev)
	if rev == 1 {
		w.MustDo("refresh", target)
		w.Holds(2)
	}
	w.cleanAfterRestart(2)
}
