package faults

import (
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"
)

// failing makes these calls on files of the root fail, once n of them have gone
// through; failed tells how many have.
func (w *world) failing(errno unix.Errno, n int64, on string, calls ...int) (failed *atomic.Int64) {
	failed = &atomic.Int64{}
	var seen atomic.Int64
	w.gate.set(func(c call) outcome {
		if !c.by("pkgd") || !strings.HasPrefix(c.path(0), w.dirs.Root+on) || seen.Add(1) <= n {
			return through
		}
		failed.Add(1)
		return outcome{errno: errno}
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
			w := newWorld(t, "ext4")
			w.installed()
			w.disk.unmount()
			w.disk.keep()
			times := 0
			for n := int64(0); n < 60 && !t.Failed(); n++ {
				t.Run("", func(t *testing.T) { w.again(t).failFor(f.on, n, f.calls...) })
				times++
			}
			report(t, f.name, "during a refresh, from its 1st, 2nd … 60th such call on", times, "told; the old or the new revision, once the disk works")
		})
	}
}

// failFor refreshes on a disk that fails after n calls, looks, and lets the disk
// work again.
func (w *world) failFor(on string, n int64, calls ...int) {
	w.start(calls...)
	w.awaitService()
	target := w.pack("42", well)
	failed := w.failing(unix.EIO, n, on, calls...)
	change, err := w.begin("refresh", target)
	if err != nil {
		w.says(err, "input/output error")
	}
	w.sayNothingFalse(1, 2)
	w.gate.set(letThrough)
	w.recovers()
	rev := w.endOf(change, 1, 2)
	if failed.Load() == 0 && rev != 2 {
		w.t.Error("a refresh that nothing hindered was not done")
	}
	w.holds(rev)
	if rev == 1 {
		w.mustDo("refresh", target)
		w.holds(2)
	}
	w.cleanAfterRestart(2)
}
